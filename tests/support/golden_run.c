#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/infer.h"
#include "core/state.h"
#include "tests/support/golden_run.h"

#define MAX_SEQUENCES 8

static void *must_alloc(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);

    assert_non_null(memory);
    return memory;
}

static size_t row_count(const struct golden_tensor *tensor)
{
    return tensor->count / tensor->shape[0];
}

/* ---- the case beside the model -------------------------------------------*/

static const struct golden_tensor *find_input(const struct golden_case *golden,
                                              const char *name)
{
    if (golden->input_count == 1)
        return &golden->inputs[0].tensor;
    for (size_t i = 0; i < golden->input_count; i++)
        if (strcmp(golden->inputs[i].name, name) == 0)
            return &golden->inputs[i].tensor;
    fail_msg("the case has no input \"%s\"", name);
    return NULL;
}

static void place_input(struct golden_run *run, size_t index)
{
    const struct rnn_io *io = &rnn_model_info(run->model)->inputs[index];
    const struct golden_tensor *x = find_input(run->golden, io->name);

    run->input_widths[index] = row_count(x);
    assert_int_equal(row_count(x),
                     io->features * (io->has_time ? x->shape[1] : 1));
    run->inputs[index] = must_alloc(x->count * sizeof(float));
    for (size_t i = 0; i < x->count; i++)
        run->inputs[index][i] = (float)x->values[i];
    if (!io->has_time)
        return;
    run->steps[index] = x->shape[1];
    if (x->shape[1] > run->timesteps)
        run->timesteps = x->shape[1];
}

/* Answers for each step of a model whose case has none have their shape by
 * the engine's own word. */
static void place_output(struct golden_run *run, size_t index)
{
    const struct golden_output *output = &run->golden->outputs[index];
    const struct golden_answer *answer = &output->last;
    const struct rnn_sequence sequence = {.timesteps = run->timesteps,
                                          .input_timesteps = run->steps};
    size_t shape[RNN_MAX_RANK + 1], rank, width = 1;

    rank = rnn_output_shape_of(run->model, index, &sequence, run->every_step,
                               shape);
    for (size_t i = 0; i < rank; i++)
        width *= shape[i];
    if (run->every_step && output->has_every)
        answer = &output->every;
    if (!run->every_step || output->has_every) {
        assert_int_equal(rank, answer->reference.rank - 1);
        for (size_t i = 0; i < rank; i++)
            assert_int_equal(shape[i], answer->reference.shape[i + 1]);
    }
    run->widths[index] = width;
    run->outputs[index] = must_alloc(run->count * width * sizeof(float));
}

void golden_run_init(struct golden_run *run, const struct golden_case *golden,
                     const struct rnn_model *model, bool every_step)
{
    const struct rnn_model_info *info = rnn_model_info(model);

    *run = (struct golden_run){.golden = golden,
                               .model = model,
                               .every_step = every_step,
                               .count = golden->inputs[0].tensor.shape[0]};
    assert_true(run->count <= MAX_SEQUENCES);
    assert_int_equal(info->input_count, golden->input_count);
    assert_int_equal(info->output_count, golden->output_count);
    for (size_t i = 0; i < info->input_count; i++)
        place_input(run, i);
    if (!run->timesteps)
        run->timesteps = 1;
    for (size_t i = 0; i < info->output_count; i++)
        place_output(run, i);
}

bool golden_run_in_step(const struct golden_run *run)
{
    for (size_t i = 0; i < run->golden->input_count; i++)
        if (run->steps[i] && run->steps[i] != run->timesteps)
            return false;
    return true;
}

void golden_run_release(struct golden_run *run)
{
    for (size_t i = 0; i < GOLDEN_MAX_TENSORS; i++) {
        free(run->inputs[i]);
        free(run->outputs[i]);
    }
}

/* ---- calling the engine --------------------------------------------------*/

static void infer(const struct golden_run *run,
                  const struct rnn_sequence *sequences, size_t count,
                  bool every_step)
{
    struct rnn_infer_options options = {.every_step = every_step};
    size_t size = rnn_scratch_size_for(run->model, sequences, count);
    void *scratch = must_alloc(size);
    struct rnn_error err;

    if (rnn_infer(run->model, sequences, count, &options, scratch, &err))
        fail_msg("%s", err.message);
    free(scratch);
}

void golden_run_batch(struct golden_run *run)
{
    struct rnn_sequence sequences[MAX_SEQUENCES];
    const float *inputs[MAX_SEQUENCES][GOLDEN_MAX_TENSORS];
    float *outputs[MAX_SEQUENCES][GOLDEN_MAX_TENSORS];

    for (size_t n = 0; n < run->count; n++) {
        for (size_t i = 0; i < run->golden->input_count; i++)
            inputs[n][i] = run->inputs[i] + n * run->input_widths[i];
        for (size_t i = 0; i < run->golden->output_count; i++)
            outputs[n][i] = run->outputs[i] + n * run->widths[i];
        sequences[n] = (struct rnn_sequence){.timesteps = run->timesteps,
                                             .input_timesteps = run->steps,
                                             .inputs = inputs[n],
                                             .outputs = outputs[n]};
    }
    infer(run, sequences, run->count, run->every_step);
}

static void outputs_alloc(const struct golden_run *run,
                          float *outputs[GOLDEN_MAX_TENSORS])
{
    for (size_t i = 0; i < run->golden->output_count; i++)
        outputs[i] = must_alloc(run->widths[i] * sizeof(float));
}

static void outputs_check_and_free(const struct golden_run *run, size_t n,
                                   float *outputs[GOLDEN_MAX_TENSORS],
                                   const char *what)
{
    for (size_t i = 0; i < run->golden->output_count; i++) {
        golden_assert_same_bits(outputs[i],
                                run->outputs[i] + n * run->widths[i],
                                run->widths[i], what);
        free(outputs[i]);
    }
}

void golden_run_check_alone(const struct golden_run *run, const char *what)
{
    for (size_t n = 0; n < run->count; n++) {
        const float *inputs[GOLDEN_MAX_TENSORS];
        float *outputs[GOLDEN_MAX_TENSORS];
        struct rnn_sequence alone = {.timesteps = run->timesteps,
                                     .input_timesteps = run->steps,
                                     .inputs = inputs,
                                     .outputs = outputs};

        for (size_t i = 0; i < run->golden->input_count; i++)
            inputs[i] = run->inputs[i] + n * run->input_widths[i];
        outputs_alloc(run, outputs);
        infer(run, &alone, 1, run->every_step);
        outputs_check_and_free(run, n, outputs, what);
    }
}

/* Where the answer to the piece that begins at `t` goes: an output with a
 * time axis is filled row by row, one without is written each time. */
static float *place_of_piece(const struct golden_run *run, size_t index,
                             float *output, size_t t)
{
    const struct rnn_io *io = &rnn_model_info(run->model)->outputs[index];

    if (!io->has_time && !run->every_step)
        return output;
    return output + t * (run->widths[index] / run->timesteps);
}

static void run_pieces(const struct golden_run *run, size_t n, size_t most,
                       float *whole[GOLDEN_MAX_TENSORS])
{
    struct rnn_state *state = must_alloc(rnn_state_size(run->model));
    const float *inputs[GOLDEN_MAX_TENSORS];
    float *outputs[GOLDEN_MAX_TENSORS];
    size_t steps;

    rnn_state_zero(run->model, state);
    for (size_t t = 0; t < run->timesteps; t += steps) {
        struct rnn_sequence piece = {
            .inputs = inputs, .outputs = outputs, .state = state};

        /* most, 1, most, 1, ... as far as there are timesteps */
        steps = t % (most + 1) == 0 ? most : 1;
        if (steps > run->timesteps - t)
            steps = run->timesteps - t;
        piece.timesteps = steps;
        for (size_t i = 0; i < run->golden->input_count; i++)
            inputs[i] = run->inputs[i] + n * run->input_widths[i] +
                        t * (run->input_widths[i] / run->timesteps);
        for (size_t i = 0; i < run->golden->output_count; i++)
            outputs[i] = place_of_piece(run, i, whole[i], t);
        infer(run, &piece, 1, run->every_step && most > 1);
    }
    free(state);
}

void golden_run_check_pieces(const struct golden_run *run, size_t most,
                             const char *what)
{
    for (size_t n = 0; n < run->count; n++) {
        float *outputs[GOLDEN_MAX_TENSORS];

        outputs_alloc(run, outputs);
        run_pieces(run, n, most, outputs);
        outputs_check_and_free(run, n, outputs, what);
    }
}

/* ---- bits ----------------------------------------------------------------*/

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

void golden_assert_same_bits(const float *a, const float *b, size_t count,
                             const char *what)
{
    for (size_t i = 0; i < count; i++) {
        if (bits_of(a[i]) != bits_of(b[i]))
            fail_msg("%s: number %zu is %.9g, not %.9g", what, i, a[i], b[i]);
    }
}
