/* scores.h: values that are as wide as there are timesteps, while these are
 * left open: the scores of an attention that is made of single layers.
 *
 *     s_tu = sum over z of a_tz b_uz             Dot, Matmul, Einsum
 *     s = s + c, s - c, s c, s / c               constants
 *     s_t = softmax s_t                          over u
 *     y_tf = sum over u of s_tu v_uf             Dot, Matmul, Einsum
 *
 * No buffer holds s: such a value says how it is made, and the product at the
 * end makes a row of it for each timestep.  So it takes memory for one row,
 * however many timesteps there are, and the numbers are those of the same
 * layers where the number of timesteps is known.
 *
 * A sequence with its axes exchanged, [features, timesteps], is such a value
 * too: `turned` is the sequence, which products take instead.
 *
 * Only the layers of scores_may_enter() take such values; nothing else may
 * follow, and none may be an output of the model.
 *
 * Memory  In the model's arena.
 */
#ifndef CORE_LAYERS_SCORES_H
#define CORE_LAYERS_SCORES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/einsum.h"
#include "core/layers/layer.h"

#define SCORES_STEPS ((size_t)8)

struct scores_step {
    enum {
        SCORES_ADD,
        SCORES_SUBTRACT,
        SCORES_MULTIPLY,
        SCORES_DIVIDE,
        SCORES_SOFTMAX,
    } kind;
    float by;
};

struct scores {
    struct value *a, *b; /* [T, z] and [U, z] */
    const struct rnn_ukernels *ukernels;
    double least; /* as struct einsum has it */
    struct scores_step steps[SCORES_STEPS];
    size_t step_count;
};

/* May `layer` be called on this?
 *
 * UNSUPPORTED  no, in a sentence
 */
RNN_CHECKED enum rnn_status scores_may_enter(const struct layer *layer,
                                             const struct value *x,
                                             struct rnn_error *err);

/* May this be an output of the model? */
RNN_CHECKED enum rnn_status scores_may_leave(const struct value *value,
                                             const char *name,
                                             struct rnn_error *err);

/* Output 0 of `node` is input 0, and one step more. */
RNN_CHECKED enum rnn_status scores_go_on(struct plan_builder *builder,
                                         struct node *node,
                                         struct scores_step step,
                                         struct rnn_error *err);

/* Output 0 of `node` is the softmax of input 0.
 *
 * UNSUPPORTED  `is_one` is false: another function, or along another axis
 */
RNN_CHECKED enum rnn_status scores_softmax(struct plan_builder *builder,
                                           struct node *node, bool is_one,
                                           struct rnn_error *err);

/* Output 0 of `node` is input 0 with its axes exchanged. */
RNN_CHECKED enum rnn_status scores_turn(struct plan_builder *builder,
                                        struct node *node,
                                        struct rnn_error *err);

/* Does this sum make scores, of timesteps whose number is open? */
bool scores_begin_here(const struct einsum *einsum);

/* Then output 0 of `node` is these scores. */
RNN_CHECKED enum rnn_status scores_begin(const struct einsum *einsum,
                                         struct plan_builder *builder,
                                         struct node *node,
                                         struct rnn_error *err);

/* Is an operand scores?  Then output 0 of `node` is their product with the
 * other one, and `einsum->scores` says what of.
 *
 * UNSUPPORTED  another product than y above
 */
RNN_CHECKED enum rnn_status scores_end(struct einsum *einsum,
                                       struct plan_builder *builder,
                                       struct node *node,
                                       struct rnn_error *err);

/* Floats that the product at the end needs, where a sequence has up to
 * `items` timesteps. */
size_t scores_scratch(const struct node *node, size_t items);

/* The product at the end; false: the caller said stop. */
bool scores_run(const struct scores *scores, const struct node *node,
                struct run *run);

#endif
