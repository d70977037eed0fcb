/* Flatten
 *
 *     y = x as one row        all axes but the batch, time too
 *
 * Keras: keras/src/layers/reshaping/flatten.py
 */
#include <string.h>

#include "core/layers/layer.h"

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    (void)layer;
    return fields_channels_last(fields, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct value *x = NULL;
    struct rnn_shape shape = {.rank = 1};
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (status)
        return status;
    if (!x->has_time) {
        status = plan_pass_input(builder, node, err);
        if (!status)
            node->outputs[0]->shape =
                (struct rnn_shape){.rank = 1, .dim = {x->features}};
        return status;
    }
    if (x->shape.dim[0] == RNN_FREE)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Flatten): the number of timesteps "
                        "is left open, so the size of its output is too",
                        layer->name);
    if (!rnn_product(x->shape.dim[0], x->features, &shape.dim[0]))
        shape.dim[0] = SIZE_MAX;
    plan_need_whole(node);
    status = plan_make_output(builder, node, 0, &shape, false, err);
    if (!status)
        node->cost = x->features;
    return status;
}

static bool run(const struct node *node, struct run *run)
{
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t steps;

    if (!input->has_time)
        return true;
    steps = run_steps(run, input);
    if (!run_may_go_on(run, run_work(node->cost, run->rows * steps)))
        return false;
    for (size_t r = 0; r < run->rows; r++)
        for (size_t t = 0; t < steps; t++)
            memcpy(y.data + r * y.stride + t * input->features,
                   x.data + (r * steps + t) * x.stride,
                   input->features * sizeof(float));
    return true;
}

const struct layer_class layer_flatten = {
    .name = "Flatten",
    .takes_plain = true,
    .inert = inert,
    .streaming = STREAM_WHOLE,
    .masking = MASK_DROPPED,
    .read = read,
    .connect = connect,
    .run = run,
};
