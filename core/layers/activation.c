/* Activation, ReLU, LeakyReLU, ELU, ThresholdedReLU
 *
 *     y = act(x)
 *
 * ReLU             x from threshold on, at most max_value;
 *                  below it -negative_slope * (threshold - x)
 * LeakyReLU        x above 0, else negative_slope * x (alpha in Keras 2)
 * ELU              x above 0, else alpha * (e^x - 1)
 * ThresholdedReLU  x above theta, else 0 (Keras 2)
 *
 * Keras: keras/src/layers/activations/activation.py and its neighbours
 */
#include "core/format/activation_fields.h"
#include "core/layers/layer.h"
#include "core/layers/scores.h"

struct activation {
    struct rnn_activation activation;
    const struct rnn_ukernels *ukernels;
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct activation *own = layer->own;

    return fields_activation(fields, "activation", NULL, &own->activation,
                             err);
}

static enum rnn_status read_class(struct layer *layer, struct fields *fields,
                                  struct rnn_error *err)
{
    struct activation *own = layer->own;
    long axis; /* of a Softmax, which is none of these */

    return fields_activation_class(fields, &own->activation, &axis, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct activation *own = layer->own;
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (status)
        return status;
    if (!x->shape.rank && rnn_activation_takes_rows(&own->activation))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) works along the batch: its "
                        "input has no other axis",
                        layer->name, layer->class->name);
    if (x->scores)
        return scores_activate(builder, node, &own->activation, true, err);
    own->ukernels = rnn_ukernels_find(builder->isa, x->features);
    node->cost = 16 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static bool run(const struct node *node, struct run *run)
{
    const struct activation *own = node->layer->own;
    const struct rnn_shape *shape = &node->inputs[0]->shape;

    if (node->outputs[0]->scores)
        return true;
    return run_activate_input(run, own->ukernels, &own->activation,
                              shape->rank ? shape->dim[shape->rank - 1] : 1,
                              node);
}

#define ACTIVATION(label, keras, reader)                                      \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_ALONE,                                            \
        .masking = MASK_PASSED,                                               \
        .takes_scores = true,                                                 \
        .takes_bare = true,                                                   \
        .own_bytes = sizeof(struct activation),                               \
        .read = (reader),                                                     \
        .connect = connect,                                                   \
        .run = run,                                                           \
    }

ACTIVATION(activation, "Activation", read);
ACTIVATION(elu, "ELU", read_class);
ACTIVATION(leaky_relu, "LeakyReLU", read_class);
ACTIVATION(relu, "ReLU", read_class);
ACTIVATION(thresholded_relu, "ThresholdedReLU", read_class);
