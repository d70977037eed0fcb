#include "server/move/move_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/session_internal.h"

void rows_init(struct rows *rows, struct store *store)
{
    memset(rows, 0, sizeof(*rows));
    rows->store = store;
    sem_init(&rows->done, 0, 0);
}

void rows_release(struct rows *rows)
{
    rows_clear(rows);
    sem_destroy(&rows->done);
}

void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->at[i].bytes);
    rows->count = 0;
}

struct row *rows_add(struct rows *rows, const char *id)
{
    struct row *row = &rows->at[rows->count++];

    memset(row, 0, sizeof(*row));
    row->rows = rows;
    snprintf(row->id, sizeof(row->id), "%s", id);
    return row;
}

static struct row *row_of(struct store_job *io)
{
    return (struct row *)((char *)io - offsetof(struct row, io));
}

static void wait_for(struct rows *rows, size_t count)
{
    while (count)
        if (sem_wait(&rows->done) == 0)
            count--;
}

static bool say_failed(struct rows *rows, const char *why)
{
    snprintf(rows->why, sizeof(rows->why), "%s", why);
    return false;
}

/* ---- reading ------------------------------------------------------------ */

/* On the store's thread: what it shows is ours only until we return. */
static void on_read(struct store_job *io)
{
    struct row *row = row_of(io);
    const struct store_row *found = &io->row;

    row->result = io->result;
    snprintf(row->why, sizeof(row->why), "%s", io->why ? io->why : "");
    if (row->result == STORE_OK) {
        row->head_length = found->head_length;
        row->body_length = found->body_length;
        row->bytes = malloc(found->head_length + found->body_length + 1);
        if (row->bytes) {
            memcpy(row->bytes, found->head, found->head_length);
            memcpy(row->bytes + found->head_length, found->body,
                   found->body_length);
        } else {
            row->result = STORE_FAILED;
            snprintf(row->why, sizeof(row->why), "out of memory for a row");
        }
    }
    sem_post(&row->rows->done);
}

bool rows_read(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->at[i];

        row->io = (struct store_job){
            .task = STORE_READ, .row = {.id = row->id}, .done = on_read};
        rows->store->ops->submit(rows->store, &row->io);
    }
    wait_for(rows, rows->count);
    for (size_t i = 0; i < rows->count; i++)
        if (rows->at[i].result == STORE_FAILED)
            return say_failed(rows, rows->at[i].why);
    return true;
}

/* ---- writing ------------------------------------------------------------ */

static void on_written(struct store_job *io)
{
    struct row *row = row_of(io);

    row->result = io->result;
    snprintf(row->why, sizeof(row->why), "%s", io->why ? io->why : "");
    sem_post(&row->rows->done);
}

/* The row as it will stand in the store. */
static bool encode(struct row *row, const struct session_store *sessions)
{
    const struct record *record = &row->record;
    size_t length = record_body_length(record);
    unsigned char *bytes = malloc(RECORD_HEAD_BYTES + length);

    if (!bytes)
        return false;
    free(row->bytes);
    row->bytes = bytes;
    row->io = (struct store_job){
        .task = STORE_WRITE,
        .row = {.id = row->id,
                .head = bytes,
                .head_length =
                    record_encode(record, bytes, bytes + RECORD_HEAD_BYTES),
                .body = bytes + RECORD_HEAD_BYTES,
                .body_length = length,
                .is_dead = record->fate != RECORD_LIVE,
                .expires_ms = session_record_expires(record),
                .until_ms = session_record_until(sessions, record)},
        .done = on_written};
    return true;
}

bool rows_write(struct rows *rows, const struct session_store *sessions)
{
    size_t sent = 0;
    bool ok = true;

    for (size_t i = 0; ok && i < rows->count; i++)
        if (rows->at[i].result == STORE_OK)
            ok = encode(&rows->at[i], sessions);
    if (!ok)
        return say_failed(rows, "out of memory for a row");
    for (size_t i = 0; i < rows->count; i++)
        if (rows->at[i].result == STORE_OK) {
            rows->store->ops->submit(rows->store, &rows->at[i].io);
            sent++;
        }
    wait_for(rows, sent);
    for (size_t i = 0; i < rows->count; i++)
        if (rows->at[i].result == STORE_FAILED)
            return say_failed(rows, rows->at[i].why);
    return true;
}

/* ---- all of them -------------------------------------------------------- */

struct listing {
    struct store_job io; /* first */
    struct rows *rows;
    char *ids;
    size_t length, capacity;
    bool is_out;
};

static bool on_row(struct store_job *io, const struct store_row *row)
{
    struct listing *listing = (struct listing *)io;
    size_t bytes = strlen(row->id) + 1;

    if (listing->length + bytes > listing->capacity) {
        size_t capacity = 2 * listing->capacity + bytes + 4096;
        char *grown = realloc(listing->ids, capacity);

        listing->is_out = !grown;
        if (!grown)
            return false;
        listing->ids = grown;
        listing->capacity = capacity;
    }
    memcpy(listing->ids + listing->length, row->id, bytes);
    listing->length += bytes;
    return true;
}

static void on_listed(struct store_job *io)
{
    struct listing *listing = (struct listing *)io;

    snprintf(listing->rows->why, sizeof(listing->rows->why), "%s",
             io->why ? io->why : "");
    sem_post(&listing->rows->done);
}

char *rows_list(struct rows *rows, size_t *bytes)
{
    struct listing listing = {.io = {.task = STORE_LIST,
                                     .row = {.id = ""},
                                     .on_row = on_row,
                                     .with_dead = true,
                                     .done = on_listed},
                              .rows = rows};

    listing.ids = malloc(1);
    if (!listing.ids) {
        say_failed(rows, "out of memory for the list");
        return NULL;
    }
    rows->store->ops->submit(rows->store, &listing.io);
    wait_for(rows, 1);
    if (listing.is_out)
        say_failed(rows, "out of memory for the list");
    if (listing.is_out || listing.io.result != STORE_OK) {
        free(listing.ids);
        return NULL;
    }
    *bytes = listing.length;
    return listing.ids;
}
