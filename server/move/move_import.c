/* move_import.c: files to rows.
 *
 * What is there already stays, unless replace_sessions is on: of two pasts of
 * one id, nobody but its owner knows which one is right.  The same row again
 * is none to speak of: an import that was interrupted is run once more.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "server/clock.h"
#include "server/move/move.h"
#include "server/move/move_file.h"
#include "server/move/move_rows.h"
#include "server/session_internal.h"

struct import {
    const struct app *app;
    const char *folder;
    DIR *list;
    bool has_ended;  /* the list */
    uint64_t now_ms; /* wall */
    struct rows rows;
    struct record records[ROWS_MOST];
    struct arena arenas[ROWS_MOST]; /* of the records */
    struct move_tally *tally;
    struct rnn_error *err;
};

static void leave_out(struct import *import, struct row *row, const char *why)
{
    fprintf(stderr, "rnnd: %s/%s" MOVE_SUFFIX " is left out: %s\n",
            import->folder, row->id, why);
    import->tally->left_out++;
    row->result = STORE_ABSENT;
}

/* ---- files -------------------------------------------------------------- */

/* All of the file, from the arena.  NULL: errno says why. */
static unsigned char *read_file(int folder, const char *name,
                                struct arena *arena, size_t *length)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    unsigned char *bytes = NULL;
    struct stat info;
    size_t at = 0;
    ssize_t got = 1;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
        errno = EINVAL;
        goto out;
    }
    bytes = arena_alloc(arena, (size_t)info.st_size + 1, 1, 64);
    errno = ENOMEM;
    while (bytes && got > 0 && at < (size_t)info.st_size) {
        got = read(fd, bytes + at, (size_t)info.st_size - at);
        if (got > 0)
            at += (size_t)got;
    }
    *length = at;
out:
    close(fd);
    return got < 0 ? NULL : bytes;
}

static void read_one(struct import *import, struct row *row, size_t index)
{
    struct arena *arena = &import->arenas[index];
    char name[SESSION_ID_SIZE + sizeof(MOVE_SUFFIX)];
    struct problem problem;
    unsigned char *bytes;
    char why[800];
    size_t length;

    snprintf(name, sizeof(name), "%s" MOVE_SUFFIX, row->id);
    arena_reset(arena, 0);
    bytes = read_file(dirfd(import->list), name, arena, &length);
    if (!bytes)
        leave_out(import, row, strerror(errno));
    else if (!move_file_read(import->app, row->id, bytes, length, arena,
                             &import->records[index], &problem)) {
        snprintf(why, sizeof(why), "%s%s%s", problem.detail,
                 *problem.pointer ? " at " : "", problem.pointer);
        leave_out(import, row, why);
    }
}

/* The next name that is a session's file, as its id.  false: there is no
 * further one. */
static bool next_file(struct import *import, char id[SESSION_ID_SIZE])
{
    const struct dirent *entry;

    while ((entry = readdir(import->list))) {
        size_t length = strlen(entry->d_name);
        size_t end = strlen(MOVE_SUFFIX);

        if (length <= end ||
            strcmp(entry->d_name + length - end, MOVE_SUFFIX) != 0)
            continue;
        length -= end;
        if (!session_id_is_valid(entry->d_name, length)) {
            fprintf(stderr,
                    "rnnd: %s/%s is left out: its name is no session id\n",
                    import->folder, entry->d_name);
            import->tally->left_out++;
            continue;
        }
        memcpy(id, entry->d_name, length);
        id[length] = '\0';
        return true;
    }
    import->has_ended = true;
    return false;
}

/* ---- rows --------------------------------------------------------------- */

/* Is it the same session, whenever it was used last? */
static bool is_same(const struct row *row, const struct record *record,
                    struct arena *arena)
{
    size_t length = record_body_length(record);
    unsigned char *body = arena_alloc(arena, length + 1, 1, 1);
    unsigned char head[RECORD_HEAD_BYTES];
    struct record same = *record;

    same.used_ms = row->record.used_ms;
    return body && record_encode(&same, head, body) == row->head_length &&
           length == row->body_length &&
           memcmp(head, row->head, row->head_length) == 0 &&
           memcmp(body, row->head + RECORD_HEAD_BYTES, length) == 0;
}

/* May the record go where the row was found?  Sets row->result. */
static void judge(struct import *import, struct row *row, size_t index)
{
    enum store_result found = row->result;

    row->result = STORE_OK;
    if (found == STORE_ABSENT || import->app->config->replace_sessions)
        return;
    if (found == STORE_OK && row->until_ms && row->until_ms <= import->now_ms)
        return; /* it only has not been swept away yet */
    if (found == STORE_OK &&
        is_same(row, &import->records[index], &import->arenas[index])) {
        import->tally->present++;
        row->result = STORE_ABSENT;
        return;
    }
    leave_out(import, row,
              "the store has another session of this id, or its tombstone "
              "(replace_sessions overwrites it)");
}

static void count(struct import *import)
{
    for (size_t i = 0; i < import->rows.count; i++) {
        const struct row *row = &import->rows.at[i];
        enum record_fate fate = import->records[i].fate;

        if (row->result == STORE_OK && fate == RECORD_LIVE)
            import->tally->sessions++;
        else if (row->result == STORE_OK)
            import->tally->tombstones++;
    }
}

/* Only those that can be imported stay in the batch. */
static void fill_batch(struct import *import)
{
    char id[SESSION_ID_SIZE];

    while (import->rows.count < ROWS_MOST && next_file(import, id)) {
        size_t index = import->rows.count;
        struct row *row = rows_add(&import->rows, id);

        row->result = STORE_OK;
        read_one(import, row, index);
        if (row->result != STORE_OK)
            import->rows.count--;
    }
}

static enum rnn_status import_batch(struct import *import)
{
    struct rows *rows = &import->rows;

    fill_batch(import);
    if (!rows_read(rows))
        return rnn_fail(import->err, RNN_IO, "the store fails: %s", rows->why);
    for (size_t i = 0; i < rows->count; i++)
        judge(import, &rows->at[i], i);
    if (!rows_write(rows, import->records))
        return rnn_fail(import->err, RNN_IO, "the store fails: %s", rows->why);
    count(import);
    rows_clear(rows);
    return RNN_OK;
}

enum rnn_status move_import(const struct app *app, const char *folder,
                            struct move_tally *tally, struct rnn_error *err)
{
    struct import *import = malloc(sizeof(*import));
    enum rnn_status status = RNN_OK;

    if (!import)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    *import = (struct import){.app = app,
                              .folder = folder,
                              .list = opendir(folder),
                              .now_ms = clock_wall_ms(),
                              .tally = tally,
                              .err = err};
    rows_init(&import->rows, app->sessions);
    for (size_t i = 0; i < ROWS_MOST; i++)
        arena_init(&import->arenas[i], 0);
    if (!import->list)
        status = rnn_fail(err, RNN_IO, "the folder %.200s cannot be read: %s",
                          folder, strerror(errno));
    while (!status && !import->has_ended)
        status = import_batch(import);
    for (size_t i = 0; i < ROWS_MOST; i++)
        arena_release(&import->arenas[i]);
    rows_release(&import->rows);
    if (import->list)
        closedir(import->list);
    free(import);
    return status;
}
