/* UnitNormalization
 *
 *     y = x / sqrt(max(sum x^2, least))       over a row
 *
 * A row is the last axis, or several axes.  least is 1e-12 in Keras 2
 * (tf.math.l2_normalize) and 1e-24, 1e-12 for the root, in Keras 3
 * (keras.ops.normalize); only rows shorter than a millionth can tell.  Order
 * and width of the sums: row_norm.h.
 *
 * Keras: keras/src/layers/normalization/unit_normalization.py
 */
#include <math.h>

#include "core/layers/row_norm.h"

static const char *const inert[] = {NULL};

static void measure(const struct node *node, const float *x, size_t width,
                    double *mean, double *r)
{
    const struct row_norm *own = node->layer->own;
    double square = row_sum_squares(x, width, 0);

    *mean = 0;
    *r = 1 / sqrt(fmax(square, own->epsilon));
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct row_norm *own = layer->own;

    own->epsilon = fields->keras_major < 3 ? 1e-12 : 1e-24;
    own->measure = measure;
    return fields_axes(fields, "axis", RNN_MAX_RANK, own->axes,
                       &own->axis_count, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    return row_norm_connect(layer->own, NULL, NULL, layer, node, builder, err);
}

const struct layer_class layer_unit_normalization = {
    .name = "UnitNormalization",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct row_norm),
    .read = read,
    .connect = connect,
    .scratch = row_norm_scratch,
    .run = row_norm_run,
};
