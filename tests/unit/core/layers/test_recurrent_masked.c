/* A recurrent layer under a mask is, at the steps that count, the layer over
 * these alone, bit for bit; at the others it repeats itself. */
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

/* 1: the step counts */
static const char *const patterns[] = {
    "111111111", "001101011", "110101100", "000000000",
    "000010000", "100000001", "011111111", "111111110",
};

struct how {
    bool backwards, sequences, zero, unroll;
};

static void begin(struct model_builder *b, const char *version,
                  const struct cell *cell, const struct how *how, bool masked)
{
    char text[300];

    snprintf(text, sizeof(text),
             "\"units\": 3, \"return_sequences\": %s, \"go_backwards\": %s, "
             "\"zero_output_for_mask\": %s, \"unroll\": %s%s",
             how->sequences ? "true" : "false",
             how->backwards ? "true" : "false", how->zero ? "true" : "false",
             how->unroll ? "true" : "false",
             cell->gates > 1 ? ", \"recurrent_activation\": \"sigmoid\"" : "");
    graph_begin(b, version);
    b->seed = 5;
    graph_input(b, "x", "null, 4");
    if (masked)
        graph_layer(b, "Masking", "m", "\"mask_value\": -2", "x,0,0");
    graph_layer(b, cell->class_name, "r", text, masked ? "m,0,0" : "x,0,0");
    graph_end(b, "x,0,0", "r,0,0", NULL);
    graph_recurrent(b, "r", cell->gates, D, U);
}

/* x, where it counts random, else -2. */
static float *masked_x(const char *pattern)
{
    uint64_t seed = 21;
    float *x = model_random_floats(&seed, T * D, 1);

    for (size_t i = 0; i < T * D; i++)
        x[i] = pattern[i / D] == '1' ? x[i] : -2;
    return x;
}

/* The steps that count, in the order in which they run; how many. */
static size_t compact(const char *pattern, const float *x, bool backwards,
                      float *few)
{
    size_t count = 0;

    for (size_t i = 0; i < T; i++) {
        size_t t = backwards ? T - 1 - i : i;

        if (pattern[t] == '1')
            memcpy(few + count++ * D, x + t * D, D * sizeof(float));
    }
    return count;
}

/* y of all steps in the order in which they run, from those that count. */
static void spread(const char *pattern, const struct how *how, const float *h,
                   float *y)
{
    size_t done = 0;

    for (size_t i = 0; i < T; i++) {
        bool counts = pattern[how->backwards ? T - 1 - i : i] == '1';
        /* Keras does not turn the mask of the zeroes around. */
        bool keeps =
            how->unroll && how->sequences ? pattern[i] == '1' : counts;

        done += counts;
        for (size_t k = 0; k < U; k++)
            y[i * U + k] =
                !done || (how->zero && !keeps) ? 0 : h[(done - 1) * U + k];
    }
}

static void check(const char *version, const struct cell *cell,
                  const struct how *how, const char *pattern)
{
    const struct how plain = {.sequences = true};
    struct model_builder b;
    float *x = masked_x(pattern), few[T * D], y[T * U];
    size_t count = compact(pattern, x, how->backwards, few);
    float *h = NULL, *got;

    if (count) {
        begin(&b, version, cell, &plain, false);
        h = graph_run(&b, few, count, 0);
        model_builder_release(&b);
    }
    spread(pattern, how, h, y);
    begin(&b, version, cell, how, true);
    got = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < (how->sequences ? T : 1) * U; i++) {
        float wanted = how->sequences ? y[i] : y[(T - 1) * U + i];

        if (got[i] != wanted)
            fail_msg("Keras %s, %s, backwards %d, sequences %d, zero %d, "
                     "unroll %d, steps %s: number %zu is %.9g, not %.9g",
                     version, cell->class_name, how->backwards, how->sequences,
                     how->zero, how->unroll, pattern, i, (double)got[i],
                     (double)wanted);
    }
    model_builder_release(&b);
    free(x);
    free(h);
    free(got);
}

static void masked_steps_hold_the_state(void **state)
{
    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++)
            for (unsigned bits = 0; bits < 16; bits++) {
                struct how how = {bits & 1, bits & 2, bits & 4, bits & 8};

                check("3.15.1", &cells[c], &how, patterns[p]);
                check("2.15.0", &cells[c], &how, patterns[p]);
            }
}

/* Half of the steps are masked, by what ReLU makes zero. */
static void begin_stack(struct model_builder *b, const struct cell *cell,
                        const char *fields)
{
    char text[300];

    snprintf(text, sizeof(text), "\"units\": 3, %s%s", fields,
             cell->gates > 1 ? ", \"recurrent_activation\": \"sigmoid\"" : "");
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 1");
    graph_layer(b, "ReLU", "z", "", "x,0,0");
    graph_layer(b, "Masking", "m", "", "z,0,0");
    graph_layer(b, cell->class_name, "r", text, "m,0,0");
    graph_layer(b, "Dense", "d", "\"units\": 4", "r,0,0");
    graph_layer(b, "SimpleRNN", "s", "\"units\": 18", "d,0,0");
    graph_end(b, "x,0,0", "s,0,0 r,0,0", NULL);
    graph_recurrent(b, "r", cell->gates, 1, 3);
    graph_dense(b, "d", 3, 4);
    graph_recurrent(b, "s", 1, 4, 18);
}

static void masks_change_no_law(void **state)
{
    static const char *const fields[] = {
        "\"return_sequences\": true",
        "\"return_sequences\": true, \"zero_output_for_mask\": true",
        "\"return_sequences\": true, \"go_backwards\": true",
    };

    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < 3; i++) {
            struct model_builder b;
            struct rnn_model *model;

            begin_stack(&b, &cells[c], fields[i]);
            graph_check_bits(&b, 0);
            model = model_load(&b, RNN_ISA_AUTO);
            assert_int_equal(rnn_model_info(model)->streams, i != 2);
            rnn_model_free(model);
            model_builder_release(&b);
        }
}

static void begin_both_ways(struct model_builder *b)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 4");
    graph_layer(b, "Masking", "m", "\"mask_value\": -2", "x,0,0");
    graph_layer(b, "Bidirectional", "r",
                "\"merge_mode\": \"concat\", \"layer\": {\"class_name\": "
                "\"LSTM\", \"config\": {\"name\": \"l\", \"units\": 3, "
                "\"return_sequences\": true}}",
                "m,0,0");
    graph_end(b, "x,0,0", "r,0,0", NULL);
    b->seed = 5;
    graph_recurrent(b, "r/forward_layer", 4, D, U);
    b->seed = 5; /* the same weights both ways */
    graph_recurrent(b, "r/backward_layer", 4, D, U);
}

/* Each way is the layer by itself with zero_output_for_mask, whatever it says;
 * the way back is turned around again. */
static void both_ways_look_at_the_mask(void **state)
{
    const struct how ways[] = {
        {.sequences = true, .zero = true},
        {.sequences = true, .zero = true, .backwards = true},
    };

    (void)state;
    for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
        struct model_builder b;
        float *x = masked_x(patterns[p]), *one[2], *both;

        for (size_t w = 0; w < 2; w++) {
            begin(&b, "3.15.1", &cells[1], &ways[w], true);
            one[w] = graph_run(&b, x, T, 0);
            model_builder_release(&b);
        }
        begin_both_ways(&b);
        both = graph_run(&b, x, T, 0);
        for (size_t t = 0; t < T; t++) {
            const float *y = both + t * 2 * U;

            assert_memory_equal(y, one[0] + t * U, U * sizeof(float));
            assert_memory_equal(y + U, one[1] + (T - 1 - t) * U,
                                U * sizeof(float));
        }
        model_builder_release(&b);
        free(x);
        free(both);
        free(one[0]);
        free(one[1]);
    }
}

/* ---- masks of units ------------------------------------------------------*/

/* Each of three numbers of a step is masked by itself where it is 0. */
static void begin_units(struct model_builder *b, const struct cell *cell,
                        const struct how *how)
{
    char text[300];

    snprintf(text, sizeof(text),
             "\"units\": 3, \"return_sequences\": %s, \"go_backwards\": %s, "
             "\"zero_output_for_mask\": %s%s",
             how->sequences ? "true" : "false",
             how->backwards ? "true" : "false", how->zero ? "true" : "false",
             cell->gates > 1 ? ", \"recurrent_activation\": \"sigmoid\"" : "");
    graph_begin(b, "3.15.1");
    b->seed = 5;
    graph_input(b, "x", "null, 3, 1");
    graph_layer(b, "ReLU", "z", "", "x,0,0");
    graph_layer(b, "Masking", "m", "", "z,0,0");
    graph_layer(b, "TimeDistributed", "f",
                "\"layer\": {\"class_name\": \"Flatten\", \"config\": "
                "{\"name\": \"i\"}}",
                "m,0,0");
    graph_layer(b, cell->class_name, "r", text, "f,0,0");
    graph_end(b, "x,0,0", "r,0,0", NULL);
    graph_recurrent(b, "r", cell->gates, U, U);
}

/* Gate `gate` of unit k. */
static double gate_of(struct model_builder *b, size_t gates, size_t gate,
                      size_t k, const float *x, const double *h)
{
    const float *kernel = model_builder_tensor(b, "r/kernel")->data;
    const float *recurrent =
        model_builder_tensor(b, "r/recurrent_kernel")->data;
    size_t column = gate * U + k, width = gates * U;
    double sum = (double)model_builder_tensor(b, "r/bias")->data[column];

    for (size_t i = 0; i < U; i++)
        sum += (double)fmaxf(x[i], 0) * (double)kernel[i * width + column] +
               h[i] * (double)recurrent[i * width + column];
    return sum;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* h and c after one step of SimpleRNN or LSTM. */
static void go_on(struct model_builder *b, size_t gates, const float *x,
                  double *h, double *c)
{
    double new_h[U];

    for (size_t k = 0; k < U; k++) {
        double gate[4], new_c;

        for (size_t g = 0; g < gates; g++)
            gate[g] = gate_of(b, gates, g, k, x, h);
        if (gates == 1) {
            new_h[k] = tanh(gate[0]);
            continue;
        }
        new_c = sigmoid(gate[1]) * c[k] + sigmoid(gate[0]) * tanh(gate[2]);
        new_h[k] = sigmoid(gate[3]) * tanh(new_c);
        if (x[k] > 0)
            c[k] = new_c;
    }
    for (size_t k = 0; k < U; k++)
        h[k] = x[k] > 0 ? new_h[k] : h[k];
}

static void check_units(const struct cell *cell, const struct how *how)
{
    uint64_t seed = 8;
    float *x = model_random_floats(&seed, T * U, 1), *y;
    double h[U] = {0}, c[U] = {0};
    struct model_builder b;

    begin_units(&b, cell, how);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T; i++) {
        const float *step = x + (how->backwards ? T - 1 - i : i) * U;

        go_on(&b, cell->gates, step, h, c);
        for (size_t k = 0; k < U && (how->sequences || i == T - 1); k++) {
            double wanted = how->zero && step[k] <= 0 ? 0 : h[k];
            double is = (double)y[how->sequences ? i * U + k : k];

            if (fabs(is - wanted) > 1e-6)
                fail_msg("%s: unit %zu at %zu is %.9g, not %.9g",
                         cell->class_name, k, i, is, wanted);
        }
    }
    free(y);
    free(x);
    model_builder_release(&b);
}

static void units_are_held_by_themselves(void **state)
{
    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (unsigned bits = 0; bits < 8; bits++) {
            struct how how = {bits & 1, bits & 2, bits & 4, false};
            struct model_builder b;

            if (c < 2)
                check_units(&cells[c], &how);
            begin_units(&b, &cells[c], &how);
            graph_check_bits(&b, 0);
            model_builder_release(&b);
        }
}

/* Keras raises, but in a stack, which looks at what the mask takes
 * back. */
static void other_masks_of_rows_are_refused(void **state)
{
    static const char says[] = "a mask of one number for each timestep";
    static const char stack[] =
        "\"cell\": {\"class_name\": \"StackedRNNCells\", \"config\": "
        "{\"name\": \"s\", \"cells\": [{\"class_name\": "
        "\"SimpleRNNCell\", \"config\": {\"name\": \"a\", \"units\": 3}}, "
        "{\"class_name\": \"SimpleRNNCell\", \"config\": {\"name\": "
        "\"b\", \"units\": 3}}]}}";
    static const struct {
        const char *class_name, *fields, *path;
        size_t units;
    } cases[] = {
        {"SimpleRNN", "\"units\": 3, \"unroll\": true", "r", 3},
        {"SimpleRNN", "\"units\": 2", "r", 2},
        {"RNN", stack, "r/cell_0", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "4, 3, 1");
        graph_layer(&b, "Masking", "m", "", "x,0,0");
        graph_layer(&b, "TimeDistributed", "f",
                    "\"layer\": {\"class_name\": \"Flatten\", "
                    "\"config\": {\"name\": \"i\"}}",
                    "m,0,0");
        graph_layer(&b, cases[i].class_name, "r", cases[i].fields, "f,0,0");
        graph_end(&b, "x,0,0", "r,0,0", NULL);
        graph_recurrent(&b, cases[i].path, 1, 3, cases[i].units);
        assert_int_equal(model_assert_refused(&b, says), RNN_UNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_steps_hold_the_state),
        cmocka_unit_test(masks_change_no_law),
        cmocka_unit_test(both_ways_look_at_the_mask),
        cmocka_unit_test(units_are_held_by_themselves),
        cmocka_unit_test(other_masks_of_rows_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
