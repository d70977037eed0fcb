/* Inputs of one sequence with different numbers of timesteps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/model_run.h"

#define D     3
#define U     4
#define MOST  80 /* timesteps: more than a chunk */
#define COUNT 40 /* sequences: more than a block */

/* Two inputs that two layers read, and both of those a third. */
static void build(struct model_builder *b, const char *shape_a,
                  const char *shape_b, bool is_decoder)
{
    const char *sequences = "\"units\": 4, \"return_sequences\": true";

    graph_begin(b, "3.15.1");
    graph_input(b, "a", shape_a);
    graph_input(b, "b", shape_b);
    graph_layer(b, "GRU", "e", "\"units\": 4", "a,0,0");
    graph_recurrent(b, "e", 3, D, U);
    graph_layer(b, "GRU", "d", sequences,
                is_decoder ? "b,0,0 e,0,0" : "b,0,0");
    graph_recurrent(b, "d", 3, D, U);
    graph_layer(b, "GlobalMaxPooling1D", "m", "", "d,0,0");
    graph_layer(b, "Add", "s", "", "e,0,0 m,0,0");
    graph_end(b, "a,0,0 b,0,0", "s,0,0 d,0,0", NULL);
}

struct job {
    size_t steps[2];
    const float *inputs[2];
    float *outputs[2];
};

static void job_init(struct job *job, const float *x, size_t a, size_t b)
{
    *job = (struct job){.steps = {a, b}, .inputs = {x, x + 5}};
    job->outputs[0] = calloc(U, sizeof(float));
    job->outputs[1] = calloc(b * U, sizeof(float));
}

static void job_release(struct job *job)
{
    free(job->outputs[0]);
    free(job->outputs[1]);
}

static struct rnn_sequence sequence_of(const struct job *job)
{
    size_t a = job->steps[0], b = job->steps[1];

    return (struct rnn_sequence){.timesteps = a > b ? a : b,
                                 .input_timesteps = job->steps,
                                 .inputs = job->inputs,
                                 .outputs = job->outputs};
}

static void assert_same(const struct job *one, const struct job *other)
{
    assert_memory_equal(one->outputs[0], other->outputs[0], U * sizeof(float));
    assert_memory_equal(one->outputs[1], other->outputs[1],
                        one->steps[1] * U * sizeof(float));
}

/* What the layers make one by one, each over its own input. */
static void check_by_parts(const float *x, size_t a, size_t b)
{
    struct model_builder whole, parts[2];
    struct rnn_model *model;
    struct rnn_sequence sequence;
    struct job job;
    float *e, *d;

    build(&whole, "null, 3", "null, 3", false);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i ? "d" : "e";

        graph_begin(&parts[i], "3.15.1");
        graph_input(&parts[i], "x", "null, 3");
        graph_layer(&parts[i], "GRU", name,
                    i ? "\"units\": 4, \"return_sequences\": true"
                      : "\"units\": 4",
                    "x,0,0");
        graph_end(&parts[i], "x,0,0", i ? "d,0,0" : "e,0,0", NULL);
        graph_recurrent(&parts[i], name, 3, D, U);
    }
    for (size_t w = 0; w < 3; w++) { /* of "d": the second three */
        struct model_tensor *from = &whole.tensors[3 + w];

        memcpy(parts[1].tensors[w].data, from->data,
               from->count * sizeof(float));
    }
    job_init(&job, x, a, b);
    sequence = sequence_of(&job);
    model = model_load(&whole, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams);
    model_run_many(model, &sequence, 1, NULL);
    rnn_model_free(model);
    model = model_load(&parts[0], RNN_ISA_AUTO);
    e = model_run_one(model, x, a, false, NULL);
    rnn_model_free(model);
    model = model_load(&parts[1], RNN_ISA_AUTO);
    d = model_run_one(model, x + 5, b, false, NULL);
    rnn_model_free(model);
    assert_memory_equal(job.outputs[1], d, b * U * sizeof(float));
    for (size_t i = 0; i < U; i++) {
        float most = d[i];

        for (size_t t = 1; t < b; t++)
            most = d[t * U + i] > most ? d[t * U + i] : most;
        assert_true(job.outputs[0][i] == e[i] + most);
    }
    free(e);
    free(d);
    job_release(&job);
    for (size_t i = 0; i < 2; i++)
        model_builder_release(&parts[i]);
    model_builder_release(&whole);
}

static void each_input_has_its_own_timesteps(void **state)
{
    uint64_t seed = 4;
    float *x = model_random_floats(&seed, MOST * D + 5, 1);

    (void)state;
    check_by_parts(x, 3, 7);
    check_by_parts(x, MOST, 1);
    check_by_parts(x, 1, MOST);
    check_by_parts(x, 5, 5);
    free(x);
}

/* In a batch as alone, on every instruction set. */
static void check_batch(struct model_builder *b, const float *x)
{
    struct rnn_model *scalar = model_load(b, RNN_ISA_SCALAR);

    for (int isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++) {
        struct rnn_sequence sequences[COUNT];
        struct job jobs[COUNT], alone;
        struct rnn_model *model;

        if (!rnn_isa_available((enum rnn_isa)isa))
            continue;
        model = model_load(b, (enum rnn_isa)isa);
        for (size_t i = 0; i < COUNT; i++) {
            job_init(&jobs[i], x + i / 4, 1 + i / 3 % 5, 1 + i / 5 * 9 % MOST);
            sequences[i] = sequence_of(&jobs[i]);
        }
        model_run_many(model, sequences, COUNT, NULL);
        for (size_t i = 0; i < COUNT; i++) {
            job_init(&alone, x + i / 4, jobs[i].steps[0], jobs[i].steps[1]);
            sequences[0] = sequence_of(&alone);
            model_run_many(scalar, sequences, 1, NULL);
            assert_same(&jobs[i], &alone);
            job_release(&alone);
        }
        for (size_t i = 0; i < COUNT; i++)
            job_release(&jobs[i]);
        rnn_model_free(model);
    }
    rnn_model_free(scalar);
}

static void they_obey_the_second_law(void **state)
{
    uint64_t seed = 14;
    float *x = model_random_floats(&seed, MOST * D + COUNT + 5, 1);

    (void)state;
    for (int is_decoder = 0; is_decoder < 2; is_decoder++) {
        struct model_builder b;

        build(&b, "null, 3", "null, 3", is_decoder);
        check_batch(&b, x);
        model_builder_release(&b);
    }
    free(x);
}

static void a_shape_follows_the_input_it_comes_from(void **state)
{
    static const size_t steps[] = {3, 8};
    const struct rnn_sequence sequence = {.timesteps = 8,
                                          .input_timesteps = steps};
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;
    size_t shape[RNN_MAX_RANK];

    (void)state;
    build(&b, "null, 3", "null, 3", true);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_int_equal(info->inputs[0].clock, 0);
    assert_int_equal(info->inputs[1].clock, 1);
    assert_int_equal(info->outputs[1].clock, 1);
    rnn_output_shape_of(model, 1, &sequence, false, shape);
    assert_int_equal(shape[0], 8);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* An Add over time makes one clock of two, from which the others follow. */
static void joined_inputs_have_one_clock(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "a", "null, 3");
    graph_input(&b, "b", "null, 3");
    graph_input(&b, "c", "null, 3");
    graph_layer(&b, "Add", "s", "", "b,0,0 c,0,0");
    graph_layer(&b, "Add", "r", "", "s,0,0 a,0,0");
    graph_end(&b, "a,0,0 b,0,0 c,0,0", "r,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(info->inputs[i].clock, 0);
    assert_int_equal(info->outputs[0].clock, 0);
    assert_true(info->streams);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* Fewer timesteps than a layer needs are refused of its own input only. */
static void each_clock_has_its_own_least(void **state)
{
    size_t kernel[] = {5, D, U}, bias[] = {U};
    const float x[9 * D] = {0};
    float y[2][9 * U];
    struct job job = {.steps = {5, 1}, .inputs = {x, x}, {y[0], y[1]}};
    struct rnn_sequence sequence;
    struct model_builder b;
    struct rnn_model *model;
    struct rnn_error err;
    void *scratch = aligned_alloc(64, 1 << 16);

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "a", "null, 3");
    graph_input(&b, "b", "null, 3");
    graph_layer(&b, "Conv1D", "c", "\"filters\": 4, \"kernel_size\": 5",
                "a,0,0");
    model_builder_add_tensor(&b, "c/kernel", 3, kernel, 1);
    model_builder_add_tensor(&b, "c/bias", 1, bias, 1);
    graph_layer(&b, "GRU", "d", "\"units\": 4", "b,0,0");
    graph_recurrent(&b, "d", 3, D, U);
    graph_end(&b, "a,0,0 b,0,0", "c,0,0 d,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_model_info(model)->inputs[0].least_timesteps, 5);
    assert_int_equal(rnn_model_info(model)->inputs[1].least_timesteps, 0);
    assert_int_equal(rnn_model_info(model)->least_timesteps, 5);
    sequence = sequence_of(&job);
    model_run_many(model, &sequence, 1, NULL);
    job.steps[0] = 4;
    job.steps[1] = 9;
    sequence = sequence_of(&job);
    assert_int_equal(rnn_infer(model, &sequence, 1, NULL, scratch, &err),
                     RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "\"c\" needs 5 or more"));
    free(scratch);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void inputs_of_fixed_different_length_do_not_stream(void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    build(&b, "4, 3", "6, 3", false);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_false(rnn_model_info(model)->streams);
    assert_string_equal(rnn_model_info(model)->cannot_stream_because,
                        "the inputs \"a\" and \"b\" have 4 and 6 timesteps, "
                        "which cannot advance together");
    rnn_model_free(model);
    model_builder_release(&b);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        size_t timesteps, steps[2];
        bool every_step, joined;
        const char *says;
    } cases[] = {
        {5, {5, 0}, false, false, "\"b\" of sequence 0 has 0 timesteps"},
        {5, {6, 5}, false, false, "\"a\" of sequence 0 has 6 timesteps"},
        {5, {4, 5}, false, true, "do not fit the others"},
        {5, {4, 5}, true, false, "cannot advance together"},
    };
    static float x[6 * D], y[5 * U];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const float *inputs[] = {x, x};
        float *outputs[] = {y, y};
        const struct rnn_sequence sequence = {.timesteps = cases[i].timesteps,
                                              .input_timesteps =
                                                  cases[i].steps,
                                              .inputs = inputs,
                                              .outputs = outputs};
        const struct rnn_infer_options options = {.every_step =
                                                      cases[i].every_step};
        struct rnn_error err = {.message = ""};
        struct model_builder b;
        struct rnn_model *model;
        void *scratch = aligned_alloc(64, 1 << 16);

        if (cases[i].joined) {
            graph_begin(&b, "3.15.1");
            graph_input(&b, "a", "null, 3");
            graph_input(&b, "b", "null, 3");
            graph_layer(&b, "Add", "s", "", "a,0,0 b,0,0");
            graph_end(&b, "a,0,0 b,0,0", "s,0,0", NULL);
        } else {
            build(&b, "null, 3", "null, 3", false);
        }
        model = model_load(&b, RNN_ISA_AUTO);
        assert_int_equal(
            rnn_infer(model, &sequence, 1, &options, scratch, &err),
            RNN_INVALID_ARGUMENT);
        if (!strstr(err.message, cases[i].says))
            fail_msg("%s does not say %s", err.message, cases[i].says);
        rnn_model_free(model);
        model_builder_release(&b);
        free(scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_input_has_its_own_timesteps),
        cmocka_unit_test(they_obey_the_second_law),
        cmocka_unit_test(a_shape_follows_the_input_it_comes_from),
        cmocka_unit_test(joined_inputs_have_one_clock),
        cmocka_unit_test(each_clock_has_its_own_least),
        cmocka_unit_test(inputs_of_fixed_different_length_do_not_stream),
        cmocka_unit_test(what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
