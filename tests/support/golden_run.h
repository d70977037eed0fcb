/* golden_run.h: a golden case through the engine, in every way to call it.
 *
 * Ownership  The caller holds the struct; golden_run_release() frees what is
 *            in it.  The case and the model must live as long.
 * Errors     Every failure ends the test.
 */
#ifndef TESTS_SUPPORT_GOLDEN_RUN_H
#define TESTS_SUPPORT_GOLDEN_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/model.h"
#include "tests/support/golden_case.h"

/* The inputs of a case as floats in the model's order, and its answers. */
struct golden_run {
    const struct golden_case *golden;
    const struct rnn_model *model;
    bool every_step;
    size_t count, timesteps;            /* of the longest input */
    size_t steps[GOLDEN_MAX_TENSORS];   /* of each input with time */
    float *inputs[GOLDEN_MAX_TENSORS];  /* [count, input_widths] */
    float *outputs[GOLDEN_MAX_TENSORS]; /* [count, widths] */
    size_t input_widths[GOLDEN_MAX_TENSORS];
    size_t widths[GOLDEN_MAX_TENSORS]; /* floats of one sequence */
};

/* The shapes of the case must be those of the model. */
void golden_run_init(struct golden_run *run, const struct golden_case *golden,
                     const struct rnn_model *model, bool every_step);
void golden_run_release(struct golden_run *run);

/* Have all inputs with time as many timesteps? */
bool golden_run_in_step(const struct golden_run *run);

/* All sequences at once; the answers go to `outputs`. */
void golden_run_batch(struct golden_run *run);

/* Each sequence alone gives the bits that are in `outputs`. */
void golden_run_check_alone(const struct golden_run *run, const char *what);

/* So does each that is cut into pieces of `most` timesteps at most; the model
 * has to stream.  With every_step, and pieces of one, these are the answers
 * of each piece. */
void golden_run_check_pieces(const struct golden_run *run, size_t most,
                             const char *what);

/* Fails with the first number that differs, and `what`. */
void golden_assert_same_bits(const float *a, const float *b, size_t count,
                             const char *what);

#endif
