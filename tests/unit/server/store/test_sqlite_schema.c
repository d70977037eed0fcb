/* Versions of the database: made, brought forward, refused. */
#include "server/store/sqlite_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static sqlite3 *open_memory(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &why))
        fail_msg("%s", why);
}

static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int value;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void bring(sqlite3 *db, int version)
{
    struct rnn_error err;

    if (sqlite_schema_bring_to(db, "sessions.sqlite", version, &err))
        fail_msg("%s", err.message);
    assert_int_equal(number(db, "PRAGMA user_version"), version);
    assert_int_equal(number(db, "PRAGMA application_id"), SQLITE_SCHEMA_ID);
}

static void refuse(sqlite3 *db, const char *sentence)
{
    struct rnn_error err;

    assert_int_equal(sqlite_schema_bring(db, "sessions.sqlite", &err), RNN_IO);
    if (!strstr(err.message, sentence))
        fail_msg("%s", err.message);
}

/* The text of everything in the database. */
static void dump(sqlite3 *db, char *text, size_t size)
{
    sqlite3_stmt *statement = NULL;
    size_t length = 0;

    assert_int_equal(
        sqlite3_prepare_v2(
            db, "SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY 1",
            -1, &statement, NULL),
        SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        length +=
            (size_t)snprintf(text + length, size - length, "%s\n",
                             (const char *)sqlite3_column_text(statement, 0));
        assert_true(length < size);
    }
    sqlite3_finalize(statement);
}

static void every_version_is_brought_to_the_newest(void **state)
{
    char made[4096], brought[4096];
    sqlite3 *db = open_memory();

    (void)state;
    bring(db, SQLITE_SCHEMA_VERSION);
    dump(db, made, sizeof(made));
    sqlite3_close(db);
    for (int version = 1; version < SQLITE_SCHEMA_VERSION; version++) {
        db = open_memory();
        bring(db, version);
        run(db, "INSERT INTO sessions VALUES (x'61', 0, 5, 6, x'01', x'02');"
                "INSERT INTO sessions VALUES (x'62', 1, 0, 7, x'03', x'');");
        bring(db, SQLITE_SCHEMA_VERSION);
        dump(db, brought, sizeof(brought));
        assert_string_equal(made, brought);
        assert_int_equal(number(db, "SELECT count(*) FROM sessions"), 2);
        assert_int_equal(number(db, "SELECT until FROM sessions WHERE "
                                    "id = x'61' AND head = x'01' AND "
                                    "body = x'02' AND expires = 5"),
                         6);
        assert_int_equal(number(db, "SELECT count(*) FROM sessions INDEXED BY "
                                    "sessions_dead WHERE dead = 1"),
                         1);
        sqlite3_close(db);
    }
}

static void the_newest_is_left_alone(void **state)
{
    sqlite3 *db = open_memory();
    int changes;

    (void)state;
    bring(db, SQLITE_SCHEMA_VERSION);
    changes = number(db, "PRAGMA schema_version");
    bring(db, SQLITE_SCHEMA_VERSION);
    assert_int_equal(number(db, "PRAGMA schema_version"), changes);
    sqlite3_close(db);
}

static void a_newer_one_is_refused_and_left_as_it_is(void **state)
{
    sqlite3 *db = open_memory();
    char sql[64];

    (void)state;
    bring(db, SQLITE_SCHEMA_VERSION);
    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d",
             SQLITE_SCHEMA_VERSION + 1);
    run(db, sql);
    refuse(db, "sessions.sqlite was written by a newer rnnd");
    assert_int_equal(number(db, "PRAGMA user_version"),
                     SQLITE_SCHEMA_VERSION + 1);
    sqlite3_close(db);
}

static void another_programs_is_refused(void **state)
{
    sqlite3 *db = open_memory();

    (void)state;
    run(db, "CREATE TABLE notes (text)");
    refuse(db, "of another program");
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_master"), 1);
    sqlite3_close(db);
    db = open_memory();
    run(db, "PRAGMA application_id = 1");
    refuse(db, "of another program");
    sqlite3_close(db);
    db = open_memory();
    run(db, "PRAGMA user_version = 1");
    refuse(db, "of another program");
    sqlite3_close(db);
}

static void a_step_that_fails_leaves_the_old_version(void **state)
{
    sqlite3 *db = open_memory();

    (void)state;
    bring(db, 1);
    run(db, "CREATE INDEX sessions_dead ON sessions (id)"); /* in the way */
    refuse(db, "cannot be written");
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_true(sqlite3_get_autocommit(db));
    run(db, "DROP INDEX sessions_dead");
    bring(db, SQLITE_SCHEMA_VERSION);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_brought_to_the_newest),
        cmocka_unit_test(the_newest_is_left_alone),
        cmocka_unit_test(a_newer_one_is_refused_and_left_as_it_is),
        cmocka_unit_test(another_programs_is_refused),
        cmocka_unit_test(a_step_that_fails_leaves_the_old_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
