/* librnn.c: a model fed one timestep at a time, without any server.
 *
 *     librnn MODEL.safetensors NUMBER...
 *
 * The numbers are timesteps of the model's features, one after the other;
 * the model's output so far is printed after each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/infer.h"

static unsigned char bytes[1 << 20];

int main(int argc, char **argv)
{
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    size_t size = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
    struct rnn_model *model = NULL;
    struct rnn_error err;

    if (rnn_model_load(bytes, size, NULL, &model, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int features = (int)rnn_model_info(model)->inputs[0].features;
    size_t outputs = rnn_model_info(model)->outputs[0].features;
    struct rnn_state *state = calloc(1, rnn_state_size(model) + 1);
    float *x = calloc((size_t)features, sizeof(*x));
    float *y = calloc(outputs, sizeof(*y));
    void *scratch = aligned_alloc(64, rnn_scratch_size(model, 1, 1, false));
    const float *inputs[] = {x};
    struct rnn_sequence sequence = {
        .timesteps = 1, .inputs = inputs, .outputs = &y, .state = state};

    for (int at = 2; at + features <= argc; at += features) {
        for (int i = 0; i < features; i++)
            x[i] = strtof(argv[at + i], NULL);
        if (rnn_infer(model, &sequence, 1, NULL, scratch, &err))
            fprintf(stderr, "%s\n", err.message);
        for (size_t i = 0; i < outputs; i++)
            printf("%.9g%c", (double)y[i], i + 1 < outputs ? ' ' : '\n');
    }
    rnn_model_free(model);
    free(state);
    free(x);
    free(y);
    free(scratch);
}
