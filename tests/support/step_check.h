/* step_check.h: does a model whose layers act on each timestep alone compute
 * what its equations say, however its timesteps arrive?
 *
 * A failure ends the running cmocka test with the numbers.
 */
#ifndef TESTS_SUPPORT_STEP_CHECK_H
#define TESTS_SUPPORT_STEP_CHECK_H

#include <stddef.h>

#include "tests/support/model_builder.h"

/* The model of `builder` over x [timesteps, ...] against `ref`, all of its
 * output in float64, within `allowed` of the larger of 1 and the largest
 * number; then the same bits on every instruction set, timestep by timestep
 * and piece by piece with a state, and in a batch of different lengths. */
void step_check(struct model_builder *builder, const float *x,
                size_t timesteps, const double *ref, double allowed);

#endif
