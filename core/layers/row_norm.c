#include "core/layers/row_norm.h"

#include <stdalign.h>
#include <string.h>

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

/* The weight `name` of [width], kept. */
static enum rnn_status keep(const char *name, size_t width,
                            struct layer *layer, struct plan_builder *builder,
                            const float **kept, struct rnn_error *err)
{
    struct rnn_shape shape = {.rank = 1, .dim = {width}};
    const float *numbers = NULL;
    float *copy;
    enum rnn_status status;

    if (!name)
        return RNN_OK;
    status = layer_take(layer, builder, name, &shape, &numbers, err);
    if (status)
        return status;
    copy = arena_alloc(builder->arena, width, sizeof(*copy), alignof(float));
    if (!copy)
        return plan_no_memory(layer, err);
    memcpy(copy, numbers, width * sizeof(*copy));
    *kept = copy;
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
        status = layer_last_axis(layer, x, norm->axis, norm->width,
                                 &norm->width, err);
    if (!status && !layer->calls)
        status = keep(gamma, norm->width, layer, builder, &norm->gamma, err);
    if (!status && !layer->calls)
        status = keep(beta, norm->width, layer, builder, &norm->beta, err);
    if (status)
        return status;
    node->cost = 8 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static void apply(const struct row_norm *norm, const float *x, double mean,
                  double r, float *y)
{
    for (size_t k = 0; k < norm->width; k++) {
        double inv = norm->gamma ? r * norm->gamma[k] : r;
        double shift = (norm->beta ? norm->beta[k] : 0) - mean * inv;

        y[k] = (float)(x[k] * inv + shift);
    }
}

bool row_norm_run(const struct row_norm *norm,
                  void (*measure)(const struct node *node, const float *x,
                                  double *mean, double *r),
                  const struct node *node, struct run *run)
{
    const struct value *input = node->inputs[0];
    size_t items = run_items(run, input);
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        for (size_t at = 0; at < input->features; at += norm->width) {
            const float *row = x.data + i * x.stride + at;
            double mean = 0, r = 0;

            measure(node, row, &mean, &r);
            apply(norm, row, mean, r, y.data + i * y.stride + at);
        }
    return true;
}
