/* window_case.h: random convolutions and poolings for tests, and where their
 * windows lie, written down a second time.
 */
#ifndef TESTS_SUPPORT_WINDOW_CASE_H
#define TESTS_SUPPORT_WINDOW_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/model_builder.h"

struct window_case {
    size_t steps, features; /* of the input */
    size_t size, stride, dilation;
    const char *padding; /* "valid", "same", "causal" */
    bool channels_first;
};

/* Whole number from `least` to `most`. */
size_t pick_size(uint64_t *seed, size_t least, size_t most);

/* Stride and dilation are not both more than 1.  `causal`: that padding
 * too. */
struct window_case window_case_pick(uint64_t *seed, bool causal);

/* Timesteps of the output, by Keras' formulas; 0: the input is too short. */
size_t window_case_outputs(const struct window_case *it);

/* Timestep that tap `i` of output `o` reads; it may lie outside. */
long window_case_place(const struct window_case *it, size_t o, size_t i);

/* "kernel_size": 3, "strides": [1], ... */
const char *window_case_fields(const struct window_case *it,
                               const char *size_key);

/* A model of this one layer, called "w", over [timesteps, features]; `steps`
 * 0 leaves the timesteps open. */
void window_case_begin(struct model_builder *builder,
                       const struct window_case *it, size_t steps,
                       const char *class_name, const char *fields);

/* Is the model `first`, of [features, steps], the model `last`, of [steps,
 * features], with both sides turned? */
void assert_turned(struct model_builder *last, struct model_builder *first,
                   const struct window_case *it);

/* Random numbers called "w/<name>". */
const float *window_case_weight(struct model_builder *builder,
                                const char *name, size_t rank, size_t a,
                                size_t b, size_t c);

/* Is `got` the rounded `want`, a sum of numbers of size `scale`? */
void assert_close(float got, double want, double scale);

/* A model of one layer of this class and these fields over [timesteps, 4]
 * must be refused with a sentence that holds `says`. */
void assert_fields_refused(const char *class_name, const char *shape,
                           const char *fields, const char *says);

#endif
