/* The database of a state directory: rows in and out, and everything that can
 * be wrong with the folder and the file when it is opened. */
#include "server/store/sqlite_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/support/scratch_folder.h"

static char folder[SCRATCH_FOLDER_BYTES], path[SCRATCH_STORE_BYTES];
static struct sqlite_file *file;

static int set_up(void **state)
{
    (void)state;
    scratch_folder(folder, path);
    file = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sqlite_file_close(file);
    scratch_folder_remove(folder);
    return 0;
}

static void open_file(void)
{
    struct rnn_error err;

    if (sqlite_file_open(folder, true, &file, &err))
        fail_msg("%s", err.message);
}

static void refuse_open(const char *sentence)
{
    struct rnn_error err;
    struct sqlite_file *none = NULL;

    assert_int_equal(sqlite_file_open(folder, false, &none, &err), RNN_IO);
    assert_null(none);
    if (!strstr(err.message, sentence))
        fail_msg("%s", err.message);
}

static struct store_row row_of(const char *id, const char *body)
{
    return (struct store_row){.id = id,
                              .head = "head",
                              .head_length = 4,
                              .body = body,
                              .body_length = strlen(body)};
}

static void put(const struct store_row *row)
{
    if (!sqlite_file_begin(file) || !sqlite_file_put(file, row) ||
        !sqlite_file_commit(file))
        fail_msg("%s", sqlite_file_why(file));
}

static void assert_row(const char *id, const char *body)
{
    struct store_row row = {.id = id};

    assert_int_equal(sqlite_file_get(file, &row), STORE_OK);
    assert_int_equal(row.body_length, strlen(body));
    assert_memory_equal(row.body, body, row.body_length);
    assert_int_equal(row.head_length, 4);
    assert_memory_equal(row.head, "head", 4);
    sqlite_file_let_go(file);
}

static void assert_absent(const char *id)
{
    struct store_row row = {.id = id};

    assert_int_equal(sqlite_file_get(file, &row), STORE_ABSENT);
    sqlite_file_let_go(file);
}

/* ---- rows --------------------------------------------------------------- */

static void a_row_is_replaced_and_outlives_the_file(void **state)
{
    struct store_row row;

    (void)state;
    open_file();
    assert_true(sqlite_file_is_empty(file));
    row = row_of("a", "first");
    put(&row);
    row = row_of("b", "");
    put(&row);
    row = row_of("a", "second");
    row.is_dead = true;
    row.expires_ms = 5;
    row.until_ms = (uint64_t)1 << 50;
    put(&row);
    sqlite_file_close(file);
    open_file();
    assert_false(sqlite_file_is_empty(file));
    assert_row("a", "second");
    assert_row("b", "");
    assert_absent("c");
    row = (struct store_row){.id = "a"};
    assert_int_equal(sqlite_file_get(file, &row), STORE_OK);
    assert_true(row.is_dead);
    assert_int_equal(row.expires_ms, 5);
    assert_true(row.until_ms == (uint64_t)1 << 50);
    sqlite_file_let_go(file);
}

static void what_is_rolled_back_never_was(void **state)
{
    struct store_row row = row_of("a", "first");

    (void)state;
    open_file();
    put(&row);
    row = row_of("a", "second");
    assert_true(sqlite_file_begin(file));
    assert_true(sqlite_file_put(file, &row));
    sqlite_file_rollback(file);
    assert_row("a", "first");
    row = row_of("a", "third");
    put(&row);
    assert_row("a", "third");
}

static bool collect(struct store_job *job, const struct store_row *row)
{
    char *text = (char *)job->row.body;

    strcat(text, row->id);
    return strlen(text) < job->row.body_length;
}

static void rows_are_counted(void **state)
{
    struct store_row row;

    (void)state;
    open_file();
    row = row_of("a", "first");
    put(&row);
    put(&row);
    assert_int_equal(sqlite_file_rows(file), 0); /* not counted yet */
    sqlite_file_count(file);
    assert_int_equal(sqlite_file_rows(file), 1);
    row = row_of("b", "second");
    row.until_ms = 5;
    put(&row);
    put(&row);
    assert_int_equal(sqlite_file_rows(file), 2);
    assert_true(sqlite_file_begin(file));
    row = row_of("c", "third");
    assert_true(sqlite_file_put(file, &row));
    sqlite_file_rollback(file);
    assert_int_equal(sqlite_file_rows(file), 2);
    assert_true(sqlite_file_purge(file, 6, 10, 10));
    assert_int_equal(sqlite_file_rows(file), 1);
    row = row_of("a", "dead");
    row.is_dead = true;
    put(&row);
    assert_int_equal(sqlite_file_rows(file), 1);
    assert_true(sqlite_file_purge(file, 6, 0, 10));
    assert_int_equal(sqlite_file_rows(file), 0);
}

static void a_list_is_in_the_order_of_the_bytes(void **state)
{
    static const char *const ids[] = {"b", "A", "~", "a", "-", "0"};
    char text[32] = "";
    struct store_job job = {.row = {.id = "", .body = text, .body_length = 31},
                            .on_row = collect,
                            .now_ms = 100};
    struct store_row row;

    (void)state;
    open_file();
    for (size_t i = 0; i < 6; i++) {
        row = row_of(ids[i], "");
        put(&row);
    }
    row = row_of("d", "");
    row.is_dead = true;
    put(&row);
    row = row_of("e", "");
    row.expires_ms = 100; /* that is now */
    put(&row);
    row = row_of("f", "");
    row.expires_ms = 101;
    put(&row);
    assert_true(sqlite_file_list(file, &job));
    assert_string_equal(text, "-0Aabf~");
    text[0] = '\0';
    job.row.id = "A";
    job.row.body_length = 2; /* then it is enough */
    assert_true(sqlite_file_list(file, &job));
    assert_string_equal(text, "ab");
}

static void the_purge_takes_what_is_over_and_too_many_tombstones(void **state)
{
    struct store_row row;
    char id[16];

    (void)state;
    open_file();
    for (unsigned i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "d%u", i);
        row = row_of(id, "");
        row.is_dead = true;
        row.until_ms = 1000 + i;
        put(&row);
    }
    row = row_of("never", "");
    put(&row);
    row = row_of("later", "");
    row.until_ms = 5000;
    put(&row);
    assert_true(sqlite_file_purge(file, 999, 10, 100));
    assert_row("d0", "");
    assert_true(sqlite_file_purge(file, 1001, 10, 100));
    assert_absent("d0");
    assert_absent("d1");
    assert_row("d2", "");
    assert_true(sqlite_file_purge(file, 1001, 3, 2)); /* two at a time */
    assert_absent("d3");
    assert_row("d4", "");
    assert_true(sqlite_file_purge(file, 1001, 3, 100));
    assert_absent("d6");
    assert_row("d7", "");
    assert_true(sqlite_file_purge(file, 4999, 0, 100));
    assert_absent("d9");
    assert_row("later", "");
    assert_true(sqlite_file_purge(file, 5000, 0, 100));
    assert_absent("later");
    assert_row("never", "");
}

static void the_log_is_written_back(void **state)
{
    static char large[1 << 20];
    char log[80];
    struct store_row row;
    struct stat info;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    snprintf(log, sizeof(log), "%s-wal", path);
    open_file();
    for (int i = 0; i < 40; i++) {
        row = row_of("a", large);
        put(&row);
        sqlite_file_checkpoint(file, 1000);
    }
    assert_int_equal(stat(log, &info), 0);
    assert_true(info.st_size < 10 << 20);
    assert_row("a", large);
}

/* ---- opening ------------------------------------------------------------ */

static void it_is_made_for_its_owner_alone(void **state)
{
    struct stat info;
    char inner[64];

    (void)state;
    snprintf(inner, sizeof(inner), "%s/new", folder);
    assert_int_equal(sqlite_file_open(inner, false, &file, NULL), RNN_OK);
    assert_int_equal(stat(inner, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    snprintf(inner, sizeof(inner), "%s/new/sessions.sqlite", folder);
    assert_int_equal(stat(inner, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    sqlite_file_close(file);
    file = NULL;
    unlink(inner);
    snprintf(inner, sizeof(inner), "%s/new/lock", folder);
    unlink(inner);
    snprintf(inner, sizeof(inner), "%s/new", folder);
    rmdir(inner);
}

static void one_process_owns_a_folder(void **state)
{
    char pid[32];

    (void)state;
    open_file();
    snprintf(pid, sizeof(pid), "(process %ld)", (long)getpid());
    refuse_open("is in use by another rnnd");
    refuse_open(pid);
    sqlite_file_close(file);
    open_file(); /* the lock is gone with its owner */
}

static void a_file_that_is_open_elsewhere_is_refused(void **state)
{
    sqlite3 *other = NULL;

    (void)state;
    open_file();
    sqlite_file_close(file);
    file = NULL;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    refuse_open("is locked by another process");
    sqlite3_close(other);
    open_file();
}

static void write_file(const char *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    static const char text[] = "this is a text of more than sixteen bytes";
    static char zeros[8192];

    (void)state;
    write_file(text, sizeof(text));
    refuse_open("is damaged");
    write_file(zeros, sizeof(zeros));
    refuse_open("is damaged");
    write_file("", 0); /* as it is when it has just been made */
    open_file();
}

static void a_file_cut_anywhere_opens_or_says_so(void **state)
{
    static char bytes[1 << 16];
    struct store_row row;
    ssize_t length;
    int fd;

    (void)state;
    open_file();
    for (int i = 0; i < 20; i++) {
        char id[16];

        snprintf(id, sizeof(id), "s%d", i);
        row = row_of(id, "a body that is somewhat longer than its id");
        put(&row);
    }
    sqlite_file_close(file);
    file = NULL;
    fd = open(path, O_RDONLY);
    length = read(fd, bytes, sizeof(bytes));
    close(fd);
    assert_true(length > 8192 && length < (ssize_t)sizeof(bytes));
    for (ssize_t cut = 1; cut < length; cut += cut < 200 ? 1 : 509) {
        struct rnn_error err = {RNN_OK, ""};

        write_file(bytes, (size_t)cut);
        if (sqlite_file_open(folder, false, &file, &err)) {
            assert_int_equal(err.status, RNN_IO);
            assert_non_null(strstr(err.message, path));
        } else {
            /* What it has is right, or it says that it cannot tell. */
            row = (struct store_row){.id = "s7"};
            if (sqlite_file_get(file, &row) == STORE_OK)
                assert_memory_equal(row.head, "head", 4);
            sqlite_file_let_go(file);
            sqlite_file_close(file);
        }
        file = NULL;
    }
}

static void a_folder_that_cannot_be_used_is_refused(void **state)
{
    struct rnn_error err;
    char name[1100];

    (void)state;
    assert_int_equal(sqlite_file_open("/nowhere/at/all", false, &file, &err),
                     RNN_IO);
    assert_non_null(strstr(err.message, "cannot be made"));
    write_file("", 0);
    assert_int_equal(sqlite_file_open(path, false, &file, &err), RNN_IO);
    assert_non_null(strstr(err.message, "is not a folder"));
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(sqlite_file_open(name, false, &file, &err),
                     RNN_INVALID_ARGUMENT);
    assert_int_equal(sqlite_file_open("/proc", false, &file, &err), RNN_IO);
    assert_non_null(strstr(err.message, "/proc/lock"));
    assert_null(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_row_is_replaced_and_outlives_the_file),
        TEST(what_is_rolled_back_never_was),
        TEST(rows_are_counted),
        TEST(a_list_is_in_the_order_of_the_bytes),
        TEST(the_purge_takes_what_is_over_and_too_many_tombstones),
        TEST(the_log_is_written_back),
        TEST(it_is_made_for_its_owner_alone),
        TEST(one_process_owns_a_folder),
        TEST(a_file_that_is_open_elsewhere_is_refused),
        TEST(a_file_that_is_no_database_is_refused),
        TEST(a_file_cut_anywhere_opens_or_says_so),
        TEST(a_folder_that_cannot_be_used_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
