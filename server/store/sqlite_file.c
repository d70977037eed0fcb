#include "server/store/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "server/store/sqlite_schema.h"

/* What the file keeps of a log that was longer for once. */
#define LOG_BYTES "33554432"

#define FOLDER_BYTES    1000 /* of state_dir, at most */
#define FILE_PATH_BYTES (FOLDER_BYTES + 32)

enum {
    BEGIN,
    COMMIT,
    PUT,
    GET,
    LIST,
    PURGE,
    BURY,
    COUNT_DEAD,
    ANY,
    COUNT_ALL,
    SQL_COUNT
};

static const char *const texts[SQL_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [PUT] = "INSERT INTO sessions (id, dead, expires, until, head, body) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET "
            "dead = ?2, expires = ?3, until = ?4, head = ?5, body = ?6",
    [GET] = "SELECT dead, expires, until, head, body FROM sessions "
            "WHERE id = ?1",
    [LIST] = "SELECT id, head FROM sessions WHERE id > ?1 AND (?3 OR dead = 0 "
             "AND (expires = 0 OR expires > ?2)) ORDER BY id",
    [PURGE] = "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM "
              "sessions WHERE until > 0 AND until <= ?1 LIMIT ?2)",
    [BURY] = "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM "
             "sessions WHERE dead = 1 ORDER BY until LIMIT ?1)",
    [COUNT_DEAD] = "SELECT count(*) FROM sessions WHERE dead = 1",
    [COUNT_ALL] = "SELECT count(*) FROM sessions",
    [ANY] = "SELECT 1 FROM sessions LIMIT 1",
};

struct sqlite_file {
    sqlite3 *db;
    sqlite3_stmt *sql[SQL_COUNT];
    int lock;      /* descriptor of the lock file */
    int log_pages; /* of the write-ahead log, after the last commit */
    bool is_counted;
    size_t rows, rows_begun; /* now; when the transaction began */
    char path[FILE_PATH_BYTES];
    char why[FILE_PATH_BYTES + 256];
};

const char *sqlite_file_why(const struct sqlite_file *file)
{
    return file->why;
}

static bool fault(struct sqlite_file *file, const char *what)
{
    snprintf(file->why, sizeof(file->why), "%s cannot be %s: %.200s (%d)",
             file->path, what, sqlite3_errmsg(file->db),
             sqlite3_extended_errcode(file->db));
    return false;
}

/* ---- opening ------------------------------------------------------------ */

/* Who it is, for the sentence that a second owner gets.  A full disk is told
 * by what has to be written. */
static void sign_lock(int lock)
{
    char text[32];
    bool is_signed;

    snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    is_signed =
        ftruncate(lock, 0) == 0 && pwrite(lock, text, strlen(text), 0) > 0;
    (void)is_signed;
}

/* One process owns the folder: it holds the lock until it ends, however it
 * ends. */
static enum rnn_status take_lock(struct sqlite_file *file, const char *folder,
                                 struct rnn_error *err)
{
    char path[sizeof(file->path)], text[32] = "";
    ssize_t length;

    snprintf(path, sizeof(path), "%.*s/lock", FOLDER_BYTES, folder);
    file->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->lock < 0)
        return rnn_fail(err, RNN_IO, "state_dir: %s cannot be opened: %s",
                        path, strerror(errno));
    if (flock(file->lock, LOCK_EX | LOCK_NB) == 0) {
        sign_lock(file->lock);
        return RNN_OK;
    }
    if (errno != EWOULDBLOCK)
        return rnn_fail(err, RNN_IO, "state_dir: %s cannot be locked: %s",
                        path, strerror(errno));
    length = pread(file->lock, text, sizeof(text) - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    text[strspn(text, "0123456789")] = '\0';
    return rnn_fail(err, RNN_IO,
                    "state_dir %s is in use by another rnnd (process %s)",
                    folder, *text ? text : "unknown");
}

static enum rnn_status make_folder(const char *folder, struct rnn_error *err)
{
    struct stat info;

    if (strlen(folder) > FOLDER_BYTES)
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "state_dir is longer than %d bytes", FOLDER_BYTES);
    if (mkdir(folder, 0700) && errno != EEXIST)
        return rnn_fail(err, RNN_IO, "state_dir %s cannot be made: %s", folder,
                        strerror(errno));
    if (stat(folder, &info) || !S_ISDIR(info.st_mode))
        return rnn_fail(err, RNN_IO, "state_dir %s is not a folder", folder);
    return RNN_OK;
}

/* States are private: the file is made by us, for its owner alone; SQLite
 * gives the log the same mode. */
static enum rnn_status make_file(const char *path, struct rnn_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return rnn_fail(err, RNN_IO, "%s cannot be opened: %s", path,
                        strerror(errno));
    close(fd);
    return RNN_OK;
}

/* A name that is not on the disk is a file that a power loss takes. */
static enum rnn_status sync_folder(const char *folder, struct rnn_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);

    if (!is_synced)
        rnn_fail(err, RNN_IO, "state_dir %s cannot be written: %s", folder,
                 strerror(errno));
    if (fd >= 0)
        close(fd);
    return is_synced ? RNN_OK : RNN_IO;
}

static enum rnn_status refuse(struct sqlite_file *file, struct rnn_error *err)
{
    int code = file->db ? sqlite3_errcode(file->db) : SQLITE_NOMEM;

    if (code == SQLITE_NOMEM)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the store");
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return rnn_fail(err, RNN_IO,
                        "%s is locked by another process (is it open in "
                        "sqlite3?)",
                        file->path);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return rnn_fail(err, RNN_IO,
                        "%s is damaged (%s); move it away to begin with no "
                        "sessions",
                        file->path, sqlite3_errmsg(file->db));
    return rnn_fail(err, RNN_IO, "%s cannot be used: %s (%d)", file->path,
                    sqlite3_errmsg(file->db),
                    sqlite3_extended_errcode(file->db));
}

static int on_log(void *file, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct sqlite_file *)file)->log_pages = pages;
    return SQLITE_OK;
}

static enum rnn_status set_up(struct sqlite_file *file, bool survives_power,
                              struct rnn_error *err)
{
    static const char pragmas[] = "PRAGMA locking_mode = EXCLUSIVE;"
                                  "PRAGMA trusted_schema = OFF;"
                                  "PRAGMA cell_size_check = ON;"
                                  "PRAGMA temp_store = MEMORY;"
                                  "PRAGMA journal_mode = WAL;"
                                  "PRAGMA journal_size_limit = " LOG_BYTES;
    enum rnn_status status;

    if (sqlite3_exec(file->db, pragmas, NULL, NULL, NULL) ||
        sqlite3_exec(file->db,
                     survives_power ? "PRAGMA synchronous = FULL"
                                    : "PRAGMA synchronous = NORMAL",
                     NULL, NULL, NULL))
        return refuse(file, err);
    status = sqlite_schema_bring(file->db, file->path, err);
    if (status)
        return status;
    for (int i = 0; i < SQL_COUNT; i++)
        if (sqlite3_prepare_v3(file->db, texts[i], -1,
                               SQLITE_PREPARE_PERSISTENT, &file->sql[i], NULL))
            return refuse(file, err);
    sqlite3_wal_hook(file->db, on_log, file);
    return RNN_OK;
}

enum rnn_status sqlite_file_open(const char *folder, bool survives_power,
                                 struct sqlite_file **out,
                                 struct rnn_error *err)
{
    struct sqlite_file *file = calloc(1, sizeof(*file));
    enum rnn_status status;

    if (!file)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the store");
    file->lock = -1;
    snprintf(file->path, sizeof(file->path), "%.*s/sessions.sqlite",
             FOLDER_BYTES, folder);
    status = make_folder(folder, err);
    if (!status)
        status = take_lock(file, folder, err);
    if (!status)
        status = make_file(file->path, err);
    if (!status &&
        sqlite3_open_v2(file->path, &file->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL))
        status = refuse(file, err);
    if (!status)
        status = set_up(file, survives_power, err);
    if (!status)
        status = sync_folder(folder, err);
    if (status)
        sqlite_file_close(file);
    else
        *out = file;
    return status;
}

void sqlite_file_close(struct sqlite_file *file)
{
    if (!file)
        return;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(file->sql[i]);
    sqlite3_close(file->db);
    if (file->lock >= 0)
        close(file->lock);
    free(file);
}

/* ---- writing ------------------------------------------------------------ */

/* Run a statement that answers nothing. */
static bool run(struct sqlite_file *file, int which)
{
    bool ok = sqlite3_step(file->sql[which]) == SQLITE_DONE;

    if (!ok)
        fault(file, "written");
    sqlite3_reset(file->sql[which]);
    sqlite3_clear_bindings(file->sql[which]);
    return ok;
}

bool sqlite_file_begin(struct sqlite_file *file)
{
    file->rows_begun = file->rows;
    return run(file, BEGIN);
}

void sqlite_file_rollback(struct sqlite_file *file)
{
    file->rows = file->rows_begun;
    /* Some failures have rolled back by themselves. */
    if (!sqlite3_get_autocommit(file->db))
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
}

bool sqlite_file_commit(struct sqlite_file *file)
{
    if (run(file, COMMIT))
        return true;
    sqlite_file_rollback(file);
    return false;
}

static void bind_bytes(sqlite3_stmt *sql, int at, const void *bytes,
                       size_t length)
{
    /* A NULL would be SQL's; an empty body is no bytes. */
    sqlite3_bind_blob64(sql, at, length ? bytes : "", length, SQLITE_STATIC);
}

bool sqlite_file_put(struct sqlite_file *file, const struct store_row *row)
{
    sqlite3_stmt *sql = file->sql[PUT];

    /* What does not fit or finds no memory fails in the step: NOT NULL. */
    bind_bytes(sql, 1, row->id, strlen(row->id));
    sqlite3_bind_int(sql, 2, row->is_dead);
    sqlite3_bind_int64(sql, 3, (sqlite3_int64)row->expires_ms);
    sqlite3_bind_int64(sql, 4, (sqlite3_int64)row->until_ms);
    bind_bytes(sql, 5, row->head, row->head_length);
    bind_bytes(sql, 6, row->body, row->body_length);
    /* Only a row that was not there has a rowid that is new. */
    sqlite3_set_last_insert_rowid(file->db, 0);
    if (!run(file, PUT))
        return false;
    file->rows += sqlite3_last_insert_rowid(file->db) != 0;
    return true;
}

/* ---- reading ------------------------------------------------------------ */

static const void *column_bytes(sqlite3_stmt *sql, int at, size_t *length)
{
    const void *bytes = sqlite3_column_blob(sql, at);

    *length = (size_t)sqlite3_column_bytes(sql, at);
    return bytes ? bytes : "";
}

enum store_result sqlite_file_get(struct sqlite_file *file,
                                  struct store_row *row)
{
    sqlite3_stmt *sql = file->sql[GET];
    int code;

    bind_bytes(sql, 1, row->id, strlen(row->id));
    code = sqlite3_step(sql);
    if (code == SQLITE_DONE)
        return STORE_ABSENT;
    if (code != SQLITE_ROW) {
        fault(file, "read");
        return (code & 0xff) == SQLITE_CORRUPT ? STORE_DAMAGED : STORE_FAILED;
    }
    row->is_dead = sqlite3_column_int(sql, 0) != 0;
    row->expires_ms = (uint64_t)sqlite3_column_int64(sql, 1);
    row->until_ms = (uint64_t)sqlite3_column_int64(sql, 2);
    row->head = column_bytes(sql, 3, &row->head_length);
    row->body = column_bytes(sql, 4, &row->body_length);
    /* A page that cannot be read, or memory that is out, gives nothing. */
    code = sqlite3_errcode(file->db);
    if (code == SQLITE_ROW || code == SQLITE_OK)
        return STORE_OK;
    fault(file, "read");
    return (code & 0xff) == SQLITE_CORRUPT ? STORE_DAMAGED : STORE_FAILED;
}

void sqlite_file_let_go(struct sqlite_file *file)
{
    sqlite3_reset(file->sql[GET]);
    sqlite3_clear_bindings(file->sql[GET]);
}

/* The row of a LIST as its job sees it; an id that is none is left out. */
static bool show_row(struct sqlite_file *file, struct store_job *job)
{
    struct store_row row = {.is_dead = false};
    char id[256];
    size_t length;
    const void *bytes = column_bytes(file->sql[LIST], 0, &length);

    if (length >= sizeof(id))
        return true;
    memcpy(id, bytes, length);
    id[length] = '\0';
    row.id = id;
    row.head = column_bytes(file->sql[LIST], 1, &row.head_length);
    return job->on_row(job, &row);
}

bool sqlite_file_list(struct sqlite_file *file, struct store_job *job)
{
    sqlite3_stmt *sql = file->sql[LIST];
    bool ok = true;
    int code;

    bind_bytes(sql, 1, job->row.id, strlen(job->row.id));
    sqlite3_bind_int64(sql, 2, (sqlite3_int64)job->now_ms);
    sqlite3_bind_int(sql, 3, job->with_dead);
    while ((code = sqlite3_step(sql)) == SQLITE_ROW)
        if (!show_row(file, job))
            break;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        ok = fault(file, "read");
    sqlite3_reset(sql);
    sqlite3_clear_bindings(sql);
    return ok;
}

bool sqlite_file_is_empty(struct sqlite_file *file)
{
    bool is_empty = sqlite3_step(file->sql[ANY]) == SQLITE_DONE;

    sqlite3_reset(file->sql[ANY]);
    return is_empty;
}

/* ---- housekeeping ------------------------------------------------------- */

static bool read_count(struct sqlite_file *file, int which, size_t *count)
{
    sqlite3_stmt *sql = file->sql[which];
    bool ok = sqlite3_step(sql) == SQLITE_ROW;

    if (ok)
        *count = (size_t)sqlite3_column_int64(sql, 0);
    else
        fault(file, "read");
    sqlite3_reset(sql);
    return ok;
}

size_t sqlite_file_rows(const struct sqlite_file *file)
{
    return file->is_counted ? file->rows : 0;
}

void sqlite_file_count(struct sqlite_file *file)
{
    if (!file->is_counted)
        file->is_counted = read_count(file, COUNT_ALL, &file->rows);
}

/* Delete rows, and count them. */
static bool drop_rows(struct sqlite_file *file, int which)
{
    size_t dropped;

    if (!run(file, which))
        return false;
    dropped = (size_t)sqlite3_changes(file->db);
    file->rows -= dropped < file->rows ? dropped : file->rows;
    return true;
}

bool sqlite_file_purge(struct sqlite_file *file, uint64_t now_ms,
                       size_t tombstones, size_t most)
{
    size_t dead = 0, excess;

    sqlite3_bind_int64(file->sql[PURGE], 1, (sqlite3_int64)now_ms);
    sqlite3_bind_int64(file->sql[PURGE], 2, (sqlite3_int64)most);
    if (!drop_rows(file, PURGE) || !read_count(file, COUNT_DEAD, &dead))
        return false;
    excess = dead > tombstones ? dead - tombstones : 0;
    if (!excess)
        return true;
    sqlite3_bind_int64(file->sql[BURY], 1,
                       (sqlite3_int64)(excess < most ? excess : most));
    return drop_rows(file, BURY);
}

void sqlite_file_checkpoint(struct sqlite_file *file, int pages)
{
    int left = 0, done = 0;

    if (file->log_pages < pages)
        return;
    /* What fails is tried again after the next commit: rows are safe in the
     * log. */
    if (sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                  &left, &done) == SQLITE_OK)
        file->log_pages = 0;
}
