/* Rescaling
 *
 *     y = x * scale + offset
 *
 * Both are one number, or one for each place of the last axis.  The product
 * and the sum are float64 (affine.h).
 *
 * Keras: keras/src/layers/preprocessing/rescaling.py
 */
#include "core/format/json.h"
#include "core/format/numbers.h"
#include "core/layers/affine.h"

struct rescaling {
    struct affine affine; /* first */
    /* in the config, which is there until the first call */
    const struct rnn_json *scale, *offset;
    size_t scales, offsets; /* numbers in them */
};

static const char *const inert[] = {NULL};

static enum rnn_status read_numbers(struct fields *fields, const char *key,
                                    const struct rnn_json **json,
                                    size_t *count, struct rnn_error *err)
{
    *json = fields_get(fields, key);
    *count = 0;
    if (*json && !rnn_numbers_count(*json, count))
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "a number or a list of them was expected", err);
    return RNN_OK;
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct rescaling *own = layer->own;
    enum rnn_status status =
        read_numbers(fields, "scale", &own->scale, &own->scales, err);

    if (!status && !own->scale)
        return fields_refuse(fields, RNN_BAD_MODEL, "scale",
                             "a number or a list of them was expected", err);
    if (!status)
        status =
            read_numbers(fields, "offset", &own->offset, &own->offsets, err);
    return status;
}

/* As Keras has them: float32. */
static void spread(const struct rnn_json *json, size_t count, size_t width,
                   double *numbers)
{
    rnn_numbers_read(json, numbers);
    for (size_t k = 0; k < width; k++)
        numbers[k] = (float)numbers[count > 1 ? k : 0];
}

static enum rnn_status fill(struct layer *layer, size_t width,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct rescaling *own = layer->own;
    enum rnn_status status;

    if ((own->scales > 1 && own->scales != width) ||
        (own->offsets > 1 && own->offsets != width))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Rescaling) has %zu numbers in "
                        "scale and %zu in offset, but the last axis of its "
                        "input is %zu; one number or as many are supported",
                        layer->name, own->scales, own->offsets, width);
    status = affine_init(&own->affine, width, layer, builder, err);
    if (status)
        return status;
    spread(own->scale, own->scales, width, own->affine.scale);
    if (own->offset)
        spread(own->offset, own->offsets, width, own->affine.shift);
    own->scale = own->offset = NULL;
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct rescaling *own = layer->own;
    struct value *x = NULL;
    size_t width = 0;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status)
        status = layer_last_axis(layer, x, -1, own->affine.width, &width, err);
    if (!status && !layer->calls)
        status = fill(layer, width, builder, err);
    if (!status)
        status = affine_connect(node, builder, err);
    return status;
}

const struct layer_class layer_rescaling = {
    .name = "Rescaling",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED_KERAS_3,
    .own_bytes = sizeof(struct rescaling),
    .read = read,
    .connect = connect,
    .run = affine_run,
};
