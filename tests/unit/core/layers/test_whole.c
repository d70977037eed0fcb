/* Layers that need the whole sequence, and folds over it: each against what it
 * is made of, run by itself, and against plain loops. */
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

#define T 9
#define D 4
#define U 3

static const struct cell {
    const char *class_name;
    size_t gates;
} cells[] = {{"SimpleRNN", 1}, {"LSTM", 4}, {"GRU", 3}};

static float *some_x(void)
{
    uint64_t seed = 21;

    return model_random_floats(&seed, T * D, 1);
}

static float *turned(const float *x, size_t width)
{
    float *y = malloc(T * width * sizeof(float));

    for (size_t t = 0; t < T; t++)
        memcpy(y + t * width, x + (T - 1 - t) * width, width * sizeof(float));
    return y;
}

static const char *fields_of(const struct cell *cell, bool sequences,
                             bool backwards)
{
    static char text[200];

    snprintf(text, sizeof(text),
             "\"units\": 3, \"return_sequences\": %s, \"go_backwards\": %s%s",
             sequences ? "true" : "false", backwards ? "true" : "false",
             cell->gates > 1 ? ", \"recurrent_activation\": \"sigmoid\"" : "");
    return text;
}

/* The layer by itself, with the weights that `seed` gives. */
static float *run_cell(const struct cell *cell, bool sequences, uint64_t seed,
                       const float *x)
{
    struct model_builder b;
    float *y;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, cell->class_name, "r", fields_of(cell, sequences, false),
                "x,0,0");
    graph_end(&b, "x,0,0", "r,0,0", NULL);
    b.seed = seed;
    graph_recurrent(&b, "r", cell->gates, D, U);
    y = graph_run(&b, x, T, 0);
    model_builder_release(&b);
    return y;
}

/* go_backwards is the layer over the turned input, and stays turned. */
static void backwards_is_the_turned_input(void **state)
{
    float *x = some_x(), *back = turned(x, D);

    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (int sequences = 0; sequences < 2; sequences++) {
            struct model_builder b;
            struct rnn_model *model;
            float *y, *wanted = run_cell(&cells[c], sequences, 5, back);

            graph_begin(&b, "3.15.1");
            graph_input(&b, "x", "null, 4");
            graph_layer(&b, cells[c].class_name, "r",
                        fields_of(&cells[c], sequences, true), "x,0,0");
            graph_end(&b, "x,0,0", "r,0,0", NULL);
            b.seed = 5;
            graph_recurrent(&b, "r", cells[c].gates, D, U);
            y = graph_run(&b, x, T, 0);
            assert_memory_equal(y, wanted,
                                (sequences ? T : 1) * U * sizeof(float));
            graph_check_bits(&b, 0);
            model = model_load(&b, RNN_ISA_AUTO);
            assert_false(rnn_model_info(model)->streams);
            assert_non_null(
                strstr(rnn_model_info(model)->cannot_stream_because, "\"r\""));
            assert_false(rnn_model_info(model)->layers[0].streams);
            rnn_model_free(model);
            model_builder_release(&b);
            free(y);
            free(wanted);
        }
    free(x);
    free(back);
}

static void begin_bidirectional(struct model_builder *b, const char *version,
                                const struct cell *cell, bool sequences,
                                const char *mode)
{
    char text[900], forward[200];

    snprintf(forward, sizeof(forward), "%s",
             fields_of(cell, sequences, false));
    snprintf(text, sizeof(text),
             "\"merge_mode\": %s, \"layer\": {\"class_name\": \"%s\", "
             "\"config\": {\"name\": \"f\", %s}}",
             mode, cell->class_name, forward);
    graph_begin(b, version);
    graph_input(b, "x", "null, 4");
    graph_layer(b, "Bidirectional", "b", text, "x,0,0");
    b->seed = 5;
    graph_recurrent(b, "b/forward_layer", cell->gates, D, U);
    b->seed = 6;
    graph_recurrent(b, "b/backward_layer", cell->gates, D, U);
}

/* f and b of one item, merged. */
static void assert_merged(size_t mode, const float *y, const float *f,
                          const float *b)
{
    for (size_t i = 0; i < U; i++)
        switch (mode) {
        case 0:
            assert_true(y[i] == f[i] && y[U + i] == b[i]);
            break;
        case 1:
            assert_true(y[i] == f[i] + b[i]);
            break;
        case 2:
            assert_true(y[i] == f[i] * b[i]);
            break;
        default:
            assert_true(y[i] == (f[i] + b[i]) / 2);
        }
}

static void check_bidirectional(const struct cell *cell, bool sequences,
                                size_t mode)
{
    static const char *const modes[] = {"\"concat\"", "\"sum\"", "\"mul\"",
                                        "\"ave\"", "null"};
    float *x = some_x(), *back = turned(x, D), *y, *second = NULL;
    float *f = run_cell(cell, sequences, 5, x);
    float *b = run_cell(cell, sequences, 6, back);
    size_t width = mode ? U : 2 * U;
    struct model_builder builder;

    begin_bidirectional(&builder, mode % 2 ? "3.15.1" : "2.15.0", cell,
                        sequences, modes[mode]);
    graph_end(&builder, "x,0,0", mode == 4 ? "b,0,0 b,0,1" : "b,0,0", NULL);
    y = graph_run(&builder, x, T, 0);
    if (mode == 4)
        second = graph_run(&builder, x, T, 1);
    for (size_t t = 0; t < (sequences ? T : 1); t++) {
        const float *late = b + (sequences ? T - 1 - t : 0) * U;

        if (mode == 4) {
            assert_memory_equal(y + t * U, f + t * U, U * sizeof(float));
            assert_memory_equal(second + t * U, late, U * sizeof(float));
        } else {
            assert_merged(mode, y + t * width, f + t * U, late);
        }
    }
    graph_check_bits(&builder, 0);
    model_builder_release(&builder);
    free(x);
    free(back);
    free(y);
    free(second);
    free(f);
    free(b);
}

static void bidirectional_merges_both_ways(void **state)
{
    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (size_t mode = 0; mode < 5; mode++)
            for (int sequences = 0; sequences < 2; sequences++)
                check_bidirectional(&cells[c], sequences, mode);
}

static void bidirectional_counts_both_sides(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    (void)state;
    begin_bidirectional(&b, "3.15.1", &cells[1], true, "\"concat\"");
    graph_end(&b, "x,0,0", "b,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_int_equal(info->layer_count, 1);
    assert_string_equal(info->layers[0].class_name, "Bidirectional");
    assert_int_equal(info->parameters, 2 * 4 * U * (D + U + 1));
    assert_int_equal(info->trainable_parameters, info->parameters);
    assert_string_equal(info->cannot_stream_because,
                        "the layer \"b\" (Bidirectional) needs the whole "
                        "sequence");
    rnn_model_free(model);
    model_builder_release(&b);
}

/* GlobalMax and GlobalAverage over x and over an LSTM. */
static void pooling_folds(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    float *x = some_x(), *max, *mean;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "GlobalMaxPooling1D", "m",
                "\"data_format\": \"channels_last\", \"keepdims\": false",
                "x,0,0");
    graph_layer(&b, "GlobalAveragePooling1D", "a",
                "\"data_format\": \"channels_last\"", "x,0,0");
    graph_end(&b, "x,0,0", "m,0,0 a,0,0", NULL);
    max = graph_run(&b, x, T, 0);
    mean = graph_run(&b, x, T, 1);
    for (size_t i = 0; i < D; i++) {
        double most = x[i], sum = 0;

        for (size_t t = 0; t < T; t++) {
            most = fmax(most, x[t * D + i]);
            sum += x[t * D + i];
        }
        assert_true(max[i] == (float)most);
        assert_true(mean[i] == (float)(sum / T));
    }
    graph_check_bits(&b, 0);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams);
    assert_int_equal(rnn_model_info(model)->state_bytes,
                     4 * D + 8 + 8 * D + 8);
    assert_string_equal(rnn_model_info(model)->state_entries[0].name, "m/max");
    assert_string_equal(rnn_model_info(model)->state_entries[2].name, "a/sum");
    assert_int_equal(rnn_model_info(model)->state_entries[2].dtype, RNN_F64);
    assert_int_equal(rnn_model_info(model)->state_entries[3].dtype, RNN_I64);
    rnn_model_free(model);
    free(x);
    free(max);
    free(mean);
    model_builder_release(&b);
}

static void flatten_takes_one_number_of_timesteps(void **state)
{
    struct model_builder b;
    struct rnn_model *model = NULL;
    struct rnn_error err;
    float *x = some_x(), *y, out[T * D];
    const float *inputs[] = {x};
    float *outputs[] = {out};
    struct rnn_sequence sequence = {
        .timesteps = T - 1, .inputs = inputs, .outputs = outputs};
    void *scratch;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "9, 4");
    graph_layer(&b, "Flatten", "f", "\"data_format\": \"channels_last\"",
                "x,0,0");
    graph_end(&b, "x,0,0", "f,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    assert_memory_equal(y, x, T * D * sizeof(float));
    graph_check_bits(&b, T);
    model = model_load(&b, RNN_ISA_AUTO);
    scratch = aligned_alloc(64, 1 << 16);
    assert_int_equal(rnn_infer(model, &sequence, 1, NULL, scratch, &err),
                     RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "has 8 timesteps"));
    free(scratch);
    rnn_model_free(model);
    model = NULL;
    model_builder_replace(&b, "[null, 9, 4]", "[null, null, 4]");
    model_builder_finish(&b);
    assert_int_equal(rnn_model_load(b.bytes, b.size, NULL, &model, &err),
                     RNN_UNSUPPORTED);
    assert_non_null(strstr(err.message, "left open"));
    model_builder_release(&b);
    free(x);
    free(y);
}

/* An encoder, its last h repeated more often than the input is long, and a
 * decoder with a Dense for each timestep. */
static void a_repeated_vector_is_a_sequence(void **state)
{
    struct model_builder b;
    size_t shape[RNN_MAX_RANK];
    struct rnn_model *model;
    float *x = some_x(), *h, *r, *y, *dense;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "GRU", "e", fields_of(&cells[2], false, false), "x,0,0");
    graph_recurrent(&b, "e", 3, D, U);
    graph_layer(&b, "RepeatVector", "r", "\"n\": 100", "e,0,0");
    graph_layer(&b, "LSTM", "d", fields_of(&cells[1], true, false), "r,0,0");
    graph_recurrent(&b, "d", 4, U, U);
    graph_layer(&b, "TimeDistributed", "t",
                "\"layer\": {\"class_name\": \"Dense\", \"config\": "
                "{\"name\": \"inner\", \"units\": 2}}",
                "d,0,0");
    graph_dense(&b, "t/layer", U, 2);
    graph_end(&b, "x,0,0", "e,0,0 r,0,0 t,0,0 d,0,0", NULL);
    h = graph_run(&b, x, T, 0);
    r = graph_run(&b, x, T, 1);
    dense = graph_run(&b, x, T, 2);
    y = graph_run(&b, x, T, 3);
    for (size_t t = 0; t < 100; t++) {
        const float *kernel = model_builder_tensor(&b, "t/layer/kernel")->data;
        const float *bias = model_builder_tensor(&b, "t/layer/bias")->data;

        assert_memory_equal(r + t * U, h, U * sizeof(float));
        for (size_t j = 0; j < 2; j++) {
            double sum = bias[j];

            for (size_t k = 0; k < U; k++)
                sum += (double)y[t * U + k] * kernel[k * 2 + j];
            assert_true(fabs(dense[t * 2 + j] - sum) < 1e-6);
        }
    }
    graph_check_bits(&b, 0);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_output_shape(model, 2, T, false, shape), 2);
    assert_int_equal(shape[0], 100);
    assert_int_equal(shape[1], 2);
    rnn_model_free(model);
    free(x);
    free(h);
    free(r);
    free(y);
    free(dense);
    model_builder_release(&b);
}

static void what_cannot_be_wrapped_is_named(void **state)
{
    static const struct {
        const char *class_name, *fields, *says;
    } cases[] = {
        {"Bidirectional",
         "\"layer\": {\"class_name\": \"Dense\", \"config\": {\"name\": "
         "\"i\", \"units\": 3}}",
         "wraps a Dense"},
        {"Bidirectional",
         "\"layer\": {\"class_name\": \"SimpleRNN\", \"config\": {\"name\": "
         "\"i\", \"units\": 3, \"go_backwards\": true}}",
         "the same way"},
        {"Bidirectional",
         "\"merge_mode\": \"max\", \"layer\": {\"class_name\": "
         "\"SimpleRNN\", \"config\": {\"name\": \"i\", \"units\": 3}}",
         "merge_mode is \"max\""},
        {"Bidirectional",
         "\"layer\": {\"class_name\": \"Lambda\", \"config\": {\"name\": "
         "\"i\"}}",
         "Lambda"},
        {"GlobalMaxPooling1D", "\"data_format\": \"channels\"", "channels"},
        {"RepeatVector", "\"n\": 3", "takes [features]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 4");
        graph_layer(&b, cases[i].class_name, "w", cases[i].fields, "x,0,0");
        graph_end(&b, "x,0,0", "w,0,0", NULL);
        model_assert_refused(&b, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backwards_is_the_turned_input),
        cmocka_unit_test(bidirectional_merges_both_ways),
        cmocka_unit_test(bidirectional_counts_both_sides),
        cmocka_unit_test(pooling_folds),
        cmocka_unit_test(flatten_takes_one_number_of_timesteps),
        cmocka_unit_test(a_repeated_vector_is_a_sequence),
        cmocka_unit_test(what_cannot_be_wrapped_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
