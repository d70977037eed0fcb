/* Two replicas on one Redis: what the one has done the other goes on with,
 * and none of them does it twice. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "server/clock.h"
#include "server/session_internal.h"
#include "tests/support/nap.h"
#include "tests/support/store_pair_fixture.h"

/* One call at `world` that goes on from what memory has. */
static enum session_result go_on(struct store_world *world, const char *id,
                                 uint64_t step)
{
    return store_world_call(world, &(struct store_call){.id = id,
                                                        .step = step,
                                                        .number = (float)step,
                                                        .reply = "a reply",
                                                        .digest = 7,
                                                        .trusts_copy = true});
}

static void each_goes_on_with_what_the_other_did(void **state)
{
    (void)state;
    store_pair_open(&pair);
    store_world_put(a, "s", 1, 1.0f);
    for (uint64_t step = 2; step < 10; step++) {
        struct store_world *world = step % 2 ? a : b;

        store_world_put(world, "s", step, (float)step);
        store_world_assert(a, "s", step, (float)step);
        store_world_assert(b, "s", step, (float)step);
    }
}

static void only_one_of_two_from_the_same_state_counts(void **state)
{
    (void)state;
    store_pair_open(&pair);
    store_world_put(a, "s", 1, 1.0f);
    store_world_assert(b, "s", 1, 1.0f); /* b has a copy, too */
    assert_int_equal(go_on(b, "s", 2), SESSION_OK);
    assert_int_equal(go_on(a, "s", 5), SESSION_AGAIN);
    store_world_assert(a, "s", 2, 2.0f);
    assert_int_equal(go_on(a, "s", 3), SESSION_OK);
    assert_int_equal(go_on(b, "s", 5), SESSION_AGAIN);
    store_world_assert(b, "s", 3, 3.0f);
}

/* Back at the same step, by another way: a step's number does not show it. */
static void the_same_step_of_another_past_is_another_state(void **state)
{
    (void)state;
    store_pair_open(&pair);
    store_world_put(a, "s", 5, 1.0f);
    store_world_assert(b, "s", 5, 1.0f);
    store_world_put(b, "s", 0, 0.0f); /* as a reset does */
    store_world_put(b, "s", 5, 2.0f);
    assert_int_equal(go_on(a, "s", 6), SESSION_AGAIN);
    store_world_assert(a, "s", 5, 2.0f);
}

static void what_is_made_at_both_is_made_once(void **state)
{
    struct store_call call = {.id = "s",
                              .want = SESSION_WANT_NEW,
                              .ttl_ms = 3600000,
                              .number = 1.0f};
    struct session_loan at_a = {.store = NULL}, at_b;
    struct session_change change = {.step = 0};

    (void)state;
    store_pair_open(&pair);
    /* both have been told that there is none */
    at_a = store_world_loan(a, &call);
    at_b = store_world_loan(b, &call);
    assert_int_equal(store_world_acquire(a, &at_a), SESSION_OK);
    assert_int_equal(store_world_acquire(b, &at_b), SESSION_OK);
    assert_true(at_a.is_new && at_b.is_new);
    assert_int_equal(store_world_commit(b, &at_b, &change), SESSION_OK);
    assert_int_equal(store_world_commit(a, &at_a, &change), SESSION_AGAIN);
    assert_int_equal(store_world_call(a, &call), SESSION_REFUSED);
    assert_int_equal(a->problem.type, PROBLEM_SESSION_LIVE);
}

static void an_end_is_seen_by_the_other(void **state)
{
    const struct session_call *call = NULL;
    unsigned char digest[RNN_DIGEST_BYTES];

    (void)state;
    store_pair_open(&pair);
    store_world_put(a, "s", 1, 1.0f);
    store_world_assert(b, "s", 1, 1.0f);
    store_world_finish(b, "s", SESSION_DELETED, NULL);
    assert_int_equal(go_on(a, "s", 2), SESSION_AGAIN);
    store_world_refuse(a, "s", PROBLEM_SESSION_GONE);
    assert_string_equal(a->problem.reason, "deleted");
    store_world_put(b, "s", 3, 3.0f); /* and lives again */
    store_world_assert(a, "s", 3, 3.0f);
    /* the call that ended it can be repeated anywhere */
    store_world_finish(a, "s", SESSION_ENDED, "the last reply");
    store_world_refuse(b, "s", PROBLEM_SESSION_GONE);
    assert_string_equal(b->problem.reason, "ended");
    memset(digest, 5, sizeof(digest));
    assert_int_equal(session_store_ended_call(b->store, "s", 3, digest,
                                              clock_monotonic_ms(), &b->arena,
                                              &call, &b->problem),
                     SESSION_OK);
    assert_non_null(call);
    assert_memory_equal(call->bytes, "the last reply", 14);
}

static void the_kept_call_is_known_to_the_other(void **state)
{
    struct store_call call = {.id = "s"};
    struct session_loan loan;

    (void)state;
    store_pair_open(&pair);
    store_world_put(a, "s", 3, 1.0f);
    loan = store_world_loan(b, &call);
    assert_int_equal(store_world_acquire(b, &loan), SESSION_OK);
    assert_non_null(loan.last);
    assert_int_equal(loan.last->step_before, 0);
    assert_int_equal(loan.last->step_after, 3);
    assert_int_equal(loan.last->reply_length, 7);
    assert_memory_equal(loan.last->bytes, "a reply", 7);
    assert_int_equal(loan.last->digest[0], 7);
    assert_false(loan.is_copy);
    session_release(&loan, false, clock_monotonic_ms());
}

#define TTL_MS 600

/* A call that was `result`, `begun` being the moment before the call that
 * began the ttl before it.  false: the machine took so long that the ttl may
 * have passed. */
static bool is_within_ttl(enum session_result result, uint64_t begun)
{
    if (result != SESSION_OK && clock_monotonic_ms() - begun >= TTL_MS)
        return false;
    assert_int_equal(result, SESSION_OK);
    return true;
}

/* Peeks at b, for longer than the ttl; then a call at a, whose own copy is
 * older than that. */
static bool peeks_keep_it_alive(const char *id)
{
    struct store_call call = {.id = id,
                              .want = SESSION_WANT_ANY,
                              .ttl_ms = TTL_MS,
                              .step = 1,
                              .number = 1.0f};
    uint64_t begun = clock_monotonic_ms(), next;
    struct session_loan loan;

    assert_int_equal(store_world_call(a, &call), SESSION_OK);
    for (int i = 0; i < 4; i++) {
        nap_ms(250);
        next = clock_monotonic_ms();
        loan = store_world_loan(b, &(struct store_call){.id = id});
        if (!is_within_ttl(store_world_acquire(b, &loan), begun))
            return false;
        session_release(&loan, true, clock_monotonic_ms()); /* as a peek */
        begun = next;
    }
    call = (struct store_call){
        .id = id, .step = 2, .number = 2.0f, .trusts_copy = true};
    return is_within_ttl(store_world_call(a, &call), begun);
}

static void a_ttl_passes_and_begins_anew_for_both(void **state)
{
    static const char *const ids[] = {"s", "t", "u", "v", "w", "x", "y", "z"};
    size_t i = 0;

    (void)state;
    store_pair_open(&pair);
    while (!peeks_keep_it_alive(ids[i]))
        assert_true(++i < sizeof(ids) / sizeof(ids[0]));
    nap_ms(TTL_MS + 100);
    store_world_refuse(b, ids[i], PROBLEM_SESSION_GONE);
    assert_string_equal(b->problem.reason, "expired");
    store_world_refuse(a, ids[i], PROBLEM_SESSION_GONE);
}

/* ---- connections break -------------------------------------------------- */

static void a_lost_answer_is_no_lost_step_and_no_second_one(void **state)
{
    (void)state;
    store_pair_open(&pair);
    store_world_put(a, "s", 1, 1.0f);
    for (uint64_t step = 2; step < 12; step++) {
        lossy_proxy_lose_answer(&pair.proxy, step % 3 ? 1 : 2);
        assert_int_equal(go_on(a, "s", step), SESSION_OK);
        store_world_assert(b, "s", step, (float)step);
    }
    assert_true(atomic_load(&pair.proxy.lost) >= 10);
    lossy_proxy_lose_answer(&pair.proxy, 0);
}

static void a_lost_request_is_sent_again(void **state)
{
    (void)state;
    store_pair_open(&pair);
    store_world_put(a, "s", 1, 1.0f);
    for (uint64_t step = 2; step < 8; step++) {
        lossy_proxy_lose_request(&pair.proxy, 1);
        assert_int_equal(go_on(a, "s", step), SESSION_OK);
        store_world_assert(b, "s", step, (float)step);
    }
}

/* Long enough for a busy machine to answer, and short to wait for. */
#define BUSY_MS 2000

static void wait_until_failing(const struct store_world *world,
                               bool is_failing)
{
    for (int i = 0;
         i < 3000 && session_store_is_failing(world->store) != is_failing; i++)
        nap_ms(10);
    assert_int_equal(session_store_is_failing(world->store), is_failing);
}

/* It was done, but the answer never came and another went on meanwhile: then
 * nobody can say, and it is not done again. */
static void what_cannot_be_known_is_said(void **state)
{
    (void)state;
    a->config.store_timeout = BUSY_MS;
    store_pair_open(&pair);
    store_world_put(a, "s", 1, 1.0f);
    store_world_assert(b, "s", 1, 1.0f);
    lossy_proxy_hold(&pair.proxy, true);
    assert_int_equal(go_on(a, "s", 2), SESSION_REFUSED);
    assert_int_equal(a->problem.type, PROBLEM_STORE_UNREACHABLE);
    assert_non_null(strstr(a->problem.detail, "not known"));
    store_world_assert(b, "s", 2, 2.0f); /* it was, indeed */
    store_world_put(b, "s", 3, 3.0f);
    lossy_proxy_hold(&pair.proxy, false);
    wait_until_failing(a, false);
    store_world_assert(a, "s", 3, 3.0f);
    /* What told Redis' clock may have been held as well: nobody sees that. */
    assert_int_equal(go_on(a, "s", 4), SESSION_OK);
    store_world_assert(b, "s", 4, 4.0f);
}

static void without_redis_nothing_changes_and_it_comes_back(void **state)
{
    (void)state;
    b->config.store_timeout = BUSY_MS;
    store_world_open(b);
    store_world_put(b, "s", 1, 1.0f);
    redis_server_signal(server, SIGSTOP);
    assert_int_equal(go_on(b, "s", 2), SESSION_REFUSED);
    assert_int_equal(b->problem.type, PROBLEM_STORE_UNREACHABLE);
    wait_until_failing(b, true);
    redis_server_signal(server, SIGCONT);
    wait_until_failing(b, false);
    /* it arrived before it was too late, or never */
    assert_true(go_on(b, "s", 3) == SESSION_OK);
    redis_server_kill(server);
    assert_int_equal(go_on(b, "s", 4), SESSION_REFUSED);
    assert_int_equal(b->problem.type, PROBLEM_STORE_UNREACHABLE);
    store_world_refuse(b, "s", PROBLEM_STORE_UNREACHABLE);
    redis_server_go_on(server); /* with nothing in it */
    wait_until_failing(b, false);
    store_world_refuse(b, "s", PROBLEM_NO_SUCH_SESSION);
}

static void what_is_damaged_is_refused_for_that_session_alone(void **state)
{
    (void)state;
    store_pair_open(&pair);
    store_world_put(a, "s", 1, 1.0f);
    store_world_put(a, "t", 2, 2.0f);
    redis_server_command(server, "HSET rnnd:{s} body 01234567890123456789");
    store_world_refuse(b, "s", PROBLEM_INTERNAL);
    redis_server_command(server, "HSET rnnd:{s} head nonsense");
    store_world_refuse(b, "s", PROBLEM_INTERNAL);
    redis_server_command(server, "HDEL rnnd:{s} head");
    store_world_refuse(b, "s", PROBLEM_INTERNAL);
    store_world_assert(b, "t", 2, 2.0f);
    /* it can be deleted, and made anew */
    assert_int_equal(
        store_world_call(b, &(struct store_call){.id = "s",
                                                 .want = SESSION_WANT_GONE,
                                                 .fate = SESSION_DELETED}),
        SESSION_OK);
    store_world_refuse(a, "s", PROBLEM_SESSION_GONE);
    store_world_put(a, "s", 4, 4.0f);
    store_world_assert(b, "s", 4, 4.0f);
}

/* ---- many --------------------------------------------------------------- */

static void copies_make_room_for_each_other(void **state)
{
    char id[16];

    (void)state;
    b->config.max_sessions = 3;
    store_pair_open(&pair);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_put(b, id, (uint64_t)i + 1, (float)i);
    }
    assert_true(atomic_load(&b->store->count) <= 3);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_assert(b, id, (uint64_t)i + 1, (float)i);
        store_world_assert(a, id, (uint64_t)i + 1, (float)i);
    }
}

static void all_are_listed_in_pages(void **state)
{
    enum { COUNT = 2300, PAGE = 100 };
    static struct session_info infos[PAGE];
    char id[16], after[SESSION_ID_SIZE] = "";
    int seen = 0;

    (void)state;
    store_pair_open(&pair);
    for (int i = 0; i < COUNT; i++) {
        snprintf(id, sizeof(id), "s%04d", (i * 1237) % COUNT);
        store_world_put(i % 2 ? a : b, id, (uint64_t)i + 1, 1.0f);
    }
    store_world_finish(a, "s0007", SESSION_DELETED, NULL);
    for (;;) {
        struct session_page page = {
            .after = after, .limit = PAGE, .infos = infos};

        store_world_page(b, &page);
        for (size_t i = 0; i < page.count; i++, seen++) {
            seen += seen == 7; /* deleted */
            snprintf(id, sizeof(id), "s%04d", seen);
            assert_string_equal(infos[i].id, id);
        }
        if (page.count < PAGE)
            break;
        snprintf(after, sizeof(after), "%s", infos[PAGE - 1].id);
    }
    assert_int_equal(seen, COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(each_goes_on_with_what_the_other_did),
        TEST(only_one_of_two_from_the_same_state_counts),
        TEST(the_same_step_of_another_past_is_another_state),
        TEST(what_is_made_at_both_is_made_once),
        TEST(an_end_is_seen_by_the_other),
        TEST(the_kept_call_is_known_to_the_other),
        TEST(a_ttl_passes_and_begins_anew_for_both),
        TEST(a_lost_answer_is_no_lost_step_and_no_second_one),
        TEST(a_lost_request_is_sent_again),
        TEST(what_cannot_be_known_is_said),
        TEST(without_redis_nothing_changes_and_it_comes_back),
        TEST(what_is_damaged_is_refused_for_that_session_alone),
        TEST(copies_make_room_for_each_other),
        TEST(all_are_listed_in_pages),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
