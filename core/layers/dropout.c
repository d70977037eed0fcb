/* ActivityRegularization, AlphaDropout, Dropout, GaussianDropout,
 * GaussianNoise, Identity, SpatialDropout1D
 *
 *     y = x        outside training
 *
 * Keras: keras/src/layers/regularization/dropout.py and its neighbours
 */
#include "core/layers/layer.h"

static const char *const inert[] = {"rate",   "noise_shape",          "seed",
                                    "stddev", "data_format",          "l1",
                                    "l2",     "activity_regularizer", NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    (void)layer;
    (void)fields;
    (void)err;
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status)
        status = plan_pass_input(builder, node, err);
    return status;
}

#define NOTHING(label, keras, what)                                           \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_ALONE,                                            \
        .masking = (what),                                                    \
        .takes_scores = true,                                                 \
        .takes_bare = true,                                                   \
        .read = read,                                                         \
        .connect = connect,                                                   \
    }

NOTHING(activity_regularization, "ActivityRegularization", MASK_PASSED);
NOTHING(alpha_dropout, "AlphaDropout", MASK_PASSED);
NOTHING(dropout, "Dropout", MASK_PASSED);
NOTHING(gaussian_dropout, "GaussianDropout", MASK_PASSED);
NOTHING(gaussian_noise, "GaussianNoise", MASK_PASSED);
NOTHING(identity, "Identity", MASK_PASSED_KERAS_3);
NOTHING(spatial_dropout1d, "SpatialDropout1D", MASK_PASSED);
