/* TimeDistributed: each timestep is what the inner layer, run by itself,
 * makes of it, to the bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T       9
#define INNER   "5, 4" /* what one timestep holds */
#define FLOATS  20
#define RNN     "\"units\": 3, \"recurrent_activation\": \"sigmoid\""
#define SIMPLE  "\"units\": 3, \"return_sequences\": true"
#define LAYER   "\"class_name\": \"%s\", \"config\": {\"name\": \"i\"%s%s}"
#define WRAPPED "\"layer\": {" LAYER "}"

struct inner {
    const char *class_name, *fields, *shape;
    void (*add)(struct model_builder *b, const char *path);
    size_t outputs; /* numbers for each timestep */
};

static void add_weight(struct model_builder *b, const char *path,
                       const char *weight, size_t rank, size_t rows,
                       size_t columns)
{
    const size_t shape[] = {rows, columns};
    char name[128];

    snprintf(name, sizeof(name), "%s/%s", path, weight);
    model_builder_add_tensor(b, name, rank, rank == 2 ? shape : shape + 1,
                             0.5);
}

static void join(char text[128], const char *path, const char *name)
{
    snprintf(text, 128, "%s/%s", path, name);
}

static void add_none(struct model_builder *b, const char *path)
{
    (void)b;
    (void)path;
}

static void add_lstm(struct model_builder *b, const char *path)
{
    graph_recurrent(b, path, 4, 4, 3);
}

static void add_simple(struct model_builder *b, const char *path)
{
    graph_recurrent(b, path, 1, 4, 3);
}

static void add_sides(struct model_builder *b, const char *path)
{
    char side[128];

    join(side, path, "forward_layer");
    add_simple(b, side);
    join(side, path, "backward_layer");
    add_simple(b, side);
}

static void add_norm(struct model_builder *b, const char *path)
{
    add_weight(b, path, "gamma", 1, 1, 4);
    add_weight(b, path, "beta", 1, 1, 4);
}

static void add_batch_norm(struct model_builder *b, const char *path)
{
    add_norm(b, path);
    add_weight(b, path, "moving_mean", 1, 1, 4);
    add_weight(b, path, "moving_variance", 1, 1, 4);
    for (size_t i = 0; i < 4; i++)
        b->tensors[b->tensor_count - 1].data[i] += 1;
}

static void add_dense(struct model_builder *b, const char *path)
{
    graph_dense(b, path, 4, 2);
}

static void add_wrapped_lstm(struct model_builder *b, const char *path)
{
    char inner[128];

    join(inner, path, "layer");
    add_lstm(b, inner);
}

/* The layers of a Sequential are called after it when it is a layer. */
static void add_model(struct model_builder *b, const char *path)
{
    char inner[128];

    join(inner, path, "l");
    add_lstm(b, inner);
    join(inner, path, "d");
    graph_dense(b, inner, 3, 2);
}

static const char model_fields[] =
    ", \"layers\": ["
    "{\"class_name\": \"LSTM\", \"config\": {\"name\": \"l\", " RNN "}}, "
    "{\"class_name\": \"Dropout\", \"config\": {\"name\": \"p\"}}, "
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"units\": 2, "
    "\"activation\": \"softmax\"}}]";

static const struct inner inners[] = {
    {"LSTM", ", " RNN, INNER, add_lstm, 3},
    {"LSTM", ", \"return_sequences\": true, " RNN, INNER, add_lstm, 15},
    {"SimpleRNN", ", \"go_backwards\": true, " SIMPLE, INNER, add_simple, 15},
    {"Bidirectional",
     ", \"layer\": {\"class_name\": \"SimpleRNN\", \"config\": {\"name\": "
     "\"s\", " SIMPLE "}}",
     INNER, add_sides, 30},
    {"GlobalAveragePooling1D", "", INNER, add_none, 4},
    {"GlobalMaxPooling1D", "", INNER, add_none, 4},
    {"LayerNormalization", ", \"axis\": 2", INNER, add_norm, 20},
    {"BatchNormalization", ", \"axis\": 1", "4", add_batch_norm, 4},
    {"Flatten", "", INNER, add_none, 20},
    {"RepeatVector", ", \"n\": 3", "4", add_none, 12},
    {"Softmax", ", \"axis\": -1", INNER, add_none, 20},
    {"LeakyReLU", ", \"negative_slope\": 0.1", INNER, add_none, 20},
    {"Dropout", ", \"rate\": 0.5", INNER, add_none, 20},
    {"Dense", ", \"units\": 2", INNER, add_dense, 10},
    {"TimeDistributed",
     ", \"layer\": {\"class_name\": \"LSTM\", \"config\": {\"name\": "
     "\"l\", " RNN "}}",
     "2, 3, 4", add_wrapped_lstm, 6},
    {"Sequential", model_fields, INNER, add_model, 2},
};

#define INNERS (sizeof(inners) / sizeof(inners[0]))

/* The inner layer alone; a Sequential too is the layer "i" of a model. */
static void build_alone(struct model_builder *b, const struct inner *inner)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", inner->shape);
    graph_layer(b, inner->class_name, "i",
                inner->fields + (*inner->fields ? 2 : 0), "x,0,0");
    graph_end(b, "x,0,0", "i,0,0", NULL);
    inner->add(b, "i");
}

static void build_wrapped(struct model_builder *b, const struct inner *inner)
{
    char text[2000], shape[64];

    snprintf(text, sizeof(text), WRAPPED, inner->class_name, "",
             inner->fields);
    snprintf(shape, sizeof(shape), "null, %s", inner->shape);
    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape);
    graph_layer(b, "TimeDistributed", "t", text, "x,0,0");
    graph_end(b, "x,0,0", "t,0,0", NULL);
    inner->add(b, "t/layer");
}

static size_t floats_of(const struct inner *inner)
{
    size_t floats = 1;

    for (const char *at = inner->shape; at; at = strchr(at, ',')) {
        at += *at == ',';
        floats *= strtoul(at, NULL, 10);
    }
    return floats;
}

static size_t steps_of(const struct inner *inner)
{
    return strchr(inner->shape, ',') ? strtoul(inner->shape, NULL, 10) : 1;
}

static void a_timestep_is_an_input_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < INNERS; i++) {
        const struct inner *inner = &inners[i];
        size_t floats = floats_of(inner), outputs = inner->outputs;
        struct model_builder alone, wrapped;
        uint64_t seed = 7;
        float *x = model_random_floats(&seed, T * floats, 1), *y;

        build_alone(&alone, inner);
        build_wrapped(&wrapped, inner);
        y = graph_run(&wrapped, x, T, 0);
        for (size_t t = 0; t < T; t++) {
            float *one = graph_run(&alone, x + t * floats, steps_of(inner), 0);

            if (memcmp(y + t * outputs, one, outputs * sizeof(float)))
                fail_msg("TimeDistributed(%s%s): timestep %zu differs",
                         inner->class_name, inner->fields, t);
            free(one);
        }
        model_builder_release(&alone);
        model_builder_release(&wrapped);
        free(x);
        free(y);
    }
}

/* It streams whatever it wraps: no timestep knows of another. */
static void every_timestep_stands_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < INNERS; i++) {
        struct model_builder b;
        struct rnn_model *model;

        build_wrapped(&b, &inners[i]);
        model = model_load(&b, RNN_ISA_AUTO);
        assert_true(rnn_model_info(model)->streams);
        assert_int_equal(rnn_model_info(model)->state_bytes, 0);
        assert_true(rnn_model_info(model)->layers[0].streams);
        rnn_model_free(model);
        graph_check_bits(&b, 0);
        model_builder_release(&b);
    }
}

static void what_is_inside_is_counted(void **state)
{
    static const struct {
        const char *class_name;
        uint64_t parameters, trainable;
    } cases[] = {{"LSTM", 96, 96},
                 {"Bidirectional", 48, 48},
                 {"BatchNormalization", 16, 8},
                 {"TimeDistributed", 96, 96},
                 {"Sequential", 104, 104}};

    (void)state;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (size_t i = 0; i < INNERS; i++) {
            const struct rnn_model_info *info;
            struct model_builder b;
            struct rnn_model *model;

            if (strcmp(inners[i].class_name, cases[c].class_name) != 0)
                continue;
            build_wrapped(&b, &inners[i]);
            model = model_load(&b, RNN_ISA_AUTO);
            info = rnn_model_info(model);
            assert_int_equal(info->parameters, cases[c].parameters);
            assert_int_equal(info->trainable_parameters, cases[c].trainable);
            assert_int_equal(info->layer_count, 1);
            assert_true(rnn_infer_cost(model, 10) ==
                        10 * rnn_infer_cost(model, 1));
            assert_true(rnn_infer_cost(model, 1) >= cases[c].parameters);
            rnn_model_free(model);
            model_builder_release(&b);
            break;
        }
}

/* A shared one: two calls, weights once. */
static void it_may_be_called_twice(void **state)
{
    struct model_builder b;
    uint64_t seed = 7;
    float *x = model_random_floats(&seed, T * FLOATS, 1), *y, *z;
    char text[400];

    (void)state;
    snprintf(text, sizeof(text), WRAPPED, "LSTM", ", ", RNN);
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, " INNER);
    graph_layer(&b, "ReLU", "r", "", "x,0,0");
    graph_layer(&b, "TimeDistributed", "t", text, "x,0,0|r,0,0|x,0,0");
    graph_end(&b, "x,0,0", "t,0,0 t,1,0 t,2,0", NULL);
    add_lstm(&b, "t/layer");
    y = graph_run(&b, x, T, 0);
    z = graph_run(&b, x, T, 2);
    assert_memory_equal(y, z, T * 3 * sizeof(float));
    free(z);
    z = graph_run(&b, x, T, 1);
    assert_memory_not_equal(y, z, T * 3 * sizeof(float));
    graph_check_bits(&b, 0);
    free(x);
    free(y);
    free(z);
    model_builder_release(&b);
}

/* Keras 2 lets it wrap a merge: Concatenate of two sequences of vectors. */
static void it_may_have_several_inputs(void **state)
{
    struct model_builder b;
    uint64_t seed = 7;
    float *x = model_random_floats(&seed, T * FLOATS, 1), *y;

    (void)state;
    graph_begin(&b, "2.15.0");
    graph_input(&b, "x", "null, " INNER);
    graph_layer(&b, "ReLU", "r", "", "x,0,0");
    graph_layer(&b, "TimeDistributed", "t",
                "\"layer\": {\"class_name\": \"Concatenate\", \"config\": "
                "{\"name\": \"i\", \"axis\": -1}}",
                "x,0,0 r,0,0");
    graph_end(&b, "x,0,0", "t,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * FLOATS; i++) {
        size_t at = i / 4 * 8 + i % 4;

        assert_true(y[at] == x[i]);
        assert_true(y[at + 4] == (x[i] > 0 ? x[i] : 0));
    }
    graph_check_bits(&b, 0);
    free(x);
    free(y);
    model_builder_release(&b);
}

/* Ids within a timestep are ids of the model's input. */
static void ids_are_checked_from_outside(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    float x[] = {0, 4, 2, 3, 3, 1}, *y;
    const float *table;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 3");
    graph_layer(&b, "TimeDistributed", "t",
                "\"layer\": {\"class_name\": \"Embedding\", \"config\": "
                "{\"name\": \"i\", \"input_dim\": 5, \"output_dim\": 2}}",
                "x,0,0");
    graph_end(&b, "x,0,0", "t,0,0", NULL);
    add_weight(&b, "t/layer", "embeddings", 2, 5, 2);
    table = model_builder_tensor(&b, "t/layer/embeddings")->data;
    y = graph_run(&b, x, 2, 0);
    for (size_t i = 0; i < 6; i++)
        assert_memory_equal(y + 2 * i, table + 2 * (size_t)x[i],
                            2 * sizeof(float));
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_model_info(model)->inputs[0].vocabulary, 5);
    rnn_model_free(model);
    free(y);
    model_builder_release(&b);
}

static bool never(void *arg)
{
    ++*(size_t *)arg;
    return false;
}

/* Many short sequences are as long as one long one. */
static void it_can_be_stopped(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    uint64_t seed = 7;
    size_t asked = 0, steps = 20000;
    float *x = model_random_floats(&seed, steps * FLOATS, 1);
    float *y = malloc(steps * 3 * sizeof(float)), *outputs[] = {y};
    const float *inputs[] = {x};
    struct rnn_sequence sequence = {
        .timesteps = steps, .inputs = inputs, .outputs = outputs};
    struct rnn_infer_options options = {.keep_going = never, .arg = &asked};
    void *scratch;

    (void)state;
    build_wrapped(&b, &inners[0]);
    model = model_load(&b, RNN_ISA_SCALAR);
    scratch = aligned_alloc(64, rnn_scratch_size(model, 1, steps, false));
    assert_int_equal(rnn_infer(model, &sequence, 1, &options, scratch, NULL),
                     RNN_CANCELLED);
    assert_int_equal(asked, 1);
    rnn_model_free(model);
    model_builder_release(&b);
    free(scratch);
    free(x);
    free(y);
}

static void what_cannot_be_wrapped_is_named(void **state)
{
    static const struct {
        const char *shape, *fields, *says;
    } cases[] = {
        {"null, 4", "", "layer is absent"},
        {"null, 4",
         "\"layer\": {\"class_name\": \"LSTM\", \"config\": {\"name\": "
         "\"i\", \"units\": 3}}",
         "\"t/layer\" (LSTM) takes [timesteps, features], it is given [4]"},
        {"4",
         "\"layer\": {\"class_name\": \"Dense\", \"config\": {\"name\": "
         "\"i\", \"units\": 3}}",
         "takes a sequence, it is given [4] without time"},
        {"null, 5, 4",
         "\"layer\": {\"class_name\": \"LSTM\", \"config\": {\"name\": "
         "\"i\", \"stateful\": true, \"units\": 3}}",
         "\"t\" (TimeDistributed) wraps a stateful layer"},
        {"null, 5, 4",
         "\"layer\": {\"class_name\": \"Sequential\", \"config\": {\"name\": "
         "\"i\", \"layers\": [{\"class_name\": \"GRU\", \"config\": "
         "{\"name\": \"g\", \"stateful\": true, \"units\": 3}}]}}",
         "wraps a stateful layer"},
        {"null, 5, 4",
         "\"layer\": {\"class_name\": \"Lambda\", \"config\": {\"name\": "
         "\"i\"}}",
         "Lambda"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", cases[i].shape);
        graph_layer(&b, "TimeDistributed", "t", cases[i].fields, "x,0,0");
        graph_end(&b, "x,0,0", "t,0,0", NULL);
        model_assert_refused(&b, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timestep_is_an_input_of_its_own),
        cmocka_unit_test(every_timestep_stands_alone),
        cmocka_unit_test(what_is_inside_is_counted),
        cmocka_unit_test(it_may_be_called_twice),
        cmocka_unit_test(it_may_have_several_inputs),
        cmocka_unit_test(ids_are_checked_from_outside),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(what_cannot_be_wrapped_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
