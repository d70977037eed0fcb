/* inventory_parts.h: one layer of an architecture and all that is in it, for
 * inventory.c alone.
 *
 * Memory   The inventory's arena.
 */
#ifndef CORE_FORMAT_INVENTORY_PARTS_H
#define CORE_FORMAT_INVENTORY_PARTS_H

#include <stddef.h>

#include "core/format/inventory.h"
#include "core/format/json.h"

/* The layer that is read: its first entry is `first`, if it has one. */
struct inventory_reading {
    struct rnn_layer_weights *layers; /* [inventory->layer_count + ...] */
    struct rnn_inventory *inventory;
    size_t first;
};

/* The text that `object` has under `key`; NULL. */
const char *inventory_text(const struct rnn_json *object, const char *key);

/* The three after each other; NULL when the arena is out. */
const char *inventory_join(struct arena *arena, const char *prefix,
                           const char *name, const char *end);

enum rnn_status inventory_refuse(const char *name, const char *class_name,
                                 struct rnn_error *err);

/* What `item` is becomes one entry like `around`, several, or a model. */
RNN_CHECKED enum rnn_status inventory_read(
    const struct rnn_json *item, const struct rnn_layer_weights *around,
    const struct inventory_reading *reading, struct rnn_error *err);

/* A model as a layer, whose entry is the next (inventory.c). */
RNN_CHECKED enum rnn_status inventory_read_model(
    const struct rnn_json *item, struct rnn_layer_weights *layers,
    struct rnn_inventory *inventory, struct rnn_error *err);

#endif
