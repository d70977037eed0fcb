/* RMSNormalization
 *
 *     y = x / sqrt(sum x^2 / n + epsilon) * scale       over a row
 *
 * A row is the last axis, or the last ones: Keras puts scale beside these,
 * whatever axes it belongs to.  Order and width of the sums:
 * row_norm.h.
 *
 * Keras: keras/src/layers/normalization/rms_normalization.py and
 * keras.ops.rms_normalization
 */
#include <math.h>

#include "core/layers/row_norm.h"

static const char *const inert[] = {NULL};

static void measure(const struct node *node, const float *x, size_t width,
                    double *mean, double *r)
{
    const struct row_norm *own = node->layer->own;
    double square = row_sum_squares(x, width, 0) / (double)width;

    *mean = 0;
    *r = 1 / sqrt(square + own->epsilon);
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct row_norm *own = layer->own;
    enum rnn_status status = fields_axes(fields, "axis", RNN_MAX_RANK,
                                         own->axes, &own->axis_count, err);

    own->measure = measure;

    if (!status)
        status = fields_number(fields, "epsilon", 1e-6, &own->epsilon, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct row_norm *own = layer->own;
    long axes = (long)node->inputs[0]->shape.rank;

    for (size_t i = 0; i < own->axis_count; i++) {
        long axis = own->axes[i] < 0 ? own->axes[i] + axes + 1 : own->axes[i];

        if (axis <= axes - (long)own->axis_count)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (RMSNormalization) works along "
                            "axis %ld and not along the last %zu, where Keras "
                            "itself puts its scale",
                            layer->name, own->axes[i], own->axis_count);
    }
    return row_norm_connect(layer->own, "scale", NULL, layer, node, builder,
                            err);
}

const struct layer_class layer_rms_normalization = {
    .name = "RMSNormalization",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct row_norm),
    .read = read,
    .connect = connect,
    .scratch = row_norm_scratch,
    .run = row_norm_run,
};
