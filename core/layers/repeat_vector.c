/* RepeatVector
 *
 *     y_t = x        for t = 0 .. n-1
 *
 * Keras: keras/src/layers/reshaping/repeat_vector.py
 */
#include <string.h>

#include "core/layers/layer.h"

struct repeat_vector {
    size_t n;
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct repeat_vector *own = layer->own;

    return fields_count(fields, "n", &own->n, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct repeat_vector *own = layer->own;
    struct value *x = NULL;
    struct rnn_shape shape = {.rank = 2};
    enum rnn_status status = layer_only_input(layer, node, &x, err);
    char text[RNN_SHAPE_TEXT];

    if (status)
        return status;
    if (x->has_time || x->shape.rank != 1)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (RepeatVector) takes [features], it "
                        "is given %s%s",
                        layer->name, rnn_shape_print(&x->shape, text),
                        x->has_time ? " with time" : "");
    if (own->n > UINT32_MAX)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (RepeatVector): n is %zu, too many",
                        layer->name, own->n);
    shape.dim[0] = own->n;
    shape.dim[1] = x->features;
    plan_need_whole(node);
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (status)
        return status;
    plan_fix_steps(builder, node, 0, own->n);
    node->cost = own->n * x->features;
    return RNN_OK;
}

static bool run(const struct node *node, struct run *run)
{
    const struct repeat_vector *own = node->layer->own;
    struct view x = run_view(run, node->inputs[0]);
    struct view y = run_view(run, node->outputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, run->rows)))
        return false;
    for (size_t r = 0; r < run->rows; r++)
        for (size_t t = 0; t < own->n; t++)
            memcpy(y.data + (r * own->n + t) * y.stride, x.data + r * x.stride,
                   node->inputs[0]->features * sizeof(float));
    return true;
}

const struct layer_class layer_repeat_vector = {
    .name = "RepeatVector",
    .inert = inert,
    .streaming = STREAM_WHOLE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct repeat_vector),
    .read = read,
    .connect = connect,
    .run = run,
};
