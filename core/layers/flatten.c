/* Flatten
 *
 *     y = x as one row        all axes but the batch, time too
 *
 * With data_format channels_first the first of them (time) is taken to be the
 * channels and goes behind the others before.
 *
 * Keras: keras/src/layers/reshaping/flatten.py
 */
#include <string.h>

#include "core/layers/layer.h"
#include "core/layers/nd.h"

struct flatten {
    bool channels_first;
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct flatten *own = layer->own;

    return fields_channels(fields, &own->channels_first, err);
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

/* Time behind the other axes. */
static void run_channels_first(const struct node *node, struct run *run)
{
    size_t order[ND_AXES];

    for (size_t i = 0; i < ND_AXES; i++)
        order[i] = i + 1;
    order[node->inputs[0]->shape.rank - 1] = 0;
    for (size_t r = 0; r < run->rows; r++) {
        struct nd from = nd_sequence(run, node->inputs[0], r);
        struct nd to = nd_item(run, node->outputs[0], r);

        nd_permute(&from, order);
        nd_copy(&from, &to);
    }
}

static bool run(const struct node *node, struct run *run)
{
    const struct flatten *own = node->layer->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t steps;

    if (!input->has_time)
        return true;
    steps = run_steps(run, input);
    if (!run_may_go_on(run, run_work(node->cost, run->rows * steps)))
        return false;
    if (own->channels_first) {
        run_channels_first(node, run);
        return true;
    }
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
    .takes_bare = true,
    .inert = inert,
    .streaming = STREAM_WHOLE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct flatten),
    .read = read,
    .connect = connect,
    .run = run,
};
