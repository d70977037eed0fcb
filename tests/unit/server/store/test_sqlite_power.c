/* The power goes after every single write, sync and deletion of a life of the
 * database, and what was not synced is lost, kept, or there in parts.
 *
 * Whatever happens: the file opens, and holds what it held after some commit,
 * whole.  With survives_power that is no older than the last one that had
 * returned.  Without, and without a cut, nothing is lost either (kill -9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/sqlite_file.h"
#include "tests/support/effort.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/scratch_folder.h"

#define COMMITS 60
#define IDS     5
#define PAGES   40 /* the log is written back twice or more in this life */

static char folder[SCRATCH_FOLDER_BYTES], path[SCRATCH_STORE_BYTES];

static int set_up(void **state)
{
    (void)state;
    fault_vfs_reset();
    scratch_folder_fast(folder, path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_folder_remove(folder);
    return 0;
}

static struct sqlite_file *open_file(bool survives_power)
{
    struct sqlite_file *file;
    struct rnn_error err;

    if (sqlite_file_open(folder, survives_power, &file, &err))
        fail_msg("%s", err.message);
    fault_vfs_sync_folder(); /* the last thing that it has done */
    return file;
}

/* The body that commit `n` writes: its number all over, of a length that
 * changes, so that pages come and go. */
static size_t body_of(int n, unsigned char body[8192])
{
    size_t length = 20 + (size_t)n * 1237 % 8000;

    memset(body, n, length);
    return length;
}

static void commit(struct sqlite_file *file, int n)
{
    unsigned char body[8192];
    char id[8];
    struct store_row row = {
        .id = id, .head = &n, .head_length = sizeof(n), .body = body};

    snprintf(id, sizeof(id), "s%d", n % IDS);
    row.body_length = body_of(n, body);
    assert_true(sqlite_file_begin(file));
    assert_true(sqlite_file_put(file, &row));
    assert_true(sqlite_file_commit(file));
}

static void live(bool survives_power)
{
    struct sqlite_file *file = open_file(survives_power);

    for (int n = 1; n <= COMMITS; n++) {
        commit(file, n);
        fault_vfs_mark(n);
        sqlite_file_checkpoint(file, PAGES);
        if (n == COMMITS / 2) { /* an end and a beginning are part of it */
            sqlite_file_close(file);
            file = open_file(survives_power);
        }
    }
    sqlite_file_close(file);
}

/* The commit that the file is at: every row is what it was then, whole. */
static int commit_at(struct sqlite_file *file)
{
    int numbers[IDS], last = 0;

    for (int i = 0; i < IDS; i++) {
        struct store_row row = {.id = (char[8]){'s', (char)('0' + i)}};
        unsigned char body[8192];
        enum store_result result = sqlite_file_get(file, &row);

        numbers[i] = 0;
        if (result != STORE_ABSENT) {
            assert_int_equal(result, STORE_OK);
            assert_int_equal(row.head_length, sizeof(numbers[i]));
            memcpy(&numbers[i], row.head, sizeof(numbers[i]));
            assert_int_equal(row.body_length, body_of(numbers[i], body));
            assert_memory_equal(row.body, body, row.body_length);
            assert_int_equal(numbers[i] % IDS, i);
        }
        if (numbers[i] > last)
            last = numbers[i];
        sqlite_file_let_go(file);
    }
    /* The others are the ones before it. */
    for (int i = 0; i < IDS; i++) {
        int wanted = last - (last - i % IDS + IDS) % IDS;

        assert_int_equal(numbers[i], wanted > 0 ? wanted : 0);
    }
    return last;
}

static int commit_after_cut(size_t op, enum fault_fate fate, uint64_t seed,
                            bool survives_power, int *mark)
{
    struct sqlite_file *file;
    int n;

    *mark = fault_vfs_cut(op, fate, seed);
    file = open_file(survives_power);
    n = commit_at(file);
    commit(file, n + 1); /* and it goes on */
    assert_int_equal(commit_at(file), n + 1);
    sqlite_file_close(file);
    return n;
}

static void cut_everywhere(bool survives_power)
{
    size_t mixes = effort_count(4), count;
    int mark, n, oldest = 0;

    live(survives_power);
    count = fault_vfs_count();
    assert_true(count > 300);
    for (size_t op = 0; op <= count; op += effort_is_quick() ? 7 : 1)
        for (size_t way = 0; way < mixes + 2; way++) {
            enum fault_fate fate = way < 2 ? (enum fault_fate)way : FAULT_MIX;

            n = commit_after_cut(op, fate, op * 64 + way, survives_power,
                                 &mark);
            assert_true(n <= mark + 1);
            if ((survives_power || fate == FAULT_KEEP) && n < mark)
                fail_msg("after %zu of %zu operations (fate %d): at commit "
                         "%d, %d had returned",
                         op, count, (int)fate, n, mark);
            if (mark - n > oldest)
                oldest = mark - n;
        }
    print_message("%zu operations, cut %zu ways: nothing torn, at most %d "
                  "commits lost\n",
                  count, mixes + 2, oldest);
    /* The cuts do cut: without syncs something is lost. */
    assert_true(survives_power ? oldest == 0 : oldest > 0);
}

static void fsync_loses_nothing_that_had_returned(void **state)
{
    (void)state;
    cut_everywhere(true);
}

static void step_and_async_open_at_some_commit_whole(void **state)
{
    (void)state;
    cut_everywhere(false);
}

static int install(void **state)
{
    (void)state;
    fault_vfs_install();
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(fsync_loses_nothing_that_had_returned),
        TEST(step_and_async_open_at_some_commit_whole),
    };

    return cmocka_run_group_tests(tests, install, NULL);
}
