/* fuzz_safetensors.c: any bytes as a model file, and what loads is run.
 *
 * Loading must end in a model or a sentence; a model must run in exactly the
 * memory that it asks for: as many timesteps as its inputs say, or two where
 * they are free.  Too few for it are refused with a sentence.  The bytes are
 * their own file of origin, too: tensors may lie anywhere in them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/infer.h"
#include "core/model.h"
#include "core/state.h"

/* More would only show that large models take long. */
#define LARGEST_RUN  ((size_t)1 << 20)
#define MOST_TENSORS ((size_t)32)
#define FREE_STEPS   ((size_t)2)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A sequence of zeros and room for its outputs. */
struct sample {
    struct rnn_sequence sequence;
    const float *inputs[MOST_TENSORS];
    float *outputs[MOST_TENSORS];
    size_t steps[MOST_TENSORS]; /* of each input */
};

static size_t steps_of(const struct rnn_io *io)
{
    if (!io->has_time)
        return 1;
    return io->shape[0] == RNN_FREE ? FREE_STEPS : io->shape[0];
}

/* Is it small enough to be run here? */
static bool measure(const struct rnn_model *model, struct sample *sample)
{
    const struct rnn_model_info *info = rnn_model_info(model);
    size_t most = 0;

    if (info->input_count > MOST_TENSORS || info->output_count > MOST_TENSORS)
        return false;
    for (size_t i = 0; i < info->input_count; i++) {
        const struct rnn_io *io = &info->inputs[i];

        sample->steps[i] = steps_of(io);
        if (io->features >= LARGEST_RUN ||
            sample->steps[i] >= LARGEST_RUN / (io->features + 1))
            return false;
        if (io->has_time && sample->steps[i] > most)
            most = sample->steps[i];
    }
    sample->sequence.timesteps = most ? most : 1;
    sample->sequence.inputs = sample->inputs;
    sample->sequence.outputs = sample->outputs;
    sample->sequence.input_timesteps = sample->steps;
    return rnn_infer_cost(model, sample->sequence.timesteps) < LARGEST_RUN;
}

static bool place(const struct rnn_model *model, struct sample *sample)
{
    const struct rnn_model_info *info = rnn_model_info(model);

    for (size_t i = 0; i < info->input_count; i++) {
        sample->inputs[i] =
            calloc(sample->steps[i] * info->inputs[i].features + 1,
                   sizeof(*sample->inputs[i]));
        if (!sample->inputs[i])
            abort();
    }
    for (size_t i = 0; i < info->output_count; i++) {
        size_t shape[RNN_MAX_RANK], floats = 1;
        size_t rank =
            rnn_output_shape_of(model, i, &sample->sequence, false, shape);

        for (size_t axis = 0; axis < rank; axis++)
            if (__builtin_mul_overflow(floats, shape[axis], &floats) ||
                floats >= LARGEST_RUN)
                return false;
        sample->outputs[i] = malloc(floats * sizeof(float) + 1);
        if (!sample->outputs[i])
            abort();
    }
    return true;
}

static void run(const struct rnn_model *model, struct sample *sample)
{
    const struct rnn_model_info *info = rnn_model_info(model);
    size_t scratch_size = rnn_scratch_size_for(model, &sample->sequence, 1);
    struct rnn_error err = {0};
    void *scratch = NULL;

    if (scratch_size >= 64 * LARGEST_RUN)
        return;
    if (posix_memalign(&scratch, 64, scratch_size))
        abort();
    if (info->streams) {
        sample->sequence.state = malloc(info->state_bytes + 1);
        if (!sample->sequence.state)
            abort();
        rnn_state_zero(model, sample->sequence.state);
    }
    if (rnn_infer(model, &sample->sequence, 1, NULL, scratch, &err) &&
        !err.message[0])
        abort();
    free(scratch);
    free(sample->sequence.state);
}

static void try_model(const struct rnn_model *model)
{
    struct sample sample = {0};

    if (measure(model, &sample) && place(model, &sample))
        run(model, &sample);
    for (size_t i = 0; i < MOST_TENSORS; i++) {
        free((void *)(uintptr_t)sample.inputs[i]);
        free(sample.outputs[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rnn_model_options options = {
        .isa = RNN_ISA_SCALAR, .origin = bytes, .origin_size = size};
    struct rnn_model *model = NULL;
    struct rnn_error err = {0};

    if (rnn_model_load(bytes, size, &options, &model, &err)) {
        if (model || !err.message[0])
            abort();
        return 0;
    }
    try_model(model);
    rnn_model_free(model);
    return 0;
}
