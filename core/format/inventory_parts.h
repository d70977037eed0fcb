/* inventory_parts.h: the layers inside a layer, for inventory.c: the sides of
 * a Bidirectional, the cells of an RNN, one in the other too.
 *
 * Each part that holds weights is an entry of the inventory.
 */
#ifndef CORE_FORMAT_INVENTORY_PARTS_H
#define CORE_FORMAT_INVENTORY_PARTS_H

#include <stddef.h>

#include "core/format/inventory.h"

struct rnn_json;

/* Entries that the parts of `item`, a layer, may need: at least one. */
size_t inventory_count_parts(const struct rnn_json *item);

/* Add the parts of `item`, a wrapper whose names are those of `whole`, to the
 * `layers` of the inventory. */
RNN_CHECKED enum rnn_status inventory_read_parts(
    const struct rnn_json *item, const struct rnn_layer_weights *whole,
    struct rnn_layer_weights *layers, struct rnn_inventory *inventory,
    struct rnn_error *err);

/* Three texts in one; NULL: out of memory. */
const char *inventory_join(struct arena *arena, const char *first,
                           const char *second, const char *third);

enum rnn_status inventory_refuse(const char *name, const char *class_name,
                                 struct rnn_error *err);

#endif
