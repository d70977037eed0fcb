#include "core/format/inventory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* How a class keeps its weights.  A weight with a field is there only when
 * that field of the configuration is not false. */
struct class_weights {
    const char *class_name;
    const char *snake_name;
    const char *inside;
    struct {
        const char *name, *field;
    } weights[RNN_MAX_LAYER_WEIGHTS];
};

static const struct class_weights known_classes[] = {
    {"SimpleRNN",
     "simple_rnn",
     "cell",
     {{"kernel", 0}, {"recurrent_kernel", 0}, {"bias", "use_bias"}}},
    {"LSTM",
     "lstm",
     "cell",
     {{"kernel", 0}, {"recurrent_kernel", 0}, {"bias", "use_bias"}}},
    {"GRU",
     "gru",
     "cell",
     {{"kernel", 0}, {"recurrent_kernel", 0}, {"bias", "use_bias"}}},
    {"Dense", "dense", "", {{"kernel", 0}, {"bias", "use_bias"}}},
    {"Dropout", "dropout", "", {{0, 0}}},
    {"Activation", "activation", "", {{0, 0}}},
    {"InputLayer", "input_layer", "", {{0, 0}}},
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

/* ---- JSON as Python writes it ------------------------------------------- */

static const char *bare_word_at(const char *at, size_t left)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);

        if (left >= length && memcmp(at, words[i], length) == 0)
            return words[i];
    }
    return NULL;
}

/* A copy of the text with the bare words in quotes; NULL: out of memory.
 * A word grows by two characters of at least three, so twice is enough. */
static char *quote_bare_words(const char *text, size_t length,
                              size_t *new_length)
{
    char *copy = malloc(2 * length + 1);
    bool in_string = false;
    size_t n = 0;

    for (size_t i = 0; copy && i < length; i++) {
        const char *word =
            in_string ? NULL : bare_word_at(text + i, length - i);

        if (word) {
            size_t size = strlen(word);

            copy[n++] = '"';
            memcpy(copy + n, word, size);
            n += size;
            copy[n++] = '"';
            i += size - 1;
            continue;
        }
        if (text[i] == '"')
            in_string = !in_string;
        copy[n++] = text[i];
        if (in_string && text[i] == '\\' && i + 1 < length)
            copy[n++] = text[++i];
    }
    if (copy)
        copy[n] = '\0';
    *new_length = n;
    return copy;
}

/* cJSON ends a string at an escaped NUL, so what follows would be lost. */
static bool has_escaped_nul(const char *text, size_t length)
{
    return memmem(text, length, "\\u0000", 6) != NULL;
}

static enum rnn_status parse_text(const char *what, const char *text,
                                  size_t length, cJSON **root,
                                  struct rnn_error *err)
{
    char *copy;
    size_t copy_length;
    const char *end = NULL;

    if (memchr(text, '\0', length) || has_escaped_nul(text, length))
        return rnn_fail(err, RNN_BAD_MODEL, "%s holds a NUL character", what);
    copy = quote_bare_words(text, length, &copy_length);
    if (!copy)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    *root = cJSON_ParseWithLengthOpts(copy, copy_length + 1, &end, 1);
    if (!*root)
        rnn_fail(err, RNN_BAD_MODEL,
                 "%s is not JSON (near character %zu of %zu)", what,
                 end ? (size_t)(end - copy) : 0, copy_length);
    free(copy);
    return *root ? RNN_OK : RNN_BAD_MODEL;
}

/* cJSON nests at most CJSON_NESTING_LIMIT (1000) deep, and so does this. */
static void drop_ids(cJSON *item)
{
    for (cJSON *child = item->child, *next; child; child = next) {
        next = child->next;
        if (child->string && strcmp(child->string, "shared_object_id") == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(item, child));
        else
            drop_ids(child);
    }
}

/* ---- the layers ----------------------------------------------------------
 */

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* A class of the user's own may bear a name of Keras'. */
static bool is_custom(const cJSON *layer)
{
    const char *registered = text_of(layer, "registered_name");
    const char *module = text_of(layer, "module");

    return (registered && strchr(registered, '>')) ||
           (module && strncmp(module, "keras", 5) != 0 &&
            strncmp(module, "tf_keras", 8) != 0 &&
            strncmp(module, "tensorflow.", 11) != 0);
}

static enum rnn_status refuse_class(const char *name, const char *class_name,
                                    struct rnn_error *err)
{
    char list[160] = "";

    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        size_t used = strlen(list);

        snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
                 known_classes[i].class_name);
    }
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.80s\" is a %.80s, which is not supported; "
                    "layers that are: %s",
                    name, class_name, list);
}

static void fill_weights(const struct class_weights *known,
                         const cJSON *config, struct rnn_layer_weights *layer)
{
    for (size_t i = 0; i < RNN_MAX_LAYER_WEIGHTS; i++) {
        const char *field = known->weights[i].field;

        if (!known->weights[i].name)
            break;
        if (field &&
            cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(config, field)))
            continue;
        layer->weights[layer->weight_count++] = known->weights[i].name;
    }
}

static enum rnn_status read_layer(const cJSON *item, size_t index,
                                  struct arena *arena,
                                  struct rnn_layer_weights *layer,
                                  struct rnn_error *err)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(item, "config");
    const char *class_name = text_of(item, "class_name");
    const char *name = text_of(config, "name");
    const struct class_weights *known;

    if (!class_name || !cJSON_IsObject(config) || !name || !*name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer %zu of the architecture has no class_name, no "
                        "config or no name",
                        index);
    known = find_class(class_name);
    if (!known)
        return refuse_class(name, class_name, err);
    if (is_custom(item))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.80s\" is a %.80s of its own (%.80s), not "
                        "that of Keras; custom layers are Python code",
                        name, class_name,
                        text_of(item, "registered_name")
                            ? text_of(item, "registered_name")
                            : text_of(item, "module"));
    *layer = (struct rnn_layer_weights){
        .name = arena_copy_text(arena, name, strlen(name)),
        .class_name = known->class_name,
        .snake_name = known->snake_name,
        .inside = known->inside,
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

static enum rnn_status read_layers(const cJSON *list,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err)
{
    size_t count = (size_t)cJSON_GetArraySize(list), index = 0;
    struct rnn_layer_weights *layers = arena_zalloc(
        &inventory->arena, count ? count : 1, sizeof(*layers), 16);
    const cJSON *item;

    if (!layers)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    inventory->layers = layers;
    cJSON_ArrayForEach(item, list)
    {
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
static enum rnn_status find_layers(const cJSON *root, const cJSON **list,
                                   struct rnn_error *err)
{
    const char *class_name = text_of(root, "class_name");
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(root, "config");

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
    *list = cJSON_IsArray(config)
                ? config
                : cJSON_GetObjectItemCaseSensitive(config, "layers");
    if (!cJSON_IsArray(*list))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the architecture lists no layers: a subclassed "
                        "model, whose layers are Python code");
    return RNN_OK;
}

static enum rnn_status keep_text(cJSON *root, struct rnn_inventory *inventory,
                                 struct rnn_error *err)
{
    char *text;

    cJSON_DeleteItemFromObjectCaseSensitive(root, "compile_config");
    drop_ids(root);
    text = cJSON_PrintUnformatted(root);
    if (text)
        inventory->architecture =
            arena_copy_text(&inventory->arena, text, strlen(text));
    cJSON_free(text);
    return inventory->architecture
               ? RNN_OK
               : rnn_fail(err, RNN_NO_MEMORY, "out of memory");
}

enum rnn_status rnn_inventory_init(const char *text, size_t length,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err)
{
    struct rnn_inventory made = {0};
    cJSON *root = NULL;
    const cJSON *list = NULL;
    enum rnn_status status;

    arena_init(&made.arena, 0);
    status = parse_text("the architecture", text, length, &root, err);
    if (!status)
        status = find_layers(root, &list, err);
    if (!status)
        status = read_layers(list, &made, err);
    if (!status)
        status = keep_text(root, &made, err);
    cJSON_Delete(root);
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
    cJSON *root = NULL;
    const char *found, *copy;
    enum rnn_status status =
        parse_text("metadata.json", text, length, &root, err);

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
    cJSON_Delete(root);
    return status;
}

void rnn_inventory_release(struct rnn_inventory *inventory)
{
    arena_release(&inventory->arena);
    memset(inventory, 0, sizeof(*inventory));
}
