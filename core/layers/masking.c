/* Masking
 *
 *     m = any of x != mask_value         along the last axis
 *     y = x where m, else 0              (Keras 2: x times m)
 *
 * mask_value is a number, or one for each place of the last axis, and is
 * compared as float32; NaN is equal to nothing, so that it masks nothing.
 * true is 1 and false 0.
 *
 * Keras: keras/src/layers/core/masking.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/format/numbers.h"
#include "core/layers/mask.h"

struct masking {
    const struct rnn_json *json; /* until the first call */
    size_t width;                /* of the last axis */
    float *values;               /* [width] */
    bool times;                  /* as Keras 2 has it: 0 keeps the sign of x */
};

static const char *const inert[] = {NULL};

/* Is it NaN, true or their kin? */
static bool is_one_number(const struct rnn_json *json, double *value)
{
    bool truth;

    if (!rnn_json_bool(json, &truth))
        return rnn_numbers_named(json, value);
    *value = truth;
    return true;
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct masking *own = layer->own;
    double named;
    size_t count;

    own->times = fields->keras_major < 3;
    own->json = fields_get(fields, "mask_value");
    if (!own->json || is_one_number(own->json, &named) ||
        rnn_numbers_count(own->json, &count))
        return RNN_OK;
    return fields_refuse(fields, RNN_UNSUPPORTED, "mask_value",
                         "which is no number of float32 nor a row of them",
                         err);
}

/* mask_value for each place of the last axis. */
static enum rnn_status fill(struct layer *layer, size_t width,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct masking *own = layer->own;
    double value = 0, *numbers = &value;
    size_t count = 1;

    if (own->json && !is_one_number(own->json, &value)) {
        rnn_numbers_count(own->json, &count);
        if (count > 1 && count != width)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (Masking): mask_value has %zu "
                            "numbers, the last axis of its input is %zu",
                            layer->name, count, width);
        numbers = arena_alloc(builder->arena, count, sizeof(double),
                              alignof(double));
        if (!numbers)
            return plan_no_memory(layer, err);
        rnn_numbers_read(own->json, numbers);
    }
    own->values =
        arena_alloc(builder->arena, width, sizeof(float), alignof(float));
    if (!own->values)
        return plan_no_memory(layer, err);
    for (size_t k = 0; k < width; k++)
        own->values[k] = (float)numbers[count > 1 ? k : 0];
    own->width = width;
    own->json = NULL;
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct masking *own = layer->own;
    struct value *x = NULL;
    size_t width = 0;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status)
        status = layer_last_axis(layer, x, -1, own->width, &width, err);
    if (!status && !layer->calls)
        status = fill(layer, width, builder, err);
    if (!status)
        status =
            plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
    if (!status)
        status = plan_make_mask(builder, node, x, err);
    if (status)
        return status;
    node->cost = 2 * (uint64_t)x->features;
    node->outputs[0]->mask = node->mask;
    return RNN_OK;
}

static bool is_any(const struct masking *own, const float *x)
{
    for (size_t i = 0; i < own->width; i++)
        if (x[i] != own->values[i])
            return true;
    return false;
}

static void mask_rows(const struct masking *own, size_t rows, const float *x,
                      float *y, float *mask)
{
    for (size_t k = 0; k < rows; k++, x += own->width, y += own->width) {
        bool any = is_any(own, x);

        mask[k] = any;
        if (any)
            memcpy(y, x, own->width * sizeof(float));
        else
            for (size_t i = 0; i < own->width; i++)
                y[i] = own->times ? x[i] * 0 : 0;
    }
}

static bool run(const struct node *node, struct run *run)
{
    const struct masking *own = node->layer->own;
    const struct value *input = node->inputs[0];
    size_t items = run_items(run, input), rows = node->mask->features;
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    struct view mask = run_view(run, node->mask);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        mask_rows(own, rows, x.data + i * x.stride, y.data + i * y.stride,
                  mask.data + i * mask.stride);
    return true;
}

const struct layer_class layer_masking = {
    .name = "Masking",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_OWN,
    .own_bytes = sizeof(struct masking),
    .read = read,
    .connect = connect,
    .run = run,
};
