#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/infer.h"
#include "tests/support/effort.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/model_run.h"
#include "tests/support/random_model.h"
#include "tests/support/reference_model.h"

#define MODELS    effort_count(60) /* random ones for each law */
#define MAX_UNITS 70

/* ---- the same numbers ----------------------------------------------------*/

static double largest_error(const float *y, const double *ref, size_t count,
                            double *scale)
{
    double error = 0;

    *scale = 1;
    for (size_t i = 0; i < count; i++) {
        error = fmax(error, fabs(y[i] - ref[i]));
        *scale = fmax(*scale, fabs(ref[i]));
    }
    return error;
}

/* A network can blow rounding up from step to step: how much of an error is
 * float32's own. */
static double own_error(struct model_builder *builder, const float *x,
                        size_t timesteps, bool every_step, const double *ref)
{
    size_t items, width;
    double *rounded = reference_model_run_rounded(builder, x, timesteps,
                                                  every_step, &items, &width);
    double error = 0;

    for (size_t i = 0; i < items * width; i++)
        error = fmax(error, fabs(rounded[i] - ref[i]));
    free(rounded);
    return error;
}

static void check_numbers(uint64_t seed, bool every_step)
{
    size_t timesteps = 1 + seed * 7 % 45, items, width;
    struct model_builder b;
    struct rnn_model *model;
    float *x, *y;
    double *ref, scale, error, allowed;

    random_model_build(&b, seed, MAX_UNITS);
    model = model_load(&b, RNN_ISA_AUTO);
    x = model_random_floats(&seed, timesteps * b.features, 1);
    y = model_run_one(model, x, timesteps, every_step, NULL);
    ref = reference_model_run(&b, x, timesteps, every_step, &items, &width);
    assert_int_equal(items * width,
                     model_output_floats(model, timesteps, every_step));
    error = largest_error(y, ref, items * width, &scale);
    allowed =
        fmax(1e-6 * scale, 8 * own_error(&b, x, timesteps, every_step, ref));
    if (!(error <= allowed))
        fail_msg("error %.3g, allowed %.3g, T=%zu: %s", error, allowed,
                 timesteps, random_model_describe(&b));
    free(x);
    free(y);
    free(ref);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void random_models_agree_with_float64(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4 * MODELS; seed++)
        check_numbers(seed, seed % 3 == 0);
}

/* ---- the contract of rnn_infer() -----------------------------------------*/

static void build_seed_model(struct model_builder *b)
{
    model_builder_init(b, 10, 3);
    model_builder_add(
        b, &(struct model_layer){.class_name = "SimpleRNN", .units = 5});
    model_builder_add(
        b, &(struct model_layer){.class_name = "Dense", .units = 2});
}

static void every_step_ends_with_the_last_step(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    float *x, *last, *all;
    uint64_t seed = 5;

    (void)state;
    build_seed_model(&b);
    model = model_load(&b, RNN_ISA_AUTO);
    x = model_random_floats(&seed, 10 * 3, 1);
    last = model_run_one(model, x, 10, false, NULL);
    all = model_run_one(model, x, 10, true, NULL);
    assert_memory_equal(last, all + 9 * 2, 2 * sizeof(float));
    for (size_t t = 1; t <= 10; t++) {
        float *ended = model_run_one(model, x, t, false, NULL);

        assert_memory_equal(ended, all + (t - 1) * 2, 2 * sizeof(float));
        free(ended);
    }
    free(x);
    free(last);
    free(all);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void nothing_is_allocated(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct rnn_sequence sequences[20];
        struct model_builder b;
        struct rnn_model *model;
        uint64_t numbers = seed;
        float *x, *y;
        void *scratch;

        random_model_build(&b, seed, MAX_UNITS);
        model = model_load(&b, RNN_ISA_AUTO);
        x = model_random_floats(&numbers, 40 * b.features, 1);
        y = malloc((model_output_floats(model, 40, false) + 1) * sizeof(*y));
        for (size_t i = 0; i < 20; i++)
            sequences[i] = (struct rnn_sequence){
                .timesteps = 40 - i,
                .inputs = (const float *const *)&x,
                .outputs = &y,
            };
        scratch =
            aligned_alloc(64, rnn_scratch_size(model, 20, 40, false) + 64);
        fail_malloc_start(0);
        assert_int_equal(rnn_infer(model, sequences, 20, NULL, scratch, NULL),
                         RNN_OK);
        assert_int_equal(fail_malloc_stop(), 0);
        free(x);
        free(y);
        free(scratch);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

static void zero_timesteps_are_refused(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    const float *x = (const float[]){1, 2, 3};
    float *y = (float[]){0, 0};
    struct rnn_sequence sequences[] = {
        {.timesteps = 1, .inputs = &x, .outputs = &y},
        {.timesteps = 0, .inputs = &x, .outputs = &y},
    };
    struct rnn_error err;

    (void)state;
    build_seed_model(&b);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_infer(model, sequences, 2, NULL, NULL, &err),
                     RNN_INVALID_ARGUMENT);
    assert_string_equal(err.message, "sequence 1 has 0 timesteps");
    rnn_model_free(model);
    model_builder_release(&b);
}

static void no_sequences_are_fine(void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    build_seed_model(&b);
    model = model_load(&b, RNN_ISA_AUTO);
    model_run_many(model, NULL, 0, NULL);
    rnn_model_free(model);
    model_builder_release(&b);
}

static bool count_and_stop(void *arg)
{
    size_t *left = arg;

    return *left && --*left;
}

static void the_caller_can_stop_a_long_call(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    uint64_t seed = 3;
    size_t timesteps = effort_is_quick() ? 4000 : 20000;
    float *x, y[40], *outputs = y;
    void *scratch;
    struct rnn_sequence sequence = {.timesteps = timesteps,
                                    .outputs = &outputs};
    size_t left = 5;
    struct rnn_infer_options options = {.keep_going = count_and_stop,
                                        .arg = &left};

    (void)state;
    model_builder_init(&b, 0, 20);
    model_builder_add(
        &b, &(struct model_layer){.class_name = "LSTM", .units = 40});
    model = model_load(&b, RNN_ISA_AUTO);
    x = model_random_floats(&seed, timesteps * 20, 1);
    sequence.inputs = (const float *const *)&x;
    scratch =
        aligned_alloc(64, rnn_scratch_size(model, 1, timesteps, false) + 64);
    assert_int_equal(rnn_infer(model, &sequence, 1, &options, scratch, NULL),
                     RNN_CANCELLED);
    assert_int_equal(left, 0);
    left = SIZE_MAX;
    assert_int_equal(rnn_infer(model, &sequence, 1, &options, scratch, NULL),
                     RNN_OK);
    assert_in_range(SIZE_MAX - left, timesteps / 400, timesteps / 4);
    free(scratch);
    free(x);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void scratch_does_not_grow_with_time_or_batch(void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    build_seed_model(&b);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_scratch_size(model, 1, 1000, false),
                     rnn_scratch_size(model, 1, SIZE_MAX, false));
    assert_int_equal(rnn_scratch_size(model, 1000, 1000, true),
                     rnn_scratch_size(model, SIZE_MAX, SIZE_MAX, true));
    /* A chunk takes 256 KiB, and what belongs to 32 sequences little more. */
    assert_in_range(rnn_scratch_size(model, SIZE_MAX, SIZE_MAX, true), 1,
                    272 * 1024);
    /* A short call of a small model is laid out as one of 32 timesteps. */
    assert_int_equal(rnn_scratch_size(model, 1, 1, false),
                     rnn_scratch_size(model, 1, 32, false));
    assert_in_range(rnn_scratch_size(model, 1, 32, false), 1, 8000);
    for (size_t count = 1; count < 70; count++)
        for (size_t steps = 1; steps < 70; steps++)
            assert_true(rnn_scratch_size(model, count, steps, false) >=
                        rnn_scratch_size(model, 1, 32, false));
    rnn_model_free(model);
    model_builder_release(&b);
}

static size_t scratch_of_one_layer(size_t units, size_t count)
{
    struct model_builder b;
    struct rnn_model *model;
    size_t size;

    model_builder_init(&b, 0, 16);
    model_builder_add(
        &b, &(struct model_layer){.class_name = "LSTM", .units = units});
    model = model_load(&b, RNN_ISA_AUTO);
    size = rnn_scratch_size(model, count, 1000, false);
    rnn_model_free(model);
    model_builder_release(&b);
    return size;
}

/* Chunks of a small model have more timesteps, those of a large one no fewer
 * than 64 items; neither takes more than it needs to. */
static void a_chunk_is_as_long_as_the_model_is_small(void **state)
{
    const size_t item = (4 + 1) * 256 * sizeof(float); /* z and y */
    const size_t row = 7 * 256 * sizeof(float); /* what a sequence has */

    (void)state;
    assert_in_range(scratch_of_one_layer(16, 32), 240 * 1024, 300 * 1024);
    assert_in_range(scratch_of_one_layer(32, 32), 240 * 1024, 300 * 1024);
    assert_in_range(scratch_of_one_layer(256, 32), 64 * item,
                    66 * item + 33 * row);
    /* One sequence has 32 timesteps at once, whatever the model. */
    assert_in_range(scratch_of_one_layer(256, 1), 32 * item,
                    32 * item + 3 * row);
}

/* A buffer is used again as soon as its last reader has run. */
static void scratch_hardly_grows_with_depth(void **state)
{
    size_t sizes[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model_builder b;
        struct rnn_model *model;

        model_builder_init(&b, 0, 64);
        for (size_t k = 0; k < (i ? 12 : 3); k++)
            model_builder_add(&b, &(struct model_layer){
                                      .class_name = "Dense",
                                      .units = k % 2 ? 60 : 64,
                                  });
        model = model_load(&b, RNN_ISA_AUTO);
        sizes[i] = rnn_scratch_size(model, 32, 100, false);
        rnn_model_free(model);
        model_builder_release(&b);
    }
    assert_in_range(sizes[1] - sizes[0], 0, 9 * 64);
}

static void the_cost_grows_with_time_and_saturates(void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    build_seed_model(&b);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_infer_cost(model, 2) > rnn_infer_cost(model, 1));
    assert_true(rnn_infer_cost(model, 1) >= 5 * 3 + 5 * 5 + 5 * 2);
    assert_int_equal(rnn_infer_cost(model, SIZE_MAX), UINT64_MAX);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void a_model_without_time_runs_once_and_does_not_stream(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    const float *x = (const float[]){1, 2, 3};
    float numbers[2], *y = numbers;
    struct rnn_sequence sequence = {
        .timesteps = 4, .inputs = &x, .outputs = &y};
    struct rnn_infer_options every = {.every_step = true};
    struct rnn_error err;
    const float *kernel, *bias;

    (void)state;
    model_builder_init(&b, 0, 3);
    model_builder_add(
        &b, &(struct model_layer){.class_name = "Dense", .units = 2});
    model_builder_replace(&b, "[null, null, 3]", "[null, 3]");
    model = model_load(&b, RNN_ISA_AUTO);
    assert_false(rnn_model_info(model)->streams);
    assert_string_equal(rnn_model_info(model)->cannot_stream_because,
                        "the input \"input_layer\" has no time axis");
    model_run_many(model, &sequence, 1, NULL);
    kernel = model_builder_tensor(&b, "dense/kernel")->data;
    bias = model_builder_tensor(&b, "dense/bias")->data;
    for (size_t j = 0; j < 2; j++)
        assert_float_equal(numbers[j],
                           bias[j] + 1 * kernel[j] + 2 * kernel[2 + j] +
                               3 * kernel[4 + j],
                           1e-6);
    assert_int_equal(rnn_infer(model, &sequence, 1, &every, NULL, &err),
                     RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "no time axis"));
    rnn_model_free(model);
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_models_agree_with_float64),
        cmocka_unit_test(every_step_ends_with_the_last_step),
        cmocka_unit_test(nothing_is_allocated),
        cmocka_unit_test(zero_timesteps_are_refused),
        cmocka_unit_test(no_sequences_are_fine),
        cmocka_unit_test(the_caller_can_stop_a_long_call),
        cmocka_unit_test(scratch_does_not_grow_with_time_or_batch),
        cmocka_unit_test(a_chunk_is_as_long_as_the_model_is_small),
        cmocka_unit_test(scratch_hardly_grows_with_depth),
        cmocka_unit_test(the_cost_grows_with_time_and_saturates),
        cmocka_unit_test(a_model_without_time_runs_once_and_does_not_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
