#include "server/move/move_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rows_init(struct rows *rows, struct session_store *sessions)
{
    memset(rows, 0, sizeof(*rows));
    rows->sessions = sessions;
    sem_init(&rows->done, 0, 0);
}

void rows_release(struct rows *rows)
{
    rows_clear(rows);
    sem_destroy(&rows->done);
}

void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->at[i].head);
        free(rows->at[i].job);
    }
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

static void submit(struct rows *rows, struct store_job *io)
{
    rows->sessions->behind->ops->submit(rows->sessions->behind, io);
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

/* The store has said why, or it is out of memory. */
static bool check_batch(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->at[i].result == STORE_FAILED)
            return say_failed(rows, rows->at[i].why);
    return true;
}

/* ---- reading ------------------------------------------------------------ */

static void set(struct row *row, enum store_result result, const char *why)
{
    row->result = result;
    snprintf(row->why, sizeof(row->why), "%s", why ? why : "");
}

/* A copy of what the store shows us, in the form that a file holds: whatever
 * the store keeps it in, one record is the same bytes. */
static void keep(struct row *row, const struct store_row *found)
{
    struct session_store *sessions = row->rows->sessions;
    struct record record;
    void *whole = NULL;
    const char *fault = session_record_read(sessions, found, &record, &whole);
    size_t length;

    if (!fault && !record.state) { /* it needs a model that is not served */
        record.state_length = 0;
        record.has_call = false;
    }
    length = fault ? 0 : record_body_length(&record);
    row->head = fault ? NULL : malloc(RECORD_HEAD_BYTES + length);
    if (row->head) {
        row->lives = session_record_lives(sessions, found, &record);
        row->tag = found->share.tag;
        row->until_ms = session_record_until(sessions, &record);
        row->body_length = length;
        row->head_length =
            record_encode(&record, row->head, row->head + RECORD_HEAD_BYTES);
        fault =
            record_decode(row->head, row->head_length,
                          row->head + RECORD_HEAD_BYTES, length, &row->record);
    } else if (!fault) {
        fault = "";
    }
    free(whole);
    if (fault && !*fault)
        set(row, STORE_FAILED, "out of memory for a row");
    else if (fault)
        set(row, STORE_DAMAGED, fault);
}

/* On the store's thread: what it shows is ours only until we return. */
static void on_read(struct store_job *io)
{
    struct row *row = (struct row *)((char *)io - offsetof(struct row, io));

    set(row, io->result, io->why);
    if (row->result == STORE_OK)
        keep(row, &io->row);
    sem_post(&row->rows->done);
}

bool rows_read(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->at[i];

        row->io = (struct store_job){
            .task = STORE_READ, .row = {.id = row->id}, .done = on_read};
        submit(rows, &row->io);
    }
    wait_for(rows, rows->count);
    return check_batch(rows);
}

/* ---- writing ------------------------------------------------------------ */

static void on_written(struct store_job *io)
{
    struct row *row = session_job_of(io)->loan.arg;

    set(row, io->result, io->why);
    if (row->result != STORE_OK)
        row->result = STORE_FAILED;
    if (io->result == STORE_OVERTAKEN)
        set(row, STORE_FAILED, "somebody else changes its sessions meanwhile");
    sem_post(&row->rows->done);
}

/* What a job needs to know of a session: its form, and what it replaces. */
static struct session_job *make_job(struct row *row,
                                    const struct record *record)
{
    struct session_store *sessions = row->rows->sessions;
    struct session *stub = session_make_place(row->id, 0);
    struct session_job *job;

    if (!stub)
        return NULL;
    stub->model = session_record_model(sessions, record);
    stub->mode = (uint8_t)record->mode;
    stub->window = record->window;
    stub->tag = row->tag;
    stub->is_new = !row->lives;
    job = session_job_make(sessions, stub, record, 0, on_written);
    if (job)
        job->loan.arg = row;
    session_free(stub);
    return job;
}

bool rows_write(struct rows *rows, const struct record *records)
{
    size_t sent = 0;

    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->at[i];

        if (row->result != STORE_OK)
            continue;
        row->job = make_job(row, &records[i]);
        if (!row->job)
            return say_failed(rows, "out of memory for a row");
    }
    for (size_t i = 0; i < rows->count; i++)
        if (rows->at[i].job) {
            submit(rows, &rows->at[i].job->io);
            sent++;
        }
    wait_for(rows, sent);
    return check_batch(rows);
}

/* ---- all of them -------------------------------------------------------- */

struct listing {
    struct store_job io; /* first */
    struct rows *rows;
    char *ids;
    size_t length, capacity, count;
    bool is_out;
};

static bool add_id(struct listing *listing, const char *id)
{
    size_t bytes = strlen(id) + 1;

    if (listing->length + bytes > listing->capacity) {
        size_t capacity = 2 * listing->capacity + bytes + 4096;
        char *grown = realloc(listing->ids, capacity);

        if (!grown) {
            listing->is_out = true;
            return false;
        }
        listing->ids = grown;
        listing->capacity = capacity;
    }
    memcpy(listing->ids + listing->length, id, bytes);
    listing->length += bytes;
    listing->count++;
    return true;
}

static bool on_row(struct store_job *io, const struct store_row *row)
{
    return add_id((struct listing *)io, row->id);
}

/* A shared store asks whether an id is of use: all that we want is the id. */
static bool wants(const struct store_job *io, const char *id)
{
    add_id((struct listing *)io, id);
    return false;
}

static void on_listed(struct store_job *io)
{
    struct listing *listing = (struct listing *)io;

    snprintf(listing->rows->why, sizeof(listing->rows->why), "%s",
             io->why ? io->why : "");
    sem_post(&listing->rows->done);
}

static int by_text(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

/* Sorted, each once.  NULL: out of memory. */
static char *sort_ids(const struct listing *listing, size_t *bytes)
{
    char *sorted = malloc(listing->length + 1);
    const char **at = malloc((listing->count + 1) * sizeof(*at));
    const char *id = listing->ids;

    *bytes = 0;
    for (size_t i = 0; at && i < listing->count; i++, id += strlen(id) + 1)
        at[i] = id;
    if (!sorted || !at) {
        free(sorted);
        sorted = NULL;
        goto out;
    }
    qsort(at, listing->count, sizeof(*at), by_text);
    for (size_t i = 0; i < listing->count; i++) {
        size_t length = strlen(at[i]) + 1;

        if (i && strcmp(at[i], at[i - 1]) == 0)
            continue;
        memcpy(sorted + *bytes, at[i], length);
        *bytes += length;
    }
out:
    free(at);
    return sorted;
}

char *rows_list(struct rows *rows, size_t *bytes)
{
    struct listing listing = {.io = {.task = STORE_LIST,
                                     .row = {.id = ""},
                                     .on_row = on_row,
                                     .wants = wants,
                                     .with_dead = true,
                                     .done = on_listed},
                              .rows = rows};
    char *ids = NULL;

    submit(rows, &listing.io);
    wait_for(rows, 1);
    if (listing.io.result == STORE_OK && !listing.is_out) {
        ids = sort_ids(&listing, bytes);
        listing.is_out = !ids;
    }
    if (listing.is_out)
        say_failed(rows, "out of memory for the list");
    free(listing.ids);
    return ids;
}
