/* Activation, ReLU, LeakyReLU, ELU, Softmax, ThresholdedReLU
 *
 *     y = act(x)
 *
 * ReLU             x from threshold on, at most max_value;
 *                  below it -negative_slope * (threshold - x)
 * LeakyReLU        x above 0, else negative_slope * x (alpha in Keras 2)
 * ELU              x above 0, else alpha * (e^x - 1)
 * Softmax          e^x / sum e^x along one axis or several
 * ThresholdedReLU  x above theta, else 0 (Keras 2)
 *
 * A Softmax may be given a mask of the shape of x.  Where it masks,
 *
 *     x = -1e9, and y = 0                    Keras 3 (0.5 and below masks)
 *     x = x + (1 - m) * -1e9                 Keras 2
 *     x = -1e9                               Keras 2 with robust_masking
 *
 * Keras: keras/src/layers/activations/activation.py and its neighbours
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/activation_fields.h"
#include "core/layers/lanes.h"
#include "core/layers/mask.h"
#include "core/layers/operator.h"
#include "core/layers/scores.h"

#define LARGE_NEGATIVE                                                        \
    (-1e9F) /* Keras': so much it takes from what it masks */

struct activation {
    long axes[RNN_MAX_RANK]; /* that a softmax works along */
    size_t axis_count;
    enum { MASK_ADDS, MASK_REPLACES, MASK_REPLACES_BOTH } mask;
    struct rnn_activation activation;
    const struct rnn_ukernels *ukernels;
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct activation *own = layer->own;

    own->axes[0] = -1;
    own->axis_count = 1;
    return fields_activation(fields, "activation", NULL, &own->activation,
                             err);
}

static enum rnn_status read_class(struct layer *layer, struct fields *fields,
                                  struct rnn_error *err)
{
    struct activation *own = layer->own;
    bool robust = false;
    enum rnn_status status =
        fields_bool(fields, "robust_masking", false, &robust, err);

    own->axes[0] = -1;
    own->axis_count = 1;

    own->mask = fields->keras_major >= 3 ? MASK_REPLACES_BOTH
                : robust                 ? MASK_REPLACES
                                         : MASK_ADDS;
    if (status)
        return status;
    if (layer->class != &layer_softmax)
        return fields_activation_class(fields, &own->activation, own->axes,
                                       err);
    own->activation.kind = RNN_ACT_SOFTMAX;
    return fields_axes(fields, "axis", RNN_MAX_RANK, own->axes,
                       &own->axis_count, err);
}

/* Axes that are not just the last: node->own says which. */
static enum rnn_status connect_axes(struct layer *layer, struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    const struct activation *own = layer->own;
    const struct value *x = node->inputs[0];
    struct lanes *lanes =
        arena_zalloc(builder->arena, 1, sizeof(*lanes), alignof(struct lanes));
    enum rnn_status status;

    if (!lanes)
        return plan_no_memory(layer, err);
    status = lanes_init(lanes, layer, x, own->axes, own->axis_count, err);
    if (status)
        return status;
    if (lanes->count == 1 && lanes->along[x->shape.rank - 1] && !lanes->whole)
        return RNN_OK;
    if (x->mask && layer->class == &layer_softmax)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Softmax) is given a mask, which is "
                        "supported along the last axis only",
                        layer->name);
    if (lanes->whole)
        plan_need_whole(node);
    node->own = lanes;
    return RNN_OK;
}

/* Keras 3 and 2 raise for any other, also for one of timesteps. */
static enum rnn_status check_mask(const struct layer *layer,
                                  const struct value *x, struct rnn_error *err)
{
    const struct value *mask = x->mask;
    char text[RNN_SHAPE_TEXT], other[RNN_SHAPE_TEXT];

    if (layer->class != &layer_softmax || !mask ||
        (mask->shape.rank == x->shape.rank && mask->features == x->features &&
         mask->has_time == x->has_time &&
         (!x->has_time || plan_same_time(mask, x))))
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (Softmax) is given %s with a mask of "
                    "%s; it takes one of the same shape, as Keras does",
                    layer->name, rnn_shape_print(&x->shape, text),
                    rnn_shape_print(&mask->shape, other));
}

/* Of what is as wide as there are timesteps. */
static enum rnn_status connect_scores(const struct activation *own,
                                      struct node *node,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    if (own->activation.kind != RNN_ACT_SOFTMAX || own->axis_count != 1 ||
        (own->axes[0] != -1 && own->axes[0] != 2))
        return operator_refuse(node,
                               "of what is as wide as there are timesteps, "
                               "the number of which is left open, only a "
                               "softmax along the last axis is supported",
                               err);
    return scores_go_on(builder, node,
                        (struct scores_step){.kind = SCORES_SOFTMAX}, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct activation *own = layer->own;
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status && x->scores)
        return connect_scores(own, node, builder, err);
    if (!status && layer->class == &layer_softmax)
        status = connect_axes(layer, node, builder, err);
    if (!status)
        status = check_mask(layer, x, err);
    if (status)
        return status;
    own->ukernels = rnn_ukernels_find(builder->isa, x->features);
    node->cost = 16 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static void mask_before(const struct activation *own, size_t count,
                        const float *mask, float *x)
{
    for (size_t i = 0; i < count; i++)
        if (own->mask == MASK_ADDS)
            x[i] += (1 - mask[i]) * LARGE_NEGATIVE;
        else if (!(mask[i] > 0.5F))
            x[i] = LARGE_NEGATIVE;
}

static void mask_behind(const struct activation *own, size_t count,
                        const float *mask, float *y)
{
    for (size_t i = 0; i < count && own->mask == MASK_REPLACES_BOTH; i++)
        if (!(mask[i] > 0.5F))
            y[i] = 0;
}

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    (void)rows;
    return node->own ? lanes_scratch(node->own, node->inputs[0], items) : 0;
}

static void run_lane(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    const struct activation *own = node->layer->own;

    (void)index;
    memcpy(y, x, width * sizeof(float));
    own->ukernels->activate_rows(&own->activation, 1, width, y, width);
}

static bool run(const struct node *node, struct run *run)
{
    const struct activation *own = node->layer->own;
    const struct value *input = node->inputs[0];
    size_t items = run_items(run, input);
    size_t units = input->shape.dim[input->shape.rank - 1];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    struct view mask = node->layer->class == &layer_softmax
                           ? mask_view(run, input)
                           : (struct view){0};

    if (node->outputs[0]->scores)
        return true;
    if (node->own)
        return lanes_run(node->own, node, run, run_lane);
    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++) {
        struct view item = {y.data + i * y.stride, units};
        const float *m = mask.data ? mask.data + i * mask.stride : NULL;

        memcpy(item.data, x.data + i * x.stride,
               input->features * sizeof(float));
        if (m)
            mask_before(own, input->features, m, item.data);
        run_activate(own->ukernels, &own->activation, input->features / units,
                     units, item);
        if (m)
            mask_behind(own, input->features, m, item.data);
    }
    return true;
}

#define ACTIVATION(label, keras, reader)                                      \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_ALONE,                                            \
        .masking = MASK_PASSED,                                               \
        .own_bytes = sizeof(struct activation),                               \
        .read = (reader),                                                     \
        .connect = connect,                                                   \
        .scratch = scratch,                                                   \
        .run = run,                                                           \
    }

ACTIVATION(activation, "Activation", read);
ACTIVATION(elu, "ELU", read_class);
ACTIVATION(leaky_relu, "LeakyReLU", read_class);
ACTIVATION(relu, "ReLU", read_class);
ACTIVATION(softmax, "Softmax", read_class);
ACTIVATION(thresholded_relu, "ThresholdedReLU", read_class);
