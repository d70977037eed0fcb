/* fake_engine.h: the engine and the registry of route_world.h.
 *
 * Include it in exactly one file of a test program: it DEFINES the functions
 * of core/infer.c, core/state.c and server/model_registry.c over the models
 * below.  It must not be in an archive: every program that links it would
 * get it.
 *
 *     two    a [T free, 2], b [3] without time; outputs x [2], y [1]; needs
 *            the whole sequence
 *     words  token ids [T free] of 10; output [1]; streams
 *     pair   l [T free, 1], r [T free, 2]; output [1]; streams
 *     clash  l [3, 1], r [4, 1]; needs the whole sequence
 */
#ifndef TESTS_SUPPORT_FAKE_ENGINE_H
#define TESTS_SUPPORT_FAKE_ENGINE_H

#include <math.h>
#include <string.h>

#include "core/infer.h"
#include "core/state.h"
#include "server/model_registry.h"

struct rnn_model {
    struct rnn_model_info info;
};

/* A number of each type that a state can have. */
struct rnn_state {
    double total; /* of all timesteps */
    int64_t count;
    float sum[2]; /* the total again, and its half */
};

#define FAKE_MODELS 4

static const struct rnn_io fake_two_inputs[] = {
    {.name = "a", .rank = 2, .shape = {0, 2}, .has_time = true, .features = 2},
    {.name = "b", .rank = 1, .shape = {3}, .features = 3}};
static const struct rnn_io fake_two_outputs[] = {
    {.name = "x", .rank = 1, .shape = {2}, .features = 2},
    {.name = "y", .rank = 1, .shape = {1}, .features = 1}};
static const struct rnn_io fake_words[] = {{.name = "ids",
                                            .rank = 1,
                                            .shape = {0},
                                            .has_time = true,
                                            .features = 1,
                                            .vocabulary = 10}};
static const struct rnn_io fake_pair[] = {
    {.name = "l", .rank = 2, .shape = {0, 1}, .has_time = true, .features = 1},
    {.name = "r",
     .rank = 2,
     .shape = {0, 2},
     .has_time = true,
     .features = 2}};
static const struct rnn_io fake_clash[] = {
    {.name = "l", .rank = 2, .shape = {3, 1}, .has_time = true, .features = 1},
    {.name = "r",
     .rank = 2,
     .shape = {4, 1},
     .has_time = true,
     .clock = 1,
     .features = 1}};
static const struct rnn_state_entry fake_entries[] = {
    {.name = "fold/total", .dtype = RNN_F64, .rank = 0, .offset = 0},
    {.name = "fold/count", .dtype = RNN_I64, .rank = 0, .offset = 8},
    {.name = "rnn/sum",
     .dtype = RNN_F32,
     .rank = 1,
     .shape = {2},
     .offset = 16}};

#define FAKE_WHOLE                                                            \
    .streams = false,                                                         \
    .cannot_stream_because = "the layer \"all\" needs the whole sequence"
#define FAKE_STREAMS                                                          \
    .streams = true, .state_entries = fake_entries, .state_entry_count = 3,   \
    .state_bytes = sizeof(struct rnn_state)

static struct rnn_model fake_models[FAKE_MODELS] = {
    {{.inputs = fake_two_inputs,
      .input_count = 2,
      .outputs = fake_two_outputs,
      .output_count = 2,
      FAKE_WHOLE}},
    {{.inputs = fake_words,
      .input_count = 1,
      .outputs = fake_two_outputs + 1,
      .output_count = 1,
      FAKE_STREAMS}},
    {{.inputs = fake_pair,
      .input_count = 2,
      .outputs = fake_two_outputs + 1,
      .output_count = 1,
      FAKE_STREAMS}},
    {{.inputs = fake_clash,
      .input_count = 2,
      .outputs = fake_two_outputs + 1,
      .output_count = 1,
      FAKE_WHOLE}}};

#define FAKE_SERVED(at, called)                                               \
    {                                                                         \
        .name = called, .model = &fake_models[at],                            \
        .info = &fake_models[at].info, .index = at, .fingerprint = called     \
    }
static struct served_model fake_served[FAKE_MODELS] = {
    FAKE_SERVED(0, "two"), FAKE_SERVED(1, "words"), FAKE_SERVED(2, "pair"),
    FAKE_SERVED(3, "clash")};

static size_t fake_infer_calls; /* so far */
static size_t fake_infer_sequences;
static uint64_t fake_cost = 1; /* of one timestep */

/* ---- core/infer.h --------------------------------------------------------
 */

size_t rnn_output_shape(const struct rnn_model *model, size_t index,
                        size_t timesteps, bool every_step,
                        size_t shape[RNN_MAX_RANK])
{
    size_t rank = 0;

    if (every_step)
        shape[rank++] = timesteps;
    shape[rank++] = model->info.outputs[index].shape[0];
    return rank;
}

size_t rnn_output_shape_of(const struct rnn_model *model, size_t index,
                           const struct rnn_sequence *sequence,
                           bool every_step, size_t shape[RNN_MAX_RANK])
{
    return rnn_output_shape(model, index, sequence->timesteps, every_step,
                            shape);
}

uint64_t rnn_infer_cost(const struct rnn_model *model, size_t timesteps)
{
    (void)model;
    return fake_cost * timesteps;
}

size_t rnn_scratch_size(const struct rnn_model *model, size_t count,
                        size_t timesteps, bool every_step)
{
    (void)model;
    return count * timesteps * (every_step ? 2 : 1);
}

size_t rnn_scratch_size_for(const struct rnn_model *model,
                            const struct rnn_sequence *sequences, size_t count)
{
    (void)model;
    (void)sequences;
    return count;
}

/* What timestep `t` adds. */
static float fake_step(const struct rnn_model *model,
                       const struct rnn_sequence *sequence, size_t t)
{
    float sum = 0;

    for (size_t i = 0; i < model->info.input_count; i++) {
        const struct rnn_io *io = &model->info.inputs[i];
        const float *row = sequence->inputs[i];

        if (!io->has_time && t)
            continue;
        if (sequence->input_timesteps && io->has_time &&
            t >= sequence->input_timesteps[i])
            continue;
        row += io->has_time ? t * io->features : 0;
        for (size_t d = 0; d < io->features; d++)
            sum += (float)(i + 1) * row[d];
    }
    return sum;
}

static void fake_write(const struct rnn_model *model,
                       const struct rnn_sequence *sequence, size_t at,
                       float sum)
{
    for (size_t o = 0; o < model->info.output_count; o++) {
        size_t features = model->info.outputs[o].features;

        for (size_t k = 0; k < features; k++)
            sequence->outputs[o][at * features + k] =
                (float)(o + 1) * (float)(k + 1) * sum;
    }
}

enum rnn_status rnn_infer(const struct rnn_model *model,
                          const struct rnn_sequence *sequences, size_t count,
                          const struct rnn_infer_options *options,
                          void *scratch, struct rnn_error *err)
{
    (void)scratch;
    (void)err;
    fake_infer_calls++;
    fake_infer_sequences += count;
    for (size_t s = 0; s < count; s++) {
        const struct rnn_sequence *sequence = &sequences[s];
        float sum = sequence->state ? sequence->state->sum[0] : 0;

        for (size_t t = 0; t < sequence->timesteps; t++) {
            sum += fake_step(model, sequence, t);
            if (options->every_step)
                fake_write(model, sequence, t, sum);
        }
        if (!options->every_step)
            fake_write(model, sequence, 0, sum);
        if (sequence->state) {
            sequence->state->total = (double)sum;
            sequence->state->count += (int64_t)sequence->timesteps;
            sequence->state->sum[0] = sum;
            sequence->state->sum[1] = sum / 2;
        }
    }
    return RNN_OK;
}

/* ---- core/state.h --------------------------------------------------------
 */

size_t rnn_state_size(const struct rnn_model *model)
{
    return model->info.state_bytes;
}

void rnn_state_zero(const struct rnn_model *model, struct rnn_state *state)
{
    memset(state, 0, model->info.state_bytes);
}

void rnn_state_copy(const struct rnn_model *model, struct rnn_state *to,
                    const struct rnn_state *from)
{
    memcpy(to, from, model->info.state_bytes);
}

bool rnn_state_is_finite(const struct rnn_model *model,
                         const struct rnn_state *state)
{
    return !model->info.state_bytes ||
           (isfinite(state->total) && state->count >= 0 &&
            isfinite(state->sum[0]) && isfinite(state->sum[1]));
}

/* ---- server/model_registry.h ---------------------------------------------
 */

enum rnn_status model_registry_create(const struct config *config,
                                      const struct log *log,
                                      struct model_registry **registry,
                                      struct rnn_error *err)
{
    (void)config;
    (void)log;
    (void)registry;
    return rnn_fail(err, RNN_UNSUPPORTED, "the models are made by hand");
}

void model_registry_free(struct model_registry *registry)
{
    (void)registry;
}

size_t model_registry_count(const struct model_registry *registry)
{
    (void)registry;
    return FAKE_MODELS;
}

const struct served_model *model_registry_at(
    const struct model_registry *registry, size_t index)
{
    (void)registry;
    return &fake_served[index];
}

const struct served_model *model_registry_find(
    const struct model_registry *registry, const char *name)
{
    (void)registry;
    for (size_t i = 0; name && i < FAKE_MODELS; i++)
        if (!strcmp(fake_served[i].name, name))
            return &fake_served[i];
    return name ? NULL : &fake_served[0];
}

#endif
