/* Two sequences of any lengths, one after the other: as many timesteps as both
 * have together. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define D       3
#define U       4
#define MOST    80 /* timesteps: more than a chunk */
#define COUNT   40 /* sequences: more than a block */
#define OUTPUTS 3

static void begin(struct model_builder *b)
{
    graph_begin(b, "3.15.1");
    b->seed = 9;
    graph_input(b, "a", "null, 3");
    graph_input(b, "b", "null, 3");
    graph_layer(b, "ReLU", "r", "", "b,0,0");
    graph_layer(b, "Concatenate", "c", "\"axis\": 1", "a,0,0 r,0,0");
}

/* c, what a GRU makes of it, and the means of each two timesteps, which begin
 * with the last of three known ones. */
static void build(struct model_builder *b)
{
    begin(b);
    graph_layer(b, "GRU", "g", "\"units\": 4, \"return_sequences\": true",
                "c,0,0");
    graph_recurrent(b, "g", 3, D, U);
    graph_layer(b, "GlobalMaxPooling1D", "m", "", "b,0,0");
    graph_layer(b, "RepeatVector", "v", "\"n\": 3", "m,0,0");
    graph_layer(b, "Concatenate", "w", "\"axis\": -2", "v,0,0 b,0,0 a,0,0");
    graph_layer(b, "AveragePooling1D", "p", "\"pool_size\": 2", "w,0,0");
    graph_end(b, "a,0,0 b,0,0", "c,0,0 g,0,0 p,0,0", NULL);
}

struct job {
    size_t steps[2];
    const float *inputs[2];
    float *outputs[OUTPUTS];
    size_t floats[OUTPUTS];
};

static struct rnn_sequence sequence_of(const struct job *job)
{
    size_t a = job->steps[0], b = job->steps[1];

    return (struct rnn_sequence){.timesteps = a > b ? a : b,
                                 .input_timesteps = a == b ? NULL : job->steps,
                                 .inputs = job->inputs,
                                 .outputs = job->outputs};
}

static void job_init(struct job *job, const struct rnn_model *model,
                     const float *x, size_t a, size_t b)
{
    struct rnn_sequence sequence;

    *job = (struct job){.steps = {a, b}, .inputs = {x, x + 5}};
    sequence = sequence_of(job);
    for (size_t i = 0; i < OUTPUTS; i++) {
        size_t shape[RNN_MAX_RANK];

        assert_int_equal(
            rnn_output_shape_of(model, i, &sequence, false, shape), 2);
        assert_int_equal(shape[0], i == 2 ? (a + b + 3) / 2 : a + b);
        job->floats[i] = shape[0] * shape[1];
        job->outputs[i] = malloc(job->floats[i] * sizeof(float));
    }
}

static void job_release(struct job *job)
{
    for (size_t i = 0; i < OUTPUTS; i++)
        free(job->outputs[i]);
}

static float larger(float a, float b)
{
    return a < b ? b : a;
}

/* One after the other, of float32 as they are. */
static float *joined(const struct job *job)
{
    size_t a = job->steps[0] * D, b = job->steps[1] * D;
    float *c = malloc((a + b) * sizeof(float));

    memcpy(c, job->inputs[0], a * sizeof(float));
    for (size_t i = 0; i < b; i++)
        c[a + i] = larger(job->inputs[1][i], 0);
    return c;
}

static void check_means(const struct job *job)
{
    size_t a = job->steps[0], b = job->steps[1], count = 3 + b + a;
    float *w = malloc(count * D * sizeof(float));

    for (size_t k = 0; k < D; k++) {
        float most = job->inputs[1][k];

        for (size_t t = 1; t < b; t++)
            most = larger(most, job->inputs[1][t * D + k]);
        w[k] = w[D + k] = w[2 * D + k] = most;
    }
    memcpy(w + 3 * D, job->inputs[1], b * D * sizeof(float));
    memcpy(w + (3 + b) * D, job->inputs[0], a * D * sizeof(float));
    for (size_t i = 0; i < count / 2 * D; i++) {
        size_t at = i / D * 2 * D + i % D;

        assert_true(fabs(job->outputs[2][i] -
                         ((double)w[at] + (double)w[at + D]) / 2) < 1e-6);
    }
    free(w);
}

static void check(const struct rnn_model *model, const struct rnn_model *alone,
                  const float *x, size_t a, size_t b)
{
    struct rnn_sequence sequence;
    struct job job;
    float *c, *g;

    job_init(&job, model, x, a, b);
    sequence = sequence_of(&job);
    model_run_many(model, &sequence, 1, NULL);
    c = joined(&job);
    assert_memory_equal(job.outputs[0], c, job.floats[0] * sizeof(float));
    g = model_run_one(alone, c, a + b, false, NULL);
    assert_memory_equal(job.outputs[1], g, job.floats[1] * sizeof(float));
    check_means(&job);
    free(c);
    free(g);
    job_release(&job);
}

static void one_comes_after_the_other(void **state)
{
    uint64_t seed = 4;
    float *x = model_random_floats(&seed, MOST * D + 5, 1);
    struct model_builder both, one;
    struct rnn_model *model, *alone;

    (void)state;
    build(&both);
    graph_begin(&one, "3.15.1");
    one.seed = 9;
    graph_input(&one, "x", "null, 3");
    graph_layer(&one, "GRU", "g", "\"units\": 4, \"return_sequences\": true",
                "x,0,0");
    graph_end(&one, "x,0,0", "g,0,0", NULL);
    graph_recurrent(&one, "g", 3, D, U);
    model = model_load(&both, RNN_ISA_AUTO);
    alone = model_load(&one, RNN_ISA_AUTO);
    assert_false(rnn_model_info(model)->streams);
    assert_int_equal(rnn_model_info(model)->outputs[0].shape[0], RNN_FREE);
    check(model, alone, x, 3, 7);
    check(model, alone, x, MOST, 1);
    check(model, alone, x, 1, MOST);
    check(model, alone, x, 5, 5);
    rnn_model_free(model);
    rnn_model_free(alone);
    model_builder_release(&both);
    model_builder_release(&one);
    free(x);
}

/* In a batch as alone, on every instruction set. */
static void they_obey_the_second_law(void **state)
{
    uint64_t seed = 14;
    float *x = model_random_floats(&seed, MOST * D + COUNT + 5, 1);
    struct rnn_model *scalar;
    struct model_builder b;

    (void)state;
    build(&b);
    scalar = model_load(&b, RNN_ISA_SCALAR);
    for (int isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++) {
        struct rnn_sequence sequences[COUNT];
        struct job jobs[COUNT], alone;
        struct rnn_model *model;

        if (!rnn_isa_available((enum rnn_isa)isa))
            continue;
        model = model_load(&b, (enum rnn_isa)isa);
        for (size_t i = 0; i < COUNT; i++) {
            job_init(&jobs[i], model, x + i / 4, 1 + i / 3 % 5,
                     1 + i / 5 * 9 % MOST);
            sequences[i] = sequence_of(&jobs[i]);
        }
        model_run_many(model, sequences, COUNT, NULL);
        for (size_t i = 0; i < COUNT; i++) {
            job_init(&alone, model, x + i / 4, jobs[i].steps[0],
                     jobs[i].steps[1]);
            sequences[0] = sequence_of(&alone);
            model_run_many(scalar, sequences, 1, NULL);
            for (size_t k = 0; k < OUTPUTS; k++)
                assert_memory_equal(jobs[i].outputs[k], alone.outputs[k],
                                    alone.floats[k] * sizeof(float));
            job_release(&alone);
            job_release(&jobs[i]);
        }
        rnn_model_free(model);
    }
    rnn_model_free(scalar);
    model_builder_release(&b);
    free(x);
}

/* Two sums of the same parts meet; what may be another number does not, and
 * of a sum nobody can ask for timesteps before it runs. */
static void what_meets_a_sum(void **state)
{
    static const struct {
        const char *class_name, *fields, *calls, *says;
    } cases[] = {
        {"Add", "", "c,0,0 d,0,0", NULL},
        {"Add", "", "c,0,0 e,0,0", "do not fit together"},
        {"Add", "", "a,0,0 c,0,0", "do not fit together"},
        {"MaxPooling1D", "\"pool_size\": 2", "c,0,0", NULL},
        {"MaxPooling1D", "\"pool_size\": 3", "c,0,0",
         "\"y\" (MaxPooling1D) needs 3 timesteps or more, of several inputs"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_layer(&b, "Concatenate", "d", "\"axis\": 1", "a,0,0 b,0,0");
        graph_layer(&b, "Concatenate", "e", "\"axis\": 1", "b,0,0 b,0,0");
        graph_layer(&b, cases[i].class_name, "y", cases[i].fields,
                    cases[i].calls);
        graph_end(&b, "a,0,0 b,0,0", "y,0,0", NULL);
        if (cases[i].says) {
            model_assert_refused(&b, cases[i].says);
        } else {
            rnn_model_free(model_load(&b, RNN_ISA_AUTO));
            model_builder_release(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_comes_after_the_other),
        cmocka_unit_test(they_obey_the_second_law),
        cmocka_unit_test(what_meets_a_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
