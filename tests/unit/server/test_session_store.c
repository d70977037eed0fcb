#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/session_internal.h"
#include "tests/support/session_world.h"

static struct session_world world;

static int set_up(void **state)
{
    (void)state;
    session_world_init(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    session_world_release(&world);
    return 0;
}

static void assert_gone(const char *id, uint64_t now_ms, const char *reason)
{
    assert_int_equal(session_world_step(&world, id, now_ms), UINT64_MAX);
    if (!reason) {
        assert_int_equal(world.problem.type, PROBLEM_NO_SUCH_SESSION);
        return;
    }
    assert_int_equal(world.problem.type, PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, reason);
}

static void delete_session(const char *id, uint64_t now_ms)
{
    struct session_loan loan =
        session_world_loan(&world, id, SESSION_WANT_LIVE);

    assert_int_equal(session_world_acquire(&world, &loan, now_ms), SESSION_OK);
    session_world_commit(&world, &loan, 0, 0.0f, SESSION_DELETED, now_ms);
}

static void gone_is_told_from_never_was_while_the_tombstone_lasts(void **state)
{
    (void)state;
    world.config.tombstone_ttl = 500;
    session_world_open(&world);
    session_world_create(&world, "a", 100, 1000);
    session_world_create(&world, "b", 0, 1000);
    assert_gone("never", 1000, NULL);
    assert_gone("a", 1100, "expired"); /* found expired at 1100 */
    delete_session("b", 1200);
    assert_gone("a", 1599, "expired");
    assert_gone("a", 1600, NULL);
    assert_gone("b", 1699, "deleted");
    assert_gone("b", 1700, NULL);
}

static void tombstones_are_bounded_and_the_oldest_goes_first(void **state)
{
    (void)state;
    world.config.tombstones = 2;
    session_world_open(&world);
    for (const char *id = "abc"; *id; id++) {
        char name[2] = {*id, '\0'};

        session_world_create(&world, name, 0, 1000);
        delete_session(name, 1000);
    }
    assert_gone("a", 1000, NULL);
    assert_gone("b", 1000, "deleted");
    assert_gone("c", 1000, "deleted");
}

static void without_tombstones_gone_is_never_was(void **state)
{
    (void)state;
    world.config.tombstones = 0;
    session_world_open(&world);
    session_world_create(&world, "a", 0, 1000);
    delete_session("a", 1000);
    assert_gone("a", 1000, NULL);
}

static void an_id_can_be_made_anew_at_once(void **state)
{
    (void)state;
    session_world_open(&world);
    session_world_create(&world, "a", 0, 1000);
    delete_session("a", 1000);
    assert_int_equal(session_world_create(&world, "a", 0, 1000), SESSION_OK);
    assert_int_equal(session_world_step(&world, "a", 1000), 0);
    delete_session("a", 1001);
    assert_gone("a", 1001, "deleted");
    assert_int_equal(world.store->graves.count, 1);
}

static void a_ttl_of_zero_never_ends(void **state)
{
    (void)state;
    session_world_open(&world);
    session_world_create(&world, "a", 0, 1000);
    session_store_sweep(world.store, UINT64_MAX);
    assert_int_equal(session_world_step(&world, "a", UINT64_MAX), 0);
}

static void looking_does_not_begin_the_ttl_anew(void **state)
{
    (void)state;
    session_world_open(&world);
    session_world_create(&world, "a", 1000, 1000);
    assert_int_equal(session_world_step(&world, "a", 1900), 0);
    assert_gone("a", 2000, "expired");
}

static void a_clock_that_is_a_little_behind_expires_nothing(void **state)
{
    (void)state;
    session_world_open(&world);
    session_world_create(&world, "a", 1, 1000);
    assert_int_equal(session_world_step(&world, "a", 999), 0);
}

static void a_sweep_forgets_what_expired_and_nothing_else(void **state)
{
    char id[32];

    (void)state;
    world.config.max_sessions = 20000;
    session_world_open(&world);
    for (size_t i = 0; i < 9000; i++) {
        snprintf(id, sizeof(id), "s%zu", i);
        session_world_create(&world, id, i % 3 ? 100 : 0, 1000);
    }
    session_store_sweep(world.store, 1099);
    assert_int_equal(world.store->count, 9000);
    session_store_sweep(world.store, 1100);
    assert_true(world.store->count > 3000); /* bounded work for one sweep */
    for (int i = 0; i < 20; i++)
        session_store_sweep(world.store, 1100);
    assert_int_equal(world.store->count, 3000);
    assert_int_equal(world.store->graves.count, 100);
    assert_int_equal(session_world_step(&world, "s0", 1100), 0);
}

static void too_many_sessions_are_refused_and_none_is_lost(void **state)
{
    (void)state;
    world.config.max_sessions = 2;
    session_world_open(&world);
    assert_int_equal(session_world_create(&world, "a", 100, 1000), SESSION_OK);
    assert_int_equal(session_world_create(&world, "b", 0, 1000), SESSION_OK);
    assert_int_equal(session_world_create(&world, "c", 0, 1000),
                     SESSION_REFUSED);
    assert_int_equal(world.problem.type, PROBLEM_TOO_MANY_SESSIONS);
    assert_int_equal(world.problem.retry_after_s, 1);
    assert_int_equal(session_world_step(&world, "a", 1000), 0);
    assert_int_equal(session_world_step(&world, "b", 1000), 0);
    /* What expired makes room at once. */
    assert_int_equal(session_world_create(&world, "c", 0, 1100), SESSION_OK);
    assert_gone("a", 1100, "expired");
}

static void memory_is_reserved_at_creation_and_freed_at_the_end(void **state)
{
    size_t count = 0;
    char id[32];

    (void)state;
    world.config.max_session_memory = 100000;
    session_world_open(&world);
    for (;; count++) {
        snprintf(id, sizeof(id), "s%zu", count);
        if (session_world_create(&world, id, 0, 1000) != SESSION_OK)
            break;
    }
    assert_int_equal(world.problem.type, PROBLEM_TOO_MANY_SESSIONS);
    assert_in_range(count, 100000 / 600, 100000 / 100);
    assert_true(world.store->memory <= 100000);
    /* Each of them can still do everything. */
    for (size_t i = 0; i < count; i++) {
        static const unsigned char digest[RNN_DIGEST_BYTES];
        static unsigned char reply[SESSION_REPLY_BYTES];
        struct session_change change = {.step = 1,
                                        .digest = digest,
                                        .reply = reply,
                                        .reply_length = sizeof(reply)};
        struct session_loan loan;

        snprintf(id, sizeof(id), "s%zu", i);
        loan = session_world_loan(&world, id, SESSION_WANT_LIVE);
        assert_int_equal(session_world_acquire(&world, &loan, 1000),
                         SESSION_OK);
        assert_true(session_prepare(&loan, sizeof(reply), &world.problem));
        change.state_before = loan.state;
        assert_int_equal(session_commit(&loan, &change, 1000, &world.problem),
                         SESSION_OK);
        assert_true(world.store->memory <= 100000);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(id, sizeof(id), "s%zu", i);
        delete_session(id, 1000);
    }
    assert_int_equal(world.store->memory, 0);
    assert_int_equal(world.store->count, 0);
}

static void kept_calls_of_the_dead_give_way_to_the_living(void **state)
{
    static const unsigned char digest[RNN_DIGEST_BYTES];
    static unsigned char reply[SESSION_REPLY_BYTES];
    size_t before;
    char id[32];

    (void)state;
    world.config.max_session_memory = 50000;
    session_world_open(&world);
    for (size_t i = 0; i < 100; i++) {
        struct session_change change = {.step = 1,
                                        .fate = SESSION_ENDED,
                                        .digest = digest,
                                        .reply = reply,
                                        .reply_length = sizeof(reply)};
        struct session_loan loan;

        snprintf(id, sizeof(id), "s%zu", i);
        assert_int_equal(session_world_create(&world, id, 0, 1000),
                         SESSION_OK);
        loan = session_world_loan(&world, id, SESSION_WANT_LIVE);
        assert_int_equal(session_world_acquire(&world, &loan, 1000),
                         SESSION_OK);
        assert_true(session_prepare(&loan, sizeof(reply), &world.problem));
        change.state_before = loan.state;
        session_commit(&loan, &change, 1000, &world.problem);
        assert_true(world.store->memory <= 50000);
    }
    before = world.store->memory;
    assert_true(before > 0); /* kept calls only */
    session_graves_make_room(&world.store->graves, before);
    assert_int_equal(world.store->memory, 0);
}

static void a_state_larger_than_all_memory_is_refused(void **state)
{
    struct session_loan loan;

    (void)state;
    session_world_open(&world);
    loan = session_world_loan(&world, "a", SESSION_WANT_NEW);
    loan.plan = session_world_plan(&world, (size_t)1 << 31, 0);
    assert_int_equal(session_world_acquire(&world, &loan, 1000),
                     SESSION_REFUSED);
    assert_int_equal(world.problem.type, PROBLEM_TOO_MANY_SESSIONS);
    loan.plan.window = SIZE_MAX / 4;
    loan.wake_at_ms = 0;
    assert_int_equal(session_world_acquire(&world, &loan, 1000),
                     SESSION_REFUSED);
    assert_int_equal(world.problem.type, PROBLEM_TOO_MANY_SESSIONS);
    assert_int_equal(world.store->memory, 0);
    assert_int_equal(world.store->count, 0);
}

static void a_window_keeps_rows_of_input(void **state)
{
    struct session_plan plan;

    (void)state;
    plan = session_world_plan(&world, 10, 0);
    assert_int_equal(session_state_bytes(&plan), 10 * 3 * sizeof(float));
    plan = session_world_plan(&world, 0, 0);
    assert_int_equal(session_state_bytes(&plan), 5 * sizeof(float));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gone_is_told_from_never_was_while_the_tombstone_lasts),
        TEST(tombstones_are_bounded_and_the_oldest_goes_first),
        TEST(without_tombstones_gone_is_never_was),
        TEST(an_id_can_be_made_anew_at_once),
        TEST(a_ttl_of_zero_never_ends),
        TEST(looking_does_not_begin_the_ttl_anew),
        TEST(a_clock_that_is_a_little_behind_expires_nothing),
        TEST(a_sweep_forgets_what_expired_and_nothing_else),
        TEST(too_many_sessions_are_refused_and_none_is_lost),
        TEST(memory_is_reserved_at_creation_and_freed_at_the_end),
        TEST(kept_calls_of_the_dead_give_way_to_the_living),
        TEST(a_state_larger_than_all_memory_is_refused),
        TEST(a_window_keeps_rows_of_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
