#include "server/store/sqlite_schema.h"

#include <stdio.h>

/* steps[v] brings a file of version v to v + 1.
 *
 * An ordinary rowid table: WITHOUT ROWID keeps states inside its index, which
 * is ten times slower and three times as large. */
static const char *const steps[SQLITE_SCHEMA_VERSION] = {
    "CREATE TABLE sessions ("
    "  id BLOB PRIMARY KEY NOT NULL,"
    "  dead INTEGER NOT NULL,"    /* 1: a tombstone */
    "  expires INTEGER NOT NULL," /* ms since 1970; 0: never */
    "  until INTEGER NOT NULL,"   /* then it can go; 0: never */
    "  head BLOB NOT NULL,"       /* record.h */
    "  body BLOB NOT NULL);"
    "CREATE INDEX sessions_until ON sessions (until) WHERE until > 0;",
    /* Tombstones are counted. */
    "CREATE INDEX sessions_dead ON sessions (until) WHERE dead = 1;",
};

static enum rnn_status cannot(sqlite3 *db, const char *path, const char *what,
                              struct rnn_error *err)
{
    int code = sqlite3_errcode(db);

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return rnn_fail(err, RNN_IO,
                        "%s is locked by another process (is it open in "
                        "sqlite3?)",
                        path);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return rnn_fail(err, RNN_IO,
                        "%s is damaged (%s); move it away to begin with no "
                        "sessions",
                        path, sqlite3_errmsg(db));
    return rnn_fail(err, code == SQLITE_NOMEM ? RNN_NO_MEMORY : RNN_IO,
                    "%s cannot be %s: %s", path, what, sqlite3_errmsg(db));
}

/* The one number that `sql` answers with.  SQLite's code; 0: it has. */
static int read_number(sqlite3 *db, const char *sql, int *number)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (!code && sqlite3_step(statement) == SQLITE_ROW)
        *number = sqlite3_column_int(statement, 0);
    if (!code)
        code = sqlite3_reset(statement);
    sqlite3_finalize(statement);
    return code;
}

static enum rnn_status check_owner(sqlite3 *db, const char *path, int version,
                                   int known, struct rnn_error *err)
{
    int id = 0, tables = 0;

    if (read_number(db, "PRAGMA application_id", &id) ||
        read_number(db, "SELECT count(*) FROM sqlite_master", &tables))
        return cannot(db, path, "read", err);
    if (id != SQLITE_SCHEMA_ID && (id != 0 || version != 0 || tables != 0))
        return rnn_fail(err, RNN_IO,
                        "%s is a database of another program, not of rnnd",
                        path);
    if (version > known)
        return rnn_fail(err, RNN_IO,
                        "%s was written by a newer rnnd: its schema is %d, "
                        "this one knows %d",
                        path, version, known);
    return RNN_OK;
}

static int run_steps(sqlite3 *db, int from, int to)
{
    char mark[96];
    int code = SQLITE_OK;

    for (int version = from; version < to && !code; version++)
        code = sqlite3_exec(db, steps[version], NULL, NULL, NULL);
    snprintf(mark, sizeof(mark),
             "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             SQLITE_SCHEMA_ID, to);
    return code ? code : sqlite3_exec(db, mark, NULL, NULL, NULL);
}

enum rnn_status sqlite_schema_bring_to(sqlite3 *db, const char *path,
                                       int version, struct rnn_error *err)
{
    enum rnn_status status;
    int now = 0;

    if (read_number(db, "PRAGMA user_version", &now))
        return cannot(db, path, "read", err);
    status = check_owner(db, path, now, version, err);
    if (status || now == version)
        return status;
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
        return cannot(db, path, "written", err);
    if (run_steps(db, now, version) ||
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL)) {
        status = cannot(db, path, "written", err);
        if (!sqlite3_get_autocommit(db))
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

enum rnn_status sqlite_schema_bring(sqlite3 *db, const char *path,
                                    struct rnn_error *err)
{
    return sqlite_schema_bring_to(db, path, SQLITE_SCHEMA_VERSION, err);
}
