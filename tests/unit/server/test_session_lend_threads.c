/* Two calls never mix: many threads step few sessions, and each session must
 * have been in one hand at a time, in every step.  ThreadSanitizer watches. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/clock.h"
#include "server/session_internal.h"
#include "tests/support/session_world.h"

#define THREADS  8
#define SESSIONS 3
#define ROUNDS   400

struct stepper {
    struct session_world *world;
    sem_t woken;
    unsigned seed;
    size_t steps[SESSIONS]; /* committed by this thread */
    size_t deaths;
};

static void wake(void *stepper)
{
    sem_post(&((struct stepper *)stepper)->woken);
}

static enum session_result acquire(struct stepper *stepper,
                                   struct session_loan *loan)
{
    struct problem problem;
    enum session_result result;

    while ((result = session_acquire(loan, clock_monotonic_ms(), &problem)) ==
           SESSION_WAIT)
        sem_wait(&stepper->woken);
    if (result == SESSION_REFUSED)
        assert_true(problem.type == PROBLEM_SESSION_BUSY ||
                    problem.type == PROBLEM_SESSION_GONE ||
                    problem.type == PROBLEM_NO_SUCH_SESSION);
    return result;
}

/* One call: every number of the state is the step. */
static void step_once(struct stepper *stepper, size_t which)
{
    char id[8];
    struct session_loan loan = {.store = stepper->world->store,
                                .id = id,
                                .want = SESSION_WANT_ANY,
                                .plan =
                                    session_world_plan(stepper->world, 0, 0),
                                .wake = wake,
                                .arg = stepper};
    struct session_change change = {.fate = SESSION_GOES_ON};
    struct problem problem;
    float state[5];

    snprintf(id, sizeof(id), "s%zu", which);
    if (acquire(stepper, &loan) != SESSION_OK)
        return;
    for (size_t i = 0; i < 5; i++) {
        state[i] = ((const float *)loan.state)[i];
        assert_true(state[i] == (float)loan.info.step);
        state[i] += 1.0f;
    }
    stepper->seed = stepper->seed * 1103515245u + 12345u;
    if (stepper->seed >> 16 & 1) {
        session_release(&loan, true, clock_monotonic_ms());
        return;
    }
    change.state = state;
    change.step = loan.info.step + 1;
    session_commit(&loan, &change, clock_monotonic_ms(), &problem);
    stepper->steps[which]++;
}

static void *step_all(void *arg)
{
    struct stepper *stepper = arg;

    for (size_t round = 0; round < ROUNDS; round++)
        step_once(stepper, round % SESSIONS);
    return NULL;
}

static void run_threads(struct session_world *world, void *(*main)(void *),
                        struct stepper *steppers)
{
    pthread_t threads[THREADS];

    for (size_t t = 0; t < THREADS; t++) {
        steppers[t] =
            (struct stepper){.world = world, .seed = (unsigned)t + 1};
        assert_int_equal(sem_init(&steppers[t].woken, 0, 0), 0);
        assert_int_equal(pthread_create(&threads[t], NULL, main, &steppers[t]),
                         0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        sem_destroy(&steppers[t].woken);
    }
}

static void every_step_is_counted_once(void **state)
{
    static struct stepper steppers[THREADS];
    struct session_world world;
    char id[8];

    (void)state;
    session_world_init(&world);
    world.config.session_wait = 60000;
    session_world_open(&world);
    run_threads(&world, step_all, steppers);
    for (size_t which = 0; which < SESSIONS; which++) {
        size_t sum = 0;

        for (size_t t = 0; t < THREADS; t++)
            sum += steppers[t].steps[which];
        assert_true(sum > 0);
        snprintf(id, sizeof(id), "s%zu", which);
        assert_int_equal(session_world_step(&world, id, clock_monotonic_ms()),
                         sum);
    }
    session_world_release(&world);
}

/* The same with sessions that end and begin, looked at, listed and swept in
 * the middle of it. */
static void *live_and_die(void *arg)
{
    struct stepper *stepper = arg;
    struct session_store *store = stepper->world->store;
    struct session_info infos[4];
    struct problem problem;

    for (size_t round = 0; round < ROUNDS; round++) {
        char id[8];
        struct session_loan loan = {.store = store,
                                    .id = id,
                                    .want = SESSION_WANT_LIVE,
                                    .wake = wake,
                                    .arg = stepper};
        struct session_change change = {.fate = SESSION_ENDED};

        step_once(stepper, round % SESSIONS);
        snprintf(id, sizeof(id), "s%zu", round % SESSIONS);
        session_store_find(store, id, clock_monotonic_ms(), infos, &problem);
        session_store_list(store, "", 4, clock_monotonic_ms(), infos);
        session_store_sweep(store, clock_monotonic_ms());
        if (round % 5 || acquire(stepper, &loan) != SESSION_OK)
            continue;
        session_commit(&loan, &change, clock_monotonic_ms(), &problem);
        stepper->deaths++;
    }
    return NULL;
}

static void nothing_is_left_when_all_have_ended(void **state)
{
    static struct stepper steppers[THREADS];
    struct session_world world;
    size_t deaths = 0;

    (void)state;
    session_world_init(&world);
    world.config.session_wait = 60000;
    session_world_open(&world);
    run_threads(&world, live_and_die, steppers);
    for (size_t t = 0; t < THREADS; t++)
        deaths += steppers[t].deaths;
    assert_true(deaths > 0);
    for (size_t which = 0; which < SESSIONS; which++) {
        char id[8];
        struct session_loan loan;

        snprintf(id, sizeof(id), "s%zu", which);
        loan = session_world_loan(&world, id, SESSION_WANT_LIVE);
        if (session_world_acquire(&world, &loan, clock_monotonic_ms()) ==
            SESSION_OK)
            session_world_commit(&world, &loan, 0, 0.0f, SESSION_DELETED,
                                 clock_monotonic_ms());
    }
    assert_int_equal(world.store->count, 0);
    assert_int_equal(world.store->memory, 0);
    session_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_counted_once),
        cmocka_unit_test(nothing_is_left_when_all_have_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
