/* BatchNormalization, outside training
 *
 *     inv = gamma / sqrt(moving_variance + epsilon)
 *     y   = x * inv + (beta - moving_mean * inv)      over the last axis of x
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
    long axis;
    double epsilon;
    bool center, scale;
    struct affine affine;
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
    enum rnn_status status = fields_axis(fields, "axis", &own->axis, err);

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

static enum rnn_status take(struct layer *layer, size_t width,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    static const char *const names[] = {"gamma", "beta", "moving_mean",
                                        "moving_variance"};
    struct batch_normalization *own = layer->own;
    const bool there[] = {own->scale, own->center, true, true};
    struct rnn_shape shape = {.rank = 1, .dim = {width}};
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
        status = layer_last_axis(layer, x, own->axis, own->affine.width,
                                 &width, err);
    if (!status && !layer->calls)
        status = take(layer, width, builder, err);
    if (!status)
        status = affine_connect(node, builder, err);
    return status;
}

static bool run(const struct node *node, struct run *run)
{
    const struct batch_normalization *own = node->layer->own;

    return affine_run(&own->affine, node, run);
}

const struct layer_class layer_batch_normalization = {
    .name = "BatchNormalization",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct batch_normalization),
    .read = read,
    .connect = connect,
    .run = run,
};
