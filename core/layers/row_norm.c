#include "core/layers/row_norm.h"

#include <stdalign.h>
#include <string.h>

#include "core/layers/lanes.h"

double row_sum(const float *x, size_t count)
{
    double sum[4] = {0};
    size_t k = 0;

    for (; k + 4 <= count; k += 4)
        for (size_t i = 0; i < 4; i++)
            sum[i] += x[k + i];
    for (; k < count; k++)
        sum[k % 4] += x[k];
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

double row_sum_squares(const float *x, size_t count, double from)
{
    double sum[4] = {0};
    size_t k = 0;

    for (; k + 4 <= count; k += 4)
        for (size_t i = 0; i < 4; i++) {
            double apart = x[k + i] - from;

            sum[i] += apart * apart;
        }
    for (; k < count; k++)
        sum[k % 4] += (x[k] - from) * (x[k] - from);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* The weight `name` of the sizes of the axes as they are listed, kept. */
static enum rnn_status keep(const struct row_norm *norm, const char *name,
                            struct layer *layer, const struct value *x,
                            struct plan_builder *builder, const float **kept,
                            struct rnn_error *err)
{
    struct rnn_shape shape = {.rank = norm->axis_count};
    const float *numbers = NULL;
    float *copy;
    enum rnn_status status;

    if (!name)
        return RNN_OK;
    for (size_t i = 0; i < norm->axis_count; i++) {
        long axis = norm->axes[i];

        shape.dim[i] =
            x->shape.dim[axis < 0 ? axis + (long)x->shape.rank : axis - 1];
    }
    status = layer_take(layer, builder, name, &shape, &numbers, err);
    if (status)
        return status;
    copy = arena_alloc(builder->arena, norm->width, sizeof(*copy),
                       alignof(float));
    if (!copy)
        return plan_no_memory(layer, err);
    memcpy(copy, numbers, norm->width * sizeof(*copy));
    *kept = copy;
    return RNN_OK;
}

/* Axes that are not just the last: node->own says which. */
static enum rnn_status connect_axes(struct row_norm *norm, bool has_weights,
                                    struct layer *layer, struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    struct lanes *lanes =
        arena_zalloc(builder->arena, 1, sizeof(*lanes), alignof(struct lanes));
    size_t width;
    enum rnn_status status;

    if (!lanes)
        return plan_no_memory(layer, err);
    status = lanes_init(lanes, layer, x, norm->axes, norm->axis_count, err);
    if (status)
        return status;
    width = lanes_known_width(lanes, &x->shape);
    if (!width && has_weights)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) has weights for each timestep, "
                        "the number of which is left open",
                        layer->name, layer->class->name);
    if (layer->calls && has_weights && norm->width != width)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) has weights for %zu features, "
                        "it is given %zu",
                        layer->name, layer->class->name, norm->width, width);
    norm->width = width;
    if (lanes->whole)
        plan_need_whole(node);
    if (lanes->count > 1 || lanes->whole || !lanes->along[x->shape.rank - 1])
        node->own = lanes;
    return RNN_OK;
}

enum rnn_status row_norm_connect(struct row_norm *norm, const char *gamma,
                                 const char *beta, struct layer *layer,
                                 struct node *node,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status)
        status = connect_axes(norm, gamma || beta, layer, node, builder, err);
    if (!status && !layer->calls)
        status = keep(norm, gamma, layer, x, builder, &norm->gamma, err);
    if (!status && !layer->calls)
        status = keep(norm, beta, layer, x, builder, &norm->beta, err);
    if (status)
        return status;
    node->cost = 8 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static void norm_row(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    const struct row_norm *norm = node->layer->own;
    double mean = 0, r = 0;

    (void)index;
    norm->measure(node, x, width, &mean, &r);
    for (size_t k = 0; k < width; k++) {
        double inv = norm->gamma ? r * norm->gamma[k] : r;
        double shift = (norm->beta ? norm->beta[k] : 0) - mean * inv;

        y[k] = (float)(x[k] * inv + shift);
    }
}

size_t row_norm_scratch(const struct node *node, size_t rows, size_t items)
{
    (void)rows;
    return node->own ? lanes_scratch(node->own, node->inputs[0], items) : 0;
}

bool row_norm_run(const struct node *node, struct run *run)
{
    const struct value *input = node->inputs[0];
    size_t width = input->shape.dim[input->shape.rank - 1];
    size_t items = run_items(run, input);
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);

    if (node->own)
        return lanes_run(node->own, node, run, norm_row);
    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        for (size_t at = 0; at < input->features; at += width)
            norm_row(node, x.data + i * x.stride + at,
                     y.data + i * y.stride + at, width, 0);
    return true;
}
