/* attention.h: the weights of an attention over timesteps whose number is
 * left open, which no buffer holds: row by row, for a caller who wants them.
 *
 * Memory  In the model's arena; at work, the run's scratch.
 */
#ifndef CORE_LAYERS_ATTENTION_H
#define CORE_LAYERS_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

/* Floats of scratch for a row, where a sequence has up to `items` keys. */
size_t attention_row_scratch(const struct node *node, size_t items);

/* Row `t` of sequence `r`, a number for each key, into `row`; `spare` is the
 * scratch.  False: the caller said stop. */
RNN_CHECKED bool attention_row(const struct node *node, struct run *run,
                               size_t r, size_t t, float *row, float *spare);

#endif
