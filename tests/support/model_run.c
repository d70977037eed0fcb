#include "tests/support/model_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_BYTES 256
#define GUARD       0xa5

static void die(const char *what)
{
    fprintf(stderr, "model_run: %s\n", what);
    abort();
}

static void *alloc(size_t bytes)
{
    void *memory;

    if (posix_memalign(&memory, 64, bytes + 1))
        die("out of memory");
    return memory;
}

struct rnn_model *model_load(struct model_builder *builder, enum rnn_isa isa)
{
    struct rnn_model_options options = {.isa = isa};
    struct rnn_model *model = NULL;
    struct rnn_error err;

    if (!builder->bytes)
        model_builder_finish(builder);
    if (rnn_model_load(builder->bytes, builder->size, &options, &model, &err))
        die(err.message);
    return model;
}

size_t model_output_floats(const struct rnn_model *model, size_t timesteps,
                           bool every_step)
{
    size_t shape[RNN_MAX_RANK], floats = 1;
    size_t rank = rnn_output_shape(model, 0, timesteps, every_step, shape);

    for (size_t i = 0; i < rank; i++)
        floats *= shape[i];
    return floats;
}

void model_run_many(const struct rnn_model *model,
                    const struct rnn_sequence *sequences, size_t count,
                    const struct rnn_infer_options *options)
{
    size_t size = rnn_scratch_size_for(model, sequences, count);
    struct rnn_error err;
    unsigned char *scratch = alloc(size + GUARD_BYTES);

    memset(scratch, 0xff, size); /* floats: NaN */
    memset(scratch + size, GUARD, GUARD_BYTES);
    if (rnn_infer(model, sequences, count, options, scratch, &err))
        die(err.message);
    for (size_t i = 0; i < GUARD_BYTES; i++)
        if (scratch[size + i] != GUARD)
            die("rnn_infer() wrote behind its scratch");
    free(scratch);
}

float *model_run_one(const struct rnn_model *model, const float *x,
                     size_t timesteps, bool every_step,
                     struct rnn_state *state)
{
    size_t floats = model_output_floats(model, timesteps, every_step);
    float *y = malloc((floats + 1) * sizeof(*y));
    struct rnn_infer_options options = {.every_step = every_step};
    struct rnn_sequence sequence = {
        .timesteps = timesteps,
        .inputs = &x,
        .outputs = &y,
        .state = state,
    };

    if (!y)
        die("out of memory");
    memset(y, 0xff, floats * sizeof(*y));
    model_run_many(model, &sequence, 1, &options);
    return y;
}

struct rnn_state *model_new_state(const struct rnn_model *model)
{
    struct rnn_state *state = alloc(rnn_state_size(model));

    rnn_state_zero(model, state);
    return state;
}

float *model_random_floats(uint64_t *seed, size_t count, double scale)
{
    float *floats = malloc((count + 1) * sizeof(*floats));

    if (!floats)
        die("out of memory");
    for (size_t i = 0; i < count; i++)
        floats[i] = model_random_float(seed, scale);
    return floats;
}
