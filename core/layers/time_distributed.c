/* TimeDistributed
 *
 *     y_t = layer(x_t)        for each timestep
 *
 * The layers that it may wrap do that by themselves: the inner layer is the
 * node that runs.
 *
 * Keras: keras/src/layers/rnn/time_distributed.py
 */
#include "core/layers/layer.h"

struct time_distributed {
    const struct rnn_json *json;
    struct layer *inner;
};

static const char *const inert[] = {"activity_regularizer", NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct time_distributed *own = layer->own;

    own->json = fields_get(fields, "layer");
    if (!own->json)
        return fields_refuse(fields, RNN_BAD_MODEL, "layer",
                             "the layer that it wraps", err);
    return RNN_OK;
}

static enum rnn_status add_inner(struct layer *layer,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    static const struct layer_class *const each_alone[] = {
        &layer_dense,         &layer_activation,       &layer_dropout,
        &layer_alpha_dropout, &layer_gaussian_dropout, &layer_gaussian_noise};
    struct time_distributed *own = layer->own;
    enum rnn_status status =
        plan_add_inner(builder, own->json, layer, "layer", &own->inner, err);

    if (status)
        return status;
    for (size_t i = 0; i < sizeof(each_alone) / sizeof(each_alone[0]); i++)
        if (own->inner->class == each_alone[i])
            return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (TimeDistributed) wraps a %.60s; this "
                    "version runs Dense, Activation and Dropout in it",
                    layer->name, own->inner->class->name);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct time_distributed *own = layer->own;
    struct value *x = NULL;
    struct node *inner;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (status)
        return status;
    if (!x->has_time)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (TimeDistributed) takes a sequence, "
                        "it is given something without time",
                        layer->name);
    if (!layer->calls)
        status = add_inner(layer, builder, err);
    if (!status)
        status = plan_call(builder, own->inner, &x, 1, &inner, err);
    if (status)
        return status;
    node->inputs[0] = inner->outputs[0];
    return plan_pass_input(builder, node, err);
}

const struct layer_class layer_time_distributed = {
    .name = "TimeDistributed",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct time_distributed),
    .read = read,
    .connect = connect,
};
