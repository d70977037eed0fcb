/* window_walk.h: products over all windows of a run.
 *
 * The items of a window have to follow each other.  Where they do so in x
 * they are read there; else those of a few dozen windows are brought together
 * in a buffer, with a dilation those of every residue for themselves, so that
 * there is one way to compute for all.
 */
#ifndef CORE_LAYERS_WINDOW_WALK_H
#define CORE_LAYERS_WINDOW_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/window.h"

/* Rows of windows that are computed together: of one sequence, or the same
 * output of several.  Row i belongs to sequence row + i next_row, output
 * output + i next_output; its items lie one after the other at
 * x + i x_stride. */
struct window_piece {
    size_t count, row, output, next_row, next_output;
    const float *x;
    size_t x_stride;
};

/* A walk over all windows of a run. */
struct window_walk {
    struct window window;
    size_t before, outputs; /* of each sequence */
    size_t skip;            /* timesteps by which it begins later instead */
    size_t first_feature, features;
    size_t repeat; /* each feature so often */
    size_t item;   /* floats from item to item; features * repeat or more,
                      what is more is zero */
    bool channels_first;
    bool (*piece)(void *arg, struct run *run,
                  const struct window_piece *piece);
    void *arg;
};

/* Most rows of a piece. */
#define WINDOW_PIECE ((size_t)64)

/* Floats of buffer that a walk over up to `rows` sequences needs. */
size_t window_buffer(const struct window *window, size_t item, size_t rows);

/* Every window once; false: piece() said stop.  `node` is the one that runs,
 * `buffer` as asked. */
bool window_run(const struct node *node, struct run *run,
                const struct window_walk *walk, float *buffer);

/* ---- results -------------------------------------------------------------*/

/* Where results go: y, of `outputs` timesteps for each sequence. */
struct window_results {
    struct view y;
    size_t outputs, features;
    bool channels_first;
};

/* Timesteps of each sequence of this run, whatever its data_format. */
size_t window_steps(const struct run *run, const struct value *value,
                    bool channels_first);

/* Where the results of a piece may be written row by row; not with
 * channels_first. */
struct view window_place(const struct window_results *results,
                         const struct window_piece *piece);

/* Bring `count` features, the first of which is `first`, to where they
 * belong. */
void window_put(const struct window_results *results,
                const struct window_piece *piece, struct view from,
                size_t first, size_t count);

/* Activate all of y, along its last axis. */
void window_activate(const struct window_results *results,
                     const struct run *run,
                     const struct rnn_ukernels *ukernels,
                     const struct rnn_activation *activation);

#endif
