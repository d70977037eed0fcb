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
#include "tests/support/lossy_proxy.h"
#include "tests/support/nap.h"
#include "tests/support/redis_server.h"
#include "tests/support/store_world.h"

static struct redis_server server;
static struct lossy_proxy proxy;
static struct store_world a, b; /* a speaks through the proxy */
static char a_url[64];

static int start(void **state)
{
    (void)state;
    redis_server_start(&server, NULL);
    lossy_proxy_start(&proxy, server.port);
    snprintf(a_url, sizeof(a_url), "redis://127.0.0.1:%u", proxy.port);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    lossy_proxy_stop(&proxy);
    redis_server_stop(&server);
    return 0;
}

static void init(struct store_world *world, char *url)
{
    store_world_init(world);
    world->config.store = "redis";
    world->config.redis_url = url;
}

static int set_up(void **state)
{
    (void)state;
    if (!server.pid)
        redis_server_go_on(&server);
    redis_server_signal(&server, SIGCONT);
    redis_server_command(&server, "FLUSHALL");
    init(&a, a_url);
    init(&b, server.url);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lossy_proxy_hold(&proxy, false);
    store_world_release(&a);
    store_world_release(&b);
    return 0;
}

static void open_both(void)
{
    store_world_open(&a);
    store_world_open(&b);
}

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
    open_both();
    store_world_put(&a, "s", 1, 1.0f);
    for (uint64_t step = 2; step < 10; step++) {
        struct store_world *world = step % 2 ? &a : &b;

        store_world_put(world, "s", step, (float)step);
        store_world_assert(&a, "s", step, (float)step);
        store_world_assert(&b, "s", step, (float)step);
    }
}

static void only_one_of_two_from_the_same_state_counts(void **state)
{
    (void)state;
    open_both();
    store_world_put(&a, "s", 1, 1.0f);
    store_world_assert(&b, "s", 1, 1.0f); /* b has a copy, too */
    assert_int_equal(go_on(&b, "s", 2), SESSION_OK);
    assert_int_equal(go_on(&a, "s", 5), SESSION_AGAIN);
    store_world_assert(&a, "s", 2, 2.0f);
    assert_int_equal(go_on(&a, "s", 3), SESSION_OK);
    assert_int_equal(go_on(&b, "s", 5), SESSION_AGAIN);
    store_world_assert(&b, "s", 3, 3.0f);
}

/* Back at the same step, by another way: a step's number does not show it. */
static void the_same_step_of_another_past_is_another_state(void **state)
{
    (void)state;
    open_both();
    store_world_put(&a, "s", 5, 1.0f);
    store_world_assert(&b, "s", 5, 1.0f);
    store_world_put(&b, "s", 0, 0.0f); /* as a reset does */
    store_world_put(&b, "s", 5, 2.0f);
    assert_int_equal(go_on(&a, "s", 6), SESSION_AGAIN);
    store_world_assert(&a, "s", 5, 2.0f);
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
    open_both();
    /* both have been told that there is none */
    at_a = store_world_loan(&a, &call);
    at_b = store_world_loan(&b, &call);
    assert_int_equal(store_world_acquire(&a, &at_a), SESSION_OK);
    assert_int_equal(store_world_acquire(&b, &at_b), SESSION_OK);
    assert_true(at_a.is_new && at_b.is_new);
    assert_int_equal(store_world_commit(&b, &at_b, &change), SESSION_OK);
    assert_int_equal(store_world_commit(&a, &at_a, &change), SESSION_AGAIN);
    assert_int_equal(store_world_call(&a, &call), SESSION_REFUSED);
    assert_int_equal(a.problem.type, PROBLEM_SESSION_LIVE);
}

static void an_end_is_seen_by_the_other(void **state)
{
    struct session_loan loan = {.store = NULL};

    (void)state;
    open_both();
    store_world_put(&a, "s", 1, 1.0f);
    store_world_assert(&b, "s", 1, 1.0f);
    store_world_finish(&b, "s", SESSION_DELETED, NULL);
    assert_int_equal(go_on(&a, "s", 2), SESSION_AGAIN);
    store_world_refuse(&a, "s", PROBLEM_SESSION_GONE);
    assert_string_equal(a.problem.reason, "deleted");
    store_world_put(&b, "s", 3, 3.0f); /* and lives again */
    store_world_assert(&a, "s", 3, 3.0f);
    /* the call that ended it can be repeated anywhere */
    store_world_finish(&a, "s", SESSION_ENDED, "the last reply");
    store_world_refuse(&b, "s", PROBLEM_SESSION_GONE);
    assert_string_equal(b.problem.reason, "ended");
    (void)loan;
    {
        const struct session_call *call = NULL;
        unsigned char digest[RNN_DIGEST_BYTES];

        memset(digest, 5, sizeof(digest));
        assert_int_equal(session_store_ended_call(b.store, "s", 3, digest,
                                                  clock_monotonic_ms(),
                                                  &b.arena, &call, &b.problem),
                         SESSION_OK);
        assert_non_null(call);
        assert_memory_equal(call->bytes, "the last reply", 14);
    }
}

static void the_kept_call_is_known_to_the_other(void **state)
{
    struct store_call call = {.id = "s"};
    struct session_loan loan;

    (void)state;
    open_both();
    store_world_put(&a, "s", 3, 1.0f);
    loan = store_world_loan(&b, &call);
    assert_int_equal(store_world_acquire(&b, &loan), SESSION_OK);
    assert_non_null(loan.last);
    assert_int_equal(loan.last->step_before, 0);
    assert_int_equal(loan.last->step_after, 3);
    assert_int_equal(loan.last->reply_length, 7);
    assert_memory_equal(loan.last->bytes, "a reply", 7);
    assert_int_equal(loan.last->digest[0], 7);
    assert_false(loan.is_copy);
    session_release(&loan, false, clock_monotonic_ms());
}

static void a_ttl_passes_and_begins_anew_for_both(void **state)
{
    struct store_call call = {.id = "s",
                              .want = SESSION_WANT_ANY,
                              .ttl_ms = 600,
                              .step = 1,
                              .number = 1.0f};
    struct session_loan loan;

    (void)state;
    open_both();
    assert_int_equal(store_world_call(&a, &call), SESSION_OK);
    for (int i = 0; i < 4; i++) {
        nap_ms(250);
        loan = store_world_loan(&b, &(struct store_call){.id = "s"});
        assert_int_equal(store_world_acquire(&b, &loan), SESSION_OK);
        session_release(&loan, true, clock_monotonic_ms()); /* as a peek */
    }
    /* a's own copy is older than its ttl by now */
    call = (struct store_call){
        .id = "s", .step = 2, .number = 2.0f, .trusts_copy = true};
    assert_int_equal(store_world_call(&a, &call), SESSION_OK);
    nap_ms(700);
    store_world_refuse(&b, "s", PROBLEM_SESSION_GONE);
    assert_string_equal(b.problem.reason, "expired");
    store_world_refuse(&a, "s", PROBLEM_SESSION_GONE);
}

/* ---- connections break -------------------------------------------------- */

static void a_lost_answer_is_no_lost_step_and_no_second_one(void **state)
{
    (void)state;
    open_both();
    store_world_put(&a, "s", 1, 1.0f);
    for (uint64_t step = 2; step < 12; step++) {
        lossy_proxy_lose_answer(&proxy, step % 3 ? 1 : 2);
        assert_int_equal(go_on(&a, "s", step), SESSION_OK);
        store_world_assert(&b, "s", step, (float)step);
    }
    assert_true(atomic_load(&proxy.lost) >= 10);
    lossy_proxy_lose_answer(&proxy, 0);
}

static void a_lost_request_is_sent_again(void **state)
{
    (void)state;
    open_both();
    store_world_put(&a, "s", 1, 1.0f);
    for (uint64_t step = 2; step < 8; step++) {
        lossy_proxy_lose_request(&proxy, 1);
        assert_int_equal(go_on(&a, "s", step), SESSION_OK);
        store_world_assert(&b, "s", step, (float)step);
    }
}

/* It was done, but the answer never came and another went on meanwhile: then
 * nobody can say, and it is not done again. */
static void what_cannot_be_known_is_said(void **state)
{
    (void)state;
    a.config.store_timeout = 300;
    open_both();
    store_world_put(&a, "s", 1, 1.0f);
    store_world_assert(&b, "s", 1, 1.0f);
    lossy_proxy_hold(&proxy, true);
    assert_int_equal(go_on(&a, "s", 2), SESSION_REFUSED);
    assert_int_equal(a.problem.type, PROBLEM_STORE_UNREACHABLE);
    assert_non_null(strstr(a.problem.detail, "not known"));
    store_world_assert(&b, "s", 2, 2.0f); /* it was, indeed */
    store_world_put(&b, "s", 3, 3.0f);
    lossy_proxy_hold(&proxy, false);
    nap_ms(700);
    store_world_assert(&a, "s", 3, 3.0f);
    assert_int_equal(go_on(&a, "s", 4), SESSION_OK);
    store_world_assert(&b, "s", 4, 4.0f);
}

static void wait_until_failing(bool is_failing)
{
    for (int i = 0;
         i < 1000 && session_store_is_failing(b.store) != is_failing; i++)
        nap_ms(10);
    assert_int_equal(session_store_is_failing(b.store), is_failing);
}

static void without_redis_nothing_changes_and_it_comes_back(void **state)
{
    (void)state;
    b.config.store_timeout = 300;
    store_world_open(&b);
    store_world_put(&b, "s", 1, 1.0f);
    redis_server_signal(&server, SIGSTOP);
    assert_int_equal(go_on(&b, "s", 2), SESSION_REFUSED);
    assert_int_equal(b.problem.type, PROBLEM_STORE_UNREACHABLE);
    wait_until_failing(true);
    redis_server_signal(&server, SIGCONT);
    wait_until_failing(false);
    /* it arrived before it was too late, or never */
    assert_true(go_on(&b, "s", 3) == SESSION_OK);
    redis_server_kill(&server);
    assert_int_equal(go_on(&b, "s", 4), SESSION_REFUSED);
    assert_int_equal(b.problem.type, PROBLEM_STORE_UNREACHABLE);
    store_world_refuse(&b, "s", PROBLEM_STORE_UNREACHABLE);
    redis_server_go_on(&server); /* with nothing in it */
    wait_until_failing(false);
    store_world_refuse(&b, "s", PROBLEM_NO_SUCH_SESSION);
}

/* ---- windows ------------------------------------------------------------ */

/* Row `i` of a stream. */
static void make_row(int i, float row[3])
{
    for (int f = 0; f < 3; f++)
        row[f] = (float)(10 * i + f);
}

/* `count` more rows at `world`, as a call does it whose reply is kept, or is
 * so long that the rows before are. */
static void add_rows(struct store_world *world, int seen, int count,
                     bool is_long)
{
    static char reply[2 * SESSION_REPLY_BYTES];
    struct session_loan loan =
        store_world_loan(world, &(struct store_call){.id = "w",
                                                     .want = SESSION_WANT_ANY,
                                                     .is_window = true,
                                                     .ttl_ms = 60000,
                                                     .trusts_copy = true});
    struct session_change change = {.step = (uint64_t)(seen + count)};
    unsigned char digest[RNN_DIGEST_BYTES] = {1};
    float rows[30] = {0};
    int filled = seen + count < 10 ? seen + count : 10;

    while (store_world_acquire(world, &loan) != SESSION_OK)
        fail_msg("%s", world->problem.detail);
    if (loan.is_copy && loan.info.step != (uint64_t)seen) {
        session_release(&loan, false, clock_monotonic_ms());
        loan = store_world_loan(world, &(struct store_call){.id = "w"});
        assert_int_equal(store_world_acquire(world, &loan), SESSION_OK);
    }
    assert_int_equal(loan.info.step, seen);
    for (int i = 0; i < filled; i++)
        make_row(seen + count - filled + i, rows + 3 * i);
    change.state = rows;
    change.window_filled = (size_t)filled;
    change.rows_added = (size_t)count;
    change.digest = digest;
    change.step_before = (uint64_t)seen;
    change.state_before = loan.state;
    change.filled_before = loan.info.window_filled;
    change.reply = reply;
    change.reply_length = is_long ? sizeof(reply) : 5;
    assert_true(session_prepare(&loan, change.reply_length, &world->problem));
    assert_int_equal(store_world_commit(world, &loan, &change), SESSION_OK);
}

/* `world` reads the rows of the first `seen`, and those before the last call
 * of `count`. */
static void assert_window(struct store_world *world, int seen, int count,
                          bool is_long)
{
    struct session_loan loan =
        store_world_loan(world, &(struct store_call){.id = "w"});
    int filled = seen < 10 ? seen : 10;
    int before = seen - count < 10 ? seen - count : 10;
    const float *rows;
    float row[3];

    assert_int_equal(store_world_acquire(world, &loan), SESSION_OK);
    assert_int_equal(loan.info.step, seen);
    assert_int_equal(loan.info.window_filled, filled);
    rows = loan.state;
    for (int i = 0; i < filled; i++) {
        make_row(seen - filled + i, row);
        assert_memory_equal(rows + 3 * i, row, sizeof(row));
    }
    assert_int_equal(loan.last->reply_length, is_long ? 0 : 5);
    assert_int_equal(loan.last->filled_before, before);
    rows = (const float *)(const void *)loan.last->bytes;
    for (int i = 0; is_long && i < before; i++) {
        make_row(seen - count - before + i, row);
        assert_memory_equal(rows + 3 * i, row, sizeof(row));
    }
    session_release(&loan, false, clock_monotonic_ms());
}

static void rows_of_a_window_are_appended(void **state)
{
    static const int counts[] = {1, 3, 1, 4, 2, 1, 12, 1, 10, 3, 9, 1, 25, 1};
    int seen = 0;

    (void)state;
    open_both();
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        bool is_long = i % 3 == 1;
        int filled, before;

        add_rows(i % 2 ? &a : &b, seen, counts[i], is_long);
        before = seen < 10 ? seen : 10;
        seen += counts[i];
        filled = seen < 10 ? seen : 10;
        assert_window(i % 2 ? &b : &a, seen, counts[i], is_long);
        assert_int_equal(
            redis_server_command(&server, "LLEN rnnd:{w}:rows")->integer,
            is_long ? before + (counts[i] < filled ? counts[i] : filled)
                    : filled);
    }
}

static void rows_that_are_gone_are_not_guessed(void **state)
{
    (void)state;
    open_both();
    add_rows(&a, 0, 12, false);
    redis_server_command(&server, "LPOP rnnd:{w}:rows");
    store_world_refuse(&b, "w", PROBLEM_INTERNAL);
    redis_server_command(&server, "LPUSH rnnd:{w}:rows 123456789012");
    store_world_refuse(&b, "w", PROBLEM_INTERNAL);
    redis_server_command(&server, "DEL rnnd:{w}:rows");
    store_world_refuse(&b, "w", PROBLEM_INTERNAL);
}

static void what_is_damaged_is_refused_for_that_session_alone(void **state)
{
    (void)state;
    open_both();
    store_world_put(&a, "s", 1, 1.0f);
    store_world_put(&a, "t", 2, 2.0f);
    redis_server_command(&server, "HSET rnnd:{s} body 01234567890123456789");
    store_world_refuse(&b, "s", PROBLEM_INTERNAL);
    redis_server_command(&server, "HSET rnnd:{s} head nonsense");
    store_world_refuse(&b, "s", PROBLEM_INTERNAL);
    redis_server_command(&server, "HDEL rnnd:{s} head");
    store_world_refuse(&b, "s", PROBLEM_INTERNAL);
    store_world_assert(&b, "t", 2, 2.0f);
}

/* ---- many --------------------------------------------------------------- */

static void copies_make_room_for_each_other(void **state)
{
    char id[16];

    (void)state;
    b.config.max_sessions = 3;
    open_both();
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_put(&b, id, (uint64_t)i + 1, (float)i);
    }
    assert_true(atomic_load(&b.store->count) <= 3);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_assert(&b, id, (uint64_t)i + 1, (float)i);
        store_world_assert(&a, id, (uint64_t)i + 1, (float)i);
    }
}

static void all_are_listed_in_pages(void **state)
{
    enum { COUNT = 2300, PAGE = 100 };
    static struct session_info infos[PAGE];
    char id[16], after[SESSION_ID_SIZE] = "";
    int seen = 0;

    (void)state;
    open_both();
    for (int i = 0; i < COUNT; i++) {
        snprintf(id, sizeof(id), "s%04d", (i * 1237) % COUNT);
        store_world_put(i % 2 ? &a : &b, id, (uint64_t)i + 1, 1.0f);
    }
    store_world_finish(&a, "s0007", SESSION_DELETED, NULL);
    for (;;) {
        struct session_page page = {
            .after = after, .limit = PAGE, .infos = infos};

        store_world_page(&b, &page);
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
        TEST(rows_of_a_window_are_appended),
        TEST(rows_that_are_gone_are_not_guessed),
        TEST(what_is_damaged_is_refused_for_that_session_alone),
        TEST(copies_make_room_for_each_other),
        TEST(all_are_listed_in_pages),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
