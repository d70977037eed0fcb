/* Functional models: calls in any order, shared and nested, of every Keras. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/model_run.h"

#define T 9
#define D 4 /* features of every value, so that layers can be shared */
#define LSTM                                                                  \
    "\"units\": 4, \"return_sequences\": true, \"recurrent_activation\": "    \
    "\"sigmoid\""
#define DENSE "\"units\": 4, \"activation\": \"tanh\", \"use_bias\": true"

static const char *const versions[] = {"3.15.1", "2.3.1"};

#define EACH_VERSION(v)                                                       \
    for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++)

/* The same random numbers whatever else the model has. */
static void add_weights(struct model_builder *b, const char *lstm,
                        const char *dense)
{
    b->seed = 77;
    graph_recurrent(b, lstm, 4, D, D);
    graph_dense(b, dense, D, D);
}

static float *some_x(void)
{
    uint64_t seed = 5;

    return model_random_floats(&seed, T * D, 1);
}

static float *load_and_run(struct model_builder *b)
{
    struct rnn_model *model = model_load(b, RNN_ISA_AUTO);
    float *x = some_x(), *y = model_run_one(model, x, T, false, NULL);

    free(x);
    rnn_model_free(model);
    model_builder_release(b);
    return y;
}

/* dense(lstm(x)), or with `twice` dense(lstm(dense(lstm(x)))), as a flat
 * Functional model of layers that are called once. */
static float *expected(bool twice)
{
    struct model_builder b;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "LSTM", "a", LSTM, "x,0,0");
    graph_layer(&b, "Dense", "b", DENSE, "a,0,0");
    add_weights(&b, "a", "b");
    if (twice) {
        graph_layer(&b, "LSTM", "c", LSTM, "b,0,0");
        graph_layer(&b, "Dense", "d", DENSE, "c,0,0");
        add_weights(&b, "c", "d");
    }
    graph_end(&b, "x,0,0", twice ? "d,0,0" : "b,0,0", NULL);
    return load_and_run(&b);
}

static void assert_same(float *y, float *wanted)
{
    assert_memory_equal(y, wanted, T * D * sizeof(float));
    free(y);
    free(wanted);
}

static void a_chain_is_the_sequential_model(void **state)
{
    (void)state;
    EACH_VERSION(v)
    {
        struct model_builder b;

        graph_begin(&b, versions[v]);
        model_builder_replace(&b, v ? "Model" : "Functional", "Sequential");
        graph_input(&b, "x", "null, 4");
        graph_layer(&b, "LSTM", "a", LSTM, NULL);
        graph_layer(&b, "Dense", "b", DENSE, NULL);
        graph_end(&b, NULL, NULL, NULL);
        add_weights(&b, "a", "b");
        assert_same(load_and_run(&b), expected(false));
    }
}

static void layers_may_stand_in_any_order(void **state)
{
    (void)state;
    EACH_VERSION(v)
    {
        struct model_builder b;

        graph_begin(&b, versions[v]);
        graph_layer(&b, "Dense", "d", DENSE, "c,0,0");
        graph_layer(&b, "LSTM", "a", LSTM, "x,0,0");
        graph_layer(&b, "LSTM", "c", LSTM, "b,0,0");
        graph_layer(&b, "Dense", "b", DENSE, "a,0,0");
        graph_input(&b, "x", "null, 4");
        graph_end(&b, "x,0,0", "d,0,0", NULL);
        add_weights(&b, "a", "b");
        add_weights(&b, "c", "d");
        assert_same(load_and_run(&b), expected(true));
    }
}

static void shared(struct model_builder *b, const char *version)
{
    graph_begin(b, version);
    graph_input(b, "x", "null, 4");
    graph_layer(b, "LSTM", "a", LSTM, "x,0,0|b,0,0");
    graph_layer(b, "Dense", "b", DENSE, "a,0,0|a,1,0");
    graph_end(b, "x,0,0", "b,1,0", NULL);
    add_weights(b, "a", "b");
}

static void a_layer_called_twice_has_one_weight_and_two_states(void **state)
{
    static const char *const names[] = {"a/h", "a/c", "a:1/h", "a:1/c"};

    (void)state;
    EACH_VERSION(v)
    {
        struct model_builder b;
        struct rnn_model *model;
        const struct rnn_model_info *info;

        shared(&b, versions[v]);
        model = model_load(&b, RNN_ISA_AUTO);
        info = rnn_model_info(model);
        assert_int_equal(info->state_entry_count, 4);
        for (size_t i = 0; i < 4; i++)
            assert_string_equal(info->state_entries[i].name, names[i]);
        assert_int_equal(info->layer_count, 2);
        assert_int_equal(info->layers[0].state_bytes, 4 * D * sizeof(float));
        assert_int_equal(info->parameters, 16 * (2 * D + 1) + D * (D + 1));
        rnn_model_free(model);
        assert_same(load_and_run(&b), expected(true));
    }
}

/* The state of each call goes its own way: cut anywhere, the bits stay. */
static void shared_layers_stream(void **state)
{
    float *x = some_x();

    (void)state;
    for (size_t cut = 1; cut < T; cut++) {
        struct model_builder b;
        struct rnn_model *model;
        struct rnn_state *kept;
        float *whole, *head, *tail;

        shared(&b, "3.15.1");
        model = model_load(&b, RNN_ISA_AUTO);
        kept = model_new_state(model);
        whole = model_run_one(model, x, T, false, NULL);
        head = model_run_one(model, x, cut, false, kept);
        tail = model_run_one(model, x + cut * D, T - cut, false, kept);
        assert_memory_equal(head, whole, cut * D * sizeof(float));
        assert_memory_equal(tail, whole + cut * D,
                            (T - cut) * D * sizeof(float));
        free(whole);
        free(head);
        free(tail);
        free(kept);
        rnn_model_free(model);
        model_builder_release(&b);
    }
    free(x);
}

/* The calls of a model in a model are counted from 1 in Keras 2; in Keras 3
 * from 0, and in output_layers from 1. */
static void a_model_in_a_model_may_be_called_twice(void **state)
{
    static const char *const calls[] = {"x,0,0|m,0,0", "x,0,0|m,1,0"};

    (void)state;
    EACH_VERSION(v)
    {
        struct model_builder b;

        graph_begin(&b, versions[v]);
        graph_input(&b, "x", "null, 4");
        graph_begin_nested(&b, v ? "Model" : "Functional", "m");
        graph_input(&b, "inner", "null, 4");
        graph_layer(&b, "LSTM", "a", LSTM, "inner,0,0");
        graph_layer(&b, "Dense", "b", DENSE, "a,0,0");
        graph_end(&b, "inner,0,0", "b,0,0", calls[v]);
        graph_end(&b, "x,0,0", "m,2,0", NULL);
        add_weights(&b, "m/a", "m/b");
        assert_same(load_and_run(&b), expected(true));
    }
}

/* Keras 3 counts a Sequential's calls from 0 everywhere. */
static void a_sequential_may_be_called_twice(void **state)
{
    static const char *const calls[] = {"x,0,0|m,0,0", "x,0,0|m,1,0"};

    (void)state;
    EACH_VERSION(v)
    {
        struct model_builder b;
        struct rnn_model *model;
        const struct rnn_model_info *info;

        graph_begin(&b, versions[v]);
        graph_input(&b, "x", "null, 4");
        graph_begin_nested(&b, "Sequential", "m");
        graph_input(&b, "inner", "null, 4");
        graph_layer(&b, "LSTM", "a", LSTM, NULL);
        graph_layer(&b, "Dense", "b", DENSE, NULL);
        graph_end(&b, NULL, NULL, calls[v]);
        graph_end(&b, "x,0,0", v ? "m,2,0" : "m,1,0", NULL);
        add_weights(&b, "m/a", "m/b");
        model = model_load(&b, RNN_ISA_AUTO);
        info = rnn_model_info(model);
        assert_int_equal(info->layer_count, 3);
        assert_string_equal(info->layers[0].name, "m");
        assert_string_equal(info->layers[0].class_name, "Sequential");
        assert_int_equal(info->layers[0].depth, 0);
        assert_int_equal(info->layers[0].rank, 2);
        assert_string_equal(info->layers[1].name, "a");
        assert_int_equal(info->layers[1].depth, 1);
        assert_int_equal(info->layers[0].parameters, info->parameters);
        assert_int_equal(info->layers[0].state_bytes, info->state_bytes);
        assert_string_equal(info->state_entries[3].name, "m/a:1/c");
        assert_string_equal(info->outputs[0].name, "m");
        rnn_model_free(model);
        assert_same(load_and_run(&b), expected(true));
    }
}

static void models_may_stand_in_a_sequential(void **state)
{
    (void)state;
    EACH_VERSION(v)
    {
        struct model_builder b;

        graph_begin(&b, versions[v]);
        model_builder_replace(&b, v ? "Model" : "Functional", "Sequential");
        graph_begin_nested(&b, v ? "Model" : "Functional", "m");
        graph_input(&b, "inner", "null, 4");
        graph_layer(&b, "LSTM", "a", LSTM, "inner,0,0");
        graph_end(&b, "inner,0,0", "a,0,0", "");
        graph_layer(&b, "Dense", "b", DENSE, NULL);
        graph_end(&b, NULL, NULL, NULL);
        add_weights(&b, "m/a", "b");
        assert_same(load_and_run(&b), expected(false));
    }
}

static void inputs_and_outputs_have_the_names_of_their_layers(void **state)
{
    static const char *const names[] = {"b", "a", "b_1", "y", "b_2"};

    (void)state;
    EACH_VERSION(v)
    {
        struct model_builder b;
        struct rnn_model *model;
        const struct rnn_model_info *info;

        graph_begin(&b, versions[v]);
        graph_input(&b, "x", "null, 4");
        graph_input(&b, "y", "4");
        graph_layer(&b, "LSTM", "a", LSTM, "x,0,0");
        graph_layer(&b, "Dense", "b", DENSE, "a,0,0|y,0,0");
        graph_end(&b, "y,0,0 x,0,0", "b,0,0 a,0,0 b,1,0 y,0,0 b,1,0", NULL);
        add_weights(&b, "a", "b");
        model = model_load(&b, RNN_ISA_AUTO);
        info = rnn_model_info(model);
        assert_int_equal(info->input_count, 2);
        assert_string_equal(info->inputs[0].name, "y");
        assert_false(info->inputs[0].has_time);
        assert_string_equal(info->inputs[1].name, "x");
        assert_true(info->inputs[1].has_time);
        assert_int_equal(info->output_count, 5);
        for (size_t i = 0; i < 5; i++)
            assert_string_equal(info->outputs[i].name, names[i]);
        assert_false(info->streams);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* An output that is the input, and one beside it that is computed. */
static void several_outputs_are_written(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    float *x = some_x(), *wanted = expected(false);
    float once[T * D], again[T * D];
    const float *inputs[] = {x};
    float *outputs[] = {again, once};

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "LSTM", "a", LSTM, "x,0,0");
    graph_layer(&b, "Dense", "b", DENSE, "a,0,0");
    graph_end(&b, "x,0,0", "x,0,0 b,0,0", NULL);
    add_weights(&b, "a", "b");
    model = model_load(&b, RNN_ISA_AUTO);
    model_run_many(model,
                   &(struct rnn_sequence){
                       .timesteps = T, .inputs = inputs, .outputs = outputs},
                   1, NULL);
    assert_memory_equal(again, x, sizeof(again));
    assert_memory_equal(once, wanted, sizeof(once));
    free(x);
    free(wanted);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void begin_chain(struct model_builder *b, const char *version)
{
    graph_begin(b, version);
    graph_input(b, "x", "null, 4");
    graph_layer(b, "LSTM", "a", LSTM, "x,0,0");
    graph_layer(b, "Dense", "b", DENSE, "a,0,0");
    graph_end(b, "x,0,0", "b,0,0", NULL);
    add_weights(b, "a", "b");
}

struct change {
    const char *version, *from, *to;
    enum rnn_status status;
    const char *says[2];
};

static void every_spelling_of_the_ends_and_calls_is_read(void **state)
{
    static const struct change changes[] = {
        {"3.15.1",
         "\"input_layers\": [[\"x\", 0, 0]]",
         "\"input_layers\": [\"x\", 0, 0]",
         RNN_OK,
         {0}},
        {"3.15.1",
         "\"output_layers\": [[\"b\", 0, 0]]",
         "\"output_layers\": [\"b\", 0, 0]",
         RNN_OK,
         {0}},
        {"3.15.1",
         "\"input_layers\": [[\"x\", 0, 0]]",
         "\"input_layers\": {\"x\": [\"x\", 0, 0]}",
         RNN_OK,
         {0}},
        {"2.15.0",
         "\"output_layers\": [[\"b\", 0, 0]]",
         "\"output_layers\": {\"o\": [\"b\", 0, 0]}",
         RNN_OK,
         {0}},
        {"2.15.0", "[[\"a\", 0, 0, {}]]", "[\"a\", 0, 0, {}]", RNN_OK, {0}},
        {"2.15.0", "[[\"a\", 0, 0, {}]]", "[[\"a\", 0, 0]]", RNN_OK, {0}},
        {"2.15.0",
         "[[\"a\", 0, 0, {}]]",
         "[[\"a\", 0, 0, {\"training\": false, \"mask\": null}]]",
         RNN_OK,
         {0}},
        {"3.15.1",
         "\"kwargs\": {\"training\": null}",
         "\"kwargs\": {\"mask\": null, \"training\": false}",
         RNN_OK,
         {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct model_builder b;

        begin_chain(&b, changes[i].version);
        model_builder_replace(&b, changes[i].from, changes[i].to);
        assert_same(load_and_run(&b), expected(false));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_the_sequential_model),
        cmocka_unit_test(layers_may_stand_in_any_order),
        cmocka_unit_test(a_layer_called_twice_has_one_weight_and_two_states),
        cmocka_unit_test(shared_layers_stream),
        cmocka_unit_test(a_model_in_a_model_may_be_called_twice),
        cmocka_unit_test(a_sequential_may_be_called_twice),
        cmocka_unit_test(models_may_stand_in_a_sequential),
        cmocka_unit_test(inputs_and_outputs_have_the_names_of_their_layers),
        cmocka_unit_test(several_outputs_are_written),
        cmocka_unit_test(every_spelling_of_the_ends_and_calls_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
