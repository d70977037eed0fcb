/* fuzz_safetensors.c: any bytes as a model file, and what loads is run.
 *
 * Loading must end in a model or a sentence; a model must run two timesteps
 * in exactly the memory that it asks for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/infer.h"
#include "core/model.h"
#include "core/state.h"

/* More would only show that large models take long. */
#define LARGEST_RUN ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void run(const struct rnn_model *model)
{
    const struct rnn_model_info *info = rnn_model_info(model);
    size_t in = info->inputs[0].features, out = info->outputs[0].features;
    size_t scratch_size = rnn_scratch_size(model, 1, 2, false);
    const float *x = calloc(2 * in, sizeof(*x));
    float *y = malloc(2 * out * sizeof(*y));
    struct rnn_state *state =
        info->streams ? malloc(info->state_bytes + 1) : NULL;
    void *scratch = NULL;
    struct rnn_sequence sequence = {
        .timesteps = 2, .inputs = &x, .outputs = &y, .state = state};

    if (posix_memalign(&scratch, 64, scratch_size) || !x || !y)
        abort();
    if (state)
        rnn_state_zero(model, state);
    if (rnn_infer(model, &sequence, 1, NULL, scratch, NULL))
        abort();
    free(scratch);
    free(state);
    free((void *)x);
    free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rnn_model_options options = {.isa = RNN_ISA_SCALAR};
    struct rnn_model *model = NULL;
    struct rnn_error err = {0};

    if (rnn_model_load(bytes, size, &options, &model, &err)) {
        if (model || !err.message[0])
            abort();
        return 0;
    }
    if (rnn_model_info(model)->inputs[0].features < LARGEST_RUN &&
        rnn_infer_cost(model, 2) < LARGEST_RUN)
        run(model);
    rnn_model_free(model);
    return 0;
}
