#include "core/format/inventory_parts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/format/class_weights.h"
#include "core/format/json.h"

static const char *text_of(const struct rnn_json *object, const char *key)
{
    return rnn_json_text(rnn_json_member(object, key));
}

const char *inventory_join(struct arena *arena, const char *first,
                           const char *second, const char *third)
{
    size_t size = strlen(first) + strlen(second) + strlen(third) + 1;
    char *joined = arena_alloc(arena, size, 1, 1);

    if (joined)
        snprintf(joined, size, "%s%s%s", first, second, third);
    return joined;
}

enum rnn_status inventory_refuse(const char *name, const char *class_name,
                                 struct rnn_error *err)
{
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.80s\" is a %.80s, which is not supported; "
                    "docs/layers.md lists the layers that are",
                    name, class_name);
}

/* What part `index` of a wrapper is in the file; NULL: it is not there. */
static const struct rnn_json *part_of(const struct class_wrapper *wrapper,
                                      size_t index,
                                      const struct rnn_json *item)
{
    const struct rnn_json *config = rnn_json_member(item, "config");
    const struct rnn_json *part =
        rnn_json_member(config, wrapper->parts[index].field);

    if (rnn_json_is_null(part))
        part = rnn_json_member(config, wrapper->parts[index].or_field);
    return part;
}

/* The cells of a stack; NULL: `item` is none. */
static const struct rnn_json *stack_of(const struct rnn_json *item)
{
    const char *class_name = text_of(item, "class_name");

    if (!class_name || strcmp(class_name, "StackedRNNCells") != 0)
        return NULL;
    return rnn_json_member(rnn_json_member(item, "config"), "cells");
}

/* Depth of the recursion: that of the JSON, which is limited. */
size_t inventory_count_parts(const struct rnn_json *item)
{
    const char *class_name = text_of(item, "class_name");
    const struct class_wrapper *wrapper =
        class_name ? class_wrapper_find(class_name) : NULL;
    size_t count = rnn_json_count(stack_of(item));

    for (size_t i = 0; wrapper && i < 2 && wrapper->parts[i].name; i++)
        count += inventory_count_parts(part_of(wrapper, i, item));
    return count ? count : 1;
}

/* A part on its way down: where it stands, and what is around it. */
struct reading {
    struct rnn_layer_weights *layers;
    struct rnn_inventory *inventory;
    size_t first; /* entry of the whole layer */
};

/* `outer` with a name and a folder more. */
static enum rnn_status go_inside(const struct rnn_layer_weights *outer,
                                 const char *name, const char *folder,
                                 struct arena *arena,
                                 struct rnn_layer_weights *inner,
                                 struct rnn_error *err)
{
    const char *longer = inventory_join(arena, outer->name, "/", name);
    const char *inside = inventory_join(arena, outer->inside,
                                        *outer->inside ? "/" : "", folder);

    *inner = *outer;
    inner->name = longer;
    inner->inside = inside;
    if (longer && inside)
        return RNN_OK;
    return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
}

/* A layer that is no wrapper: an entry, if it holds weights. */
static enum rnn_status add_entry(const struct reading *reading,
                                 const struct rnn_json *item,
                                 const struct class_weights *known,
                                 const struct rnn_layer_weights *place,
                                 struct rnn_error *err)
{
    struct rnn_inventory *inventory = reading->inventory;
    struct rnn_layer_weights *entry = &reading->layers[inventory->layer_count];

    *entry = *place;
    entry->inside = inventory_join(&inventory->arena, place->inside,
                                   *place->inside && *known->inside ? "/" : "",
                                   known->inside);
    if (!entry->inside)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    entry->unread = known->unread;
    entry->is_second = inventory->layer_count > reading->first;
    class_weights_fill(known, rnn_json_member(item, "config"), entry);
    inventory->layer_count += entry->weight_count > 0;
    return RNN_OK;
}

/* How many of the cells before cell `index` are of its class: they number its
 * folder. */
static size_t number_of(const struct rnn_json *cells, size_t index,
                        const char *class_name)
{
    const struct rnn_json *cell = rnn_json_first(cells);
    size_t number = 0;

    for (size_t i = 0; i < index; i++, cell = rnn_json_next(cell)) {
        const char *other = text_of(cell, "class_name");

        number += other && !strcmp(other, class_name);
    }
    return number;
}

/* Cell 3 is called "cell_3"; its folder is "cell/cells/lstm_cell_1". */
static enum rnn_status read_cell(const struct reading *reading,
                                 const struct rnn_json *cells, size_t index,
                                 const struct rnn_json *item,
                                 const struct rnn_layer_weights *outer,
                                 struct rnn_error *err)
{
    const char *class_name = text_of(item, "class_name");
    const char *name = text_of(rnn_json_member(item, "config"), "name");
    const struct class_weights *known =
        class_name ? class_weights_find(class_name) : NULL;
    struct rnn_layer_weights cell;
    size_t number;
    char folder[100], called[40];
    enum rnn_status status;

    if (!class_name || !name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.80s\": cell %zu has no class_name or no "
                        "name",
                        outer->name, index);
    if (!known)
        return inventory_refuse(outer->name, class_name, err);
    number = number_of(cells, index, class_name);
    snprintf(folder, sizeof(folder),
             number ? "cell/cells/%s_%zu" : "cell/cells/%s", known->snake_name,
             number);
    snprintf(called, sizeof(called), "cell_%zu", index);
    status = go_inside(outer, called, folder, &reading->inventory->arena,
                       &cell, err);
    if (status)
        return status;
    cell.cell = inventory_join(&reading->inventory->arena, name, "", "");
    if (!cell.cell)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    return add_entry(reading, item, known, &cell, err);
}

static enum rnn_status read_cells(const struct reading *reading,
                                  const struct rnn_json *cells,
                                  const struct rnn_layer_weights *outer,
                                  struct rnn_error *err)
{
    size_t index = 0;
    enum rnn_status status = RNN_OK;

    for (const struct rnn_json *item = rnn_json_first(cells); item && !status;
         item = rnn_json_next(item))
        status = read_cell(reading, cells, index++, item, outer, err);
    return status;
}

static enum rnn_status read_parts(const struct reading *reading,
                                  const struct class_wrapper *wrapper,
                                  const struct rnn_json *item,
                                  const struct rnn_layer_weights *outer,
                                  struct rnn_error *err);

static enum rnn_status read_part(const struct reading *reading,
                                 const struct class_wrapper *wrapper,
                                 size_t index, const struct rnn_json *item,
                                 const struct rnn_layer_weights *outer,
                                 struct rnn_error *err)
{
    const struct rnn_json *inner = part_of(wrapper, index, item);
    const char *class_name = text_of(inner, "class_name");
    const char *name = wrapper->parts[index].name;
    struct rnn_layer_weights place = *outer;
    const struct class_weights *known;
    enum rnn_status status;

    if (!class_name)
        return rnn_fail(err, RNN_BAD_MODEL, "layer \"%.80s\" (%s) has no %s",
                        outer->name, wrapper->class_name,
                        wrapper->parts[index].field);
    if (stack_of(inner))
        return read_cells(reading, stack_of(inner), outer, err);
    if (wrapper->parts[index].side)
        place.side = wrapper->parts[index].side;
    status =
        go_inside(&place, name, name, &reading->inventory->arena, &place, err);
    if (status)
        return status;
    if (class_wrapper_find(class_name))
        return read_parts(reading, class_wrapper_find(class_name), inner,
                          &place, err);
    known = class_weights_find(class_name);
    if (!known)
        return inventory_refuse(outer->name, class_name, err);
    return add_entry(reading, inner, known, &place, err);
}

/* Depth of the recursion: that of the JSON, which is limited. */
static enum rnn_status read_parts(const struct reading *reading,
                                  const struct class_wrapper *wrapper,
                                  const struct rnn_json *item,
                                  const struct rnn_layer_weights *outer,
                                  struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < 2 && wrapper->parts[i].name && !status; i++)
        status = read_part(reading, wrapper, i, item, outer, err);
    return status;
}

enum rnn_status inventory_read_parts(const struct rnn_json *item,
                                     const struct rnn_layer_weights *whole,
                                     struct rnn_layer_weights *layers,
                                     struct rnn_inventory *inventory,
                                     struct rnn_error *err)
{
    const struct reading reading = {layers, inventory, inventory->layer_count};

    return read_parts(&reading, class_wrapper_find(whole->class_name), item,
                      whole, err);
}
