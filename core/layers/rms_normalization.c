/* RMSNormalization
 *
 *     y = x / sqrt(sum x^2 / n + epsilon) * scale       over a row
 *
 * A row is the last axis.  Order and width of the sums: row_norm.h.
 *
 * Keras: keras/src/layers/normalization/rms_normalization.py and
 * keras.ops.rms_normalization
 */
#include <math.h>

#include "core/layers/row_norm.h"

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct row_norm *own = layer->own;
    enum rnn_status status = fields_axis(fields, "axis", &own->axis, err);

    if (!status)
        status = fields_number(fields, "epsilon", 1e-6, &own->epsilon, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    return row_norm_connect(layer->own, "scale", NULL, layer, node, builder,
                            err);
}

static void measure(const struct node *node, const float *x, double *mean,
                    double *r)
{
    const struct row_norm *own = node->layer->own;
    double square = row_sum_squares(x, own->width, 0) / (double)own->width;

    *mean = 0;
    *r = 1 / sqrt(square + own->epsilon);
}

static bool run(const struct node *node, struct run *run)
{
    return row_norm_run(node->layer->own, measure, node, run);
}

const struct layer_class layer_rms_normalization = {
    .name = "RMSNormalization",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct row_norm),
    .read = read,
    .connect = connect,
    .run = run,
};
