/* attend.h: what all attentions share: for each query the mean of the values,
 * weighted by how well their keys answer it.
 *
 *     s_tu = scale * (q_t . k_u)                          dot
 *     s_tu = outer * sum over d of w_d tanh(inner * (q_td + k_ud))   additive
 *     p_t  = softmax over those u of s_t that t sees, 0 elsewhere
 *     y_t  = sum over u of p_tu v_u
 *
 * The sums are products (ukernels.h): q_t with the kernel [width, keys] that
 * the keys are, tanh() with the kernel [width, 1] that w is, p_t with the
 * kernel [keys, value width] that the values are, the first and the last with
 * 4 chains where that header says 16.  So their order follows from the number
 * of keys and the layer's widths.  (Keras pushes hidden scores down by 1e9 or
 * more before a softmax over all u, which makes the same zeros.)
 *
 * With `slices` the bits of y_t follow from the keys of its window alone: the
 * chains of q . k from width and window, and the second product is over the
 * kernel [keys of the window, value width].
 *
 * Memory   Scratch as attend_scratch() says, aligned to 64.
 * Threads  Only read after a layer is connected.
 * Shapes   Rows of float32, a stride apart.
 */
#ifndef CORE_LAYERS_ATTEND_H
#define CORE_LAYERS_ATTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/layers/layer.h"

/* What a query sees that everything is hidden from. */
enum attend_blind {
    ATTEND_LESS,    /* what it would see unhidden, as far as float32 knows it
                       of scores that are 1e9 less */
    ATTEND_ALIKE,   /* everything alike */
    ATTEND_NOTHING, /* nothing: its weights are zero */
};

struct attend {
    const struct rnn_ukernels *ukernels;
    size_t width, value_width; /* of a query and a key; of a value */
    float scale;               /* dot; 1: not multiplied */
    bool additive;
    float inner, outer;     /* additive; 1: not multiplied */
    struct f32_product sum; /* additive: w */
    bool causal;            /* u <= t */
    size_t window;          /* |t - u| < window; 0: none */
    bool slices;            /* causal, with a window and without masks: no sum
                               knows of keys outside the window */
    enum attend_blind blind;
};

struct attend_rows {
    const float *data;
    size_t stride, count;
};

/* One sequence and one head.  A mask without data hides nothing; 0 hides. */
struct attend_job {
    struct attend_rows queries, keys, values;
    size_t past; /* keys before that of the first query */
    struct view query_mask, value_mask, key_mask; /* a number for each row */
    struct view pair_mask; /* a row for each query, a number for each key */
    float *y;              /* [queries] rows of value_width */
    size_t y_stride;
    float *scores; /* [queries] rows of p_t, or NULL */
    size_t scores_stride;
};

/* w [width], or NULL for ones, as the kernel that adds up tanh().  False: the
 * arena is out. */
bool attend_weigh(const struct rnn_ukernels *ukernels, size_t width,
                  const float *w, struct arena *arena,
                  struct f32_product *sum);

/* Floats of scratch; SIZE_MAX: too many. */
size_t attend_scratch(const struct attend *attend, size_t keys);

/* Keys first .. end - 1 are near enough to the query. */
struct attend_reach {
    size_t first, end;
};

struct attend_reach attend_reach(const struct attend *attend,
                                 const struct attend_job *job, size_t query);

/* Scores of all keys for query t become their weights. */
void attend_weigh_keys(const struct attend *attend,
                       const struct attend_job *job, size_t t, float *scores);

/* False: the caller said stop. */
bool attend(const struct attend *attend, const struct attend_job *job,
            struct run *run, float *scratch);

#endif
