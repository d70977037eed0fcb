/* random_model.h: random Sequential models for tests of laws.
 *
 * Stacks of recurrent layers with Dropout, Activation, normalisations and
 * Dense between, of odd sizes, with every spelling, activation and switch:
 * whatever holds for all models has to hold for these.
 */
#ifndef TESTS_SUPPORT_RANDOM_MODEL_H
#define TESTS_SUPPORT_RANDOM_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "tests/support/model_builder.h"

/* Model number `seed`, of layers of up to `max_units`; timesteps are free. */
void random_model_build(struct model_builder *builder, uint64_t seed,
                        size_t max_units);

/* The same, and every third has masked steps. */
void random_model_build_any(struct model_builder *builder, uint64_t seed,
                            size_t max_units);

/* What it is made of, for a failing test; static memory. */
const char *random_model_describe(const struct model_builder *builder);

#endif
