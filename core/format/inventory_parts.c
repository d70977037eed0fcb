#include "core/format/inventory_parts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/format/class_weights.h"
#include "core/format/fields.h"

const char *inventory_text(const struct rnn_json *object, const char *key)
{
    return rnn_json_text(rnn_json_member(object, key));
}

enum rnn_status inventory_refuse(const char *name, const char *class_name,
                                 struct rnn_error *err)
{
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.80s\" is a %.80s, which is not supported; "
                    "docs/layers.md lists the layers that are",
                    name, class_name);
}

const char *inventory_join(struct arena *arena, const char *prefix,
                           const char *name, const char *end)
{
    size_t size = strlen(prefix) + strlen(name) + strlen(end) + 1;
    char *joined = arena_alloc(arena, size, 1, 1);

    if (joined)
        snprintf(joined, size, "%s%s%s", prefix, name, end);
    return joined;
}

/* One entry like `around`; it stays if it holds weights. */
static void keep(const struct rnn_layer_weights *around,
                 const struct inventory_reading *reading)
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
    part->name = inventory_join(arena, around->name, "/", name);
    part->inside = *around->inside
                       ? inventory_join(arena, around->inside, "/", inside)
                       : inside;
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
    const char *class_name = inventory_text(item, "class_name");

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
        number += !strcmp(inventory_text(other, "class_name"),
                          inventory_text(cell, "class_name"));
    return number;
}

/* Where a cell stands: in the stack in this folder, as cell number `*next` of
 * all cells of the RNN. */
struct stack_place {
    const char *folder; /* "cell", "cell/cells/stacked_rnn_cells" */
    size_t *next;
};

static enum rnn_status read_stack(const struct rnn_json *cells,
                                  const struct stack_place *place,
                                  const struct rnn_layer_weights *around,
                                  const struct inventory_reading *reading,
                                  struct rnn_error *err);

/* The folder of `item`: "cell/cells/lstm_cell_1". */
static const char *folder_of(const struct rnn_json *cells,
                             const struct rnn_json *item,
                             const char *snake_name, const char *stack,
                             struct arena *arena)
{
    size_t number = number_of(cells, item);
    char name[100];

    snprintf(name, sizeof(name), "/cells/%s", snake_name);
    if (number)
        snprintf(name, sizeof(name), "/cells/%s_%zu", snake_name, number);
    return inventory_join(arena, stack, name, "");
}

/* Cell 3 of an RNN, whatever stacks it is in, is called "cell_3". */
static enum rnn_status read_cell(const struct rnn_json *item,
                                 const char *inside, size_t index,
                                 const struct rnn_layer_weights *around,
                                 const struct inventory_reading *reading,
                                 struct rnn_error *err)
{
    struct arena *arena = &reading->inventory->arena;
    struct rnn_layer_weights cell;
    char called[40];
    enum rnn_status status;

    snprintf(called, sizeof(called), "cell_%zu", index);
    status = enter(around, called, inside, NULL, arena, &cell, err);
    if (status)
        return status;
    cell.cell = inventory_join(
        arena, inventory_text(rnn_json_member(item, "config"), "name"), "",
        "");
    if (!cell.cell)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    return inventory_read(item, &cell, reading, err);
}

static enum rnn_status read_item(const struct rnn_json *cells,
                                 const struct rnn_json *item,
                                 const struct stack_place *place,
                                 const struct rnn_layer_weights *around,
                                 const struct inventory_reading *reading,
                                 struct rnn_error *err)
{
    const char *class_name = inventory_text(item, "class_name");
    const struct class_weights *known;
    struct stack_place inner = {NULL, place->next};

    if (!class_name ||
        !inventory_text(rnn_json_member(item, "config"), "name"))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.80s\": its cell %zu has no class_name or "
                        "no name",
                        around->name, *place->next);
    known = class_weights_find(class_name);
    if (!known && !stack_of(item))
        return inventory_refuse(around->name, class_name, err);
    inner.folder =
        folder_of(cells, item, known ? known->snake_name : "stacked_rnn_cells",
                  place->folder, &reading->inventory->arena);
    if (!inner.folder)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    if (!known)
        return read_stack(stack_of(item), &inner, around, reading, err);
    return read_cell(item, inner.folder, (*place->next)++, around, reading,
                     err);
}

/* Depth of the recursion: that of the JSON. */
static enum rnn_status read_stack(const struct rnn_json *cells,
                                  const struct stack_place *place,
                                  const struct rnn_layer_weights *around,
                                  const struct inventory_reading *reading,
                                  struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (const struct rnn_json *item = rnn_json_first(cells); item && !status;
         item = rnn_json_next(item))
        status = read_item(cells, item, place, around, reading, err);
    return status;
}

/* ---- parts ---------------------------------------------------------------*/

static enum rnn_status read_wrapper(const struct class_wrapper *wrapper,
                                    const struct rnn_json *config,
                                    const struct rnn_layer_weights *around,
                                    const struct inventory_reading *reading,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < 2 && wrapper->parts[i].name && !status; i++) {
        const struct rnn_json *inner =
            rnn_json_member(config, wrapper->parts[i].field);
        struct rnn_layer_weights part;
        size_t cell = 0;

        if (rnn_json_is_null(inner))
            inner = rnn_json_member(config, wrapper->parts[i].or_field);
        if (!inventory_text(inner, "class_name"))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.80s\" (%s) has no %s", around->name,
                            wrapper->class_name, wrapper->parts[i].field);
        if (stack_of(inner))
            return read_stack(stack_of(inner),
                              &(struct stack_place){"cell", &cell}, around,
                              reading, err);
        status = enter(around, wrapper->parts[i].name, wrapper->parts[i].name,
                       wrapper->parts[i].side, &reading->inventory->arena,
                       &part, err);
        if (!status)
            status = inventory_read(inner, &part, reading, err);
    }
    return status;
}

/* A layer made of smaller ones that no configuration lists. */
static enum rnn_status read_compound(const struct class_compound *compound,
                                     const struct rnn_json *config,
                                     const struct rnn_layer_weights *around,
                                     const struct inventory_reading *reading,
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

/* What `around` says is one entry, several, or a model. */
enum rnn_status inventory_read(const struct rnn_json *item,
                               const struct rnn_layer_weights *around,
                               const struct inventory_reading *reading,
                               struct rnn_error *err)
{
    struct rnn_inventory *inventory = reading->inventory;
    const struct rnn_json *config = rnn_json_member(item, "config");
    const char *class_name = inventory_text(item, "class_name");
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
        return inventory_read_model(item, reading->layers, inventory, err);
    }
    if (!known)
        return inventory_refuse(around->name, class_name, err);
    if (*known->inside && *around->inside)
        entry.inside = inventory_join(&inventory->arena, around->inside, "/",
                                      known->inside);
    else if (*known->inside)
        entry.inside = known->inside;
    if (!entry.inside)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    entry.unread = known->unread;
    class_weights_fill(known, config, &entry);
    keep(&entry, reading);
    return RNN_OK;
}
