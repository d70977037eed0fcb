#include "tests/support/window_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/model.h"
#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

size_t pick_size(uint64_t *seed, size_t least, size_t most)
{
    return least + (size_t)(model_random(seed) % (most - least + 1));
}

struct window_case window_case_pick(uint64_t *seed, bool causal)
{
    static const char *const paddings[] = {"valid", "same", "causal"};
    struct window_case it = {
        .steps = pick_size(seed, 1, 90),
        .features = pick_size(seed, 1, 20),
        .size = pick_size(seed, 1, 6),
        .stride = 1,
        .dilation = 1,
        .padding = paddings[pick_size(seed, 0, causal ? 2 : 1)],
    };

    if (pick_size(seed, 0, 2) == 0)
        it.stride = pick_size(seed, 2, 8);
    else if (pick_size(seed, 0, 1) == 0)
        it.dilation = pick_size(seed, 2, 9);
    return it;
}

static size_t reach_of(const struct window_case *it)
{
    return (it->size - 1) * it->dilation + 1;
}

size_t window_case_outputs(const struct window_case *it)
{
    size_t reach = reach_of(it);

    if (strcmp(it->padding, "valid") != 0)
        return (size_t)ceil((double)it->steps / (double)it->stride);
    if (it->steps < reach)
        return 0;
    return (it->steps - reach) / it->stride + 1;
}

long window_case_place(const struct window_case *it, size_t o, size_t i)
{
    long reach = (long)reach_of(it), before = 0;

    if (!strcmp(it->padding, "causal")) {
        before = reach - 1;
    } else if (!strcmp(it->padding, "same")) {
        before = ((long)window_case_outputs(it) - 1) * (long)it->stride +
                 reach - (long)it->steps;
        before = before > 0 ? before / 2 : 0;
    }
    return (long)(o * it->stride + i * it->dilation) - before;
}

const char *window_case_fields(const struct window_case *it,
                               const char *size_key)
{
    static char text[300];
    char dilation[60] = "";

    if (!strcmp(size_key, "kernel_size"))
        snprintf(dilation, sizeof(dilation), ", \"dilation_rate\": [%zu]",
                 it->dilation);
    snprintf(text, sizeof(text),
             "\"%s\": [%zu], \"strides\": [%zu], \"padding\": \"%s\"%s%s",
             size_key, it->size, it->stride, it->padding, dilation,
             it->channels_first ? ", \"data_format\": \"channels_first\""
                                : "");
    return text;
}

void window_case_begin(struct model_builder *builder,
                       const struct window_case *it, size_t steps,
                       const char *class_name, const char *fields)
{
    char shape[60];

    if (it->channels_first)
        snprintf(shape, sizeof(shape), "%zu, %zu", it->features, it->steps);
    else if (steps)
        snprintf(shape, sizeof(shape), "%zu, %zu", steps, it->features);
    else
        snprintf(shape, sizeof(shape), "null, %zu", it->features);
    graph_begin(builder, "3.15.1");
    graph_input(builder, "x", shape);
    graph_layer(builder, class_name, "w", fields, "x,0,0");
    graph_end(builder, "x,0,0", "w,0,0", NULL);
}

static float *turned(const float *x, size_t rows, size_t columns)
{
    float *y = malloc(rows * columns * sizeof(float));

    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            y[j * rows + i] = x[i * columns + j];
    return y;
}

void assert_turned(struct model_builder *last, struct model_builder *first,
                   const struct window_case *it)
{
    uint64_t seed = 9;
    float *x = model_random_floats(&seed, it->steps * it->features, 1);
    float *x_turned = turned(x, it->steps, it->features);
    float *y = graph_run(last, x, it->steps, 0);
    float *z = graph_run(first, x_turned, it->features, 0), *y_turned;
    struct rnn_model *model = model_load(first, RNN_ISA_AUTO);
    size_t shape[RNN_MAX_RANK];

    assert_int_equal(rnn_output_shape(model, 0, it->features, false, shape),
                     2);
    y_turned = turned(y, shape[1], shape[0]);
    assert_memory_equal(y_turned, z, shape[0] * shape[1] * sizeof(float));
    assert_false(rnn_model_info(model)->streams);
    graph_check_bits(first, it->features);
    rnn_model_free(model);
    free(x);
    free(x_turned);
    free(y);
    free(y_turned);
    free(z);
}

const float *window_case_weight(struct model_builder *builder,
                                const char *name, size_t rank, size_t a,
                                size_t b, size_t c)
{
    size_t shape[] = {a, b, c};
    char path[64];

    snprintf(path, sizeof(path), "w/%s", name);
    return model_builder_add_tensor(builder, path, rank, shape, 1)->data;
}

void assert_close(float got, double want, double scale)
{
    if (!(fabs((double)got - want) <= 1e-6 * (1 + scale)))
        fail_msg("%.9g is not %.9g, a sum of numbers that add up to %.3g",
                 (double)got, want, scale);
}

void assert_fields_refused(const char *class_name, const char *shape,
                           const char *fields, const char *says)
{
    struct model_builder b;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", shape);
    graph_layer(&b, class_name, "w", fields, "x,0,0");
    graph_end(&b, "x,0,0", "w,0,0", NULL);
    model_assert_refused(&b, says);
}
