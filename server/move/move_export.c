/* move_export.c: rows to files.
 *
 * A file is written under a name that no session can have, and gets its own
 * when a batch of them is on the disk: neither a kill nor a power loss leaves
 * half a file that looks whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/model_registry.h"
#include "server/move/move.h"
#include "server/move/move_file.h"
#include "server/move/move_rows.h"
#include "server/session_internal.h"

#define UNFINISHED "+" /* is in no id */
#define NAME_BYTES (SESSION_ID_SIZE + sizeof(MOVE_SUFFIX UNFINISHED))
#define KEEP_BYTES ((size_t)1 << 20) /* of the arena, from row to row */

struct export
{
    const struct app *app;
    const char *folder;
    int fd;          /* the folder */
    uint64_t now_ms; /* wall */
    struct rows rows;
    struct arena arena;
    struct move_tally *tally;
    struct rnn_error *err;
};

/* ---- the folder --------------------------------------------------------- */

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), wanted = strlen(end);

    return length >= wanted && strcmp(name + length - wanted, end) == 0;
}

static enum rnn_status fail_folder(const struct export *export,
                                   const char *what)
{
    return rnn_fail(export->err, RNN_IO, "the folder %.200s cannot be %s: %s",
                    export->folder, what, strerror(errno));
}

/* Two exports in one folder would bring back what had ended in between. */
static enum rnn_status check_empty(struct export *export)
{
    DIR *list = opendir(export->folder);
    enum rnn_status status = RNN_OK;
    const struct dirent *entry;

    if (!list)
        return fail_folder(export, "read");
    while (!status && (entry = readdir(list)))
        if (ends_with(entry->d_name, MOVE_SUFFIX) ||
            ends_with(entry->d_name, MOVE_SUFFIX UNFINISHED))
            status = rnn_fail(export->err, RNN_IO,
                              "the folder %.200s has sessions of another "
                              "export (%.150s): give a new one",
                              export->folder, entry->d_name);
    closedir(list);
    return status;
}

static enum rnn_status open_folder(struct export *export)
{
    if (mkdir(export->folder, 0700) && errno != EEXIST)
        return fail_folder(export, "made");
    export->fd = open(export->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (export->fd < 0)
        return fail_folder(export, "opened");
    return check_empty(export);
}

/* ---- a file ------------------------------------------------------------- */

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static enum rnn_status write_file(struct export *export, const char *id,
                                  const void *bytes, size_t length)
{
    char name[NAME_BYTES];
    bool ok;
    int fd;

    snprintf(name, sizeof(name), "%s" MOVE_SUFFIX UNFINISHED, id);
    fd = openat(export->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                0600);
    if (fd < 0)
        return fail_folder(export, "written");
    ok = write_all(fd, bytes, length);
    if (close(fd) || !ok)
        return fail_folder(export, "written");
    return RNN_OK;
}

/* The files of the batch are on the disk: they get their names. */
static enum rnn_status finish_files(struct export *export)
{
    if (syncfs(export->fd))
        return fail_folder(export, "written");
    for (size_t i = 0; i < export->rows.count; i++) {
        const struct row *row = &export->rows.at[i];
        char from[NAME_BYTES], to[NAME_BYTES];

        if (row->result != STORE_OK)
            continue;
        snprintf(from, sizeof(from), "%s" MOVE_SUFFIX UNFINISHED, row->id);
        snprintf(to, sizeof(to), "%s" MOVE_SUFFIX, row->id);
        if (renameat(export->fd, from, export->fd, to))
            return fail_folder(export, "written");
    }
    return RNN_OK;
}

/* ---- a row -------------------------------------------------------------- */

static void leave_out(struct export *export, struct row *row, const char *why)
{
    fprintf(stderr, "rnnd: the session \"%s\" is left out: %s\n", row->id,
            why);
    export->tally->left_out++;
    row->result = STORE_ABSENT;
}

/* NULL: it has none here, and is left out. */
static const struct served_model *model_of(struct export *export,
                                           struct row *row,
                                           const struct record *record)
{
    const struct served_model *model =
        session_record_model(export->app->sessions, record);
    char why[400];

    if (model)
        return model;
    if (record->numerics != RNN_NUMERICS)
        snprintf(why, sizeof(why),
                 "it was made by version %u of the numerics, this rnnd has "
                 "version %d",
                 (unsigned)record->numerics, RNN_NUMERICS);
    else
        snprintf(why, sizeof(why),
                 "it belongs to the model \"%.*s\" with the fingerprint "
                 "%.*s; give that model's file, too",
                 (int)record->model.length, record->model.text,
                 (int)record->fingerprint.length, record->fingerprint.text);
    leave_out(export, row, why);
    return NULL;
}

/* The model of a live row that can be moved.  NULL: it is left out. */
static const struct served_model *check_live(struct export *export,
                                             struct row *row,
                                             const struct record *record)
{
    const struct served_model *model = model_of(export, row, record);
    struct session_plan plan;
    const char *fault;

    if (!model)
        return NULL;
    plan = session_record_plan(record, model);
    fault = session_record_fault(record, &plan);
    if (fault) {
        leave_out(export, row, fault);
        return NULL;
    }
    /* Rows that have not come yet mean nothing, and are in no file. */
    if (plan.mode == SESSION_WINDOW)
        session_rows_clean(&plan, record->filled,
                           row->head + RECORD_HEAD_BYTES);
    return model;
}

/* What has expired is a tombstone, as whoever asks for it is told. */
static void bury(struct record *record)
{
    record->used_ms = session_record_expires(record);
    record->fate = RECORD_EXPIRED;
    record->state_length = 0;
    record->has_call = false;
}

static enum rnn_status export_row(struct export *export, struct row *row)
{
    struct record *record = &row->record;
    const struct served_model *model = NULL;
    const void *bytes;
    size_t length;

    if (row->result == STORE_ABSENT)
        return RNN_OK;
    if (row->result == STORE_DAMAGED) {
        leave_out(export, row, row->why);
        return RNN_OK;
    }
    if (record->fate == RECORD_LIVE && !row->lives)
        bury(record);
    if (row->until_ms && row->until_ms <= export->now_ms) {
        row->result = STORE_ABSENT; /* it only has not been swept away */
        return RNN_OK;
    }
    if (record->fate == RECORD_LIVE) {
        model = check_live(export, row, record);
        if (!model)
            return RNN_OK;
    }
    arena_reset(&export->arena, KEEP_BYTES);
    bytes = move_file_write(record, model, &export->arena, &length);
    if (!bytes)
        return rnn_fail(export->err, RNN_NO_MEMORY,
                        "out of memory for the session \"%s\"", row->id);
    if (record->fate == RECORD_LIVE)
        export->tally->sessions++;
    else
        export->tally->tombstones++;
    return write_file(export, row->id, bytes, length);
}

/* ---- all ---------------------------------------------------------------- */

static enum rnn_status export_batch(struct export *export)
{
    enum rnn_status status = RNN_OK;

    if (!rows_read(&export->rows))
        return rnn_fail(export->err, RNN_IO, "the store fails: %s",
                        export->rows.why);
    for (size_t i = 0; !status && i < export->rows.count; i++)
        status = export_row(export, &export->rows.at[i]);
    if (!status)
        status = finish_files(export);
    rows_clear(&export->rows);
    return status;
}

static enum rnn_status export_all(struct export *export)
{
    enum rnn_status status = RNN_OK;
    size_t bytes = 0, at = 0;
    char *ids = rows_list(&export->rows, &bytes);

    if (!ids)
        return rnn_fail(export->err, RNN_IO, "the store fails: %s",
                        export->rows.why);
    while (!status && at < bytes) {
        for (; at < bytes && export->rows.count < ROWS_MOST;
             at += strlen(ids + at) + 1)
            rows_add(&export->rows, ids + at);
        status = export_batch(export);
    }
    free(ids);
    if (!status && fsync(export->fd))
        status = fail_folder(export, "written");
    return status;
}

enum rnn_status move_export(const struct app *app, const char *folder,
                            struct move_tally *tally, struct rnn_error *err)
{
    struct export *export = malloc(sizeof(*export));
    enum rnn_status status;

    if (!export)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    *export = (struct export){.app = app,
                              .folder = folder,
                              .fd = -1,
                              .now_ms = clock_wall_ms(),
                              .tally = tally,
                              .err = err};
    arena_init(&export->arena, 0);
    rows_init(&export->rows, app->sessions);
    status = open_folder(export);
    if (!status)
        status = export_all(export);
    if (export->fd >= 0)
        close(export->fd);
    rows_release(&export->rows);
    arena_release(&export->arena);
    free(export);
    return status;
}
