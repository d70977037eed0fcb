#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/session_world.h"

static int set_up(void **state)
{
    static struct session_world world;

    session_world_init(&world);
    session_world_open(&world);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    session_world_release(*state);
    return 0;
}

static void a_new_session_is_zero_and_unseen_until_committed(void **state)
{
    struct session_world *world = *state;
    struct session_loan loan =
        session_world_loan(world, "a", SESSION_WANT_ANY);

    assert_int_equal(session_world_acquire(world, &loan, 1000), SESSION_OK);
    assert_true(loan.is_new);
    assert_int_equal(loan.info.step, 0);
    assert_int_equal(loan.info.state_bytes, 5 * sizeof(float));
    for (size_t i = 0; i < 5; i++)
        assert_true(((const float *)loan.state)[i] == 0.0f);
    assert_int_equal(session_world_step(world, "a", 1000), UINT64_MAX);
    assert_int_equal(world->problem.type, PROBLEM_NO_SUCH_SESSION);
    session_world_commit(world, &loan, 7, 1.5f, SESSION_GOES_ON, 1000);
    assert_int_equal(session_world_step(world, "a", 1000), 7);
}

static void a_new_session_given_back_was_never_made(void **state)
{
    struct session_world *world = *state;
    struct session_loan loan =
        session_world_loan(world, "a", SESSION_WANT_ANY);

    assert_int_equal(session_world_acquire(world, &loan, 1000), SESSION_OK);
    session_release(&loan, true, 1000);
    assert_int_equal(session_world_step(world, "a", 1000), UINT64_MAX);
    assert_int_equal(world->problem.type, PROBLEM_NO_SUCH_SESSION);
}

static void a_release_leaves_state_step_and_ttl(void **state)
{
    struct session_world *world = *state;
    struct session_loan loan;

    session_world_create(world, "a", 1000, 1000);
    loan = session_world_loan(world, "a", SESSION_WANT_LIVE);
    assert_int_equal(session_world_acquire(world, &loan, 1900), SESSION_OK);
    session_release(&loan, false, 1900);
    assert_int_equal(session_world_step(world, "a", 1999), 0);
    assert_int_equal(session_world_step(world, "a", 2000), UINT64_MAX);
    assert_string_equal(world->problem.reason, "expired");
}

static void a_touch_begins_the_ttl_anew(void **state)
{
    struct session_world *world = *state;
    struct session_loan loan;

    session_world_create(world, "a", 1000, 1000);
    loan = session_world_loan(world, "a", SESSION_WANT_LIVE);
    assert_int_equal(session_world_acquire(world, &loan, 1900), SESSION_OK);
    session_release(&loan, true, 1900);
    assert_int_equal(session_world_step(world, "a", 2899), 0);
    assert_int_equal(session_world_step(world, "a", 2900), UINT64_MAX);
}

static void calls_take_their_turns_in_order(void **state)
{
    struct session_world *world = *state;
    struct session_loan loans[5];

    session_world_create(world, "a", 0, 1000);
    for (size_t i = 0; i < 5; i++)
        loans[i] = session_world_loan(world, "a", SESSION_WANT_LIVE);
    assert_int_equal(session_world_acquire(world, &loans[0], 1000),
                     SESSION_OK);
    for (size_t i = 1; i < 5; i++)
        assert_int_equal(session_world_acquire(world, &loans[i], 1000 + i),
                         SESSION_WAIT);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(world->woken, i);
        for (size_t k = i + 1; k < 5; k++)
            assert_int_equal(session_world_acquire(world, &loans[k], 1100),
                             SESSION_WAIT);
        if (i)
            assert_int_equal(session_world_acquire(world, &loans[i], 1100),
                             SESSION_OK);
        assert_int_equal(loans[i].info.step, i);
        assert_true(((const float *)loans[i].state)[0] == (float)i);
        session_world_commit(world, &loans[i], i + 1, (float)(i + 1),
                             SESSION_GOES_ON, 1100);
    }
    assert_int_equal(session_world_step(world, "a", 1100), 5);
    world->woken = 0;
}

static void a_wait_that_is_too_long_is_busy(void **state)
{
    struct session_world *world = *state;
    struct session_loan first, second, third;

    session_world_create(world, "a", 0, 1000);
    first = session_world_loan(world, "a", SESSION_WANT_LIVE);
    second = third = first;
    assert_int_equal(session_world_acquire(world, &first, 1000), SESSION_OK);
    assert_int_equal(session_world_acquire(world, &second, 1000),
                     SESSION_WAIT);
    assert_int_equal(session_world_acquire(world, &third, 1500), SESSION_WAIT);
    assert_int_equal(second.wake_at_ms, 2000);
    assert_int_equal(session_world_acquire(world, &second, 1999),
                     SESSION_WAIT);
    assert_int_equal(session_world_acquire(world, &second, 2000),
                     SESSION_REFUSED);
    assert_int_equal(world->problem.type, PROBLEM_SESSION_BUSY);
    session_release(&first, false, 2000); /* goes past the second */
    assert_int_equal(world->woken, 1);
    assert_int_equal(session_world_acquire(world, &third, 2000), SESSION_OK);
    session_release(&third, false, 2000);
    world->woken = 0;
}

static void a_turn_that_came_in_time_is_taken_even_late(void **state)
{
    struct session_world *world = *state;
    struct session_loan first, second;

    session_world_create(world, "a", 0, 1000);
    first = session_world_loan(world, "a", SESSION_WANT_LIVE);
    second = first;
    session_world_acquire(world, &first, 1000);
    assert_int_equal(session_world_acquire(world, &second, 1000),
                     SESSION_WAIT);
    session_release(&first, false, 1999);
    assert_int_equal(session_world_acquire(world, &second, 2500), SESSION_OK);
    session_release(&second, false, 2500);
    world->woken = 0;
}

static void whoever_waits_for_a_session_that_ends_looks_again(void **state)
{
    struct session_world *world = *state;
    struct session_loan first, live, any;

    session_world_create(world, "a", 0, 1000);
    first = session_world_loan(world, "a", SESSION_WANT_LIVE);
    live = first;
    any = session_world_loan(world, "a", SESSION_WANT_ANY);
    session_world_acquire(world, &first, 1000);
    assert_int_equal(session_world_acquire(world, &live, 1000), SESSION_WAIT);
    assert_int_equal(session_world_acquire(world, &any, 1000), SESSION_WAIT);
    session_world_commit(world, &first, 1, 1.0f, SESSION_ENDED, 1001);
    assert_int_equal(world->woken, 2);
    assert_int_equal(session_world_acquire(world, &live, 1001),
                     SESSION_REFUSED);
    assert_int_equal(world->problem.type, PROBLEM_SESSION_GONE);
    assert_string_equal(world->problem.reason, "ended");
    assert_int_equal(session_world_acquire(world, &any, 1001), SESSION_OK);
    assert_true(any.is_new);
    session_release(&any, false, 1001);
    world->woken = 0;
}

static void a_new_session_that_fails_lets_the_next_one_try(void **state)
{
    struct session_world *world = *state;
    struct session_loan first, second, third;

    first = session_world_loan(world, "a", SESSION_WANT_ANY);
    second = session_world_loan(world, "a", SESSION_WANT_NEW);
    third = session_world_loan(world, "a", SESSION_WANT_NEW);
    assert_int_equal(session_world_acquire(world, &first, 1000), SESSION_OK);
    assert_int_equal(session_world_acquire(world, &second, 1000),
                     SESSION_WAIT);
    session_release(&first, false, 1001);
    assert_int_equal(session_world_acquire(world, &second, 1001), SESSION_OK);
    assert_true(second.is_new);
    assert_int_equal(session_world_acquire(world, &third, 1001), SESSION_WAIT);
    session_world_commit(world, &second, 0, 0.0f, SESSION_GOES_ON, 1002);
    assert_int_equal(session_world_acquire(world, &third, 1002),
                     SESSION_REFUSED);
    assert_int_equal(world->problem.type, PROBLEM_SESSION_LIVE);
    world->woken = 0;
}

static void a_creation_does_not_wait_for_a_live_session(void **state)
{
    struct session_world *world = *state;
    struct session_loan first, second;

    session_world_create(world, "a", 0, 1000);
    first = session_world_loan(world, "a", SESSION_WANT_LIVE);
    second = session_world_loan(world, "a", SESSION_WANT_NEW);
    session_world_acquire(world, &first, 1000);
    assert_int_equal(session_world_acquire(world, &second, 1000),
                     SESSION_REFUSED);
    assert_int_equal(world->problem.type, PROBLEM_SESSION_LIVE);
    session_release(&first, false, 1000);
    assert_int_equal(world->woken, 0);
}

static void a_lent_session_does_not_expire(void **state)
{
    struct session_world *world = *state;
    struct session_loan first, second;

    session_world_create(world, "a", 100, 1000);
    first = session_world_loan(world, "a", SESSION_WANT_LIVE);
    second = first;
    session_world_acquire(world, &first, 1050);
    session_store_sweep(world->store, 5000);
    assert_int_equal(session_world_step(world, "a", 5000), 0);
    assert_int_equal(session_world_acquire(world, &second, 1060),
                     SESSION_WAIT);
    session_world_commit(world, &first, 3, 1.0f, SESSION_GOES_ON, 5000);
    assert_int_equal(session_world_acquire(world, &second, 5010), SESSION_OK);
    assert_int_equal(second.info.step, 3);
    session_release(&second, false, 5010);
    world->woken = 0;
}

static void whoever_gets_an_expired_session_finds_it_gone(void **state)
{
    struct session_world *world = *state;
    struct session_loan first, second, third;

    session_world_create(world, "a", 100, 1000);
    first = session_world_loan(world, "a", SESSION_WANT_LIVE);
    second = first;
    third = session_world_loan(world, "a", SESSION_WANT_ANY);
    session_world_acquire(world, &first, 1050);
    assert_int_equal(session_world_acquire(world, &second, 1060),
                     SESSION_WAIT);
    assert_int_equal(session_world_acquire(world, &third, 1070), SESSION_WAIT);
    session_release(&first, false, 1500); /* it failed: nothing is changed */
    assert_int_equal(session_world_acquire(world, &second, 1510),
                     SESSION_REFUSED);
    assert_int_equal(world->problem.type, PROBLEM_SESSION_GONE);
    assert_string_equal(world->problem.reason, "expired");
    assert_int_equal(session_world_acquire(world, &third, 1510), SESSION_OK);
    assert_true(third.is_new);
    session_release(&third, false, 1510);
    world->woken = 0;
}

/* ---- the call that is kept ---------------------------------------------- */

static void commit_call(struct session_world *world, struct session_loan *loan,
                        const void *reply, size_t length,
                        enum session_fate fate)
{
    static const unsigned char digest[RNN_DIGEST_BYTES] = {1, 2, 3};
    float after[5] = {2, 2, 2, 2, 2};
    struct session_change change = {.state = after,
                                    .step = loan->info.step + 4,
                                    .fate = fate,
                                    .digest = digest,
                                    .step_before = loan->info.step,
                                    .state_before = loan->state,
                                    .reply = reply,
                                    .reply_length = length};

    assert_true(session_prepare(loan, length, &world->problem));
    assert_int_equal(session_commit(loan, &change, 1000, &world->problem),
                     SESSION_OK);
}

static void a_short_reply_is_kept(void **state)
{
    struct session_world *world = *state;
    struct session_loan loan;

    session_world_create(world, "a", 0, 1000);
    loan = session_world_loan(world, "a", SESSION_WANT_LIVE);
    session_world_acquire(world, &loan, 1000);
    assert_null(loan.last);
    commit_call(world, &loan, "the reply", 9, SESSION_GOES_ON);
    assert_int_equal(session_world_acquire(world, &loan, 1000), SESSION_OK);
    assert_non_null(loan.last);
    assert_int_equal(loan.last->step_before, 0);
    assert_int_equal(loan.last->step_after, 4);
    assert_int_equal(loan.last->reply_length, 9);
    assert_memory_equal(loan.last->bytes, "the reply", 9);
    session_world_commit(world, &loan, 5, 3.0f, SESSION_GOES_ON, 1000);
    assert_int_equal(session_world_acquire(world, &loan, 1000), SESSION_OK);
    assert_null(loan.last); /* a call without step forgets it */
    session_release(&loan, false, 1000);
}

static void of_a_long_reply_the_state_before_is_kept(void **state)
{
    struct session_world *world = *state;
    static unsigned char reply[SESSION_REPLY_BYTES + 1];
    const float before[5] = {7, 7, 7, 7, 7};
    struct session_loan loan;

    session_world_create(world, "a", 0, 1000);
    loan = session_world_loan(world, "a", SESSION_WANT_LIVE);
    session_world_acquire(world, &loan, 1000);
    session_world_commit(world, &loan, 1, 7.0f, SESSION_GOES_ON, 1000);
    session_world_acquire(world, &loan, 1000);
    commit_call(world, &loan, reply, sizeof(reply), SESSION_GOES_ON);
    session_world_acquire(world, &loan, 1000);
    assert_int_equal(loan.last->reply_length, 0);
    assert_int_equal(loan.last->step_before, 1);
    assert_memory_equal(loan.last->bytes, before, sizeof(before));
    session_release(&loan, false, 1000);
}

static void a_failed_call_leaves_the_kept_one(void **state)
{
    struct session_world *world = *state;
    struct session_loan loan;

    session_world_create(world, "a", 0, 1000);
    loan = session_world_loan(world, "a", SESSION_WANT_LIVE);
    session_world_acquire(world, &loan, 1000);
    commit_call(world, &loan, "kept", 4, SESSION_GOES_ON);
    session_world_acquire(world, &loan, 1000);
    assert_true(session_prepare(&loan, 100, &world->problem));
    session_release(&loan, false, 1000);
    session_world_acquire(world, &loan, 1000);
    assert_memory_equal(loan.last->bytes, "kept", 4);
    assert_int_equal(loan.info.step, 4);
    session_release(&loan, false, 1000);
}

static void the_kept_call_outlives_a_session_that_ended(void **state)
{
    static const unsigned char digest[RNN_DIGEST_BYTES] = {1, 2, 3};
    static const unsigned char other[RNN_DIGEST_BYTES] = {1, 2, 4};
    struct session_world *world = *state;
    const struct session_call *call;
    struct session_loan loan;

    session_world_create(world, "a", 0, 1000);
    loan = session_world_loan(world, "a", SESSION_WANT_LIVE);
    session_world_acquire(world, &loan, 1000);
    commit_call(world, &loan, "farewell", 8, SESSION_ENDED);
    assert_int_equal(session_store_ended_call(world->store, "a", 0, digest,
                                              1000, &world->arena, &call,
                                              &world->problem),
                     SESSION_OK);
    assert_non_null(call);
    assert_memory_equal(call->bytes, "farewell", 8);
    session_store_ended_call(world->store, "a", 1, digest, 1000, &world->arena,
                             &call, &world->problem);
    assert_null(call);
    session_store_ended_call(world->store, "a", 0, other, 1000, &world->arena,
                             &call, &world->problem);
    assert_null(call);
    session_store_ended_call(world->store, "a", 0, digest, 1000 + 600000,
                             &world->arena, &call, &world->problem);
    assert_null(call);
    /* Made anew, it is another session. */
    session_world_create(world, "a", 0, 1001);
    session_store_ended_call(world->store, "a", 0, digest, 1001, &world->arena,
                             &call, &world->problem);
    assert_null(call);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_session_is_zero_and_unseen_until_committed),
        TEST(a_new_session_given_back_was_never_made),
        TEST(a_release_leaves_state_step_and_ttl),
        TEST(a_touch_begins_the_ttl_anew),
        TEST(calls_take_their_turns_in_order),
        TEST(a_wait_that_is_too_long_is_busy),
        TEST(a_turn_that_came_in_time_is_taken_even_late),
        TEST(whoever_waits_for_a_session_that_ends_looks_again),
        TEST(a_new_session_that_fails_lets_the_next_one_try),
        TEST(a_creation_does_not_wait_for_a_live_session),
        TEST(a_lent_session_does_not_expire),
        TEST(whoever_gets_an_expired_session_finds_it_gone),
        TEST(a_short_reply_is_kept),
        TEST(of_a_long_reply_the_state_before_is_kept),
        TEST(a_failed_call_leaves_the_kept_one),
        TEST(the_kept_call_outlives_a_session_that_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
