#include "tests/support/window_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/model.h"
#include "tests/support/graph_builder.h"

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
    static char text[200];
    char dilation[60] = "";

    if (!strcmp(size_key, "kernel_size"))
        snprintf(dilation, sizeof(dilation), ", \"dilation_rate\": [%zu]",
                 it->dilation);
    snprintf(text, sizeof(text),
             "\"%s\": [%zu], \"strides\": [%zu], \"padding\": \"%s\"%s",
             size_key, it->size, it->stride, it->padding, dilation);
    return text;
}

void window_case_begin(struct model_builder *builder,
                       const struct window_case *it, size_t steps,
                       const char *class_name, const char *fields)
{
    char shape[60];

    if (steps)
        snprintf(shape, sizeof(shape), "%zu, %zu", steps, it->features);
    else
        snprintf(shape, sizeof(shape), "null, %zu", it->features);
    graph_begin(builder, "3.15.1");
    graph_input(builder, "x", shape);
    graph_layer(builder, class_name, "w", fields, "x,0,0");
    graph_end(builder, "x,0,0", "w,0,0", NULL);
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

void assert_load_refused(struct model_builder *builder, const char *says)
{
    struct rnn_model *model = NULL;
    struct rnn_error err = {.message = ""};

    model_builder_finish(builder);
    assert_int_not_equal(
        rnn_model_load(builder->bytes, builder->size, NULL, &model, &err),
        RNN_OK);
    if (!strstr(err.message, says))
        fail_msg("\"%s\" does not say \"%s\"", err.message, says);
}

void assert_fields_refused(const char *class_name, const char *shape,
                           const char *fields, const char *says)
{
    struct model_builder b;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", shape);
    graph_layer(&b, class_name, "w", fields, "x,0,0");
    graph_end(&b, "x,0,0", "w,0,0", NULL);
    assert_load_refused(&b, says);
    model_builder_release(&b);
}
