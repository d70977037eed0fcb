/* BatchNormalization, outside training
 *
 *     inv = gamma / sqrt(moving_variance + epsilon)
 *     y   = x * inv + (beta - moving_mean * inv)
 *
 * of which there is one for each place of the last axis, or of `axis`.
 *
 * gamma is 1 without `scale`, beta 0 without `center`.  inv and the sum are
 * float64 (affine.h).
 *
 * Keras: keras/src/layers/normalization/batch_normalization.py and
 * tf.nn.batch_normalization
 */
#include <math.h>

#include "core/layers/affine.h"

struct batch_normalization {
    struct affine affine; /* first */
    long axes[RNN_MAX_RANK];
    size_t axis_count;
    double epsilon;
    bool center, scale;
};

/* renorm, virtual batches and synchronisation are of training. */
static const char *const inert[] = {"momentum",
                                    "beta_initializer",
                                    "gamma_initializer",
                                    "moving_mean_initializer",
                                    "moving_variance_initializer",
                                    "beta_regularizer",
                                    "gamma_regularizer",
                                    "beta_constraint",
                                    "gamma_constraint",
                                    "synchronized",
                                    "renorm_clipping",
                                    "renorm_momentum",
                                    "virtual_batch_size",
                                    "fused",
                                    NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct batch_normalization *own = layer->own;
    enum rnn_status status = fields_axes(fields, "axis", RNN_MAX_RANK,
                                         own->axes, &own->axis_count, err);

    if (!status)
        status = fields_number(fields, "epsilon", 1e-3, &own->epsilon, err);
    if (!status)
        status = fields_bool(fields, "center", true, &own->center, err);
    if (!status)
        status = fields_bool(fields, "scale", true, &own->scale, err);
    if (!status)
        status = fields_only_false(
            fields, "renorm",
            "which has weights that this version does not read", err);
    return status;
}

/* A moving variance below 0 is no variance. */
static enum rnn_status fill(struct layer *layer, const float *const weights[4],
                            struct rnn_error *err)
{
    struct batch_normalization *own = layer->own;
    const float *gamma = weights[0], *beta = weights[1];
    const float *mean = weights[2], *variance = weights[3];

    for (size_t k = 0; k < own->affine.width; k++) {
        double root = sqrt((double)variance[k] + own->epsilon);
        double inv = (gamma ? gamma[k] : 1) / root;

        if (!(root > 0))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (BatchNormalization): number "
                            "%zu of moving_variance is %g, with epsilon %g it "
                            "has no root",
                            layer->name, k + 1, (double)variance[k],
                            own->epsilon);
        own->affine.scale[k] = inv;
        own->affine.shift[k] = (beta ? beta[k] : 0) - mean[k] * inv;
    }
    return RNN_OK;
}

/* Several axes (Keras 2): all axes are there, of one where they have none. */
static struct rnn_shape weight_shape(const struct batch_normalization *own,
                                     const struct value *x, size_t width)
{
    struct rnn_shape shape = {.rank = 1, .dim = {width}};
    long rank = (long)x->shape.rank;

    if (own->axis_count == 1)
        return shape;
    shape.rank = x->shape.rank + 1;
    for (size_t i = 0; i < shape.rank && i < RNN_MAX_RANK; i++)
        shape.dim[i] = 1;
    for (size_t i = 0; i < own->axis_count; i++) {
        long axis = own->axes[i] < 0 ? own->axes[i] + rank + 1 : own->axes[i];

        if (axis < RNN_MAX_RANK)
            shape.dim[axis] = x->shape.dim[axis - 1];
    }
    return shape;
}

static enum rnn_status take(struct layer *layer, const struct value *x,
                            size_t width, struct plan_builder *builder,
                            struct rnn_error *err)
{
    static const char *const names[] = {"gamma", "beta", "moving_mean",
                                        "moving_variance"};
    struct batch_normalization *own = layer->own;
    const bool there[] = {own->scale, own->center, true, true};
    struct rnn_shape shape = weight_shape(own, x, width);
    const float *weights[4] = {NULL};
    enum rnn_status status =
        affine_init(&own->affine, width, layer, builder, err);

    for (size_t i = 0; i < 4 && !status; i++)
        if (there[i])
            status =
                layer_take(layer, builder, names[i], &shape, &weights[i], err);
    layer->fixed_parameters = 2 * (uint64_t)width;
    if (!status)
        status = fill(layer, weights, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct batch_normalization *own = layer->own;
    struct value *x = NULL;
    size_t width = 0;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status)
        status = affine_axes(&own->affine, node, own->axes, own->axis_count,
                             &width, builder, err);
    if (!status && x->shape.rank == RNN_MAX_RANK && own->axis_count > 1)
        status = rnn_fail(err, RNN_UNSUPPORTED,
                          "layer \"%.100s\" (BatchNormalization): its weights "
                          "have more than %d axes",
                          layer->name, RNN_MAX_RANK);
    if (!status && !layer->calls)
        status = take(layer, x, width, builder, err);
    if (!status)
        status = affine_connect(node, builder, err);
    return status;
}

const struct layer_class layer_batch_normalization = {
    .name = "BatchNormalization",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct batch_normalization),
    .read = read,
    .connect = connect,
    .run = affine_run,
};
