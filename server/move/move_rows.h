/* move_rows.h: the store's jobs, one batch at a time, for who can wait.
 *
 * Ownership  rows_init() and rows_release(); what a read found is freed by
 *            the next batch.
 * Errors     false: why[] has the store's words.
 */
#ifndef SERVER_MOVE_MOVE_ROWS_H
#define SERVER_MOVE_MOVE_ROWS_H

#include <semaphore.h>

#include "core/arena.h"
#include "server/session_job.h"

#define ROWS_MOST 64 /* of one batch */

/* One row, as it was found or is to be. */
struct row {
    struct store_job io;
    struct rows *rows;
    char id[SESSION_ID_SIZE];
    /* Of a read OK, ABSENT, or DAMAGED with `why`; of a write OK.  FAILED ends
     * the batch. */
    enum store_result result;
    char why[256];
    bool lives;          /* by the store's clock; else it is dead */
    uint64_t tag;        /* of a shared store */
    uint64_t until_ms;   /* wall: then it may be forgotten; 0: never */
    unsigned char *head; /* of a read: the record, encoded anew */
    size_t head_length, body_length;
    struct record record; /* of a read: into that; of a write: given */
    struct session_job *job;
};

struct rows {
    struct session_store *sessions;
    sem_t done;
    struct row at[ROWS_MOST];
    size_t count;
    char why[256];
};

/* Of the store behind `sessions`. */
void rows_init(struct rows *rows, struct session_store *sessions);
void rows_release(struct rows *rows);

/* Forget the last batch. */
void rows_clear(struct rows *rows);
/* The next row of the batch; there must be room. */
struct row *rows_add(struct rows *rows, const char *id);

/* Read all rows of the batch.  false: the store failed, or memory did. */
bool rows_read(struct rows *rows);

/* Write `records`, as many as rows, in the place of what was read; those of
 * rows that are not OK are left out.  false: the store failed, or memory
 * did. */
bool rows_write(struct rows *rows, const struct record *records);

/* All ids of the store, sorted, each once, one NUL-terminated text after the
 * other.  NULL: the store failed, or memory did.  The caller frees it. */
char *rows_list(struct rows *rows, size_t *bytes);

#endif
