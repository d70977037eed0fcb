/* Conv1D against plain loops in float64, its timesteps, and law 2. */
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
#include "tests/support/window_case.h"

struct conv {
    struct window_case window;
    size_t filters, groups;
    bool use_bias;
    const float *kernel, *bias;
};

static void begin(struct model_builder *b, struct conv *it, size_t steps)
{
    char fields[400];

    snprintf(fields, sizeof(fields),
             "\"filters\": %zu, \"groups\": %zu, \"use_bias\": %s, %s",
             it->filters, it->groups, it->use_bias ? "true" : "false",
             window_case_fields(&it->window, "kernel_size"));
    window_case_begin(b, &it->window, steps, "Conv1D", fields);
    it->kernel =
        window_case_weight(b, "kernel", 3, it->window.size,
                           it->window.features / it->groups, it->filters);
    it->bias = it->use_bias
                   ? window_case_weight(b, "bias", 1, it->filters, 0, 0)
                   : NULL;
}

static struct conv some_conv(uint64_t *seed)
{
    struct conv it = {.window = window_case_pick(seed, true),
                      .filters = pick_size(seed, 1, 40),
                      .groups = pick_size(seed, 1, 3),
                      .use_bias = pick_size(seed, 0, 3) > 0};

    if (it.groups > 1) {
        it.window.features = it.groups * pick_size(seed, 1, 5);
        it.filters = it.groups * pick_size(seed, 1, 20);
    }
    return it;
}

static void assert_output(const struct conv *it, const float *x, size_t o,
                          const float *y)
{
    size_t width = it->window.features / it->groups;
    size_t part = it->filters / it->groups;

    for (size_t f = 0; f < it->filters; f++) {
        double sum = it->bias ? it->bias[f] : 0, scale = fabs(sum);

        for (size_t i = 0; i < it->window.size; i++) {
            long t = window_case_place(&it->window, o, i);

            for (size_t c = 0; c < width; c++) {
                double term = 0;

                if (t >= 0 && t < (long)it->window.steps)
                    term =
                        (double)x[(size_t)t * it->window.features +
                                  f / part * width + c] *
                        (double)it->kernel[(i * width + c) * it->filters + f];
                sum += term;
                scale += fabs(term);
            }
        }
        assert_close(y[f], sum, scale);
    }
}

static void random_ones_are_their_equation(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int turn = 0; turn < 200; turn++) {
        struct conv it = some_conv(&seed);
        size_t outputs = window_case_outputs(&it.window);
        struct model_builder b;
        float *x, *y;
        bool streams;

        if (!outputs)
            continue;
        streams = it.window.stride == 1 &&
                  (it.window.size == 1 || it.window.padding[0] == 'c');
        begin(&b, &it, turn % 2 && !streams ? it.window.steps : 0);
        x = model_random_floats(&seed, it.window.steps * it.window.features,
                                1);
        y = graph_run(&b, x, it.window.steps, 0);
        for (size_t o = 0; o < outputs; o++)
            assert_output(&it, x, o, y + o * it.filters);
        if (turn % 8 == 0)
            graph_check_bits(&b, streams ? 0 : it.window.steps);
        free(x);
        free(y);
        model_builder_release(&b);
    }
}

/* Every cut, every step, every batch: causal ones of stride 1. */
static void causal_ones_stream(void **state)
{
    static const struct conv cases[] = {
        {{0, 3, 3, 1, 1, "causal", false}, 5, 1, true, 0, 0},
        {{0, 16, 4, 1, 1, "causal", false}, 33, 1, true, 0, 0},
        {{0, 4, 2, 1, 7, "causal", false}, 6, 2, true, 0, 0},
        {{0, 4, 5, 1, 3, "causal", false}, 130, 1, false, 0, 0},
        {{0, 5, 2, 1, 60, "causal", false}, 3, 1, true, 0, 0},
        {{0, 5, 1, 1, 1, "same", false}, 3, 1, true, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct conv it = cases[i];
        size_t past = (it.window.size - 1) * it.window.dilation;
        struct model_builder b;
        const struct rnn_model_info *info;
        struct rnn_model *model;

        begin(&b, &it, 0);
        graph_check_bits(&b, 0);
        model = model_load(&b, RNN_ISA_AUTO);
        info = rnn_model_info(model);
        assert_true(info->streams);
        assert_int_equal(info->least_timesteps, 1);
        assert_int_equal(info->state_bytes,
                         past * it.window.features * sizeof(float));
        assert_int_equal(info->state_entry_count, past > 0);
        if (past) {
            const struct rnn_state_entry *entry = &info->state_entries[0];

            assert_string_equal(entry->name, "w/past");
            assert_int_equal(entry->rank, 2);
            assert_int_equal(entry->shape[0], past);
            assert_int_equal(entry->shape[1], it.window.features);
        }
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* Behind a Dense, where rows are padded; with an LSTM; called twice. */
static void a_stack_streams(void **state)
{
    struct model_builder b;
    size_t kernel[] = {3, 5, 5}, bias[] = {5};

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "Dense", "d", "\"units\": 5", "x,0,0");
    graph_dense(&b, "d", 4, 5);
    graph_layer(&b, "Conv1D", "c",
                "\"filters\": 5, \"kernel_size\": [3], \"padding\": "
                "\"causal\", \"dilation_rate\": [2], \"activation\": "
                "\"softmax\"",
                "d,0,0|c,0,0");
    model_builder_add_tensor(&b, "c/kernel", 3, kernel, 1);
    model_builder_add_tensor(&b, "c/bias", 1, bias, 1);
    graph_layer(&b, "LSTM", "l",
                "\"units\": 3, \"recurrent_activation\": \"sigmoid\"",
                "c,1,0");
    graph_recurrent(&b, "l", 4, 5, 3);
    graph_end(&b, "x,0,0", "c,1,0 l,0,0", NULL);
    graph_check_bits(&b, 0);
    model_builder_release(&b);
}

/* ---- timesteps -----------------------------------------------------------*/

static void add_conv(struct model_builder *b, const char *name,
                     const char *fields, const char *calls)
{
    char text[200], path[64];
    size_t kernel[] = {3, 4, 4}, bias[] = {4};

    snprintf(text, sizeof(text), "\"filters\": 4, \"kernel_size\": [3]%s%s",
             *fields ? ", " : "", fields);
    graph_layer(b, "Conv1D", name, text, calls);
    snprintf(path, sizeof(path), "%s/kernel", name);
    model_builder_add_tensor(b, path, 3, kernel, 1);
    snprintf(path, sizeof(path), "%s/bias", name);
    model_builder_add_tensor(b, path, 1, bias, 1);
}

/* Two valid ones lose what one of twice the reach loses. */
static void paths_of_the_same_length_meet(void **state)
{
    uint64_t seed = 4;
    struct model_builder b;
    struct rnn_model *model;
    float *x = model_random_floats(&seed, 20 * 4, 1), *y;
    size_t shape[RNN_MAX_RANK];

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    add_conv(&b, "a", "", "x,0,0");
    add_conv(&b, "b", "", "a,0,0");
    add_conv(&b, "c", "\"dilation_rate\": [2]", "x,0,0");
    graph_layer(&b, "Add", "sum", "", "b,0,0 c,0,0");
    graph_end(&b, "x,0,0", "b,0,0 c,0,0 sum,0,0", NULL);
    for (size_t i = 0; i < 3; i++) {
        y = graph_run(&b, x, 20, i);
        free(y);
    }
    graph_check_bits(&b, 9);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_model_info(model)->least_timesteps, 5);
    assert_string_equal(rnn_model_info(model)->least_because, "b");
    assert_int_equal(rnn_model_info(model)->outputs[2].shape[0], RNN_FREE);
    assert_int_equal(rnn_output_shape(model, 2, 20, false, shape), 2);
    assert_int_equal(shape[0], 16);
    assert_int_equal(shape[1], 4);
    rnn_output_shape(model, 2, 4, false, shape);
    assert_int_equal(shape[0], 0);
    rnn_model_free(model);
    model_builder_release(&b);
    free(x);
}

static void paths_of_other_lengths_do_not(void **state)
{
    struct model_builder b;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    add_conv(&b, "a", "", "x,0,0");
    graph_layer(&b, "Add", "sum", "", "a,0,0 x,0,0");
    graph_end(&b, "x,0,0", "sum,0,0", NULL);
    model_assert_refused(&b, "\"sum\"");
}

static void too_short_is_an_error(void **state)
{
    struct conv it = {{0, 4, 3, 1, 2, "valid", false}, 5, 1, true, 0, 0};
    struct model_builder b;
    struct rnn_model *model;
    struct rnn_error err;
    float x[4 * 4] = {0}, y[64];
    const float *inputs[] = {x};
    float *outputs[] = {y};
    struct rnn_sequence sequence = {
        .timesteps = 4, .inputs = inputs, .outputs = outputs};

    (void)state;
    begin(&b, &it, 0);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_infer(model, &sequence, 1, NULL, NULL, &err),
                     RNN_INVALID_ARGUMENT);
    assert_string_equal(err.message, "sequence 0 has 4 timesteps, the layer "
                                     "\"w\" needs 5 or more");
    assert_string_equal(rnn_model_info(model)->cannot_stream_because,
                        "the layer \"w\" (Conv1D) needs the whole sequence");
    rnn_model_free(model);
    model_builder_release(&b);
    begin(&b, &it, 4);
    model_assert_refused(&b,
                         "layer \"w\" (Conv1D) needs 5 timesteps or more, it "
                         "is given 4");
}

static void what_cannot_be_run_is_named(void **state)
{
    static const struct {
        const char *shape, *fields, *says;
    } cases[] = {
        {"null, 4", "\"filters\": 3", "kernel_size is absent"},
        {"null, 4", "\"kernel_size\": [3]", "filters is absent"},
        {"null, 4", "\"filters\": 3, \"kernel_size\": [3, 3]",
         "a list of one"},
        {"null, 4", "\"filters\": 3, \"kernel_size\": 0", "kernel_size is 0"},
        {"null, 4", "\"filters\": 3, \"kernel_size\": 99999999", "too many"},
        {"null, 4",
         "\"filters\": 3, \"kernel_size\": 2, \"padding\": \"full\"",
         "padding is \"full\""},
        {"null, 4",
         "\"filters\": 3, \"kernel_size\": 2, \"strides\": 2, "
         "\"dilation_rate\": 2",
         "dilation_rate is 2"},
        {"null, 4", "\"filters\": 3, \"kernel_size\": 2, \"groups\": 2",
         "groups is 2"},
        {"null, 5", "\"filters\": 4, \"kernel_size\": 2, \"groups\": 2",
         "its 5 input features cannot be divided by groups, 2"},
        {"null, 4", "\"filters\": 3, \"kernel_size\": 2, \"lora_rank\": 4",
         "lora_rank is 4"},
        {"3, 5, 2", "\"filters\": 3, \"kernel_size\": 2",
         "takes [timesteps, features], it is given [3, 5, 2]"},
        {"4", "\"filters\": 3, \"kernel_size\": 2", "[4] without time"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_fields_refused("Conv1D", cases[i].shape, cases[i].fields,
                              cases[i].says);
}

static void channels_first_is_turned(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int turn = 0; turn < 16; turn++) {
        struct conv it = some_conv(&seed), turned;
        struct model_builder last, first;

        if (!window_case_outputs(&it.window))
            continue;
        turned = it;
        turned.window.channels_first = true;
        begin(&last, &it, it.window.steps);
        begin(&first, &turned, it.window.steps);
        assert_turned(&last, &first, &it.window);
        model_builder_release(&last);
        model_builder_release(&first);
    }
}

/* [timesteps, places, features] of Keras 2: along the places, in the bits of
 * a TimeDistributed around the same layer. */
static void a_later_axis_is_run_along_within_each_timestep(void **state)
{
    static const char *const fields[] = {
        "\"filters\": 4, \"kernel_size\": 3",
        "\"filters\": 4, \"kernel_size\": 3, \"padding\": \"causal\"",
        ("\"filters\": 4, \"kernel_size\": 3, \"padding\": \"same\", "
         "\"strides\": 2")};
    const size_t kernel[] = {3, 2, 4}, bias[] = {4};
    uint64_t seed = 8;
    float *x = model_random_floats(&seed, (size_t)9 * 5 * 2, 1);

    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct model_builder b[2];
        struct rnn_model *model;
        size_t outputs = i == 1 ? 5 : 3;
        float *y[2];

        for (size_t k = 0; k < 2; k++) {
            char wrapped[300];

            graph_begin(&b[k], "2.15.0");
            graph_input(&b[k], "x", "null, 5, 2");
            b[k].seed = 4;
            model_builder_add_tensor(&b[k], k ? "c/layer/kernel" : "c/kernel",
                                     3, kernel, 1);
            model_builder_add_tensor(&b[k], k ? "c/layer/bias" : "c/bias", 1,
                                     bias, 1);
            snprintf(wrapped, sizeof(wrapped),
                     "\"layer\": {\"class_name\": \"Conv1D\", \"config\": "
                     "{\"name\": \"w\", %s}}",
                     fields[i]);
            graph_layer(&b[k], k ? "TimeDistributed" : "Conv1D", "c",
                        k ? wrapped : fields[i], "x,0,0");
            graph_end(&b[k], "x,0,0", "c,0,0", NULL);
            y[k] = graph_run(&b[k], x, 9, 0);
        }
        assert_memory_equal(y[0], y[1], 9 * outputs * 4 * sizeof(float));
        model = model_load(&b[0], RNN_ISA_AUTO);
        assert_true(rnn_model_info(model)->streams);
        assert_int_equal(rnn_model_info(model)->parameters, 3 * 2 * 4 + 4);
        rnn_model_free(model);
        graph_check_bits(&b[0], 0);
        for (size_t k = 0; k < 2; k++) {
            model_builder_release(&b[k]);
            free(y[k]);
        }
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ones_are_their_equation),
        cmocka_unit_test(causal_ones_stream),
        cmocka_unit_test(a_stack_streams),
        cmocka_unit_test(paths_of_the_same_length_meet),
        cmocka_unit_test(paths_of_other_lengths_do_not),
        cmocka_unit_test(too_short_is_an_error),
        cmocka_unit_test(channels_first_is_turned),
        cmocka_unit_test(a_later_axis_is_run_along_within_each_timestep),
        cmocka_unit_test(what_cannot_be_run_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
