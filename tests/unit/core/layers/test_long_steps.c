/* test_long_steps.c: a step made by several threads gives the bits that one
 * alone gives, whether they come, come late, stay away or are stopped. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/infer.h"
#include "core/layers/loaded.h"
#include "core/layers/recurrent.h"
#include "core/team.h"
#include "tests/support/effort.h"
#include "tests/support/model_run.h"

#define FEATURES  8
#define TIMESTEPS ((size_t)(effort_is_quick() ? 12 : 75)) /* three chunks */
#define PARTS     64

/* A thread for each part that is offered; or none. */
struct crew {
    struct rnn_team team;
    size_t idle;
    bool stays_away;
    long late_ns;
    size_t offered, taken_back;
    pthread_t threads[PARTS];
    struct rnn_team_part *parts[PARTS];
};

static void pause_ns(long ns)
{
    struct timespec time = {.tv_nsec = ns};

    nanosleep(&time, NULL);
}

static size_t crew_idle(struct rnn_team *team)
{
    return ((struct crew *)team)->idle;
}

static void *crew_main(void *arg)
{
    struct rnn_team_part *part = arg;

    part->run(part->arg);
    return NULL;
}

static void crew_offer(struct rnn_team *team, struct rnn_team_part *part)
{
    struct crew *crew = (struct crew *)team;

    assert_in_range(crew->offered, 0, PARTS - 1);
    crew->parts[crew->offered] = part;
    if (!crew->stays_away) {
        assert_int_equal(pthread_create(&crew->threads[crew->offered], NULL,
                                        crew_main, part),
                         0);
        pause_ns(crew->late_ns);
    }
    crew->offered++;
}

static bool crew_take_back(struct rnn_team *team, struct rnn_team_part *part)
{
    struct crew *crew = (struct crew *)team;
    size_t i = crew->taken_back++;

    assert_ptr_equal(part, crew->parts[i]);
    if (!crew->stays_away)
        pthread_join(crew->threads[i], NULL);
    return crew->stays_away;
}

static struct crew crew_of(size_t idle)
{
    return (struct crew){.team = {crew_idle, crew_offer, crew_take_back},
                         .idle = idle};
}

/* ---- models whose kernel is large enough -------------------------------- */

enum kind { LSTM, GRU_AFTER, GRU_BEFORE, SIMPLE_RNN };

struct fixture {
    struct model_builder builder;
    struct rnn_model *model;
    float *x, *alone, *y;
    size_t floats;
};

static void build(struct fixture *f, enum kind kind, bool sequences)
{
    static const struct model_layer layers[] = {
        {.class_name = "LSTM", .units = 370},
        {.class_name = "GRU", .units = 424, .reset_after = 1},
        {.class_name = "GRU", .units = 421},
        {.class_name = "SimpleRNN", .units = 730},
    };
    struct model_layer layer = layers[kind];
    uint64_t seed = kind;

    layer.return_sequences = sequences;
    model_builder_init(&f->builder, 0, FEATURES);
    model_builder_add(&f->builder, &layer);
    f->model = model_load(&f->builder, RNN_ISA_AUTO);
    f->floats = model_output_floats(f->model, TIMESTEPS, false);
    f->x = model_random_floats(&seed, TIMESTEPS * FEATURES, 1);
    f->alone = model_run_one(f->model, f->x, TIMESTEPS, false, NULL);
    f->y = malloc(f->floats * sizeof(float));
    assert_non_null(f->y);
}

static void release(struct fixture *f)
{
    free(f->x);
    free(f->y);
    free(f->alone);
    rnn_model_free(f->model);
    model_builder_release(&f->builder);
}

/* With a crew, asked whether to go on or not: the bits of one alone. */
static void compare(struct fixture *f, struct crew *crew,
                    bool (*keep_going)(void *arg), void *arg)
{
    const float *x = f->x;
    struct rnn_sequence sequence = {
        .timesteps = TIMESTEPS, .inputs = &x, .outputs = &f->y};
    struct rnn_infer_options options = {
        .keep_going = keep_going, .arg = arg, .team = &crew->team};

    memset(f->y, 0xff, f->floats * sizeof(float));
    model_run_many(f->model, &sequence, 1, &options);
    assert_memory_equal(f->y, f->alone, f->floats * sizeof(float));
    assert_int_equal(crew->offered, crew->taken_back);
}

static bool count_on(void *arg)
{
    ++*(size_t *)arg;
    return true;
}

static void helpers_change_no_bit(void **state)
{
    (void)state;
    for (size_t k = 0; k < 8; k++) {
        struct fixture f;
        size_t asked = 0;

        build(&f, (enum kind)(k / 2), k % 2);
        for (size_t idle = 1; idle <= 3; idle++) {
            struct crew crew = crew_of(idle), asks = crew_of(idle);

            crew.late_ns = 2000000;
            compare(&f, &crew, NULL, NULL);
            compare(&f, &asks, count_on, &asked);
            assert_true(crew.offered > 0);
            assert_true(asks.offered > 0);
        }
        assert_true(asked > 0);
        release(&f);
    }
}

static void who_stays_away_is_not_waited_for(void **state)
{
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        struct fixture f;
        struct crew crew = crew_of(2);

        crew.stays_away = true;
        build(&f, (enum kind)k, true);
        compare(&f, &crew, NULL, NULL);
        assert_true(crew.offered > 0);
        release(&f);
    }
}

/* Nobody idle, several sequences, few steps, a small kernel. */
static void what_does_not_pay_is_not_shared(void **state)
{
    struct crew nobody = crew_of(0), crew = crew_of(1);
    struct rnn_infer_options options = {.team = &crew.team};
    struct rnn_sequence sequences[2];
    struct fixture f;
    const float *x;

    (void)state;
    build(&f, LSTM, false);
    x = f.x;
    compare(&f, &nobody, NULL, NULL);
    assert_int_equal(nobody.offered, 0);
    for (size_t i = 0; i < 2; i++)
        sequences[i] = (struct rnn_sequence){
            .timesteps = TIMESTEPS, .inputs = &x, .outputs = &f.y};
    model_run_many(f.model, sequences, 2, &options);
    assert_memory_equal(f.y, f.alone, f.floats * sizeof(float));
    sequences[0].timesteps = 2;
    model_run_many(f.model, sequences, 1, &options);
    assert_int_equal(crew.offered, 0);
    release(&f);
}

/* ---- a helper that is stopped amid its panels ----------------------------
 */

static _Thread_local bool is_caller;
static atomic_size_t helped;        /* pieces that the helper has begun */
static f32_cell_part_fn *cell_part; /* the real one */

/* The helper takes longer than the patience for a share of these models, 2 ms
 * at most; the caller begins when it is there. */
static void slow_part(const struct f32_cell *cell, size_t rows,
                      const struct f32_cell_row *row, size_t phase,
                      size_t first_panel, size_t end_panel, float *scratch)
{
    if (!is_caller) {
        atomic_fetch_add(&helped, 1);
        pause_ns(20000000);
    }
    while (!atomic_load(&helped))
        sched_yield();
    cell_part(cell, rows, row, phase, first_panel, end_panel, scratch);
}

static void who_keeps_the_others_waiting_is_left_alone(void **state)
{
    struct fixture f;
    struct crew crew = crew_of(1);
    struct rnn_ukernels slow;
    struct recurrent *own;

    (void)state;
    build(&f, LSTM, true);
    own = f.model->plan.nodes->layer->own;
    slow = *own->ukernels;
    cell_part = slow.cell_part;
    slow.cell_part = slow_part;
    own->ukernels = &slow;
    is_caller = true;
    compare(&f, &crew, NULL, NULL);
    assert_int_equal(atomic_load(&helped), 4); /* of one turn */
    assert_int_equal(crew.offered, 1);         /* not for the later chunks */
    release(&f);
}

/* ---- a call that is ended ------------------------------------------------
 */

static bool count_and_stop(void *arg)
{
    size_t *left = arg;

    return *left && --*left;
}

static void a_call_can_be_stopped_at_any_question(void **state)
{
    struct fixture f;
    void *scratch;
    const float *x;

    (void)state;
    build(&f, GRU_BEFORE, false);
    x = f.x;
    scratch =
        aligned_alloc(64, rnn_scratch_size(f.model, 1, TIMESTEPS, false) + 64);
    assert_non_null(scratch);
    for (size_t asked = 1; asked < 12; asked++) {
        struct crew crew = crew_of(1 + asked % 2);
        size_t left = asked;
        struct rnn_sequence sequence = {
            .timesteps = TIMESTEPS, .inputs = &x, .outputs = &f.y};
        struct rnn_infer_options options = {
            .keep_going = count_and_stop, .arg = &left, .team = &crew.team};
        enum rnn_status status =
            rnn_infer(f.model, &sequence, 1, &options, scratch, NULL);

        assert_true(left || status == RNN_CANCELLED);
        assert_int_equal(crew.offered, crew.taken_back);
    }
    free(scratch);
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helpers_change_no_bit),
        cmocka_unit_test(who_stays_away_is_not_waited_for),
        cmocka_unit_test(what_does_not_pay_is_not_shared),
        cmocka_unit_test(who_keeps_the_others_waiting_is_left_alone),
        cmocka_unit_test(a_call_can_be_stopped_at_any_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
