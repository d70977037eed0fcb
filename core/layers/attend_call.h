/* attend_call.h: what one call of an attention is given, and what it makes.
 *
 * Query, value and key stand in this order, one by one or in a list, or are
 * keywords; without a key, the value is the key.  Each is a sequence of rows,
 * [timesteps, features], or one item that holds rows; a mask of it is a number
 * for each row.  The first output has the rows of the query.  The second, the
 * weights of all keys for each query, is made when it is asked for, and only
 * where the numbers of rows are known or `opens` is set.
 *
 * Memory   In the model's arena.
 */
#ifndef CORE_LAYERS_ATTEND_CALL_H
#define CORE_LAYERS_ATTEND_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/layers/attend.h"

struct attend_call {
    struct value *query, *value, *key;
    struct value *pairs; /* attention_mask: a row for each query; NULL */
    bool causal, scores; /* use_causal_mask, return_attention_scores */
    bool opens; /* weights of open numbers of rows are the layer's to make */
};

/* Look at the inputs and keywords of `node`.
 *
 * BAD_MODEL    tensors that do not fit together
 * UNSUPPORTED  tensors of other shapes, a flag that is no constant
 */
RNN_CHECKED enum rnn_status attend_call_read(const struct layer *layer,
                                             const struct node *node,
                                             struct plan_builder *builder,
                                             struct attend_call *call,
                                             struct rnn_error *err);

/* Features of a row, and how many rows there are; 0: not known. */
size_t attend_call_features(const struct value *value);
size_t attend_call_rows(const struct value *value);

/* Output 0 of [query rows, `row`], with the query's mask, and the weights as
 * output 1: [queries, keys], or with `heads` [heads, queries, keys]. */
RNN_CHECKED enum rnn_status attend_call_outputs(
    const struct attend_call *call, const struct rnn_shape *row, size_t heads,
    struct node *node, struct plan_builder *builder, struct rnn_error *err);

/* Cost of the node: `pair` for each query and key, `each` for each row. */
void attend_call_cost(const struct attend_call *call, uint64_t pair,
                      uint64_t each, struct node *node);

/* ---- at work -------------------------------------------------------------*/

/* How many sequences a chunk has: its rows, or, where nothing has time, the
 * items. */
size_t attend_call_sequences(const struct run *run,
                             const struct attend_call *call);

/* Rows of the longest of them, of a chunk of `items`. */
size_t attend_call_most_rows(const struct value *value, size_t items);

/* Rows of sequence `index`, as they lie in the value. */
struct attend_rows attend_call_view(const struct run *run,
                                    const struct value *value, size_t index);

/* The masks of sequence `index`, into the job. */
void attend_call_masks(const struct run *run, const struct attend_call *call,
                       size_t index, struct attend_job *job);

#endif
