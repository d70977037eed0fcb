#include "core/format/inventory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/json.h"

/* How a class keeps its weights.  A weight with a field is there only when
 * that field of the configuration is not false; with "a|b", when a or b is
 * set (an absent b is not); with "a!c" or "!c", only while c is not set.
 * `unread` is a dataset behind them that Keras writes and nobody needs. */
struct class_weights {
    const char *class_name;
    const char *snake_name;
    const char *inside;
    struct {
        const char *name, *field;
    } weights[RNN_MAX_LAYER_WEIGHTS];
    const char *unread;
};

#define NO_WEIGHTS(class_name, snake_name)                                    \
    {                                                                         \
        class_name, snake_name, "", {{0, 0}}, 0                               \
    }

#define CELL_WEIGHTS(class_name, snake_name)                                  \
    {                                                                         \
        class_name, snake_name, "cell",                                       \
            {{"kernel", 0}, {"recurrent_kernel", 0}, {"bias", "use_bias"}}, 0 \
    }

static const struct class_weights known_classes[] = {
    CELL_WEIGHTS("SimpleRNN", "simple_rnn"),
    CELL_WEIGHTS("LSTM", "lstm"),
    CELL_WEIGHTS("GRU", "gru"),
    {"Dense", "dense", "", {{"kernel", 0}, {"bias", "use_bias"}}, 0},
    {"Embedding", "embedding", "", {{"embeddings", 0}}, 0},
    {"BatchNormalization",
     "batch_normalization",
     "",
     {{"gamma", "scale"},
      {"beta", "center"},
      {"moving_mean", 0},
      {"moving_variance", 0}},
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
    {"PReLU", "p_re_lu", "", {{"alpha", 0}}, 0},
    NO_WEIGHTS("Activation", "activation"),
    NO_WEIGHTS("ActivityRegularization", "activity_regularization"),
    NO_WEIGHTS("AlphaDropout", "alpha_dropout"),
    NO_WEIGHTS("Dropout", "dropout"),
    NO_WEIGHTS("ELU", "elu"),
    NO_WEIGHTS("GaussianDropout", "gaussian_dropout"),
    NO_WEIGHTS("GaussianNoise", "gaussian_noise"),
    NO_WEIGHTS("Identity", "identity"),
    NO_WEIGHTS("InputLayer", "input_layer"),
    NO_WEIGHTS("LeakyReLU", "leaky_re_lu"),
    NO_WEIGHTS("ReLU", "re_lu"),
    NO_WEIGHTS("Rescaling", "rescaling"),
    NO_WEIGHTS("Softmax", "softmax"),
    NO_WEIGHTS("SpatialDropout1D", "spatial_dropout1d"),
    NO_WEIGHTS("ThresholdedReLU", "thresholded_re_lu"),
    NO_WEIGHTS("UnitNormalization", "unit_normalization"),
};

#define KNOWN_COUNT (sizeof(known_classes) / sizeof(known_classes[0]))

static const struct class_weights *find_class(const char *name)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(known_classes[i].class_name, name) == 0)
            return &known_classes[i];
    }
    return NULL;
}

static const char *text_of(const struct rnn_json *object, const char *key)
{
    return rnn_json_text(rnn_json_member(object, key));
}

static enum rnn_status refuse_class(const char *name, const char *class_name,
                                    struct rnn_error *err)
{
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.80s\" is a %.80s, which is not supported; "
                    "docs/layers.md lists the layers that are",
                    name, class_name);
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

static bool has_weight(const struct rnn_json *config, const char *field)
{
    size_t length;
    const char *other;
    bool there;

    if (!field)
        return true;
    length = strcspn(field, "|!");
    other = field + length;
    there = !length || is_set(config, field, length, true);
    if (*other == '|')
        return there || is_set(config, other + 1, strlen(other + 1), false);
    if (*other == '!')
        return there && !is_set(config, other + 1, strlen(other + 1), false);
    return there;
}

static void fill_weights(const struct class_weights *known,
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

static enum rnn_status read_layer(const struct rnn_json *item, size_t index,
                                  struct arena *arena,
                                  struct rnn_layer_weights *layer,
                                  struct rnn_error *err)
{
    const struct rnn_json *config = rnn_json_member(item, "config");
    const char *class_name = text_of(item, "class_name");
    const char *name = text_of(config, "name");
    const struct class_weights *known;

    if (!class_name || !rnn_json_is_object(config) || !name || !*name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer %zu of the architecture has no class_name, no "
                        "config or no name",
                        index);
    known = find_class(class_name);
    if (!known)
        return refuse_class(name, class_name, err);
    *layer = (struct rnn_layer_weights){
        .name = arena_copy_text(arena, name, strlen(name)),
        .class_name = known->class_name,
        .snake_name = known->snake_name,
        .inside = known->inside,
        .unread = known->unread,
    };
    if (!layer->name)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    fill_weights(known, config, layer);
    return RNN_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two layers of one name would give two weights of one name. */
static enum rnn_status check_names(struct rnn_inventory *inventory,
                                   struct rnn_error *err)
{
    size_t count = inventory->layer_count;
    const char **names =
        arena_alloc(&inventory->arena, count, sizeof(*names), sizeof(*names));

    if (!names)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        names[i] = inventory->layers[i].name;
    qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "two layers are called \"%.80s\"", names[i]);
    }
    return RNN_OK;
}

static enum rnn_status read_layers(const struct rnn_json *list,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err)
{
    size_t count = rnn_json_count(list), index = 0;
    struct rnn_layer_weights *layers = arena_zalloc(
        &inventory->arena, count ? count : 1, sizeof(*layers), 16);
    const struct rnn_json *item;

    if (!layers)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    inventory->layers = layers;
    for (item = rnn_json_first(list); item; item = rnn_json_next(item)) {
        struct rnn_layer_weights *layer = &layers[inventory->layer_count];
        enum rnn_status status =
            read_layer(item, index++, &inventory->arena, layer, err);

        if (status)
            return status;
        if (layer->weight_count > 0)
            inventory->layer_count++;
    }
    if (index == 0)
        return rnn_fail(err, RNN_BAD_MODEL, "the architecture has no layers");
    return inventory->layer_count ? check_names(inventory, err) : RNN_OK;
}

/* The list of layers: `config` itself in Sequential models of Keras before
 * 2.2.3, config.layers afterwards. */
static enum rnn_status find_layers(const struct rnn_json *root,
                                   const struct rnn_json **list,
                                   struct rnn_error *err)
{
    const char *class_name = text_of(root, "class_name");
    const struct rnn_json *config = rnn_json_member(root, "config");

    if (!class_name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the architecture has no class_name");
    if (strcmp(class_name, "Sequential") != 0 &&
        strcmp(class_name, "Functional") != 0 &&
        strcmp(class_name, "Model") != 0)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the model is a %.80s, a class of its own, whose "
                        "layers are Python code; only Sequential and "
                        "Functional models can be read",
                        class_name);
    *list =
        rnn_json_is_array(config) ? config : rnn_json_member(config, "layers");
    if (!rnn_json_is_array(*list))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the architecture lists no layers: a subclassed "
                        "model, whose layers are Python code");
    return RNN_OK;
}

/* What depends on the training and on the run that saved the model. */
static const char *const dropped[] = {"compile_config", "shared_object_id",
                                      NULL};

static enum rnn_status keep_text(struct rnn_json *root,
                                 struct rnn_inventory *inventory,
                                 struct rnn_error *err)
{
    char *text = rnn_json_write(root, dropped);

    if (text)
        inventory->architecture =
            arena_copy_text(&inventory->arena, text, strlen(text));
    free(text);
    return inventory->architecture
               ? RNN_OK
               : rnn_fail(err, RNN_NO_MEMORY, "out of memory");
}

enum rnn_status rnn_inventory_init(const char *text, size_t length,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err)
{
    struct rnn_inventory made = {0};
    struct rnn_json *root = NULL;
    const struct rnn_json *list = NULL;
    enum rnn_status status;

    arena_init(&made.arena, 0);
    status = rnn_json_parse(text, length, "the architecture", &root, err);
    if (!status)
        status = find_layers(root, &list, err);
    if (!status)
        status = read_layers(list, &made, err);
    if (!status)
        status = keep_text(root, &made, err);
    rnn_json_free(root);
    if (status)
        rnn_inventory_release(&made);
    else
        *inventory = made;
    return status;
}

enum rnn_status rnn_metadata_version(const char *text, size_t length,
                                     struct arena *arena, const char **version,
                                     struct rnn_error *err)
{
    struct rnn_json *root = NULL;
    const char *found, *copy;
    enum rnn_status status =
        rnn_json_parse(text, length, "metadata.json", &root, err);

    if (status)
        return status;
    found = text_of(root, "keras_version");
    copy = found ? arena_copy_text(arena, found, strlen(found)) : NULL;
    if (!found)
        status = rnn_fail(err, RNN_BAD_MODEL,
                          "metadata.json says no keras_version");
    else if (!copy)
        status = rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    else
        *version = copy;
    rnn_json_free(root);
    return status;
}

void rnn_inventory_release(struct rnn_inventory *inventory)
{
    arena_release(&inventory->arena);
    memset(inventory, 0, sizeof(*inventory));
}
