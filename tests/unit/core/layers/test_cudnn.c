/* Weights as CuDNNLSTM and CuDNNGRU save them, converted as Keras does it:
 * the numbers below went through tf_keras' own _convert_rnn_weights(). */
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

#define T 6
#define D 3
#define U 2

/* What 0, 1, 2, ... in each saved array becomes. */
static const struct kind {
    const char *cudnn, *plain, *fields;
    size_t gates;
    float kernel[D * 4 * U], recurrent_kernel[U * 4 * U], bias[2 * 4 * U];
    size_t bias_rank, bias_rows;
} kinds[] = {
    {"CuDNNLSTM",
     "LSTM",
     "\"recurrent_activation\": \"sigmoid\"",
     4,
     {0, 9,  2, 11, 4, 13, 6,  15, 1,  16, 3,  18,
      5, 20, 7, 22, 8, 17, 10, 19, 12, 21, 14, 23},
     {0, 8, 2, 10, 4, 12, 6, 14, 1, 9, 3, 11, 5, 13, 7, 15},
     {8, 10, 12, 14, 16, 18, 20, 22},
     1,
     1},
    {"CuDNNGRU",
     "GRU",
     "\"recurrent_activation\": \"sigmoid\", \"reset_after\": true",
     3,
     {0, 7, 2, 9, 4, 11, 1, 12, 3, 14, 5, 16, 6, 13, 8, 15, 10, 17},
     {0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11},
     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
     2,
     2},
};

/* n / 16 - 1: exact, and so are sums of two. */
static float number(double n)
{
    return (float)(n / 16 - 1);
}

static void put(struct model_builder *b, const char *name, size_t rank,
                size_t rows, size_t columns, const float *numbers, float less)
{
    size_t shape[] = {rows, columns};
    struct model_tensor *tensor = model_builder_add_tensor(
        b, name, rank, rank == 2 ? shape : shape + 1, 1);

    for (size_t i = 0; i < tensor->count; i++)
        tensor->data[i] = number(numbers ? numbers[i] : (double)i) - less;
}

static void begin(struct model_builder *b, const char *class_name,
                  const char *more)
{
    char fields[200];

    snprintf(fields, sizeof(fields), "\"units\": 2%s%s", *more ? ", " : "",
             more);
    graph_begin(b, "2.3.1");
    graph_input(b, "x", "null, 3");
    graph_layer(b, class_name, "r", fields, "x,0,0");
    graph_end(b, "x,0,0", "r,0,0", NULL);
}

static void put_saved(struct model_builder *b, const struct kind *kind)
{
    size_t columns = kind->gates * U;

    put(b, "r/kernel", 2, D, columns, NULL, 0);
    put(b, "r/recurrent_kernel", 2, U, columns, NULL, 0);
    put(b, "r/bias", 1, 1, 2 * columns, NULL, 0);
}

/* A sum of two numbers is one less than that of their n. */
static void put_converted(struct model_builder *b, const struct kind *kind)
{
    size_t columns = kind->gates * U;

    put(b, "r/kernel", 2, D, columns, kind->kernel, 0);
    put(b, "r/recurrent_kernel", 2, U, columns, kind->recurrent_kernel, 0);
    put(b, "r/bias", kind->bias_rank, kind->bias_rows, columns, kind->bias,
        kind->bias_rows == 1);
}

static void assert_same(struct model_builder *one, struct model_builder *other)
{
    uint64_t seed = 6;
    float *x = model_random_floats(&seed, T * D, 1);
    float *y = graph_run(one, x, T, 0), *wanted = graph_run(other, x, T, 0);

    assert_memory_equal(y, wanted, U * sizeof(float));
    free(x);
    free(y);
    free(wanted);
}

static void saved_weights_are_turned_as_keras_turns_them(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct model_builder saved, named, converted;

        begin(&saved, kinds[k].cudnn, "");
        put_saved(&saved, &kinds[k]);
        /* The class may say LSTM already: the length of the bias tells. */
        begin(&named, kinds[k].plain, kinds[k].fields);
        put_saved(&named, &kinds[k]);
        begin(&converted, kinds[k].plain, kinds[k].fields);
        put_converted(&converted, &kinds[k]);
        assert_same(&saved, &converted);
        assert_same(&named, &converted);
        graph_check_bits(&saved, 0);
        model_builder_release(&saved);
        model_builder_release(&named);
        model_builder_release(&converted);
    }
}

static uint64_t parameters(struct model_builder *b)
{
    struct rnn_model *model = model_load(b, RNN_ISA_AUTO);
    uint64_t count = rnn_model_info(model)->parameters;

    rnn_model_free(model);
    return count;
}

/* A class that says CuDNNLSTM has the longer bias in Keras too. */
static void a_layer_counts_what_keras_counts(void **state)
{
    static const size_t weights[] = {4 * U * (D + U), 3 * U * (D + U)};
    static const size_t biases[] = {4 * U, 6 * U};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct model_builder b;

        begin(&b, kinds[k].plain, kinds[k].fields);
        put_saved(&b, &kinds[k]);
        assert_int_equal(parameters(&b), weights[k] + biases[k]);
        model_builder_release(&b);
        begin(&b, kinds[k].cudnn, "");
        put_saved(&b, &kinds[k]);
        assert_int_equal(parameters(&b), weights[k] + 2 * kinds[k].gates * U);
        model_builder_release(&b);
    }
}

static void what_keras_does_not_convert_is_refused(void **state)
{
    static const struct {
        const char *class_name, *fields, *says;
    } cases[] = {
        {"GRU", "\"recurrent_activation\": \"tanh\", \"reset_after\": false",
         "has shape [12], the layer takes"},
        {"GRU", "\"reset_after\": true, \"use_bias\": false",
         "belongs to no layer"},
        {"CuDNNGRU", "\"reset_after\": true", "reset_after is true"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b, cases[i].class_name, cases[i].fields);
        put_saved(&b, &kinds[1]);
        model_assert_refused(&b, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_weights_are_turned_as_keras_turns_them),
        cmocka_unit_test(a_layer_counts_what_keras_counts),
        cmocka_unit_test(what_keras_does_not_convert_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
