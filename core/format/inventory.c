#include "core/format/inventory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/class_weights.h"
#include "core/format/fields.h"
#include "core/format/inventory_parts.h"
#include "core/format/json.h"

/* Where a list of layers stands. */
struct place {
    const char *prefix; /* "inner/" */
    size_t model;
};

/* What all entries of a layer have in common: where .keras files keep its
 * class, and what it is called. */
static enum rnn_status begin_layer(const struct rnn_json *item, size_t index,
                                   const struct place *place,
                                   struct arena *arena,
                                   struct rnn_layer_weights *layer,
                                   struct rnn_error *err)
{
    const struct rnn_json *config = rnn_json_member(item, "config");
    const char *class_name = inventory_text(item, "class_name");
    const char *name = inventory_text(config, "name");

    if (!name)
        name = inventory_text(item, "name");
    if (!class_name || !config || !name || !*name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer %zu of the architecture has no class_name, no "
                        "config or no name",
                        index);
    *layer = (struct rnn_layer_weights){.model = place->model, .inside = ""};
    if (!class_names_find(class_name, &layer->class_name, &layer->snake_name))
        return inventory_refuse(name, class_name, err);
    layer->name = inventory_join(arena, place->prefix, name, "");
    layer->layer_name = inventory_join(arena, "", name, "");
    if (!layer->name || !layer->layer_name)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    return RNN_OK;
}

/* The list of layers: `config` itself in Sequential models of Keras before
 * 2.2.3, config.layers afterwards. */
static const struct rnn_json *layers_of(const struct rnn_json *model)
{
    const struct rnn_json *config = rnn_json_member(model, "config");

    return rnn_json_is_array(config) ? config
                                     : rnn_json_member(config, "layers");
}

/* No layer, however deep, has more entries than this for each object with a
 * class in it. */
static size_t count_layers(const struct rnn_json *json)
{
    size_t count = 0;

    if (!rnn_json_is_array(json) && !rnn_json_is_object(json))
        return 0;
    if (inventory_text(json, "class_name"))
        count = CLASS_COMPOUND_PARTS;
    for (const struct rnn_json *item = rnn_json_first(json); item;
         item = rnn_json_next(item))
        count += count_layers(item);
    return count;
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
                                   const struct place *place,
                                   struct rnn_layer_weights *layers,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err);

/* A model as a layer, whose entry is the next: it stays in the list only if
 * it holds weights. */
enum rnn_status inventory_read_model(const struct rnn_json *item,
                                     struct rnn_layer_weights *layers,
                                     struct rnn_inventory *inventory,
                                     struct rnn_error *err)
{
    size_t index = inventory->layer_count++;
    struct place place = {.model = index};
    enum rnn_status status;

    place.prefix =
        inventory_join(&inventory->arena, layers[index].name, "/", "");
    if (!place.prefix)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    if (!rnn_json_is_array(layers_of(item)))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the model \"%.80s\" lists no layers",
                        layers[index].name);
    status = read_layers(layers_of(item), &place, layers, inventory, err);
    if (!status && inventory->layer_count == index + 1)
        inventory->layer_count = index;
    return status;
}

/* Depth of the recursion: that of the JSON, which is limited. */
static enum rnn_status read_layers(const struct rnn_json *list,
                                   const struct place *place,
                                   struct rnn_layer_weights *layers,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err)
{
    size_t index = 0;

    for (const struct rnn_json *item = rnn_json_first(list); item;
         item = rnn_json_next(item)) {
        struct inventory_reading reading = {layers, inventory,
                                            inventory->layer_count};
        struct rnn_layer_weights whole;
        enum rnn_status status;

        index++;
        if (fields_are_operator(item))
            continue; /* it has no weights */
        status = begin_layer(item, index - 1, place, &inventory->arena, &whole,
                             err);
        if (!status)
            status = inventory_read(item, &whole, &reading, err);
        if (status)
            return status;
    }
    if (index == 0)
        return rnn_fail(err, RNN_BAD_MODEL, "the architecture has no layers");
    return RNN_OK;
}

static enum rnn_status read_all(const struct rnn_json *list,
                                struct rnn_inventory *inventory,
                                struct rnn_error *err)
{
    const struct place whole = {"", RNN_NO_MODEL};
    size_t count = count_layers(list);
    /* One more: a layer is written before it is kept. */
    struct rnn_layer_weights *layers =
        arena_zalloc(&inventory->arena, count + 1, sizeof(*layers), 16);
    enum rnn_status status;

    if (!layers)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    inventory->layers = layers;
    status = read_layers(list, &whole, layers, inventory, err);
    if (!status && inventory->layer_count)
        status = check_names(inventory, err);
    return status;
}

static enum rnn_status find_layers(const struct rnn_json *root,
                                   const struct rnn_json **list,
                                   struct rnn_error *err)
{
    const char *class_name = inventory_text(root, "class_name");

    if (!class_name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the architecture has no class_name");
    if (!class_weights_of_model(class_name))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the model is a %.80s, a class of its own, whose "
                        "layers are Python code; only Sequential and "
                        "Functional models can be read",
                        class_name);
    *list = layers_of(root);
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
        status = read_all(list, &made, err);
    if (!status)
        status = keep_text(root, &made, err);
    rnn_json_free(root);
    if (status)
        rnn_inventory_release(&made);
    else
        *inventory = made;
    return status;
}

void rnn_inventory_release(struct rnn_inventory *inventory)
{
    arena_release(&inventory->arena);
    memset(inventory, 0, sizeof(*inventory));
}
