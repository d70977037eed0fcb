/* GroupNormalization
 *
 *     mean = sum x / n      variance = sum (x - mean)^2 / n
 *     inv  = gamma / sqrt(variance + epsilon)
 *     y    = x * inv + (beta - mean * inv)
 *
 * over all numbers of a group: C / groups channels (places of `axis`), each
 * with all other axes, time too, so that the whole sequence is needed.  groups
 * -1 means one for each channel.  Sums are float64 in the order in which the
 * numbers lie; y is rounded once.  gamma is 1 without `scale`, beta 0 without
 * `center`.
 *
 * Keras: keras/src/layers/normalization/group_normalization.py
 */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "core/layers/layer.h"
#include "core/layers/nd.h"

struct group_normalization {
    long groups, axis;
    double epsilon;
    bool center, scale;
    size_t channels; /* 0 before the first call */
    float *gamma, *beta;
};

static const char *const inert[] = {"beta_initializer",
                                    "gamma_initializer",
                                    "beta_regularizer",
                                    "gamma_regularizer",
                                    "beta_constraint",
                                    "gamma_constraint",
                                    NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct group_normalization *own = layer->own;
    enum rnn_status status =
        fields_integer(fields, "groups", 32, &own->groups, err);

    if (!status)
        status = fields_axis(fields, "axis", &own->axis, err);
    if (!status)
        status = fields_number(fields, "epsilon", 1e-3, &own->epsilon, err);
    if (!status)
        status = fields_bool(fields, "center", true, &own->center, err);
    if (!status)
        status = fields_bool(fields, "scale", true, &own->scale, err);
    if (!status && own->groups < 1 && own->groups != -1)
        status = fields_refuse(fields, RNN_BAD_MODEL, "groups",
                               "a number from 1, or -1, was expected", err);
    return status;
}

static enum rnn_status keep(struct layer *layer, struct plan_builder *builder,
                            const char *name, float **kept,
                            struct rnn_error *err)
{
    const struct group_normalization *own = layer->own;
    struct rnn_shape shape = {.rank = 1, .dim = {own->channels}};
    const float *numbers = NULL;
    enum rnn_status status =
        layer_take(layer, builder, name, &shape, &numbers, err);

    if (status)
        return status;
    *kept = arena_alloc(builder->arena, own->channels, sizeof(float),
                        alignof(float));
    if (!*kept)
        return plan_no_memory(layer, err);
    memcpy(*kept, numbers, own->channels * sizeof(float));
    return RNN_OK;
}

/* The axis without the batch, and its channels. */
static enum rnn_status find_axis(struct layer *layer, const struct value *x,
                                 size_t *axis, struct rnn_error *err)
{
    struct group_normalization *own = layer->own;
    long rank = (long)x->shape.rank;
    long at = own->axis < 0 ? own->axis + rank + 1 : own->axis;
    size_t channels = at < 1 || at > rank ? 0 : x->shape.dim[at - 1];

    if (!channels || (layer->calls && channels != own->channels))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (GroupNormalization): axis is %ld, "
                        "which has no channels, no known number of them or "
                        "another than before",
                        layer->name, own->axis);
    if (own->groups == -1)
        own->groups = (long)channels;
    if (channels % (size_t)own->groups)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (GroupNormalization): %zu channels "
                        "are not %ld equal groups",
                        layer->name, channels, own->groups);
    own->channels = channels;
    *axis = (size_t)at - 1;
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct group_normalization *own = layer->own;
    size_t *axis =
        arena_zalloc(builder->arena, 1, sizeof(*axis), alignof(size_t));
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!axis)
        return plan_no_memory(layer, err);
    if (!status)
        status = find_axis(layer, x, axis, err);
    if (!status && x->mask && builder->keras_major < 3)
        status =
            rnn_fail(err, RNN_UNSUPPORTED,
                     "layer \"%.100s\" (GroupNormalization) is given a "
                     "mask, which Keras 2 puts on the wrong axes, so that "
                     "its answer depends on the batch",
                     layer->name);
    if (!status && !layer->calls && own->scale)
        status = keep(layer, builder, "gamma", &own->gamma, err);
    if (!status && !layer->calls && own->center)
        status = keep(layer, builder, "beta", &own->beta, err);
    if (status)
        return status;
    node->own = axis;
    if (x->has_time)
        plan_need_whole(node);
    node->cost = 8 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

/* The sum over all numbers of (x - from), or of its square. */
static double sum_up(const struct nd *x, double from, bool squares)
{
    struct nd_walk walk = {.rank = x->rank};
    double sum = 0;

    memcpy(walk.dim, x->dim, sizeof(walk.dim));
    do {
        double apart = x->data[nd_offset(x, &walk)] - from;

        sum += squares ? apart * apart : apart;
    } while (nd_next(&walk));
    return sum;
}

/* Channels from `first` on. */
static void norm_group(const struct group_normalization *own,
                       const struct nd *x, const struct nd *y, size_t axis,
                       size_t first)
{
    struct nd_walk walk = {.rank = x->rank};
    double n = (double)nd_count(x), mean = sum_up(x, 0, false) / n;
    double r = 1 / sqrt(sum_up(x, mean, true) / n + own->epsilon);

    memcpy(walk.dim, x->dim, sizeof(walk.dim));
    do {
        size_t channel = first + walk.at[axis];
        double inv = own->gamma ? r * own->gamma[channel] : r;
        double shift = (own->beta ? own->beta[channel] : 0) - mean * inv;

        y->data[nd_offset(y, &walk)] =
            (float)(x->data[nd_offset(x, &walk)] * inv + shift);
    } while (nd_next(&walk));
}

static bool run(const struct node *node, struct run *run)
{
    const struct group_normalization *own = node->layer->own;
    const struct value *input = node->inputs[0];
    size_t axis = *(const size_t *)node->own;
    size_t units = nd_units(run, input, node->whole);
    size_t wide = own->channels / (size_t)own->groups;

    for (size_t i = 0; i < units; i++)
        for (size_t first = 0; first < own->channels; first += wide) {
            struct nd x = nd_unit(run, input, i, node->whole);
            struct nd y = nd_unit(run, node->outputs[0], i, node->whole);

            nd_cut(&x, axis, first, wide);
            nd_cut(&y, axis, first, wide);
            if (!run_may_go_on(run, run_work(8 * (uint64_t)nd_count(&x), 1)))
                return false;
            norm_group(own, &x, &y, axis, first);
        }
    return true;
}

const struct layer_class layer_group_normalization = {
    .name = "GroupNormalization",
    .inert = inert,
    .streaming = STREAM_WHOLE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct group_normalization),
    .read = read,
    .connect = connect,
    .run = run,
};
