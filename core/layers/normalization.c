/* Normalization
 *
 *     s = max(sqrt(variance), 1e-7)
 *     y = (x - mean) / s
 *     y = mean + x * s                with `invert`
 *
 * mean and variance are weights, which adapt() has found, or stand in the
 * config: one number, or one for each place of the last axis or of `axis`, of
 * which there may be several.  With an empty `axis` there is one for all.
 * Computed as x * scale + shift in float64 (affine.h): scale = 1 / s, shift =
 * -mean / s.
 *
 * Keras: keras/src/layers/preprocessing/normalization.py
 */
#include <math.h>

#include "core/format/json.h"
#include "core/format/numbers.h"
#include "core/layers/affine.h"

struct normalization {
    struct affine affine; /* first */
    bool invert, one_for_all;
    long axes[RNN_MAX_RANK];
    size_t axis_count;
    /* in the config, which is there until the first call; or NULL */
    const struct rnn_json *mean, *variance;
    size_t numbers; /* in each of them */
};

static const char *const inert[] = {NULL};

static enum rnn_status read_numbers(struct fields *fields,
                                    struct normalization *own,
                                    struct rnn_error *err)
{
    size_t variances = 0;

    own->mean = fields_get(fields, "mean");
    own->variance = fields_get(fields, "variance");
    if (!own->mean && !own->variance)
        return RNN_OK;
    if (!rnn_numbers_count(own->mean, &own->numbers))
        return fields_refuse(fields, RNN_BAD_MODEL, "mean",
                             "a number or a list of them was expected", err);
    if (!rnn_numbers_count(own->variance, &variances) ||
        variances != own->numbers)
        return fields_refuse(fields, RNN_BAD_MODEL, "variance",
                             "as many numbers as in mean were expected", err);
    return RNN_OK;
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct normalization *own = layer->own;
    const struct rnn_json *axis = rnn_json_member(fields->object, "axis");
    enum rnn_status status = RNN_OK;

    own->axes[0] = -1;
    own->axis_count = 1;
    own->one_for_all =
        axis && (rnn_json_is_null(axis) ||
                 (rnn_json_is_array(axis) && !rnn_json_count(axis)));
    if (own->one_for_all)
        fields_get(fields, "axis");
    else
        status = fields_axes(fields, "axis", RNN_MAX_RANK, own->axes,
                             &own->axis_count, err);
    if (!status)
        status = fields_bool(fields, "invert", false, &own->invert, err);
    if (!status)
        status = read_numbers(fields, own, err);
    return status;
}

/* The mean is in scale, the variance in shift: make them what they are
 * called. */
static enum rnn_status settle(struct layer *layer, size_t count,
                              struct rnn_error *err)
{
    struct normalization *own = layer->own;
    double *scale = own->affine.scale, *shift = own->affine.shift;

    for (size_t k = own->affine.width; k-- > 0;) {
        double mean = (float)scale[count > 1 ? k : 0];
        double variance = (float)shift[count > 1 ? k : 0];
        double s = fmax(sqrt(variance), (double)1e-7f);

        if (!(variance >= 0))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (Normalization): number %zu of "
                            "variance is %g",
                            layer->name, count > 1 ? k + 1 : 1, variance);
        scale[k] = own->invert ? s : 1 / s;
        shift[k] = own->invert ? mean : -mean / s;
    }
    return RNN_OK;
}

/* The sizes of the axes, in their order: not as they are listed. */
static struct rnn_shape weight_shape(const struct normalization *own,
                                     const struct value *x)
{
    struct rnn_shape shape = {0};
    bool along[RNN_MAX_RANK] = {false};

    for (size_t i = 0; i < own->axis_count && !own->one_for_all; i++)
        along[own->axes[i] < 0 ? own->axes[i] + (long)x->shape.rank
                               : own->axes[i] - 1] = true;
    for (size_t i = 0; i < x->shape.rank; i++)
        if (along[i])
            shape.dim[shape.rank++] = x->shape.dim[i];
    return shape;
}

static enum rnn_status take(struct layer *layer, const struct value *x,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct normalization *own = layer->own;
    struct rnn_shape shape = weight_shape(own, x);
    size_t count = own->one_for_all ? 1 : own->affine.width;
    const float *mean = NULL, *variance = NULL;
    enum rnn_status status =
        layer_take(layer, builder, "mean", &shape, &mean, err);

    if (!status)
        status =
            layer_take(layer, builder, "variance", &shape, &variance, err);
    if (status)
        return status;
    layer->parameters++; /* Keras' own `count`, which nobody reads */
    layer->fixed_parameters = layer->parameters;
    for (size_t k = 0; k < count; k++) {
        own->affine.scale[k] = mean[k];
        own->affine.shift[k] = variance[k];
    }
    return settle(layer, count, err);
}

static enum rnn_status fill(struct layer *layer, const struct value *x,
                            size_t width, struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct normalization *own = layer->own;
    enum rnn_status status =
        affine_init(&own->affine, width, layer, builder, err);

    if (status)
        return status;
    if (!own->mean)
        return take(layer, x, builder, err);
    if (own->numbers > 1 && (own->numbers != width || own->one_for_all))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Normalization) has %zu numbers in "
                        "mean, its axis takes %zu",
                        layer->name, own->numbers,
                        own->one_for_all ? 1 : width);
    rnn_numbers_read(own->mean, own->affine.scale);
    rnn_numbers_read(own->variance, own->affine.shift);
    own->mean = own->variance = NULL;
    return settle(layer, own->numbers, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct normalization *own = layer->own;
    struct value *x = NULL;
    size_t width = 0;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status)
        status = affine_axes(&own->affine, node, own->axes, own->axis_count,
                             &width, builder, err);
    if (!status && !layer->calls)
        status = fill(layer, x, width, builder, err);
    if (!status)
        status = affine_connect(node, builder, err);
    return status;
}

const struct layer_class layer_normalization = {
    .name = "Normalization",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED_KERAS_3,
    .own_bytes = sizeof(struct normalization),
    .read = read,
    .connect = connect,
    .run = affine_run,
};
