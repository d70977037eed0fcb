/* Softmax
 *
 *     y = e^x / sum e^x        along one axis or several
 *
 * It may be given a mask, whose axes of one are repeated.  Then
 *
 *     x = x where m > 0.5, else -1e9    before, and
 *     y = y where m > 0.5, else 0       behind          Keras 3, since 3.13
 *     x = x + (1 - m) * -1e9, y = y * m                 3.10 to 3.12
 *     x = x + (1 - m) * -1e9                            before that, Keras 2
 *     x = x where m > 0.5, else -1e9    Keras 2 with robust_masking
 *
 * What is before is a node of its own.
 *
 * Keras: keras/src/layers/activations/softmax.py, and that of tf_keras
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/activation_fields.h"
#include "core/layers/lanes.h"
#include "core/layers/mask.h"
#include "core/layers/scores.h"

#define LARGE_NEGATIVE                                                        \
    (-1e9F) /* Keras': so much it takes from what it masks */

struct softmax {
    long axes[RNN_MAX_RANK];
    size_t axis_count;
    bool robust; /* of Keras 2 */
    const struct rnn_ukernels *ukernels;
};

/* One call. */
struct softmax_call {
    struct lanes lanes;
    bool along; /* other axes than the last: by lanes */
    /* How it takes a mask, which is the last input; NULL: none. */
    const struct value *mask;
    bool whole; /* the mask is repeated over time */
    enum { MASK_ADDS, MASK_REPLACES } before;
    enum { MASK_STAYS, MASK_TIMES, MASK_ZEROES } behind;
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct softmax *own = layer->own;
    enum rnn_status status =
        fields_bool(fields, "robust_masking", false, &own->robust, err);

    own->axes[0] = -1;
    own->axis_count = 1;
    if (!status)
        status = fields_axes(fields, "axis", RNN_MAX_RANK, own->axes,
                             &own->axis_count, err);
    return status;
}

/* ---- masks ---------------------------------------------------------------*/

static void find_way(const struct softmax *own,
                     const struct plan_builder *builder,
                     struct softmax_call *call)
{
    bool is_3 = builder->keras_major >= 3;
    bool is_new =
        is_3 && (builder->keras_major > 3 || builder->keras_minor >= 13);

    call->before = is_new || own->robust ? MASK_REPLACES : MASK_ADDS;
    call->behind = is_new                               ? MASK_ZEROES
                   : is_3 && builder->keras_minor >= 10 ? MASK_TIMES
                                                        : MASK_STAYS;
}

/* Keras puts the last axes of both beside each other: with fewer of them, the
 * batch of the mask would meet another axis. */
static enum rnn_status check_mask(const struct layer *layer,
                                  const struct value *x,
                                  const struct value *mask, bool *whole,
                                  struct rnn_error *err)
{
    char text[RNN_SHAPE_TEXT], other[RNN_SHAPE_TEXT];
    bool fits = mask->shape.rank == x->shape.rank;

    *whole = false;
    for (size_t i = 0; i < x->shape.rank && fits; i++) {
        bool is_time = !i && x->has_time;

        if (is_time && mask->has_time && plan_same_time(mask, x))
            continue;
        fits = mask->shape.dim[i] == 1 ||
               (!is_time && mask->shape.dim[i] == x->shape.dim[i]);
        *whole = *whole || is_time;
    }
    if (fits && (x->has_time || !mask->has_time))
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (Softmax) is given %s with a mask of "
                    "%s%s; as in Keras it has as many axes, of one or of the "
                    "same size, or its answer would depend on the batch",
                    layer->name, rnn_shape_print(&x->shape, text),
                    rnn_shape_print(&mask->shape, other),
                    mask->has_time == x->has_time ? ""
                    : mask->has_time              ? " with time"
                                                  : " without time");
}

/* x, or y, of the masked node's unit, where the mask is read as one of its
 * shape. */
static void apply_unit(const struct softmax_call *call, const struct nd *from,
                       struct nd mask, const struct nd *to, bool before)
{
    struct nd_walk walk = {.rank = to->rank};

    memcpy(walk.dim, to->dim, to->rank * sizeof(walk.dim[0]));
    for (size_t i = 0; i < mask.rank; i++)
        if (mask.dim[i] == 1)
            mask.stride[i] = 0;
    do {
        float x = from->data[nd_offset(from, &walk)];
        float m = mask.data[nd_offset(&mask, &walk)];
        float *y = to->data + nd_offset(to, &walk);

        if (before && call->before == MASK_ADDS)
            *y = x + (1 - m) * LARGE_NEGATIVE;
        else if (before)
            *y = m > 0.5F ? x : LARGE_NEGATIVE;
        else if (call->behind == MASK_TIMES)
            *y = x * m;
        else
            *y = m > 0.5F ? x : 0;
    } while (nd_next(&walk));
}

static bool apply(const struct softmax_call *call, struct run *run,
                  const struct value *x, const struct value *y, bool before)
{
    size_t units = nd_units(run, y, call->whole);

    for (size_t i = 0; i < units; i++) {
        struct nd from = nd_unit(run, x, i, call->whole);
        struct nd to = nd_unit(run, y, i, call->whole);

        if (!run_may_go_on(run, run_work(nd_count(&to), 1)))
            return false;
        apply_unit(call, &from, nd_unit(run, call->mask, i, call->whole), &to,
                   before);
    }
    return true;
}

static enum rnn_status connect_before(struct layer *layer, struct node *node,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    struct softmax_call *call = layer->own;

    call->mask = node->inputs[1];
    node->own = call;
    node->cost = x->features;
    if (call->whole)
        plan_need_whole(node);
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static bool run_before(const struct node *node, struct run *run)
{
    return apply(node->own, run, node->inputs[0], node->outputs[0], true);
}

static const struct layer_class class_before = {
    .name = "Softmax",
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .connect = connect_before,
    .run = run_before,
};

/* What is before becomes input 0, the mask input 1. */
static enum rnn_status call_before(struct layer *layer, struct node *node,
                                   struct plan_builder *builder,
                                   struct softmax_call *call,
                                   struct rnn_error *err)
{
    struct layer *inner =
        arena_zalloc(builder->arena, 1, sizeof(*inner), alignof(struct layer));
    struct value **inputs = arena_zalloc(builder->arena, 2, sizeof(inputs[0]),
                                         alignof(struct value *));
    struct node *before = NULL;
    enum rnn_status status;

    if (!inner || !inputs)
        return plan_no_memory(layer, err);
    *inner = (struct layer){.class = &class_before,
                            .name = layer->name,
                            .path = layer->path,
                            .wrapper = layer,
                            .own = call};
    inputs[0] = node->inputs[0];
    inputs[1] = node->inputs[0]->mask;
    status = plan_call(builder, inner, inputs, 2, &before, err);
    if (status)
        return status;
    inputs[0] = before->outputs[0];
    node->inputs = inputs;
    node->input_count = 2;
    return RNN_OK;
}

/* ---- one call ------------------------------------------------------------*/

static const struct rnn_activation softmax = {.kind = RNN_ACT_SOFTMAX};

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct softmax *own = layer->own;
    struct softmax_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                             alignof(struct softmax_call));
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!call)
        return plan_no_memory(layer, err);
    if (!status)
        status = lanes_init(&call->lanes, layer, x, own->axes, own->axis_count,
                            err);
    if (!status && x->mask) {
        find_way(own, builder, call);
        status = check_mask(layer, x, x->mask, &call->whole, err);
        if (!status)
            status = call_before(layer, node, builder, call, err);
    }
    if (status)
        return status;
    call->along = call->lanes.count != 1 || call->lanes.whole ||
                  !call->lanes.along[x->shape.rank - 1];
    node->own = call;
    if (x->scores)
        return scores_activate(builder, node, &softmax,
                               !call->along && !x->mask, err);
    if (call->lanes.whole || call->whole)
        plan_need_whole(node);
    node->cost = 16 * (uint64_t)x->features;
    own->ukernels = rnn_ukernels_find(builder->isa, x->features);
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

/* ---- when it runs --------------------------------------------------------*/

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct softmax_call *call = node->own;

    (void)rows;
    return call->along ? lanes_scratch(&call->lanes, node->inputs[0], items)
                       : 0;
}

static void run_lane(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    const struct softmax *own = node->layer->own;

    (void)index;
    memcpy(y, x, width * sizeof(float));
    own->ukernels->activate_rows(&softmax, 1, width, y, width);
}

static bool run_rows(const struct node *node, struct run *run)
{
    const struct softmax *own = node->layer->own;
    const struct value *input = node->inputs[0];

    return run_activate_input(run, own->ukernels, &softmax,
                              input->shape.dim[input->shape.rank - 1], node);
}

static bool run(const struct node *node, struct run *run)
{
    const struct softmax_call *call = node->own;
    const struct value *y = node->outputs[0];

    if (y->scores)
        return true;
    if (!(call->along ? lanes_run(&call->lanes, node, run, run_lane)
                      : run_rows(node, run)))
        return false;
    return call->behind == MASK_STAYS || apply(call, run, y, y, false);
}

const struct layer_class layer_softmax = {
    .name = "Softmax",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .takes_scores = true,
    .own_bytes = sizeof(struct softmax),
    .read = read,
    .connect = connect,
    .scratch = scratch,
    .run = run,
};
