#include "core/format/class_weights.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NO_WEIGHTS(class_name, snake_name)                                    \
    {                                                                         \
        class_name, snake_name, "", {{0, 0}}, 0                               \
    }

#define CELL_WEIGHTS(class_name, snake_name, inside)                          \
    {                                                                         \
        class_name, snake_name, inside,                                       \
            {{"kernel", 0}, {"recurrent_kernel", 0}, {"bias", "use_bias"}}, 0 \
    }

static const struct class_weights known_classes[] = {
    CELL_WEIGHTS("SimpleRNN", "simple_rnn", "cell"),
    CELL_WEIGHTS("LSTM", "lstm", "cell"),
    CELL_WEIGHTS("GRU", "gru", "cell"),
    CELL_WEIGHTS("SimpleRNNCell", "simple_rnn_cell", ""),
    CELL_WEIGHTS("LSTMCell", "lstm_cell", ""),
    CELL_WEIGHTS("GRUCell", "gru_cell", ""),
    CELL_WEIGHTS("ConvLSTM1D", "conv_lstm1d", "cell"),
    CELL_WEIGHTS("CuDNNLSTM", "cu_dnnlstm", ""),
    CELL_WEIGHTS("CuDNNGRU", "cu_dnngru", ""),
    {"Conv1D", "conv1d", "", {{"kernel", 0}, {"bias", "use_bias"}}, 0},
    {"Conv1DTranspose",
     "conv1d_transpose",
     "",
     {{"kernel", 0}, {"bias", "use_bias"}},
     0},
    {"DepthwiseConv1D",
     "depthwise_conv1d",
     "",
     {{"depthwise_kernel", 0}, {"bias", "use_bias"}},
     0},
    {"SeparableConv1D",
     "separable_conv1d",
     "",
     {{"depthwise_kernel", 0}, {"pointwise_kernel", 0}, {"bias", "use_bias"}},
     0},
    {"Dense", "dense", "", {{"kernel", 0}, {"bias", "use_bias"}}, 0},
    {"EinsumDense",
     "einsum_dense",
     "",
     {{"kernel", 0}, {"bias", "|bias_axes"}},
     0},
    {"Embedding", "embedding", "", {{"embeddings", 0}}, 0},
    {"BatchNormalization",
     "batch_normalization",
     "",
     {{"gamma", "scale"},
      {"beta", "center"},
      {"moving_mean", 0},
      {"moving_variance", 0}},
     0},
    {"GroupNormalization",
     "group_normalization",
     "",
     {{"gamma", "scale"}, {"beta", "center"}},
     0},
    {"LayerNormalization",
     "layer_normalization",
     "",
     {{"gamma", "scale|rms_scaling"}, {"beta", "center!rms_scaling"}},
     0},
    {"RMSNormalization", "rms_normalization", "", {{"scale", 0}}, 0},
    {"Normalization",
     "normalization",
     "",
     {{"mean", "!mean"}, {"variance", "!mean"}},
     "count"},
    {"AdditiveAttention",
     "additive_attention",
     "",
     {{"scale", "use_scale"}},
     0},
    {"Attention",
     "attention",
     "",
     {{"scale", "use_scale"}, {"concat_score_weight", "score_mode=concat"}},
     0},
    {"PReLU", "p_re_lu", "", {{"alpha", 0}}, 0},
    NO_WEIGHTS("Activation", "activation"),
    NO_WEIGHTS("ActivityRegularization", "activity_regularization"),
    NO_WEIGHTS("Add", "add"),
    NO_WEIGHTS("AlphaDropout", "alpha_dropout"),
    NO_WEIGHTS("Average", "average"),
    NO_WEIGHTS("AveragePooling1D", "average_pooling1d"),
    NO_WEIGHTS("Concatenate", "concatenate"),
    NO_WEIGHTS("Cropping1D", "cropping1d"),
    NO_WEIGHTS("Discretization", "discretization"),
    NO_WEIGHTS("Dot", "dot"),
    NO_WEIGHTS("Dropout", "dropout"),
    NO_WEIGHTS("ELU", "elu"),
    NO_WEIGHTS("Flatten", "flatten"),
    NO_WEIGHTS("GaussianDropout", "gaussian_dropout"),
    NO_WEIGHTS("GaussianNoise", "gaussian_noise"),
    NO_WEIGHTS("GlobalAveragePooling1D", "global_average_pooling1d"),
    NO_WEIGHTS("GlobalMaxPooling1D", "global_max_pooling1d"),
    NO_WEIGHTS("Identity", "identity"),
    NO_WEIGHTS("InputLayer", "input_layer"),
    NO_WEIGHTS("LeakyReLU", "leaky_re_lu"),
    NO_WEIGHTS("Masking", "masking"),
    NO_WEIGHTS("Maximum", "maximum"),
    NO_WEIGHTS("MaxPooling1D", "max_pooling1d"),
    NO_WEIGHTS("Minimum", "minimum"),
    NO_WEIGHTS("Multiply", "multiply"),
    NO_WEIGHTS("Permute", "permute"),
    NO_WEIGHTS("ReLU", "re_lu"),
    NO_WEIGHTS("RepeatVector", "repeat_vector"),
    NO_WEIGHTS("Rescaling", "rescaling"),
    NO_WEIGHTS("Reshape", "reshape"),
    NO_WEIGHTS("Softmax", "softmax"),
    NO_WEIGHTS("SpatialDropout1D", "spatial_dropout1d"),
    NO_WEIGHTS("Subtract", "subtract"),
    NO_WEIGHTS("ThresholdedReLU", "thresholded_re_lu"),
    NO_WEIGHTS("UnitNormalization", "unit_normalization"),
    NO_WEIGHTS("UpSampling1D", "up_sampling1d"),
    NO_WEIGHTS("ZeroPadding1D", "zero_padding1d"),
};

/* Models as layers; what they hold is listed behind them. */
static const struct class_weights sequential = {
    "Sequential", "sequential", "", {{0, 0}}, 0};
static const struct class_weights functional = {
    "Functional", "functional", "", {{0, 0}}, 0};

#define KNOWN_COUNT (sizeof(known_classes) / sizeof(known_classes[0]))

const struct class_weights *class_weights_find(const char *name)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(known_classes[i].class_name, name) == 0)
            return &known_classes[i];
    }
    return NULL;
}

const char *class_weights_also(const char *weight)
{
    return strcmp(weight, "depthwise_kernel") ? NULL : "kernel";
}

static const struct class_wrapper wrappers[] = {
    {"Bidirectional",
     "bidirectional",
     {{"forward_layer", "layer", "layer", "forward_"},
      {"backward_layer", "backward_layer", "layer", NULL}}},
    {"TimeDistributed",
     "time_distributed",
     {{"layer", "layer", "layer", NULL}, {0}}},
    {"RNN", "rnn", {{"cell", "cell", "cell", NULL}, {0}}},
};

#define WRAPPER_COUNT (sizeof(wrappers) / sizeof(wrappers[0]))

const struct class_wrapper *class_wrapper_find(const char *name)
{
    for (size_t i = 0; i < WRAPPER_COUNT; i++)
        if (strcmp(wrappers[i].class_name, name) == 0)
            return &wrappers[i];
    return NULL;
}

#define ATTENTION_PARTS                                                       \
    {                                                                         \
        {"query", "query_dense", "query/", 0},                                \
            {"key", "key_dense", "key/", 0},                                  \
            {"gate", "gate_dense", "gate/", "use_gate"},                      \
            {"value", "value_dense", "value/", 0},                            \
        {                                                                     \
            "attention_output", "output_dense", "attention_output/", 0        \
        }                                                                     \
    }

static const struct class_compound compounds[] = {
    {"MultiHeadAttention", "multi_head_attention", ATTENTION_PARTS},
    /* .keras files and .h5 files call it differently */
    {"GroupQueryAttention", "grouped_query_attention", ATTENTION_PARTS},
    {"GroupedQueryAttention", "grouped_query_attention", ATTENTION_PARTS},
};

#define COMPOUND_COUNT (sizeof(compounds) / sizeof(compounds[0]))

const struct class_compound *class_compound_find(const char *name)
{
    for (size_t i = 0; i < COMPOUND_COUNT; i++)
        if (strcmp(compounds[i].class_name, name) == 0)
            return &compounds[i];
    return NULL;
}

bool class_names_find(const char *name, const char **class_name,
                      const char **snake_name)
{
    const struct class_weights *known = class_weights_find(name);
    const struct class_wrapper *wrapper = class_wrapper_find(name);
    const struct class_compound *compound = class_compound_find(name);

    if (!known)
        known = class_weights_of_model(name);
    if (!known && !wrapper && !compound)
        return false;
    *class_name = known     ? known->class_name
                  : wrapper ? wrapper->class_name
                            : compound->class_name;
    *snake_name = known     ? known->snake_name
                  : wrapper ? wrapper->snake_name
                            : compound->snake_name;
    return true;
}

const struct class_weights *class_weights_of_model(const char *name)
{
    if (strcmp(name, sequential.class_name) == 0)
        return &sequential;
    if (strcmp(name, functional.class_name) == 0 || strcmp(name, "Model") == 0)
        return &functional;
    return NULL;
}

/* Is the field that the first `length` bytes name neither false nor null?
 * What is not there, or null, is `if_absent`. */
static bool is_set(const struct rnn_json *config, const char *field,
                   size_t length, bool if_absent)
{
    char key[32];
    const struct rnn_json *value;
    bool truth = true;

    snprintf(key, sizeof(key), "%.*s", (int)length, field);
    value = rnn_json_member(config, key);
    if (rnn_json_is_null(value))
        return if_absent;
    rnn_json_bool(value, &truth);
    return truth;
}

/* Is the field that the first `length` bytes name this text?  Keras 3 may
 * write a text that is also a function's name as that function. */
static bool is_text(const struct rnn_json *config, const char *field,
                    size_t length, const char *text)
{
    char key[32];
    const struct rnn_json *value;
    const char *has;

    snprintf(key, sizeof(key), "%.*s", (int)length, field);
    value = rnn_json_member(config, key);
    if (rnn_json_is_object(value))
        value = rnn_json_member(value, "config");
    has = rnn_json_text(value);
    return has && strcmp(has, text) == 0;
}

static bool has_weight(const struct rnn_json *config, const char *field)
{
    size_t length;
    const char *other;
    bool there;

    if (!field)
        return true;
    length = strcspn(field, "|!=");
    other = field + length;
    if (*other == '=')
        return is_text(config, field, length, other + 1);
    there = length ? is_set(config, field, length, true) : *other != '|';
    if (*other == '|')
        return there || is_set(config, other + 1, strlen(other + 1), false);
    if (*other == '!')
        return there && !is_set(config, other + 1, strlen(other + 1), false);
    return there;
}

void class_weights_fill(const struct class_weights *known,
                        const struct rnn_json *config,
                        struct rnn_layer_weights *layer)
{
    for (size_t i = 0; i < RNN_MAX_LAYER_WEIGHTS; i++) {
        if (!known->weights[i].name)
            break;
        if (has_weight(config, known->weights[i].field))
            layer->weights[layer->weight_count++] = known->weights[i].name;
    }
}

void class_compound_fill(const struct class_compound *compound, size_t index,
                         const struct rnn_json *config,
                         struct rnn_layer_weights *part)
{
    const char *field = compound->parts[index].field;

    if (field && !is_set(config, field, strlen(field), false))
        return;
    part->weights[part->weight_count++] = "kernel";
    if (has_weight(config, "use_bias"))
        part->weights[part->weight_count++] = "bias";
}
