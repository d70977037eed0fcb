#include "core/format/inventory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/class_weights.h"
#include "core/format/fields.h"
#include "core/format/json.h"

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

/* Where a list of layers stands. */
struct place {
    const char *prefix; /* "inner/" */
    size_t model;
};

static const char *join(struct arena *arena, const char *prefix,
                        const char *name, const char *end)
{
    size_t size = strlen(prefix) + strlen(name) + strlen(end) + 1;
    char *joined = arena_alloc(arena, size, 1, 1);

    if (joined)
        snprintf(joined, size, "%s%s%s", prefix, name, end);
    return joined;
}

/* The layer that is read: its first entry is `first`, if it has one. */
struct reading {
    struct rnn_layer_weights *layers; /* [inventory->layer_count + ...] */
    struct rnn_inventory *inventory;
    size_t first;
};

static enum rnn_status read_inner(const struct rnn_json *item,
                                  const struct rnn_layer_weights *around,
                                  const struct reading *reading,
                                  struct rnn_error *err);

/* One entry like `around`; it stays if it holds weights. */
static void keep(const struct rnn_layer_weights *around,
                 const struct reading *reading)
{
    size_t index = reading->inventory->layer_count;

    reading->layers[index] = *around;
    reading->layers[index].is_second = index > reading->first;
    reading->inventory->layer_count += around->weight_count > 0;
}

/* A part of `around` that is called `name`, in the folder `inside`. */
static enum rnn_status enter(const struct rnn_layer_weights *around,
                             const char *name, const char *inside,
                             const char *side, struct arena *arena,
                             struct rnn_layer_weights *part,
                             struct rnn_error *err)
{
    *part = *around;
    part->name = join(arena, around->name, "/", name);
    part->inside =
        *around->inside ? join(arena, around->inside, "/", inside) : inside;
    if (side)
        part->side = side;
    if (!part->name || !part->inside)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    return RNN_OK;
}

/* ---- the cells of an RNN -------------------------------------------------*/

/* The list of cells of a StackedRNNCells; NULL: `item` is none. */
static const struct rnn_json *stack_of(const struct rnn_json *item)
{
    const char *class_name = text_of(item, "class_name");

    if (!class_name || strcmp(class_name, "StackedRNNCells") != 0)
        return NULL;
    return rnn_json_member(rnn_json_member(item, "config"), "cells");
}

/* How many of the cells before `cell` are of its class: they number its
 * folder. */
static size_t number_of(const struct rnn_json *cells,
                        const struct rnn_json *cell)
{
    size_t number = 0;

    for (const struct rnn_json *other = rnn_json_first(cells); other != cell;
         other = rnn_json_next(other))
        number +=
            !strcmp(text_of(other, "class_name"), text_of(cell, "class_name"));
    return number;
}

/* Cell `index` is called "cell_3"; its folder is "cell/cells/lstm_cell_1". */
static enum rnn_status read_cell(const struct rnn_json *cells, size_t index,
                                 const struct rnn_json *item,
                                 const struct rnn_layer_weights *around,
                                 const struct reading *reading,
                                 struct rnn_error *err)
{
    struct arena *arena = &reading->inventory->arena;
    const char *class_name = text_of(item, "class_name");
    const char *name = text_of(rnn_json_member(item, "config"), "name");
    const struct class_weights *known;
    struct rnn_layer_weights cell;
    char folder[100], called[40];
    const char *inside;
    enum rnn_status status;

    if (!class_name || !name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.80s\": its cell %zu has no class_name or "
                        "no name",
                        around->name, index);
    known = class_weights_find(class_name);
    if (!known)
        return refuse_class(around->name, class_name, err);
    snprintf(folder, sizeof(folder), "cell/cells/%s_%zu", known->snake_name,
             number_of(cells, item));
    if (!number_of(cells, item))
        snprintf(folder, sizeof(folder), "cell/cells/%s", known->snake_name);
    snprintf(called, sizeof(called), "cell_%zu", index);
    inside = join(arena, folder, "", "");
    if (!inside)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    status = enter(around, called, inside, NULL, arena, &cell, err);
    if (status)
        return status;
    cell.cell = join(arena, name, "", "");
    if (!cell.cell)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    return read_inner(item, &cell, reading, err);
}

static enum rnn_status read_stack(const struct rnn_json *cells,
                                  const struct rnn_layer_weights *around,
                                  const struct reading *reading,
                                  struct rnn_error *err)
{
    size_t index = 0;
    enum rnn_status status = RNN_OK;

    for (const struct rnn_json *item = rnn_json_first(cells); item && !status;
         item = rnn_json_next(item))
        status = read_cell(cells, index++, item, around, reading, err);
    return status;
}

/* ---- parts ---------------------------------------------------------------*/

static enum rnn_status read_wrapper(const struct class_wrapper *wrapper,
                                    const struct rnn_json *config,
                                    const struct rnn_layer_weights *around,
                                    const struct reading *reading,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < 2 && wrapper->parts[i].name && !status; i++) {
        const struct rnn_json *inner =
            rnn_json_member(config, wrapper->parts[i].field);
        struct rnn_layer_weights part;

        if (rnn_json_is_null(inner))
            inner = rnn_json_member(config, wrapper->parts[i].or_field);
        if (!text_of(inner, "class_name"))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.80s\" (%s) has no %s", around->name,
                            wrapper->class_name, wrapper->parts[i].field);
        if (stack_of(inner))
            return read_stack(stack_of(inner), around, reading, err);
        status = enter(around, wrapper->parts[i].name, wrapper->parts[i].name,
                       wrapper->parts[i].side, &reading->inventory->arena,
                       &part, err);
        if (!status)
            status = read_inner(inner, &part, reading, err);
    }
    return status;
}

/* A layer made of smaller ones that no configuration lists. */
static enum rnn_status read_compound(const struct class_compound *compound,
                                     const struct rnn_json *config,
                                     const struct rnn_layer_weights *around,
                                     const struct reading *reading,
                                     struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; compound->parts[i].name && !status; i++) {
        struct rnn_layer_weights part;

        status = enter(around, compound->parts[i].name,
                       compound->parts[i].folder, compound->parts[i].side,
                       &reading->inventory->arena, &part, err);
        if (status)
            return status;
        part.may_be_private = true;
        class_compound_fill(compound, i, config, &part);
        keep(&part, reading);
    }
    return status;
}

static enum rnn_status read_nested(const struct rnn_json *item,
                                   struct rnn_layer_weights *layers,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err);

/* What `around` says is one entry, several, or a model. */
static enum rnn_status read_inner(const struct rnn_json *item,
                                  const struct rnn_layer_weights *around,
                                  const struct reading *reading,
                                  struct rnn_error *err)
{
    struct rnn_inventory *inventory = reading->inventory;
    const struct rnn_json *config = rnn_json_member(item, "config");
    const char *class_name = text_of(item, "class_name");
    const struct class_wrapper *wrapper = class_wrapper_find(class_name);
    const struct class_compound *compound = class_compound_find(class_name);
    const struct class_weights *known = class_weights_find(class_name);
    struct rnn_layer_weights entry = *around;

    if (wrapper)
        return read_wrapper(wrapper, config, around, reading, err);
    if (compound)
        return read_compound(compound, config, around, reading, err);
    if (class_weights_of_model(class_name)) {
        entry.is_model = true;
        entry.is_second = inventory->layer_count > reading->first;
        reading->layers[inventory->layer_count] = entry;
        return read_nested(item, reading->layers, inventory, err);
    }
    if (!known)
        return refuse_class(around->name, class_name, err);
    if (*known->inside && *around->inside)
        entry.inside =
            join(&inventory->arena, around->inside, "/", known->inside);
    else if (*known->inside)
        entry.inside = known->inside;
    if (!entry.inside)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    entry.unread = known->unread;
    class_weights_fill(known, config, &entry);
    keep(&entry, reading);
    return RNN_OK;
}

/* What all entries of a layer have in common: where .keras files keep its
 * class, and what it is called. */
static enum rnn_status begin_layer(const struct rnn_json *item, size_t index,
                                   const struct place *place,
                                   struct arena *arena,
                                   struct rnn_layer_weights *layer,
                                   struct rnn_error *err)
{
    const struct rnn_json *config = rnn_json_member(item, "config");
    const char *class_name = text_of(item, "class_name");
    const char *name = text_of(config, "name");

    if (!name)
        name = text_of(item, "name");
    if (!class_name || !config || !name || !*name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer %zu of the architecture has no class_name, no "
                        "config or no name",
                        index);
    *layer = (struct rnn_layer_weights){.model = place->model, .inside = ""};
    if (!class_names_find(class_name, &layer->class_name, &layer->snake_name))
        return refuse_class(name, class_name, err);
    layer->name = join(arena, place->prefix, name, "");
    layer->layer_name = join(arena, "", name, "");
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
    if (text_of(json, "class_name"))
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
static enum rnn_status read_nested(const struct rnn_json *item,
                                   struct rnn_layer_weights *layers,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err)
{
    size_t index = inventory->layer_count++;
    struct place place = {.model = index};
    enum rnn_status status;

    place.prefix = join(&inventory->arena, layers[index].name, "/", "");
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
        struct reading reading = {layers, inventory, inventory->layer_count};
        struct rnn_layer_weights whole;
        enum rnn_status status;

        index++;
        if (fields_are_operator(item))
            continue; /* it has no weights */
        status = begin_layer(item, index - 1, place, &inventory->arena, &whole,
                             err);
        if (!status)
            status = read_inner(item, &whole, &reading, err);
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
    const char *class_name = text_of(root, "class_name");

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
