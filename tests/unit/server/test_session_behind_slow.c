/* Sessions and a store behind them that takes its time, and many threads that
 * want the same session of it. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/session_internal.h"
#include "server/store/store.h"
#include "tests/support/nap.h"
#include "tests/support/store_world.h"

static struct store_world world;

static int set_up(void **state)
{
    (void)state;
    store_world_init(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_world_release(&world);
    return 0;
}

static void reopen(void)
{
    store_world_close(&world);
    store_world_open(&world);
}

/* A store that does not answer for a while: its thread sleeps in the end of a
 * job of ours. */
static void sleep_long(struct store_job *job)
{
    (void)job;
    nap_ms(400);
}

static void hold_store(struct store_job *job)
{
    *job = (struct store_job){
        .task = STORE_READ, .row = {.id = "-"}, .done = sleep_long};
    world.store->behind->ops->submit(world.store->behind, job);
}

/* Nobody waits longer than store_timeout; what was sent is done all the same,
 * and the session is not lent in between. */
static void a_slow_store_is_503_and_its_outcome_comes_later(void **state)
{
    struct store_call next = {
        .id = "a", .step = 2, .number = 2.0f, .reply = "second", .digest = 9};
    struct session_info info;
    struct store_job job;

    (void)state;
    world.config.session_wait = 5000;
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    hold_store(&job);
    world.config.store_timeout = 50;
    assert_int_equal(store_world_call(&world, &next), SESSION_REFUSED);
    assert_int_equal(world.problem.type, PROBLEM_STORE_UNREACHABLE);
    assert_non_null(strstr(world.problem.detail, "is not known"));
    /* Whoever comes next waits for the outcome. */
    world.config.store_timeout = 20000;
    assert_int_equal(store_world_look(&world, "a", &info, NULL), SESSION_OK);
    assert_int_equal(info.step, 2);
    /* The same for one that is new. */
    hold_store(&job);
    world.config.store_timeout = 50;
    next = (struct store_call){
        .id = "n", .want = SESSION_WANT_NEW, .step = 1, .number = 1.0f};
    assert_int_equal(store_world_call(&world, &next), SESSION_REFUSED);
    world.config.store_timeout = 20000;
    store_world_assert(&world, "n", 1, 1.0f);
    reopen();
    store_world_assert(&world, "a", 2, 2.0f);
    store_world_assert(&world, "n", 1, 1.0f);
}

static void a_slow_store_is_503_for_who_must_be_read(void **state)
{
    struct store_job job;

    (void)state;
    world.config.session_wait = 10;
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    reopen();
    hold_store(&job);
    world.config.store_timeout = 50;
    store_world_refuse(&world, "a", PROBLEM_STORE_UNREACHABLE);
    assert_non_null(strstr(world.problem.detail, "store_timeout = 50 ms"));
    store_world_refuse(&world, "x", PROBLEM_STORE_UNREACHABLE);
    world.config.store_timeout = 20000;
    store_world_assert(&world, "a", 1, 1.0f);
    store_world_refuse(&world, "x", PROBLEM_NO_SUCH_SESSION);
    store_world_put(&world, "x", 1, 1.0f);
}

/* Twenty threads want one session that is at rest, and ten of them one that
 * is nowhere: it is read once at a time, made once. */
static void *want(void *arg)
{
    const char *id = arg;
    struct store_world own = world; /* its own problem and wakes */
    struct store_call call = {
        .id = id, .want = SESSION_WANT_ANY, .ttl_ms = 3600000, .number = 3.0f};

    sem_init(&own.woken, 0, 0);
    for (int i = 0; i < 20; i++)
        if (store_world_call(&own, &call) != SESSION_OK)
            fail_msg("%s", own.problem.detail);
    sem_destroy(&own.woken);
    return NULL;
}

static void many_threads_find_one_session(void **state)
{
    pthread_t threads[20];

    (void)state;
    world.config.session_wait = 60000;
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    reopen();
    for (int i = 0; i < 20; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, want,
                                        (void *)(i % 2 ? "a" : "new")),
                         0);
    for (int i = 0; i < 20; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(world.store->count, 2);
    store_world_assert(&world, "a", 0, 3.0f);
    store_world_assert(&world, "new", 0, 3.0f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_slow_store_is_503_and_its_outcome_comes_later),
        TEST(a_slow_store_is_503_for_who_must_be_read),
        TEST(many_threads_find_one_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
