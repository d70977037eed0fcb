/* GlobalMaxPooling1D, GlobalAveragePooling1D
 *
 *     y = max over t of x_t
 *     y = (sum over t of x_t) / T
 *
 * Both go on from what has come so far: the maximum, or the sum in float64,
 * and how many timesteps there were.
 *
 * Keras: keras/src/layers/pooling/global_max_pooling1d.py,
 *        global_average_pooling1d.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/layer.h"

/* Where a call keeps its fold at work, in bytes. */
struct fold {
    size_t result, count;
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    enum rnn_status status = fields_channels_last(fields, err);

    (void)layer;
    if (!status)
        status = fields_only_false(fields, "keepdims",
                                   "which this version does not support", err);
    return status;
}

static enum rnn_status keep(struct layer *layer, struct node *node,
                            struct plan_builder *builder, struct fold *fold,
                            struct rnn_error *err)
{
    bool max = layer->class == &layer_global_max_pooling1d;
    struct rnn_state_entry result = {.dtype = max ? RNN_F32 : RNN_F64,
                                     .rank = 1,
                                     .shape = {node->inputs[0]->features}};
    struct rnn_state_entry count = {.dtype = RNN_I64, .rank = 1, .shape = {1}};
    enum rnn_status status = plan_keep(builder, node, max ? "max" : "sum",
                                       &result, &fold->result, err);

    if (!status)
        status = plan_keep(builder, node, "count", &count, &fold->count, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct fold *fold =
        arena_zalloc(builder->arena, 1, sizeof(*fold), alignof(struct fold));
    struct value *x = NULL;
    struct rnn_shape shape;
    enum rnn_status status = layer_only_input(layer, node, &x, err);
    char text[RNN_SHAPE_TEXT];

    if (!fold)
        return plan_no_memory(layer, err);
    if (status)
        return status;
    if (!x->has_time || x->shape.rank != 2)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) takes [timesteps, features], "
                        "it is given %s%s",
                        layer->name, layer->class->name,
                        rnn_shape_print(&x->shape, text),
                        x->has_time ? "" : " without time");
    node->own = fold;
    node->cost = x->features;
    shape = (struct rnn_shape){.rank = 1, .dim = {x->features}};
    status = keep(layer, node, builder, fold, err);
    if (!status)
        status = plan_make_output(builder, node, 0, &shape, false, err);
    return status;
}

static void fold_step(bool max, size_t features, const float *x, void *result,
                      int64_t *count)
{
    float *most = result;
    double *sum = result;

    if (max)
        for (size_t i = 0; i < features; i++)
            most[i] = !*count || most[i] < x[i] ? x[i] : most[i];
    else
        for (size_t i = 0; i < features; i++)
            sum[i] += (double)x[i];
    ++*count;
}

static void write_result(bool max, size_t features, const void *result,
                         int64_t count, float *y)
{
    const double *sum = result;

    if (max)
        memcpy(y, result, features * sizeof(float));
    else
        for (size_t i = 0; i < features; i++)
            y[i] = (float)(sum[i] / (double)count);
}

static bool run(const struct node *node, struct run *run)
{
    const struct fold *fold = node->own;
    const struct value *input = node->inputs[0];
    bool max = node->layer->class == &layer_global_max_pooling1d;
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t steps = run_steps(run, input), features = input->features;

    if (!run_may_go_on(run, run_work(node->cost, run->rows * steps)))
        return false;
    for (size_t r = 0; r < run->rows; r++) {
        void *result = run->state[r] + fold->result;
        int64_t *count = (int64_t *)(void *)(run->state[r] + fold->count);

        for (size_t t = 0; t < steps; t++) {
            fold_step(max, features, x.data + (r * steps + t) * x.stride,
                      result, count);
            if (run->every_step)
                write_result(max, features, result, *count,
                             y.data + (r * steps + t) * y.stride);
        }
    }
    for (size_t i = 0; !run->every_step && i < run->ending_count; i++) {
        unsigned char *state = run->state[run->ending[i]];

        write_result(max, features, state + fold->result,
                     *(int64_t *)(void *)(state + fold->count),
                     y.data + i * y.stride);
    }
    return true;
}

#define POOLING(label, keras)                                                 \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_FOLDS,                                            \
        .read = read,                                                         \
        .connect = connect,                                                   \
        .run = run,                                                           \
    }

POOLING(global_max_pooling1d, "GlobalMaxPooling1D");
POOLING(global_average_pooling1d, "GlobalAveragePooling1D");
