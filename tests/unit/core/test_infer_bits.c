#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/infer.h"
#include "tests/support/effort.h"
#include "tests/support/model_run.h"
#include "tests/support/random_model.h"

#define MODELS    effort_count(60) /* random ones for each law */
#define MAX_UNITS 70

static const enum rnn_isa isas[] = {RNN_ISA_SCALAR, RNN_ISA_AVX2,
                                    RNN_ISA_AVX512, RNN_ISA_NEON};

#define ISA_COUNT (sizeof(isas) / sizeof(isas[0]))

static uint32_t bits_of(float number)
{
    uint32_t bits;

    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static void assert_same_bits(const float *a, const float *b, size_t count,
                             const struct model_builder *builder)
{
    for (size_t i = 0; i < count; i++)
        if (bits_of(a[i]) != bits_of(b[i]))
            fail_msg("element %zu of %zu is %.9g, not %.9g: %s", i, count,
                     (double)b[i], (double)a[i],
                     random_model_describe(builder));
}

/* ---- the same bits -------------------------------------------------------*/

/* Sequences of different lengths, their outputs, and what each gives alone. */
struct batch {
    struct model_builder builder;
    struct rnn_model *model;
    size_t count;
    bool every_step;
    struct rnn_sequence *sequences;
    const float **inputs;
    float **outputs;
};

static void batch_make(struct batch *batch, uint64_t seed, size_t count,
                       enum rnn_isa isa, bool every_step)
{
    random_model_build_any(&batch->builder, seed, MAX_UNITS);
    batch->model = model_load(&batch->builder, isa);
    batch->count = count;
    batch->every_step = every_step;
    batch->sequences = calloc(count, sizeof(batch->sequences[0]));
    batch->inputs = calloc(count, sizeof(batch->inputs[0]));
    batch->outputs = calloc(count, sizeof(batch->outputs[0]));
    for (size_t i = 0; i < count; i++) {
        size_t timesteps = 1 + (size_t)(model_random(&seed) % 50);
        size_t floats;

        if (seed % 3 == 0)
            timesteps = 40;
        floats = model_output_floats(batch->model, timesteps, every_step);
        batch->inputs[i] =
            model_random_floats(&seed, timesteps * batch->builder.features, 1);
        batch->outputs[i] = malloc((floats + 1) * sizeof(float));
        batch->sequences[i] = (struct rnn_sequence){
            .timesteps = timesteps,
            .inputs = &batch->inputs[i],
            .outputs = &batch->outputs[i],
        };
    }
}

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free((void *)batch->inputs[i]);
        free(batch->outputs[i]);
    }
    free(batch->sequences);
    free(batch->inputs);
    free(batch->outputs);
    rnn_model_free(batch->model);
    model_builder_release(&batch->builder);
}

static void any_batch_gives_the_bits_of_one_by_one(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < MODELS; seed++) {
        struct batch batch;
        struct rnn_infer_options options = {.every_step = seed % 2};

        batch_make(&batch, seed, 1 + seed * 5 % 80, RNN_ISA_AUTO,
                   options.every_step);
        model_run_many(batch.model, batch.sequences, batch.count, &options);
        for (size_t i = 0; i < batch.count; i++) {
            size_t t = batch.sequences[i].timesteps;
            float *alone = model_run_one(batch.model, batch.inputs[i], t,
                                         batch.every_step, NULL);

            assert_same_bits(
                alone, batch.outputs[i],
                model_output_floats(batch.model, t, batch.every_step),
                &batch.builder);
            free(alone);
        }
        batch_free(&batch);
    }
}

/* Sequences that lie behind each other in memory are read where they are. */
static void a_batch_in_one_piece_gives_the_same_bits(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < MODELS; seed++) {
        size_t timesteps = 1 + seed % 5, count = 1 + seed % 40, floats, each;
        struct rnn_sequence sequences[40];
        const float *inputs[40];
        float *outputs[40], *x, *y;
        struct model_builder b;
        struct rnn_model *model;
        uint64_t numbers = seed;

        random_model_build_any(&b, seed, MAX_UNITS);
        model = model_load(&b, RNN_ISA_AUTO);
        each = timesteps * b.features;
        floats = model_output_floats(model, timesteps, false);
        x = model_random_floats(&numbers, count * each, 1);
        y = malloc((count * floats + 1) * sizeof(float));
        for (size_t i = 0; i < count; i++) {
            inputs[i] = x + i * each;
            outputs[i] = y + i * floats;
            sequences[i] = (struct rnn_sequence){
                .timesteps = timesteps,
                .inputs = &inputs[i],
                .outputs = &outputs[i],
            };
        }
        model_run_many(model, sequences, count, NULL);
        for (size_t i = 0; i < count; i++) {
            float *alone =
                model_run_one(model, inputs[i], timesteps, false, NULL);

            assert_same_bits(alone, outputs[i], floats, &b);
            free(alone);
        }
        free(x);
        free(y);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* The whole in pieces of random length; the state after it in `state`. */
static float *run_in_pieces(const struct rnn_model *model, const float *x,
                            size_t timesteps, size_t features, bool every_step,
                            uint64_t *seed, struct rnn_state *state)
{
    size_t all = model_output_floats(model, timesteps, every_step), used = 0;
    float *y = malloc((all + 1) * sizeof(float));

    for (size_t t = 0; t < timesteps;) {
        size_t left = timesteps - t, steps, floats;
        float *piece;

        steps =
            model_random(seed) % 2 ? 1 : 1 + (size_t)(model_random(seed) % 40);
        steps = steps < left ? steps : left;
        piece =
            model_run_one(model, x + t * features, steps, every_step, state);
        floats = model_output_floats(model, steps, every_step);
        if (rnn_model_info(model)->outputs[0].has_time || every_step) {
            memcpy(y + used, piece, floats * sizeof(float));
            used += floats;
        } else {
            memcpy(y, piece, floats * sizeof(float));
        }
        free(piece);
        t += steps;
    }
    return y;
}

static void any_cut_of_a_sequence_gives_the_bits_of_one_call(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < MODELS; seed++) {
        size_t timesteps = 30 + seed * 11 % 70, floats;
        bool every_step = seed % 2;
        struct rnn_state *whole_state, *cut_state;
        struct model_builder b;
        struct rnn_model *model;
        float *x, *whole, *cut, *stateless;
        uint64_t numbers = seed;

        random_model_build_any(&b, seed, MAX_UNITS);
        model = model_load(&b, RNN_ISA_AUTO);
        floats = model_output_floats(model, timesteps, every_step);
        x = model_random_floats(&numbers, timesteps * b.features, 1);
        whole_state = model_new_state(model);
        cut_state = model_new_state(model);
        whole = model_run_one(model, x, timesteps, every_step, whole_state);
        cut = run_in_pieces(model, x, timesteps, b.features, every_step,
                            &numbers, cut_state);
        stateless = model_run_one(model, x, timesteps, every_step, NULL);
        assert_same_bits(whole, cut, floats, &b);
        assert_same_bits(whole, stateless, floats, &b);
        assert_memory_equal(whole_state, cut_state, rnn_state_size(model));
        free(x);
        free(whole);
        free(cut);
        free(stateless);
        free(whole_state);
        free(cut_state);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

static void every_instruction_set_gives_the_bits_of_scalar(void **state)
{
    size_t compared = 0;

    (void)state;
    for (uint64_t seed = 0; seed < MODELS; seed++) {
        struct batch scalar;

        batch_make(&scalar, seed, 1 + seed % 9, RNN_ISA_SCALAR, seed % 2);
        model_run_many(scalar.model, scalar.sequences, scalar.count,
                       &(struct rnn_infer_options){.every_step = seed % 2});
        for (size_t k = 1; k < ISA_COUNT; k++) {
            struct batch other;

            if (!rnn_isa_available(isas[k]))
                continue;
            batch_make(&other, seed, scalar.count, isas[k], seed % 2);
            assert_int_equal(rnn_model_info(other.model)->isa, isas[k]);
            model_run_many(
                other.model, other.sequences, other.count,
                &(struct rnn_infer_options){.every_step = seed % 2});
            for (size_t i = 0; i < scalar.count; i++)
                assert_same_bits(
                    scalar.outputs[i], other.outputs[i],
                    model_output_floats(
                        scalar.model, scalar.sequences[i].timesteps, seed % 2),
                    &scalar.builder);
            batch_free(&other);
            compared++;
        }
        batch_free(&scalar);
    }
    print_message("%zu comparisons\n", compared);
}

struct thread_job {
    const struct rnn_model *model;
    const float *x;
    size_t timesteps;
    float *y;
};

static void *run_job(void *arg)
{
    struct thread_job *job = arg;

    job->y = model_run_one(job->model, job->x, job->timesteps, false, NULL);
    return NULL;
}

static bool go_on(void *arg)
{
    ++*(size_t *)arg;
    return true;
}

static void build_long(struct model_builder *b, size_t kind, size_t units)
{
    static const char *const classes[] = {"LSTM", "GRU", "SimpleRNN", "GRU"};

    model_builder_init(b, 0, 500);
    b->scale = 0.8;
    model_builder_add(b, &(struct model_layer){
                             .class_name = classes[kind],
                             .units = units,
                             .return_sequences = kind % 2,
                             .activation = kind == 3 ? "softmax" : "tanh",
                             .reset_after = kind == 3,
                         });
    model_builder_add(
        b, &(struct model_layer){.class_name = "Dense", .units = 3000});
}

static void compare_asked(size_t kind, size_t units, enum rnn_isa isa,
                          size_t count, size_t timesteps)
{
    struct rnn_sequence sequences[9];
    float *x, *y[9], *same;
    size_t asked = 0, floats;
    struct rnn_infer_options options = {.keep_going = go_on, .arg = &asked};
    struct model_builder b;
    struct rnn_model *model;
    uint64_t seed = kind;

    build_long(&b, kind, units);
    model = model_load(&b, isa);
    floats = model_output_floats(model, timesteps, false);
    x = model_random_floats(&seed, timesteps * 500, 1);
    for (size_t k = 0; k < count; k++) {
        y[k] = malloc(floats * sizeof(float));
        sequences[k] = (struct rnn_sequence){
            .timesteps = timesteps,
            .inputs = (const float *const *)&x,
            .outputs = &y[k],
        };
    }
    model_run_many(model, sequences, count, &options);
    assert_true(asked > 0);
    same = model_run_one(model, x, timesteps, false, NULL);
    for (size_t k = 0; k < count; k++) {
        assert_same_bits(same, y[k], floats, &b);
        free(y[k]);
    }
    free(x);
    free(same);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* A caller that wants to be asked makes long work come in parts: of products,
 * of steps, and of single steps (the 500 units). */
static void being_asked_to_go_on_changes_no_bit(void **state)
{
    const size_t most = effort_is_quick() ? 160 : 500;
    const size_t rows = effort_is_quick() ? 3 : 9;

    (void)state;
    for (size_t kind = 0; kind < 4; kind++) {
        compare_asked(kind, 40, RNN_ISA_AUTO, 9, 37);
        compare_asked(kind, most, RNN_ISA_AUTO, rows, 37);
        compare_asked(kind, most, RNN_ISA_AUTO, 1, 37);
        compare_asked(kind, 40, RNN_ISA_SCALAR, 3, 9);
        compare_asked(kind, 200, RNN_ISA_SCALAR, 2, 2);
    }
}

static void several_threads_share_one_model(void **state)
{
    enum { THREADS = 4 };

    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct thread_job jobs[THREADS];
        pthread_t threads[THREADS];
        struct model_builder b;
        struct rnn_model *model;
        float *x, *alone;
        uint64_t numbers = seed;

        random_model_build_any(&b, seed, MAX_UNITS);
        model = model_load(&b, RNN_ISA_AUTO);
        x = model_random_floats(&numbers, 100 * b.features, 1);
        alone = model_run_one(model, x, 100, false, NULL);
        for (size_t i = 0; i < THREADS; i++) {
            jobs[i] = (struct thread_job){model, x, 100, NULL};
            assert_int_equal(
                pthread_create(&threads[i], NULL, run_job, &jobs[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            assert_same_bits(alone, jobs[i].y,
                             model_output_floats(model, 100, false), &b);
            free(jobs[i].y);
        }
        free(x);
        free(alone);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_batch_gives_the_bits_of_one_by_one),
        cmocka_unit_test(a_batch_in_one_piece_gives_the_same_bits),
        cmocka_unit_test(any_cut_of_a_sequence_gives_the_bits_of_one_call),
        cmocka_unit_test(every_instruction_set_gives_the_bits_of_scalar),
        cmocka_unit_test(being_asked_to_go_on_changes_no_bit),
        cmocka_unit_test(several_threads_share_one_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
