#include "tests/support/random_model.h"

#include <stdio.h>
#include <string.h>

static const char *const cells[] = {"SimpleRNN", "LSTM", "GRU", "GRU"};
static const char *const bounded[] = {"tanh", "sigmoid", "softsign",
                                      "hard_tanh", "hard_sigmoid"};
static const char *const gates[] = {"sigmoid", "hard_sigmoid", "sigmoid",
                                    "sparse_sigmoid"};
static const char *const heads[] = {
    "linear",      "relu",        "softmax",     "tanh",       "sigmoid",
    "elu",         "selu",        "silu",        "gelu",       "softplus",
    "log_softmax", "mish",        "leaky_relu",  "relu6",      "softsign",
    "log_sigmoid", "hard_silu",   "exponential", "squareplus", "sparse_plus",
    "celu",        "tanh_shrink",
};

static const char *const norms[] = {"BatchNormalization",
                                    "LayerNormalization"};

#define PICK(list, seed)                                                      \
    ((list)[model_random(seed) % (sizeof(list) / sizeof((list)[0]))])

static size_t up_to(uint64_t *seed, size_t most)
{
    return 1 + (size_t)(model_random(seed) % most);
}

/* Small sizes are more likely: 1, a few, or anything. */
static size_t some_units(uint64_t *seed, size_t most)
{
    switch (model_random(seed) % 4) {
    case 0:
        return up_to(seed, most < 4 ? most : 4);
    case 1:
        return up_to(seed, most < 20 ? most : 20);
    default:
        return up_to(seed, most);
    }
}

static void add_recurrent(struct model_builder *builder, uint64_t *seed,
                          size_t max_units, bool last)
{
    size_t kind = (size_t)(model_random(seed) % 4);
    struct model_layer layer = {
        .class_name = cells[kind],
        .units = some_units(seed, max_units),
        .activation = PICK(bounded, seed),
        .recurrent_activation = kind ? PICK(gates, seed) : NULL,
        .no_bias = model_random(seed) % 4 == 0,
        .reset_after = kind == 3,
        .return_sequences = !last || model_random(seed) % 3 == 0,
    };

    model_builder_add(builder, &layer);
}

/* One number or two for each step, masked where ReLU leaves nothing. */
static void add_masking(struct model_builder *builder, uint64_t *seed)
{
    model_builder_add(builder, &(struct model_layer){.class_name = "Dense",
                                                     .units = up_to(seed, 2),
                                                     .activation = "relu"});
    model_builder_add(
        builder, &(struct model_layer){.class_name = "Masking", .bare = true});
}

static void build(struct model_builder *builder, uint64_t seed,
                  size_t max_units, bool masked)
{
    static const char *const versions[] = {"3.15.1", "3.0.5", "2.15.0",
                                           "2.2.4"};
    size_t layers;

    model_random(&seed);
    model_builder_init(builder, 0, some_units(&seed, max_units));
    builder->seed = model_random(&seed);
    builder->keras_version = PICK(versions, &seed);
    builder->spelling =
        builder->keras_version[0] == '3'
            ? MODEL_KERAS_3
            : (enum model_spelling)(MODEL_KERAS_2 + model_random(&seed) % 3);
    layers = up_to(&seed, 3);
    if (masked)
        add_masking(builder, &seed);
    if (model_random(&seed) % 6 == 0)
        model_builder_add(
            builder, &(struct model_layer){.class_name = PICK(norms, &seed)});
    for (size_t i = 0; i < layers; i++) {
        add_recurrent(builder, &seed, max_units, i + 1 == layers);
        if (model_random(&seed) % 4 == 0)
            model_builder_add(builder,
                              &(struct model_layer){.class_name = "Dropout"});
        if (model_random(&seed) % 4 == 0)
            model_builder_add(builder, &(struct model_layer){
                                           .class_name = PICK(norms, &seed)});
        if (model_random(&seed) % 6 == 0)
            model_builder_add(builder, &(struct model_layer){
                                           .class_name = "Activation",
                                           .activation = PICK(bounded, &seed),
                                       });
    }
    if (model_random(&seed) % 4)
        model_builder_add(builder, &(struct model_layer){
                                       .class_name = "Dense",
                                       .units = some_units(&seed, max_units),
                                       .activation = PICK(heads, &seed),
                                       .no_bias = model_random(&seed) % 3 == 0,
                                   });
}

void random_model_build(struct model_builder *builder, uint64_t seed,
                        size_t max_units)
{
    build(builder, seed, max_units, false);
}

void random_model_build_any(struct model_builder *builder, uint64_t seed,
                            size_t max_units)
{
    build(builder, seed, max_units, seed % 3 == 0);
}

const char *random_model_describe(const struct model_builder *builder)
{
    static char text[1000];
    size_t used = (size_t)snprintf(text, sizeof(text), "Keras %s, D=%zu",
                                   builder->keras_version, builder->features);

    for (size_t i = 0; i < builder->layer_count && used < sizeof(text); i++) {
        const struct model_layer *layer = &builder->layers[i];

        used += (size_t)snprintf(
            text + used, sizeof(text) - used, " | %s(%zu, %s, %s%s%s%s)",
            layer->class_name, layer->units,
            layer->activation ? layer->activation : "-",
            layer->recurrent_activation ? layer->recurrent_activation : "-",
            layer->return_sequences ? ", sequences" : "",
            layer->no_bias ? ", no bias" : "",
            layer->reset_after ? ", reset_after" : "");
    }
    return text;
}
