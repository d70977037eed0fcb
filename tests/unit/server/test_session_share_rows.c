/* Windows in Redis: rows are appended by any replica, and the rows before a
 * call are kept as long as it may be made again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "server/clock.h"
#include "server/session_internal.h"
#include "tests/support/store_pair_fixture.h"

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
    store_pair_open(&pair);
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        bool is_long = i % 3 == 1;
        int filled, before;

        add_rows(i % 2 ? a : b, seen, counts[i], is_long);
        before = seen < 10 ? seen : 10;
        seen += counts[i];
        filled = seen < 10 ? seen : 10;
        assert_window(i % 2 ? b : a, seen, counts[i], is_long);
        assert_int_equal(
            redis_server_command(server, "LLEN rnnd:{w}:rows")->integer,
            is_long ? before + (counts[i] < filled ? counts[i] : filled)
                    : filled);
    }
}

static void rows_that_are_gone_are_not_guessed(void **state)
{
    (void)state;
    store_pair_open(&pair);
    add_rows(a, 0, 12, false);
    redis_server_command(server, "LPOP rnnd:{w}:rows");
    store_world_refuse(b, "w", PROBLEM_INTERNAL);
    redis_server_command(server, "LPUSH rnnd:{w}:rows 123456789012");
    store_world_refuse(b, "w", PROBLEM_INTERNAL);
    redis_server_command(server, "DEL rnnd:{w}:rows");
    store_world_refuse(b, "w", PROBLEM_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(rows_of_a_window_are_appended),
        TEST(rows_that_are_gone_are_not_guessed),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
