/* LayerNormalization
 *
 *     mean = sum x / n      variance = sum (x - mean)^2 / n     over a row
 *     inv  = gamma / sqrt(variance + epsilon)
 *     y    = x * inv + (beta - mean * inv)
 *
 * and, with rms_scaling, which in spite of its name takes the variance:
 *
 *     y    = x * inv        with gamma always there, beta never
 *
 * A row is the last axis, or several axes.  gamma is 1 without `scale`, beta 0
 * without `center`.  Order and width of the sums: row_norm.h.
 *
 * Keras: keras/src/layers/normalization/layer_normalization.py and
 * keras.ops.layer_normalization
 */
#include <math.h>

#include "core/layers/row_norm.h"

struct layer_norm {
    struct row_norm norm; /* it comes first */
    bool center, scale, rms_scaling;
};

static const char *const inert[] = {"beta_initializer",
                                    "gamma_initializer",
                                    "beta_regularizer",
                                    "gamma_regularizer",
                                    "beta_constraint",
                                    "gamma_constraint",
                                    NULL};

static void measure(const struct node *node, const float *x, size_t width,
                    double *mean, double *r)
{
    const struct layer_norm *own = node->layer->own;
    double n = (double)width;
    double middle = row_sum(x, width) / n;
    double variance = row_sum_squares(x, width, middle) / n;

    *mean = own->rms_scaling ? 0 : middle;
    *r = 1 / sqrt(variance + own->norm.epsilon);
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct layer_norm *own = layer->own;
    enum rnn_status status =
        fields_axes(fields, "axis", RNN_MAX_RANK, own->norm.axes,
                    &own->norm.axis_count, err);

    own->norm.measure = measure;
    if (!status)
        status =
            fields_number(fields, "epsilon", 1e-3, &own->norm.epsilon, err);
    if (!status)
        status = fields_bool(fields, "center", true, &own->center, err);
    if (!status)
        status = fields_bool(fields, "scale", true, &own->scale, err);
    if (!status)
        status =
            fields_bool(fields, "rms_scaling", false, &own->rms_scaling, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct layer_norm *own = layer->own;

    return row_norm_connect(&own->norm,
                            own->scale || own->rms_scaling ? "gamma" : NULL,
                            own->center && !own->rms_scaling ? "beta" : NULL,
                            layer, node, builder, err);
}

const struct layer_class layer_layer_normalization = {
    .name = "LayerNormalization",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct layer_norm),
    .read = read,
    .connect = connect,
    .scratch = row_norm_scratch,
    .run = row_norm_run,
};
