/* state.h: what one sequence has left behind.
 *
 * A state is a block of bytes that only its model understands: h and c of
 * each recurrent layer, past inputs, running folds.  The caller provides the
 * memory (rnn_model_info()->state_bytes, aligned to 8) and may move it about
 * with memcpy; a state of zero bytes is possible and fine.
 *
 * Threads  One state, one thread at a time.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include <stdbool.h>
#include <stddef.h>

struct rnn_model;
struct rnn_state;

/* Bytes of one state of `model`. */
size_t rnn_state_size(const struct rnn_model *model);

/* The state before the first timestep. */
void rnn_state_zero(const struct rnn_model *model, struct rnn_state *state);

void rnn_state_copy(const struct rnn_model *model, struct rnn_state *to,
                    const struct rnn_state *from);

/* Is every number of it finite (and every count not negative)? */
bool rnn_state_is_finite(const struct rnn_model *model,
                         const struct rnn_state *state);

#endif
