/* multi_head.h: one attention of several heads, as it is read
 * (multi_head_fields.c), connected (multi_head_attention.c) and run
 * (multi_head.c).
 *
 * Memory   In the model's arena; at work, the node's scratch.
 * Threads  Written while a layer is connected, afterwards only read.
 */
#ifndef CORE_LAYERS_MULTI_HEAD_H
#define CORE_LAYERS_MULTI_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/attend_call.h"

struct multi_head {
    size_t heads, kv_heads;    /* of queries; of keys and values */
    size_t key_dim, value_dim; /* of one head */
    size_t window;             /* 0: none */
    bool use_bias, use_gate, robust;
    double dropout;
    struct rnn_shape output; /* rank 0: as wide as the query */
    size_t query_width, key_width, value_width; /* of the first call */
    const struct rnn_ukernels *ukernels;
    struct f32_product query, key, value, gate, out;
};

/* One call.  One that streams keeps the projected keys and values of the last
 * `past` timesteps, and how many there are, at these places of a state at
 * work, in bytes. */
struct multi_head_call {
    struct attend_call given;
    struct attend attend;
    bool streams;
    size_t past;
    size_t keys, values, count;
};

/* The fields, into the layer's struct multi_head. */
RNN_CHECKED enum rnn_status multi_head_read(struct layer *layer,
                                            struct fields *fields,
                                            struct rnn_error *err);

/* A node whose layer's `own` is a struct multi_head, and its own the call. */
size_t multi_head_scratch(const struct node *node, size_t rows, size_t items);
bool multi_head_run(const struct node *node, struct run *run);

#endif
