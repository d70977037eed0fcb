/* Sessions beyond memory rest in the store, and the list has them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/clock.h"
#include "server/session_internal.h"
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

/* ---- memory that is full ------------------------------------------------ */

static void more_sessions_than_memory_holds_all_go_on(void **state)
{
    char id[16];

    (void)state;
    world.config.max_sessions = 10;
    store_world_open(&world);
    for (int round = 1; round <= 3; round++)
        for (int i = 0; i < 50; i++) {
            snprintf(id, sizeof(id), "s%d", i);
            store_world_put(&world, id, (uint64_t)round,
                            (float)(100 * round + i));
            assert_true(world.store->count <= 10);
        }
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_assert(&world, id, 3, (float)(300 + i));
    }
    store_world_close(&world);
    store_world_open(&world);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_assert(&world, id, 3, (float)(300 + i));
    }
}

static void memory_is_given_back_to_the_last_byte(void **state)
{
    char id[16];

    (void)state;
    world.config.max_session_memory = 4096;
    store_world_open(&world);
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_put(&world, id, 1, (float)i);
        assert_true(world.store->memory <= 4096);
    }
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_finish(&world, id, SESSION_DELETED, NULL);
    }
    assert_int_equal(world.store->memory, 0);
    assert_int_equal(world.store->count, 0);
}

static void a_session_in_use_is_never_put_out(void **state)
{
    struct session_loan loan = {.id = "a", .wake = (void (*)(void *))abort};

    (void)state;
    world.config.max_sessions = 1;
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    loan.store = world.store;
    assert_int_equal(
        session_acquire(&loan, clock_monotonic_ms(), &world.problem),
        SESSION_OK);
    assert_int_equal(
        store_world_call(
            &world, &(struct store_call){.id = "b", .want = SESSION_WANT_NEW}),
        SESSION_REFUSED);
    assert_int_equal(world.problem.type, PROBLEM_TOO_MANY_SESSIONS);
    session_release(&loan, false, clock_monotonic_ms());
    store_world_put(&world, "b", 2, 2.0f);
    store_world_assert(&world, "a", 1, 1.0f);
}

/* ---- the list ----------------------------------------------------------- */

static void wake(void *arg)
{
    atomic_store((atomic_int *)arg, 1);
}

static size_t list(const char *after, size_t limit, struct session_info *infos)
{
    atomic_int woken = 0;
    struct session_page page = {.store = world.store,
                                .after = after,
                                .limit = limit,
                                .infos = infos,
                                .wake = wake,
                                .arg = &woken};
    enum session_result result;

    while ((result = session_store_page(&page, clock_monotonic_ms(),
                                        &world.problem)) == SESSION_WAIT)
        nap_ms(1);
    assert_int_equal(result, SESSION_OK);
    return page.count;
}

static void the_list_has_all_that_live_wherever_they_are(void **state)
{
    struct session_info infos[10];

    (void)state;
    world.config.durability = (char *)"async";
    world.config.flush_interval = 10000; /* the list does not wait for it */
    store_world_open(&world);
    store_world_put(&world, "b", 2, 2.0f);
    store_world_put(&world, "d", 4, 4.0f);
    store_world_close(&world);
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    store_world_put(&world, "c", 3, 3.0f);
    store_world_put(&world, "e", 5, 5.0f);
    store_world_finish(&world, "d", SESSION_DELETED, NULL);
    assert_int_equal(list("", 10, infos), 4);
    assert_string_equal(infos[0].id, "a");
    assert_string_equal(infos[1].id, "b");
    assert_string_equal(infos[2].id, "c");
    assert_string_equal(infos[3].id, "e");
    assert_int_equal(infos[2].step, 3);
    assert_int_equal(infos[1].state_bytes, STORE_WORLD_FLOATS * sizeof(float));
    assert_int_equal(list("a", 2, infos), 2);
    assert_string_equal(infos[1].id, "c");
    assert_int_equal(list("e", 2, infos), 0);
}

/* What waits too long to be written makes the next calls wait for it. */
static void async_waits_for_a_disk_that_cannot_keep_up(void **state)
{
    struct session_info infos[2];

    (void)state;
    world.config.durability = (char *)"async";
    world.config.flush_interval = 60000;
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    assert_true(session_store_lag_ms(world.store, clock_monotonic_ms()) > 0);
    nap_ms(300);
    world.config.flush_interval = 1; /* as if it had been due for long */
    store_world_put(&world, "b", 1, 1.0f);
    store_world_put(&world, "a", 2, 2.0f);
    /* Both were written before they counted: nothing is left to write. */
    assert_int_equal(session_store_lag_ms(world.store, clock_monotonic_ms()),
                     0);
    assert_int_equal(list("", 2, infos), 2);
    assert_int_equal(infos[0].step, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(more_sessions_than_memory_holds_all_go_on),
        TEST(memory_is_given_back_to_the_last_byte),
        TEST(a_session_in_use_is_never_put_out),
        TEST(async_waits_for_a_disk_that_cannot_keep_up),
        TEST(the_list_has_all_that_live_wherever_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
