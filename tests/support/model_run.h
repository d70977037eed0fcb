/* model_run.h: load and run a model in a test, in one line.
 *
 * Every failure aborts with the engine's sentence.  Scratch is exactly as
 * large as asked for, filled with NaN before and guarded by bytes behind.
 */
#ifndef TESTS_SUPPORT_MODEL_RUN_H
#define TESTS_SUPPORT_MODEL_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/infer.h"
#include "core/model.h"
#include "core/state.h"
#include "tests/support/model_builder.h"

/* The builder's model (finished if need be). */
struct rnn_model *model_load(struct model_builder *builder, enum rnn_isa isa);

/* Floats of the first output after `timesteps`. */
size_t model_output_floats(const struct rnn_model *model, size_t timesteps,
                           bool every_step);

/* The first output of one sequence; free() it. */
float *model_run_one(const struct rnn_model *model, const float *x,
                     size_t timesteps, bool every_step,
                     struct rnn_state *state);

/* rnn_infer() in scratch of exactly the size that it says. */
void model_run_many(const struct rnn_model *model,
                    const struct rnn_sequence *sequences, size_t count,
                    const struct rnn_infer_options *options);

/* A state of zeros; free() it. */
struct rnn_state *model_new_state(const struct rnn_model *model);

/* Random numbers in [-scale, scale]; free() them. */
float *model_random_floats(uint64_t *seed, size_t count, double scale);

#endif
