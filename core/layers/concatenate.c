/* Concatenate
 *
 *     y = [x_0, x_1, ...]        along one axis, the last unless said
 *
 * Keras: keras/src/layers/merging/concatenate.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/mask.h"

struct concatenate {
    long axis; /* as Keras counts: 0 is the batch, -1 the last */
};

struct concatenate_call {
    size_t outer;    /* pieces of each input in an item */
    size_t pieces[]; /* [node->input_count] floats of one */
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct concatenate *own = layer->own;

    return fields_integer(fields, "axis", -1, &own->axis, err);
}

/* The axis in a shape without batch. */
static enum rnn_status find_axis(const struct layer *layer,
                                 const struct value *x, size_t *axis,
                                 struct rnn_error *err)
{
    const struct concatenate *own = layer->own;
    long rank = (long)x->shape.rank, at = own->axis;

    if (at < 0)
        at += rank + 1;
    if (at < 1 || at > rank)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Concatenate): axis is %ld, of "
                        "inputs with %ld axes behind the batch",
                        layer->name, own->axis, rank);
    if (at == 1 && x->has_time)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Concatenate): axis is %ld, which "
                        "is time; this version cannot join sequences one "
                        "after the other",
                        layer->name, own->axis);
    *axis = (size_t)at - 1;
    return RNN_OK;
}

static bool fit(const struct value *a, const struct value *b, size_t axis)
{
    if (a->has_time != b->has_time || a->shape.rank != b->shape.rank ||
        (a->has_time && !plan_same_time(a, b)))
        return false;
    for (size_t i = a->has_time; i < a->shape.rank; i++)
        if (i != axis && a->shape.dim[i] != b->shape.dim[i])
            return false;
    return true;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct concatenate_call *call = arena_zalloc(
        builder->arena, 1,
        sizeof(*call) + node->input_count * sizeof(call->pieces[0]),
        alignof(max_align_t));
    const struct value *first = node->inputs[0];
    struct rnn_shape shape = first->shape;
    char text[RNN_SHAPE_TEXT], other[RNN_SHAPE_TEXT];
    size_t axis = 0;
    enum rnn_status status = find_axis(layer, first, &axis, err);

    if (!call)
        return plan_no_memory(layer, err);
    if (status)
        return status;
    node->own = call;
    call->outer = 1;
    for (size_t i = first->has_time; i < axis; i++)
        call->outer *= shape.dim[i];
    shape.dim[axis] = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];

        if (!fit(first, x, axis))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (Concatenate): %s and %s do not "
                            "fit together",
                            layer->name, rnn_shape_print(&first->shape, text),
                            rnn_shape_print(&x->shape, other));
        shape.dim[axis] += x->shape.dim[axis];
        call->pieces[i] = x->features / call->outer;
    }
    status = plan_make_output(builder, node, 0, &shape, first->has_time, err);
    if (!status)
        node->cost = node->outputs[0]->features;
    return status;
}

static bool run(const struct node *node, struct run *run)
{
    const struct concatenate_call *call = node->own;
    size_t items = run_items(run, node->outputs[0]);
    struct view y = run_view(run, node->outputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++) {
        float *to = y.data + i * y.stride;

        for (size_t o = 0; o < call->outer; o++)
            for (size_t k = 0; k < node->input_count; k++) {
                struct view x = run_view(run, node->inputs[k]);

                memcpy(to, x.data + i * x.stride + o * call->pieces[k],
                       call->pieces[k] * sizeof(float));
                to += call->pieces[k];
            }
    }
    mask_join(node, run);
    return true;
}

const struct layer_class layer_concatenate = {
    .name = "Concatenate",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_JOINED,
    .own_bytes = sizeof(struct concatenate),
    .read = read,
    .connect = connect,
    .run = run,
};
