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
#include "server/session_store.h"
#include "server/store/record.h"
#include "server/store/store.h"

#define ROWS_MOST 64 /* of one batch */

/* One row, as it was found or is to be. */
struct row {
    struct store_job io;
    struct rows *rows;
    char id[SESSION_ID_SIZE];
    enum store_result result; /* FAILED ends the batch: rows_read() is false */
    char why[256];            /* DAMAGED */
    unsigned char *bytes;     /* of a read: head, then body */
    size_t head_length, body_length;
    struct record record; /* of a write */
};

struct rows {
    struct store *store;
    sem_t done;
    struct row at[ROWS_MOST];
    size_t count;
    char why[256];
};

void rows_init(struct rows *rows, struct store *store);
void rows_release(struct rows *rows);

/* Forget the last batch. */
void rows_clear(struct rows *rows);
/* The next row of the batch; there must be room. */
struct row *rows_add(struct rows *rows, const char *id);

/* Read all rows of the batch.  false: the store failed, or memory did. */
bool rows_read(struct rows *rows);

/* Write the records of those rows that are OK.  They are cut down to the
 * times of `sessions`.  false: the store failed, or memory did. */
bool rows_write(struct rows *rows, const struct session_store *sessions);

/* All ids of the store, sorted, one NUL-terminated text after the other.
 * NULL: the store failed, or memory did.  The caller frees it. */
char *rows_list(struct rows *rows, size_t *bytes);

#endif
