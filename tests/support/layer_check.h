/* layer_check.h: does one layer compute what its equations say?
 *
 * A failure ends the running cmocka test with the layer and its numbers.
 */
#ifndef TESTS_SUPPORT_LAYER_CHECK_H
#define TESTS_SUPPORT_LAYER_CHECK_H

#include "tests/support/model_builder.h"

/* A model of this one layer over `features`, saved by `keras_version`, for
 * every step of 25 timesteps against float64, on every instruction set. */
void layer_check(const struct model_layer *layer, size_t features,
                 const char *keras_version);

#endif
