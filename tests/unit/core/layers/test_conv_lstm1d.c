/* ConvLSTM1D against plain float64 loops. */
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

#define T    5
#define MOST 8 /* of rows and filters */

struct sizes {
    size_t rows, channels, filters, taps, stride, dilation;
    bool same, first, no_bias, backwards;
    size_t places; /* that Keras makes of it */
};

static const struct sizes cases[] = {
    {6, 3, 4, 3, 1, 1, false, false, false, false, 4},
    {6, 3, 4, 3, 1, 1, true, false, false, false, 6},
    {6, 2, 1, 2, 1, 1, true, false, true, false, 6},
    {7, 2, 3, 3, 2, 1, false, false, false, false, 3},
    {8, 1, 5, 2, 3, 1, true, false, false, false, 3},
    {7, 2, 3, 3, 1, 2, false, false, false, false, 3},
    {7, 2, 3, 4, 1, 2, true, false, false, true, 7},
    {5, 3, 4, 3, 1, 1, true, true, false, false, 5},
    {6, 2, 8, 5, 2, 1, true, true, false, true, 3},
    {1, 1, 1, 1, 1, 1, false, false, false, false, 1},
};

static const char *shape_text(const struct sizes *s)
{
    static char text[60];

    snprintf(text, sizeof(text), "null, %zu, %zu",
             s->first ? s->channels : s->rows,
             s->first ? s->rows : s->channels);
    return text;
}

static void build(struct model_builder *b, const struct sizes *s)
{
    size_t columns = 4 * s->filters;
    size_t kernel[] = {s->taps, s->channels, columns};
    size_t recurrent[] = {s->taps, s->filters, columns};
    char fields[400];

    snprintf(fields, sizeof(fields),
             "\"filters\": %zu, \"kernel_size\": [%zu], \"strides\": %zu, "
             "\"dilation_rate\": [%zu], \"padding\": \"%s\", "
             "\"data_format\": \"%s\", \"use_bias\": %s, "
             "\"return_sequences\": true, \"return_state\": true, "
             "\"go_backwards\": %s",
             s->filters, s->taps, s->stride, s->dilation,
             s->same ? "same" : "valid",
             s->first ? "channels_first" : "channels_last",
             s->no_bias ? "false" : "true", s->backwards ? "true" : "false");
    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape_text(s));
    graph_layer(b, "ConvLSTM1D", "r", fields, "x,0,0");
    graph_end(b, "x,0,0", "r,0,0 r,0,1 r,0,2", NULL);
    model_builder_add_tensor(b, "r/kernel", 3, kernel, 0.5);
    model_builder_add_tensor(b, "r/recurrent_kernel", 3, recurrent, 0.5);
    if (!s->no_bias)
        model_builder_add_tensor(b, "r/bias", 1, &columns, 0.5);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Number `c` of row `r` in [rows, channels], or turned. */
static size_t at(bool first, size_t r, size_t c, size_t rows, size_t channels)
{
    return first ? c * rows + r : r * channels + c;
}

/* What the padding of TensorFlow puts before the first row. */
static size_t pad_left(const struct sizes *s)
{
    long all =
        (long)((s->places - 1) * s->stride + (s->taps - 1) * s->dilation + 1) -
        (long)s->rows;

    return s->same && all > 0 ? (size_t)all / 2 : 0;
}

struct memory {
    double h[MOST][MOST], c[MOST][MOST];
};

/* Sum of gate column `column` at place `p`. */
static double sum_at(struct model_builder *b, const struct sizes *s,
                     const float *x, const struct memory *m, size_t p,
                     size_t column)
{
    const float *kernel = model_builder_tensor(b, "r/kernel")->data;
    const float *recurrent =
        model_builder_tensor(b, "r/recurrent_kernel")->data;
    size_t columns = 4 * s->filters;
    double sum =
        s->no_bias ? 0 : model_builder_tensor(b, "r/bias")->data[column];

    for (size_t k = 0; k < s->taps; k++) {
        long row = (long)(p * s->stride + k * s->dilation) - (long)pad_left(s);
        long place = (long)(p + k) - (long)((s->taps - 1) / 2);

        for (size_t c = 0; row >= 0 && row < (long)s->rows && c < s->channels;
             c++)
            sum +=
                (double)x[at(s->first, (size_t)row, c, s->rows, s->channels)] *
                kernel[(k * s->channels + c) * columns + column];
        for (size_t f = 0;
             place >= 0 && place < (long)s->places && f < s->filters; f++)
            sum += m->h[place][f] *
                   recurrent[(k * s->filters + f) * columns + column];
    }
    return sum;
}

static void step(struct model_builder *b, const struct sizes *s,
                 const float *x, struct memory *m)
{
    struct memory next = *m;

    for (size_t p = 0; p < s->places; p++)
        for (size_t f = 0; f < s->filters; f++) {
            double i = sigmoid(sum_at(b, s, x, m, p, f));
            double g = sigmoid(sum_at(b, s, x, m, p, s->filters + f));
            double z = tanh(sum_at(b, s, x, m, p, 2 * s->filters + f));
            double o = sigmoid(sum_at(b, s, x, m, p, 3 * s->filters + f));

            next.c[p][f] = g * m->c[p][f] + i * z;
            next.h[p][f] = o * tanh(next.c[p][f]);
        }
    *m = next;
}

static void assert_close(const struct sizes *s, const float *y,
                         const double wanted[MOST][MOST])
{
    for (size_t p = 0; p < s->places; p++)
        for (size_t f = 0; f < s->filters; f++) {
            float got = y[at(s->first, p, f, s->places, s->filters)];

            if (!(fabs(got - wanted[p][f]) < 1e-6))
                fail_msg("%zu rows, %zu taps: %g, not %g", s->rows, s->taps,
                         (double)got, wanted[p][f]);
        }
}

static void it_computes_its_equations(void **state)
{
    uint64_t seed = 12;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sizes *s = &cases[i];
        size_t row = s->rows * s->channels, out = s->places * s->filters;
        float *x = model_random_floats(&seed, T * row, 1);
        struct model_builder b;
        struct memory m = {0};
        float *y, *h, *c;

        build(&b, s);
        y = graph_run(&b, x, T, 0);
        h = graph_run(&b, x, T, 1);
        c = graph_run(&b, x, T, 2);
        for (size_t t = 0; t < T; t++) {
            step(&b, s, x + (s->backwards ? T - 1 - t : t) * row, &m);
            assert_close(s, y + t * out, m.h);
        }
        assert_close(s, h, m.h);
        assert_close(s, c, m.c);
        graph_check_bits(&b, 0);
        model_builder_release(&b);
        free(x);
        free(y);
        free(h);
        free(c);
    }
}

static void its_state_is_kept_by_name_and_shape(void **state)
{
    const struct sizes s = cases[3];
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    (void)state;
    build(&b, &s);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_true(info->streams);
    assert_int_equal(info->state_entry_count, 2);
    assert_string_equal(info->state_entries[0].name, "r/h");
    assert_string_equal(info->state_entries[1].name, "r/c");
    assert_int_equal(info->state_entries[1].rank, 2);
    assert_int_equal(info->state_entries[1].shape[0], s.places);
    assert_int_equal(info->state_entries[1].shape[1], s.filters);
    assert_int_equal(info->state_bytes, 2 * 4 * s.places * s.filters);
    assert_int_equal(info->parameters,
                     4 * s.filters * (s.taps * (s.channels + s.filters) + 1));
    rnn_model_free(model);
    model_builder_release(&b);
}

/* The states of a first call go into a second: two sequences in one. */
static void a_given_state_goes_on(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct model_builder once, twice;
        uint64_t seed = 2;
        float *x = model_random_floats(&seed, 2 * T * 6, 1);
        float *y, *again;
        const struct sizes s = {3,    2,     4,     2,     1, 1,
                                true, first, false, false, 3};
        char fields[300];

        snprintf(fields, sizeof(fields),
                 "\"filters\": 4, \"kernel_size\": 2, \"padding\": \"same\", "
                 "\"return_state\": true, \"data_format\": \"%s\"",
                 first ? "channels_first" : "channels_last");
        for (size_t t = 0; t < T; t++)
            memcpy(x + (T + t) * 6, x + t * 6, 6 * sizeof(float));
        build(&once, &s);
        y = graph_run(&once, x, 2 * T, 2);
        graph_begin(&twice, "3.15.1");
        graph_input(&twice, "x", shape_text(&s));
        graph_layer(&twice, "ConvLSTM1D", "r", fields,
                    "x,0,0 | x,0,0 r,0,1 r,0,2");
        graph_end(&twice, "x,0,0", "r,1,2", NULL);
        for (size_t i = 0; i < 3; i++) {
            const struct model_tensor *from = &once.tensors[i];
            struct model_tensor *to = model_builder_add_tensor(
                &twice, from->name, from->rank, from->shape, 1);

            memcpy(to->data, from->data, from->count * sizeof(float));
        }
        again = graph_run(&twice, x, T, 0);
        assert_memory_equal(y, again, 12 * sizeof(float));
        graph_check_bits(&twice, 0);
        model_builder_release(&once);
        model_builder_release(&twice);
        free(x);
        free(y);
        free(again);
    }
}

/* Two axes of an input look like a sequence, but are a state here. */
static void a_state_may_be_an_input(void **state)
{
    const struct sizes s = {3, 2, 4, 2, 1, 1, true, false, false, false, 3};
    static const size_t steps[] = {T, 3, 3};
    struct model_builder b, given;
    struct rnn_model *model;
    uint64_t seed = 3;
    float *x = model_random_floats(&seed, T * 6, 1), zeros[12] = {0}, out[12];
    float *outputs[] = {out}, *y;
    const float *inputs[] = {x, zeros, zeros};
    const struct rnn_sequence sequence = {.timesteps = T,
                                          .input_timesteps = steps,
                                          .inputs = inputs,
                                          .outputs = outputs};

    (void)state;
    build(&b, &s);
    y = graph_run(&b, x, T, 1);
    graph_begin(&given, "3.15.1");
    graph_input(&given, "x", "null, 3, 2");
    graph_input(&given, "h", "3, 4");
    graph_input(&given, "c", "3, 4");
    graph_layer(&given, "ConvLSTM1D", "r",
                "\"filters\": 4, \"kernel_size\": 2, \"padding\": \"same\"",
                "x,0,0 h,0,0 c,0,0");
    graph_end(&given, "x,0,0 h,0,0 c,0,0", "r,0,0", NULL);
    for (size_t i = 0; i < 3; i++) {
        struct model_tensor *to =
            model_builder_add_tensor(&given, b.tensors[i].name,
                                     b.tensors[i].rank, b.tensors[i].shape, 1);

        memcpy(to->data, b.tensors[i].data, to->count * sizeof(float));
    }
    model = model_load(&given, RNN_ISA_AUTO);
    model_run_many(model, &sequence, 1, NULL);
    assert_memory_equal(out, y, sizeof(out));
    rnn_model_free(model);
    model_builder_release(&b);
    model_builder_release(&given);
    free(x);
    free(y);
}

static void bidirectional_joins_the_channels_of_each_row(void **state)
{
    struct model_builder b;
    uint64_t seed = 4;
    float *x = model_random_floats(&seed, T * 6, 1), *y;
    size_t kernel[] = {2, 2, 4}, recurrent[] = {2, 1, 4};

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 3, 2");
    graph_layer(&b, "Bidirectional", "r",
                "\"layer\": {\"class_name\": \"ConvLSTM1D\", \"config\": "
                "{\"name\": \"i\", \"filters\": 1, \"kernel_size\": 2, "
                "\"padding\": \"same\", \"use_bias\": false}}",
                "x,0,0");
    graph_end(&b, "x,0,0", "r,0,0", NULL);
    model_builder_add_tensor(&b, "r/forward_layer/kernel", 3, kernel, 1);
    model_builder_add_tensor(&b, "r/forward_layer/recurrent_kernel", 3,
                             recurrent, 1);
    memset(
        model_builder_add_tensor(&b, "r/backward_layer/kernel", 3, kernel, 1)
            ->data,
        0, sizeof(float) * 16);
    model_builder_add_tensor(&b, "r/backward_layer/recurrent_kernel", 3,
                             recurrent, 1);
    y = graph_run(&b, x, T, 0);
    /* Without a kernel the backward layer's h stays 0. */
    for (size_t p = 0; p < 3; p++) {
        assert_true(y[2 * p] != 0);
        assert_true(y[2 * p + 1] == 0);
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(x);
    free(y);
}

static void what_cannot_be_is_named(void **state)
{
    static const struct {
        const char *fields, *shape, *says;
    } wrong[] = {
        {"\"filters\": 2", "null, 6, 3", "kernel_size is absent"},
        {"\"filters\": 2, \"kernel_size\": [2, 2]", "null, 6, 3",
         "one whole number"},
        {"\"filters\": 2, \"kernel_size\": 0", "null, 6, 3",
         "one whole number"},
        {"\"filters\": 2, \"kernel_size\": 2, \"padding\": \"causal\"",
         "null, 6, 3", "padding is \"causal\""},
        {"\"filters\": 2, \"kernel_size\": 7", "null, 6, 3",
         "reaches over 7 rows does not fit into 6"},
        {"\"filters\": 1, \"kernel_size\": 32, \"padding\": \"same\"",
         "null, 6, 3", "more than 31 with one filter"},
        {"\"filters\": 2, \"kernel_size\": 2, \"activation\": \"softmax\", "
         "\"data_format\": \"channels_first\"",
         "null, 6, 3", "softmax"},
        {"\"filters\": 2, \"kernel_size\": 2", "null, 3",
         "takes [timesteps, rows, channels]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", wrong[i].shape);
        graph_layer(&b, "ConvLSTM1D", "r", wrong[i].fields, "x,0,0");
        graph_end(&b, "x,0,0", "r,0,0", NULL);
        model_assert_refused(&b, wrong[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_computes_its_equations),
        cmocka_unit_test(its_state_is_kept_by_name_and_shape),
        cmocka_unit_test(a_given_state_goes_on),
        cmocka_unit_test(a_state_may_be_an_input),
        cmocka_unit_test(bidirectional_joins_the_channels_of_each_row),
        cmocka_unit_test(what_cannot_be_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
