/* test_gather.c: calls made together, and calls made in parts by several
 * threads, have the bits of calls made alone. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/clock.h"
#include "server/gather.h"
#include "tests/support/model_run.h"
#include "tests/support/two_models.h"

#define JOBS     6
#define FEATURES 3

struct call {
    struct gather_job job;
    struct rnn_sequence sequence;
    const float *inputs[1];
    float *outputs[1];
    struct arena arena;
    float *alone; /* what the engine says of it alone */
    size_t size;  /* floats of the output */
};

static struct metrics *metrics;
static struct call calls[JOBS];

static bool keep_going(void *arg)
{
    (void)arg;
    return true;
}

static void make_model(struct served_model *served, size_t index)
{
    struct model_builder b;

    model_builder_init(&b, 0, FEATURES);
    b.seed = 7 + index;
    model_builder_add(
        &b, &(struct model_layer){.class_name = index ? "LSTM" : "GRU",
                                  .units = 9,
                                  .reset_after = !index,
                                  .return_sequences = true});
    served->index = index;
    served->model = model_load(&b, RNN_ISA_AUTO);
    model_builder_release(&b);
}

static void make_call(struct call *call, size_t i)
{
    size_t timesteps = 1 + 3 * i;
    uint64_t seed = 100 + i;
    const struct rnn_model *model = models[i % 2].model;

    call->inputs[0] = model_random_floats(&seed, timesteps * FEATURES, 1);
    call->size = model_output_floats(model, timesteps, false);
    call->alone =
        model_run_one(model, call->inputs[0], timesteps, false, NULL);
    call->outputs[0] = calloc(call->size, sizeof(float));
    assert_non_null(call->outputs[0]);
    call->sequence = (struct rnn_sequence){.timesteps = timesteps,
                                           .inputs = call->inputs,
                                           .outputs = call->outputs};
    arena_init(&call->arena, 0);
    call->job = (struct gather_job){.model = &models[i % 2],
                                    .sequences = &call->sequence,
                                    .count = 1,
                                    .deadline_ms = UINT64_MAX,
                                    .keep_going = keep_going,
                                    .arena = &call->arena};
}

static int make(void **state)
{
    struct rnn_error err;

    (void)state;
    for (size_t i = 0; i < 2; i++)
        make_model(&models[i], i);
    for (size_t i = 0; i < JOBS; i++)
        make_call(&calls[i], i);
    return metrics_create(NULL, &metrics, &err) ? -1 : 0;
}

static int drop(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        free((void *)calls[i].inputs[0]);
        free(calls[i].outputs[0]);
        free(calls[i].alone);
        arena_release(&calls[i].arena);
    }
    for (size_t i = 0; i < 2; i++)
        rnn_model_free(models[i].model);
    metrics_free(metrics);
    return 0;
}

static void run_all(void)
{
    struct gather gather = {NULL, 0};

    for (size_t i = 0; i < JOBS; i++)
        gather_add(&gather, &calls[i].job);
    assert_int_equal(gather.count, JOBS);
    gather_run(&gather, metrics);
    assert_int_equal(gather.count, 0);
    assert_null(gather.jobs);
}

static void together_has_the_bits_of_alone(void **state)
{
    (void)state;
    run_all();
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(calls[i].job.status, RNN_OK);
        assert_memory_equal(calls[i].outputs[0], calls[i].alone,
                            calls[i].size * sizeof(float));
    }
    gather_run_job(&calls[0].job, metrics);
    assert_int_equal(calls[0].job.status, RNN_OK);
    assert_memory_equal(calls[0].outputs[0], calls[0].alone,
                        calls[0].size * sizeof(float));
}

static void who_is_late_takes_nobody_along(void **state)
{
    (void)state;
    calls[2].job.deadline_ms = clock_monotonic_ms();
    run_all();
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(calls[i].job.status, i == 2 ? RNN_CANCELLED : RNN_OK);
}

/* All but job `i`, which says `status`, go on as if it were not there. */
static void check_others(size_t i, enum rnn_status status)
{
    run_all();
    for (size_t k = 0; k < JOBS; k++) {
        assert_int_equal(calls[k].job.status, k == i ? status : RNN_OK);
        if (k != i)
            assert_memory_equal(calls[k].outputs[0], calls[k].alone,
                                calls[k].size * sizeof(float));
    }
}

static void who_asks_what_cannot_be_spoils_no_other(void **state)
{
    (void)state;
    calls[1].sequence.timesteps = 0;
    check_others(1, RNN_INVALID_ARGUMENT);
}

static void who_has_no_memory_spoils_no_other(void **state)
{
    (void)state;
    /* What was added last is the first of its model and gives the scratch. */
    arena_init(&calls[JOBS - 1].arena, 64);
    check_others(JOBS - 1, RNN_NO_MEMORY);
}

/* ---- in parts ------------------------------------------------------------*/

#define BATCH     45
#define TIMESTEPS 600 /* enough work for several parts */

/* Begins the first `begins` parts on threads; the others are taken back. */
struct fake_team {
    struct rnn_team team; /* first */
    size_t idle, begins, offered, taken_back;
    pthread_t threads[BATCH];
};

static size_t team_idle(struct rnn_team *team)
{
    return ((struct fake_team *)team)->idle;
}

static void *run_part(void *arg)
{
    struct rnn_team_part *part = arg;

    part->run(part->arg);
    return NULL;
}

static void team_offer(struct rnn_team *team, struct rnn_team_part *part)
{
    struct fake_team *fake = (struct fake_team *)team;

    part->is_taken = fake->offered < fake->begins;
    if (part->is_taken)
        assert_int_equal(pthread_create(&fake->threads[fake->offered], NULL,
                                        run_part, part),
                         0);
    fake->offered++;
}

static bool team_take_back(struct rnn_team *team, struct rnn_team_part *part)
{
    struct fake_team *fake = (struct fake_team *)team;

    /* What was begun is the first, and is taken back in the same order. */
    if (part->is_taken)
        pthread_join(fake->threads[fake->taken_back], NULL);
    fake->taken_back++;
    return !part->is_taken;
}

/* One job of many sequences, of different lengths; `timesteps[bad]` is 0. */
static void run_batch(struct fake_team *team, size_t bad)
{
    struct rnn_sequence sequences[BATCH];
    float *outputs[BATCH][1];
    struct gather_job job = calls[0].job;
    const struct rnn_model *model = models[0].model;
    uint64_t seed = 5;
    float *x = model_random_floats(&seed, TIMESTEPS * FEATURES, 1);
    const float *inputs[1] = {x};

    for (size_t i = 0; i < BATCH; i++) {
        outputs[i][0] = calloc(
            model_output_floats(model, TIMESTEPS - i, false), sizeof(float));
        sequences[i] =
            (struct rnn_sequence){.timesteps = i == bad ? 0 : TIMESTEPS - i,
                                  .inputs = inputs,
                                  .outputs = outputs[i]};
    }
    job.sequences = sequences;
    job.count = BATCH;
    job.team = team ? &team->team : NULL;
    gather_run_job(&job, metrics);
    assert_int_equal(job.status, bad < BATCH ? RNN_INVALID_ARGUMENT : RNN_OK);
    for (size_t i = 0; i < BATCH; i++) {
        if (bad >= BATCH) {
            float *alone = model_run_one(model, x, TIMESTEPS - i, false, NULL);

            assert_memory_equal(
                outputs[i][0], alone,
                model_output_floats(model, TIMESTEPS - i, false) *
                    sizeof(float));
            free(alone);
        }
        free(outputs[i][0]);
    }
    free(x);
}

static void parts_have_the_bits_of_alone(void **state)
{
    const size_t parts[] = {1, 2, 3, 5, 5}; /* by idle threads */

    (void)state;
    run_batch(NULL, BATCH);
    for (size_t idle = 0; idle < 5; idle++) {
        struct fake_team fake = {
            .team = {team_idle, team_offer, team_take_back},
            .idle = idle == 3 ? 100 : idle,
            .begins = (idle + 1) / 2};

        run_batch(&fake, BATCH);
        assert_int_equal(fake.offered, parts[idle] - 1);
        assert_int_equal(fake.taken_back, fake.offered);
    }
}

static void a_part_that_fails_fails_the_call(void **state)
{
    (void)state;
    for (size_t bad = 0; bad < BATCH; bad += BATCH - 1) {
        struct fake_team fake = {
            .team = {team_idle, team_offer, team_take_back},
            .idle = 2,
            .begins = 1};

        run_batch(&fake, bad);
        assert_int_equal(fake.taken_back, 2);
    }
}

static void little_work_is_not_cut(void **state)
{
    struct fake_team fake = {.team = {team_idle, team_offer, team_take_back},
                             .idle = 5};

    (void)state;
    for (size_t i = 0; i < JOBS; i++)
        calls[i].job.team = &fake.team;
    run_all();
    assert_int_equal(fake.offered, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(together_has_the_bits_of_alone, make,
                                        drop),
        cmocka_unit_test_setup_teardown(who_is_late_takes_nobody_along, make,
                                        drop),
        cmocka_unit_test_setup_teardown(
            who_asks_what_cannot_be_spoils_no_other, make, drop),
        cmocka_unit_test_setup_teardown(who_has_no_memory_spoils_no_other,
                                        make, drop),
        cmocka_unit_test_setup_teardown(parts_have_the_bits_of_alone, make,
                                        drop),
        cmocka_unit_test_setup_teardown(a_part_that_fails_fails_the_call, make,
                                        drop),
        cmocka_unit_test_setup_teardown(little_work_is_not_cut, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
