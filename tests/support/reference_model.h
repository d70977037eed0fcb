/* reference_model.h: what a model of model_builder.h computes, in float64.
 *
 * Plain loops, written from Keras' equations and from nothing in core/: the
 * thing to compare with.
 */
#ifndef TESTS_SUPPORT_REFERENCE_MODEL_H
#define TESTS_SUPPORT_REFERENCE_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/support/model_builder.h"

/* Run `timesteps` of x [timesteps, features] from a zero state.  The result
 * [items, width] is to be freed; items is `timesteps` if the output has time
 * or `every_step` is wanted, else 1. */
double *reference_model_run(struct model_builder *builder, const float *x,
                            size_t timesteps, bool every_step, size_t *items,
                            size_t *width);

/* The same with every gate, state and output rounded to float32 as it is
 * made: what of the error is float32's own. */
double *reference_model_run_rounded(struct model_builder *builder,
                                    const float *x, size_t timesteps,
                                    bool every_step, size_t *items,
                                    size_t *width);

/* One of Keras' activations by name, over a row of `units`. */
void reference_activate(const char *name, unsigned keras_major, double *row,
                        size_t units);

#endif
