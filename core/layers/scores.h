/* scores.h: values that are as wide as there are timesteps, while these are
 * left open: the scores of an attention that is made of single layers.
 *
 *     s_tu = sum over z of a_tz b_uz             Dot, Matmul, Einsum
 *     s_tu = f(c_t, l_u)                         or a column and a line
 *     s_tu = f(s_tu, ...)                        numbers, columns c_t, lines
 *                                                l_u and other scores
 *     s_t  = g(s_t)                              an activation, over u
 *     y_tf = sum over u of s_tu v_uf             Dot, Matmul, Einsum
 *     s_t  = the weights of a query              Attention, as an output only
 *
 * No buffer holds s: such a value says how it is made, and the product at the
 * end makes a row of it for each timestep.  So it takes memory for one row,
 * however many timesteps there are, and the numbers are those of the same
 * layers where the number of timesteps is known.  An output of the model is
 * written row by row to where the caller wants it.
 *
 * A sequence with its axes exchanged, [features, timesteps], is such a value
 * too: `turned` is the sequence, which products take instead.  One of a single
 * row is a line; its sequence may be one of numbers without features.
 *
 * Only the classes that say so take such values (scores_may_enter()).
 *
 * Memory  In the model's arena.
 */
#ifndef CORE_LAYERS_SCORES_H
#define CORE_LAYERS_SCORES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/einsum.h"
#include "core/layers/elementwise.h"
#include "core/layers/layer.h"

#define SCORES_STEPS ((size_t)16)
#define SCORES_SIZE  ((size_t)64) /* with those of scores within */

struct scores_operand {
    enum {
        SCORES_VALUE,  /* of which the kind is still to be found */
        SCORES_ROW,    /* s_t itself */
        SCORES_NUMBER, /* a constant */
        SCORES_COLUMN, /* c_t: a number of each timestep */
        SCORES_LINE,   /* l_u */
        SCORES_OTHER,  /* the row of other scores */
    } kind;
    float number;
    struct value *value;
    const struct scores *other;
};

struct scores_step {
    const struct element *element; /* f; NULL: g */
    struct scores_operand operands[ELEMENT_OPERANDS];
    size_t count;
    float settings[ELEMENT_SETTINGS];
    struct rnn_activation activation;
};

struct scores {
    struct value *a, *b; /* [T, z] and [U, z], or a column and a line */
    bool is_product;
    const struct node *attention; /* whose weights they are; NULL */
    const struct rnn_ukernels *ukernels;
    double least; /* as struct einsum has it */
    struct scores_step steps[SCORES_STEPS];
    size_t step_count;
    size_t size; /* steps, and scores and steps within them */
};

/* May `layer` be called on this?
 *
 * UNSUPPORTED  no, in a sentence
 */
RNN_CHECKED enum rnn_status scores_may_enter(const struct layer *layer,
                                             const struct value *x,
                                             struct rnn_error *err);

/* Output 0 of `node` is scores that are made as `like` says. */
RNN_CHECKED enum rnn_status scores_make(struct plan_builder *builder,
                                        struct node *node,
                                        const struct scores *like,
                                        struct rnn_error *err);

/* Does `node` work on these, number by number?  Then scores_elements() makes
 * its output. */
bool scores_are_met(const struct node *node);

/* Output 0 of `node` is `element` of `count` operands. */
RNN_CHECKED enum rnn_status scores_elements(
    struct plan_builder *builder, struct node *node,
    const struct element *element, const struct scores_operand *operands,
    size_t count, const float *settings, struct rnn_error *err);

/* Output 0 of `node` is that of the merge whose operator on two is `element`,
 * from left to right; of an average, `mean` is what divides.
 *
 * UNSUPPORTED  masks, or two inputs in front of which neither is scores
 */
RNN_CHECKED enum rnn_status scores_merge(struct plan_builder *builder,
                                         struct node *node,
                                         const struct element *element,
                                         const struct element *mean,
                                         struct rnn_error *err);

/* Output 0 of `node` is an activation of input 0.
 *
 * UNSUPPORTED  one of whole rows, and `along_last` is false
 */
RNN_CHECKED enum rnn_status scores_activate(
    struct plan_builder *builder, struct node *node,
    const struct rnn_activation *activation, bool along_last,
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

/* The values that rows of `value` are made of are given to `take`, each. */
void scores_each_value(const struct value *value,
                       void (*take)(void *arg, struct value *value),
                       void *arg);

/* Floats that rows take, where a sequence has up to `items` timesteps. */
size_t scores_rows_scratch(const struct scores *scores, size_t items);

/* Row `t` of sequence `r`, as wide as `run` says, into `row`; `spare` is the
 * scratch. */
void scores_row(const struct scores *scores, const struct run *run, size_t r,
                size_t t, float *row, float *spare);

/* Multiply-adds of a timestep with each other. */
uint64_t scores_cost(const struct scores *scores);

/* `value`, which is scores or turned, of sequence `r`, for the model's caller;
 * false: the caller said stop. */
RNN_CHECKED bool scores_write(const struct value *value, struct run *run,
                              size_t r, float *to);

/* Floats that the product at the end needs. */
size_t scores_scratch(const struct scores *scores, const struct node *node,
                      size_t items);

/* The product at the end; false: the caller said stop. */
bool scores_run(const struct scores *scores, const struct node *node,
                struct run *run);

#endif
