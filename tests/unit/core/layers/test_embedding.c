/* Embedding: ids become rows, and an input of one axis a sequence of ids. */
#include <math.h>
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
#include "tests/support/step_check.h"

#define IDS       11
#define TIMESTEPS 43

/* Its input is `shape`, in place of [null, null, 1]. */
static const float *build(struct model_builder *b, size_t units,
                          const char *more, const char *shape)
{
    const size_t table[] = {IDS, units};
    static char fields[200]; /* the builder keeps it */

    model_builder_init(b, 0, 1);
    snprintf(fields, sizeof(fields),
             "\"input_dim\": %d, \"output_dim\": %zu%s", IDS, units, more);
    model_builder_add(b, &(struct model_layer){.class_name = "Embedding",
                                               .name = "words",
                                               .bare = true,
                                               .more = fields});
    model_builder_replace(b, "[null, null, 1]", shape);
    return model_builder_add_tensor(b, "words/embeddings", 2, table, 1)->data;
}

static void each_id_becomes_its_row(void **state)
{
    static const size_t units[] = {1, 2, 5, 16, 33, 100};

    (void)state;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t d = units[i];
        double *ref = calloc(TIMESTEPS * d, sizeof(*ref));
        float x[TIMESTEPS];
        struct model_builder b;
        const float *table = build(&b, d, "", "[null, null]");

        for (size_t t = 0; t < TIMESTEPS; t++) {
            x[t] = (float)(t * 7 % IDS);
            for (size_t k = 0; k < d; k++)
                ref[t * d + k] = table[t * 7 % IDS * d + k];
        }
        step_check(&b, x, TIMESTEPS, ref, 0);
        free(ref);
        model_builder_release(&b);
    }
}

static void check_info(const char *shape, size_t rank, size_t first,
                       size_t features, size_t output_rank)
{
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    build(&b, 4, "", shape);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_int_equal(info->inputs[0].vocabulary, IDS);
    assert_int_equal(info->inputs[0].rank, rank);
    assert_int_equal(info->inputs[0].shape[0], first);
    assert_int_equal(info->inputs[0].features, features);
    assert_true(info->inputs[0].has_time);
    assert_int_equal(info->outputs[0].rank, output_rank);
    assert_int_equal(info->outputs[0].shape[output_rank - 1], 4);
    assert_true(info->outputs[0].has_time);
    assert_true(info->streams);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void its_input_is_a_sequence_of_ids(void **state)
{
    (void)state;
    check_info("[null, null]", 1, RNN_FREE, 1, 2);
    check_info("[null, 9]", 1, 9, 1, 2);
    check_info("[null, 1]", 1, 1, 1, 2);
    check_info("[null, null, 3]", 2, RNN_FREE, 3, 3);
    check_info("[null, 9, 3]", 2, 9, 3, 3);
}

/* Several ids in a timestep, each a row. */
static void a_timestep_may_have_several_ids(void **state)
{
    const float x[6] = {0, 10, 3, 3, 1, 2};
    struct model_builder b;
    const float *table = build(&b, 4, "", "[null, null, 3]");
    struct rnn_model *model = model_load(&b, RNN_ISA_AUTO);
    float *y = model_run_one(model, x, 2, false, NULL);

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_memory_equal(y + i * 4, table + (size_t)x[i] * 4,
                            4 * sizeof(float));
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void what_is_no_id_reads_no_memory(void **state)
{
    const float x[] = {-1,        IDS,      -1e30f, 1e30f, 4294967296.0f,
                       -INFINITY, INFINITY, NAN,    10};
    struct model_builder b;
    const float *table = build(&b, 4, "", "[null, null]");
    struct rnn_model *model = model_load(&b, RNN_ISA_AUTO);
    float *y = model_run_one(model, x, 9, false, NULL);

    (void)state;
    for (size_t i = 0; i < 32; i++)
        assert_true(isnan(y[i]));
    assert_memory_equal(y + 32, table + 40, 4 * sizeof(float));
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void recurrent_layers_read_it(void **state)
{
    float x[TIMESTEPS], *ids, *rows, *input;
    struct model_builder b, plain;
    struct rnn_model *model, *without;
    const float *table = build(&b, 6, "", "[null, null]");
    struct model_layer lstm = {.class_name = "LSTM", .units = 5};

    (void)state;
    input = malloc(sizeof(float) * TIMESTEPS * 6);
    for (size_t t = 0; t < TIMESTEPS; t++) {
        x[t] = (float)(t * t % IDS);
        memcpy(input + 6 * t, table + t * t % IDS * 6, 6 * sizeof(float));
    }
    model_builder_init(&plain, 0, 6);
    model_builder_add(&plain, &lstm);
    b.widths[0] = 6;
    b.seed = 1;
    model_builder_add(&b, &lstm);
    free(b.config);
    b.config = NULL;
    model_builder_replace(&b, "[null, null, 1]", "[null, null]");
    model = model_load(&b, RNN_ISA_AUTO);
    without = model_load(&plain, RNN_ISA_AUTO);
    ids = model_run_one(model, x, TIMESTEPS, true, NULL);
    rows = model_run_one(without, input, TIMESTEPS, true, NULL);
    assert_memory_equal(ids, rows, sizeof(float) * TIMESTEPS * 5);
    free(input);
    free(ids);
    free(rows);
    rnn_model_free(model);
    rnn_model_free(without);
    model_builder_release(&b);
    model_builder_release(&plain);
}

/* Keras 2.0 wrote the dtype of the ids. */
static void an_old_dtype_is_that_of_the_ids(void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    build(&b, 4, ", \"input_length\": null, \"mask_zero\": false",
          "[null, null]");
    b.keras_version = "2.0.2";
    model_builder_replace(&b,
                          "{\"module\": \"keras\", \"class_name\": "
                          "\"DTypePolicy\", \"config\": {\"name\": "
                          "\"float32\"}, \"registered_name\": null}",
                          "\"int32\"");
    model = model_load(&b, RNN_ISA_AUTO);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
    struct model_builder b;

    (void)state;
    build(&b, 4, ", \"mask_zero\": 1", "[null, null]");
    model_assert_refused(&b, "mask_zero is 1");
    build(&b, 4, "", "[null, null]");
    model_builder_replace(&b, "\"input_dim\": 11", "\"input_dim\": 12");
    model_assert_refused(&b, "words/embeddings");
    build(&b, 4, "", "[null, null]");
    model_builder_replace(&b, "\"input_dim\": 11", "\"input_dim\": 99999999");
    model_assert_refused(&b, "input_dim is 99999999");
    build(&b, 4, ", \"lora_rank\": 2", "[null, null]");
    model_assert_refused(&b, "lora_rank is 2");
}

/* Only ids come without an axis of features. */
static void a_sequence_of_numbers_needs_features(void **state)
{
    static const char *const classes[] = {"Dense", "LSTM", "Dropout",
                                          "LayerNormalization"};

    (void)state;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        struct model_builder b;

        model_builder_init(&b, 0, 4);
        model_builder_add(&b, &(struct model_layer){.class_name = classes[i],
                                                    .units = i < 2 ? 3 : 0});
        model_builder_replace(&b, "[null, null, 4]", "[null, null]");
        model_assert_refused(&b, "without an axis of features");
    }
}

#define WORDS "\"input_dim\": 11, \"output_dim\": 4"

/* Embeddings p and q of four units, and an input y behind that of the ids. */
static void begin_graph(struct model_builder *b, const char *ids)
{
    static const size_t table[] = {IDS, 4};

    graph_begin(b, "3.15.1");
    graph_input(b, "x", ids);
    graph_input(b, "y", "null, 3");
    graph_layer(b, "Embedding", "p", WORDS, "x,0,0");
    model_builder_add_tensor(b, "p/embeddings", 2, table, 1);
}

/* One input, two tables, one of them in a model inside. */
static void embeddings_of_a_graph_share_their_ids(void **state)
{
    static const size_t table[] = {6, 4};
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    (void)state;
    begin_graph(&b, "7");
    graph_begin_nested(&b, "Functional", "m");
    graph_input(&b, "ids", "7");
    graph_layer(&b, "Embedding", "q", "\"input_dim\": 6, \"output_dim\": 4",
                "ids,0,0");
    graph_end(&b, "ids,0,0", "q,0,0", "x,0,0");
    graph_layer(&b, "Add", "sum", "", "p,0,0 m,0,0");
    graph_layer(&b, "Concatenate", "out", "", "sum,0,0 y,0,0");
    graph_end(&b, "x,0,0 y,0,0", "out,0,0", NULL);
    model_builder_add_tensor(&b, "m/q/embeddings", 2, table, 1);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_int_equal(info->inputs[0].vocabulary, 6);
    assert_true(info->inputs[0].has_time);
    assert_int_equal(info->inputs[0].features, 1);
    assert_int_equal(info->inputs[1].vocabulary, 0);
    assert_int_equal(info->inputs[1].features, 3);
    assert_int_equal(info->outputs[0].rank, 2);
    assert_int_equal(info->outputs[0].shape[1], 7);
    assert_true(info->streams);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void the_rows_of_a_graph_are_added(void **state)
{
    static const size_t size[] = {IDS, 4};
    static const float x[] = {0, 10, 3, 3, 1};
    struct model_builder b;
    const float *p, *q;
    float *y;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null");
    graph_layer(&b, "Embedding", "p", WORDS, "x,0,0");
    graph_layer(&b, "Embedding", "q", WORDS, "x,0,0");
    graph_layer(&b, "Add", "sum", "", "p,0,0 q,0,0");
    graph_end(&b, "x,0,0", "sum,0,0", NULL);
    p = model_builder_add_tensor(&b, "p/embeddings", 2, size, 1)->data;
    q = model_builder_add_tensor(&b, "q/embeddings", 2, size, 1)->data;
    y = graph_run(&b, x, 5, 0);
    for (size_t i = 0; i < 20; i++) {
        size_t at = (size_t)x[i / 4] * 4 + i % 4;

        assert_true(y[i] == p[at] + q[at]);
    }
    free(y);
    model_builder_release(&b);
}

/* Whichever of the two layers the file calls first. */
static void ids_are_no_numbers_of_a_graph(void **state)
{
    static const struct {
        const char *ids, *class_name, *calls, *says;
    } cases[] = {
        {"null", "Add", "x,0,0 x,0,0", "without an axis of features"},
        {"null", "Concatenate", "x,0,0 x,0,0", "without an axis of features"},
        {"null", "Multiply", "p,0,0 x,0,0", "without an axis of features"},
        {"null", "GlobalMaxPooling1D", "x,0,0", "without an axis of features"},
    };
    struct model_builder b;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_graph(&b, cases[i].ids);
        graph_layer(&b, cases[i].class_name, "m", "", cases[i].calls);
        graph_end(&b, "x,0,0 y,0,0", "p,0,0 m,0,0", NULL);
        model_assert_refused(&b, cases[i].says);
    }
}

/* Ids of a known number are numbers too, whichever layer comes first. */
static void ids_of_a_known_number_are_features_too(void **state)
{
    static const size_t table[] = {11, 4};
    static const float x[] = {5, 0, 3, 1, 2, 2, 4};
    const float *rows;
    float *p, *sum;

    (void)state;
    for (int first = 0; first < 2; first++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "7");
        if (first)
            graph_layer(&b, "Embedding", "p", WORDS, "x,0,0");
        graph_layer(&b, "Add", "m", "", "x,0,0 x,0,0");
        if (!first)
            graph_layer(&b, "Embedding", "p", WORDS, "x,0,0");
        graph_end(&b, "x,0,0", "p,0,0 m,0,0", NULL);
        rows = model_builder_add_tensor(&b, "p/embeddings", 2, table, 1)->data;
        /* As features they are one timestep of seven numbers. */
        p = graph_run(&b, x, first ? 7 : 1, 0);
        sum = graph_run(&b, x, first ? 7 : 1, 1);
        for (size_t i = 0; i < 28; i++)
            assert_true(p[i] == rows[(size_t)x[i / 4] * 4 + i % 4]);
        for (size_t i = 0; i < 7; i++)
            assert_true(sum[i] == 2 * x[i]);
        free(p);
        free(sum);
        model_builder_release(&b);
    }
}

/* One id of a whole sequence: a shop, a person. */
static void one_id_beside_a_sequence_has_no_time(void **state)
{
    static const size_t table[] = {11, 4};
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "1");
    graph_input(&b, "y", "null, 3");
    graph_layer(&b, "Embedding", "p", WORDS, "x,0,0");
    graph_layer(&b, "Flatten", "one", "", "p,0,0");
    graph_layer(&b, "GlobalMaxPooling1D", "most", "", "y,0,0");
    graph_layer(&b, "Concatenate", "out", "", "one,0,0 most,0,0");
    graph_end(&b, "x,0,0 y,0,0", "out,0,0", NULL);
    model_builder_add_tensor(&b, "p/embeddings", 2, table, 1);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_int_equal(info->inputs[0].vocabulary, 11);
    assert_false(info->inputs[0].has_time);
    assert_true(info->inputs[1].has_time);
    assert_int_equal(info->outputs[0].rank, 1);
    assert_int_equal(info->outputs[0].shape[0], 7);
    rnn_model_free(model);
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_id_becomes_its_row),
        cmocka_unit_test(its_input_is_a_sequence_of_ids),
        cmocka_unit_test(a_timestep_may_have_several_ids),
        cmocka_unit_test(what_is_no_id_reads_no_memory),
        cmocka_unit_test(recurrent_layers_read_it),
        cmocka_unit_test(an_old_dtype_is_that_of_the_ids),
        cmocka_unit_test(what_is_not_supported_is_refused_by_name),
        cmocka_unit_test(a_sequence_of_numbers_needs_features),
        cmocka_unit_test(embeddings_of_a_graph_share_their_ids),
        cmocka_unit_test(the_rows_of_a_graph_are_added),
        cmocka_unit_test(ids_are_no_numbers_of_a_graph),
        cmocka_unit_test(ids_of_a_known_number_are_features_too),
        cmocka_unit_test(one_id_beside_a_sequence_has_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
