#include "tests/support/graph_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/effort.h"
#include "tests/support/model_run.h"

#define MOST_OUTPUTS 8
#define SEQUENCES    37 /* more than a block */
#define LONGEST      70 /* more than a chunk */
#define STRIDE       6  /* where time is short: of what is compared */

/* One sequence and room for what comes out. */
struct job {
    size_t timesteps;
    const float *x;
    float *outputs[MOST_OUTPUTS];
    size_t floats[MOST_OUTPUTS];
};

static size_t output_floats(const struct rnn_model *model, size_t index,
                            size_t timesteps, bool every_step)
{
    size_t shape[RNN_MAX_RANK], floats = 1;
    size_t rank = rnn_output_shape(model, index, timesteps, every_step, shape);

    for (size_t i = 0; i < rank; i++)
        floats *= shape[i];
    return floats;
}

static void job_init(struct job *job, const struct rnn_model *model,
                     const float *x, size_t timesteps, bool every_step)
{
    *job = (struct job){.timesteps = timesteps, .x = x};
    assert_true(rnn_model_info(model)->output_count <= MOST_OUTPUTS);
    for (size_t i = 0; i < rnn_model_info(model)->output_count; i++) {
        job->floats[i] = output_floats(model, i, timesteps, every_step);
        job->outputs[i] = malloc(job->floats[i] * sizeof(float));
    }
}

static void job_release(struct job *job)
{
    for (size_t i = 0; i < MOST_OUTPUTS; i++)
        free(job->outputs[i]);
}

static void run_jobs(const struct rnn_model *model, struct job *jobs,
                     size_t count, bool every_step, struct rnn_state *state)
{
    struct rnn_infer_options options = {.every_step = every_step};
    struct rnn_sequence sequences[SEQUENCES];

    for (size_t i = 0; i < count; i++)
        sequences[i] = (struct rnn_sequence){.timesteps = jobs[i].timesteps,
                                             .inputs = &jobs[i].x,
                                             .outputs = jobs[i].outputs,
                                             .state = state};
    model_run_many(model, sequences, count, &options);
}

float *graph_run(struct model_builder *builder, const float *x,
                 size_t timesteps, size_t index)
{
    struct rnn_model *model = model_load(builder, RNN_ISA_SCALAR);
    struct job job;
    float *y;

    job_init(&job, model, x, timesteps, false);
    run_jobs(model, &job, 1, false, NULL);
    y = job.outputs[index];
    job.outputs[index] = NULL;
    job_release(&job);
    rnn_model_free(model);
    return y;
}

static void assert_same(const struct job *a, const struct job *b)
{
    for (size_t i = 0; i < MOST_OUTPUTS; i++) {
        assert_int_equal(a->floats[i], b->floats[i]);
        if (a->floats[i])
            assert_memory_equal(a->outputs[i], b->outputs[i],
                                a->floats[i] * sizeof(float));
    }
}

/* Where time is short most are short, and each STRIDEth is compared: from 2
 * on all of these are longer than 4 steps, and one longer than a chunk. */
static bool is_compared(size_t i)
{
    return !effort_is_quick() || i % STRIDE == 2;
}

static size_t length_of(size_t i)
{
    size_t length = 1 + i * i % LONGEST;

    return is_compared(i) ? length : 1 + length % 5;
}

static void check_batch(const struct rnn_model *model,
                        const struct rnn_model *scalar, const float *x,
                        size_t timesteps)
{
    struct job jobs[SEQUENCES], alone;

    for (size_t i = 0; i < SEQUENCES; i++)
        job_init(&jobs[i], model, x + i, timesteps ? timesteps : length_of(i),
                 false);
    run_jobs(model, jobs, SEQUENCES, false, NULL);
    for (size_t i = 0; i < SEQUENCES; i++) {
        if (is_compared(i)) {
            job_init(&alone, scalar, jobs[i].x, jobs[i].timesteps, false);
            run_jobs(scalar, &alone, 1, false, NULL);
            assert_same(&jobs[i], &alone);
            job_release(&alone);
        }
        job_release(&jobs[i]);
    }
}

static size_t stride(void)
{
    return effort_is_quick() ? STRIDE : 1;
}

/* Each output without time after t steps is its value at step t. */
static void check_steps(const struct rnn_model *model, const float *x,
                        size_t timesteps)
{
    const struct rnn_model_info *info = rnn_model_info(model);
    struct job every, some;

    job_init(&every, model, x, timesteps, true);
    run_jobs(model, &every, 1, true, NULL);
    for (size_t t = 1; t <= timesteps; t += stride()) {
        job_init(&some, model, x, t, false);
        run_jobs(model, &some, 1, false, NULL);
        for (size_t i = 0; i < info->output_count; i++) {
            size_t width = every.floats[i] / timesteps;
            size_t last = some.floats[i] / width - 1;

            assert_memory_equal(every.outputs[i] + (t - 1) * width,
                                some.outputs[i] + last * width,
                                width * sizeof(float));
        }
        job_release(&some);
    }
    job_release(&every);
}

static void check_cuts(const struct rnn_model *model, const float *x,
                       size_t timesteps)
{
    const struct rnn_model_info *info = rnn_model_info(model);
    size_t features = info->inputs[0].features;
    struct job whole, head, tail;

    job_init(&whole, model, x, timesteps, true);
    run_jobs(model, &whole, 1, true, NULL);
    for (size_t cut = 1; cut < timesteps; cut += stride()) {
        struct rnn_state *state = model_new_state(model);

        job_init(&head, model, x, cut, true);
        job_init(&tail, model, x + cut * features, timesteps - cut, true);
        run_jobs(model, &head, 1, true, state);
        assert_true(rnn_state_is_finite(model, state));
        run_jobs(model, &tail, 1, true, state);
        for (size_t i = 0; i < info->output_count; i++) {
            assert_memory_equal(head.outputs[i], whole.outputs[i],
                                head.floats[i] * sizeof(float));
            assert_memory_equal(tail.outputs[i],
                                whole.outputs[i] + head.floats[i],
                                tail.floats[i] * sizeof(float));
        }
        job_release(&head);
        job_release(&tail);
        free(state);
    }
    job_release(&whole);
}

void graph_check_bits(struct model_builder *builder, size_t timesteps)
{
    struct rnn_model *scalar = model_load(builder, RNN_ISA_SCALAR);
    size_t features = rnn_model_info(scalar)->inputs[0].features;
    size_t longest = timesteps ? timesteps : LONGEST;
    uint64_t seed = 3;
    float *x = model_random_floats(&seed, longest * features + SEQUENCES, 1.5);

    for (int isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++) {
        struct rnn_model *model;

        if (!rnn_isa_available((enum rnn_isa)isa))
            continue;
        model = model_load(builder, (enum rnn_isa)isa);
        check_batch(model, scalar, x, timesteps);
        if (rnn_model_info(model)->streams) {
            check_cuts(model, x, 40);
            check_steps(model, x, 40);
        }
        rnn_model_free(model);
    }
    free(x);
    rnn_model_free(scalar);
}
