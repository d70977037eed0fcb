/* Every call of the disk fails once, or from then on: the database says so,
 * nothing has changed, and it goes on when the disk does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/store/sqlite_file.h"
#include "tests/support/effort.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/scratch_folder.h"

#define COMMITS 12
#define PAGES   8

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

static bool commit(struct sqlite_file *file, int n)
{
    char id[8], body[3000];
    struct store_row row = {.id = id,
                            .head = &n,
                            .head_length = sizeof(n),
                            .body = body,
                            .body_length = (size_t)n * 200};

    snprintf(id, sizeof(id), "s%d", n % 2);
    memset(body, n, sizeof(body));
    if (!sqlite_file_begin(file))
        return false;
    if (sqlite_file_put(file, &row))
        return sqlite_file_commit(file);
    sqlite_file_rollback(file);
    return false;
}

static void assert_number(struct sqlite_file *file, const char *id, int n)
{
    struct store_row row = {.id = id};
    enum store_result result = sqlite_file_get(file, &row);

    assert_int_equal(result, n > 0 ? STORE_OK : STORE_ABSENT);
    if (n > 0) {
        assert_memory_equal(row.head, &n, sizeof(n));
        assert_int_equal(row.body_length, n * 200);
        for (size_t i = 0; i < row.body_length; i++)
            assert_int_equal(((const char *)row.body)[i], n);
    }
    sqlite_file_let_go(file);
}

/* The file is at commit `n`. */
static void assert_at(struct sqlite_file *file, int n)
{
    assert_number(file, n % 2 ? "s1" : "s0", n);
    assert_number(file, n % 2 ? "s0" : "s1", n - 1);
}

/* Open; if the fault is met, say so, and open when it has gone. */
static struct sqlite_file *open_file(void)
{
    struct sqlite_file *file = NULL;
    struct rnn_error err;

    if (sqlite_file_open(folder, true, &file, &err) == RNN_OK)
        return file;
    assert_int_equal(err.status, RNN_IO);
    assert_non_null(strstr(err.message, path));
    assert_null(file);
    assert_true(fault_vfs_heal());
    assert_int_equal(sqlite_file_open(folder, true, &file, &err), RNN_OK);
    return file;
}

/* A life in which call number `n` fails; false: there were fewer. */
static bool live(size_t n, int code, bool for_good)
{
    struct sqlite_file *file;
    bool has_failed;

    fault_vfs_reset();
    fault_vfs_fail(n, code, for_good);
    file = open_file();
    for (int i = 1; i <= COMMITS; i++) {
        if (!commit(file, i)) {
            assert_non_null(strstr(sqlite_file_why(file), path));
            assert_true(fault_vfs_heal());
            assert_at(file, i - 1);
            assert_true(commit(file, i));
        }
        sqlite_file_checkpoint(file, PAGES);
        if (i == COMMITS / 2) {
            sqlite_file_close(file);
            file = open_file();
        }
    }
    sqlite_file_close(file);
    has_failed = fault_vfs_heal();
    file = open_file();
    assert_at(file, COMMITS);
    sqlite_file_close(file);
    return has_failed;
}

static void fail_everywhere(int code, bool for_good)
{
    size_t n = 1;

    /* A fault that was healed half-way has been met all the same. */
    while (live(n, code, for_good) || n < 60)
        n += effort_is_quick() ? 5 : 1;
    print_message("%zu calls of the disk, failed one by one\n", n - 1);
}

static void every_call_fails_once_with_an_error(void **state)
{
    (void)state;
    fail_everywhere(SQLITE_IOERR, false);
}

static void every_call_fails_for_good_with_an_error(void **state)
{
    (void)state;
    fail_everywhere(SQLITE_IOERR, true);
}

static void every_call_fails_once_for_want_of_room(void **state)
{
    (void)state;
    fail_everywhere(SQLITE_FULL, false);
}

static void every_call_fails_for_good_for_want_of_room(void **state)
{
    (void)state;
    fail_everywhere(SQLITE_FULL, true);
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
        TEST(every_call_fails_once_with_an_error),
        TEST(every_call_fails_for_good_with_an_error),
        TEST(every_call_fails_once_for_want_of_room),
        TEST(every_call_fails_for_good_for_want_of_room),
    };

    return cmocka_run_group_tests(tests, install, NULL);
}
