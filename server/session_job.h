/* session_job.h: a session's row on its way to the store behind; for
 * session_save.c and session_later.c.
 */
#ifndef SERVER_SESSION_JOB_H
#define SERVER_SESSION_JOB_H

#include "server/session_internal.h"
#include "server/store/record.h"
#include "server/store/store.h"

/* A row under way. */
struct session_job {
    struct session_loan loan;    /* of a commit: it borrows the session */
    struct session_loan *waiter; /* NULL: has left, or there never was one */
    struct session_store *store;
    struct store_job io;
    struct session_call *call; /* to be kept */
    struct session_change change;
    uint64_t now_ms;
    char id[SESSION_ID_SIZE];
    unsigned char head[RECORD_HEAD_BYTES];
    unsigned char body[]; /* the state first */
};

struct session_job *session_job_of(struct store_job *io);

/* A job that writes `record`.  NULL: out of memory. */
struct session_job *session_job_make(struct session_store *store,
                                     const struct record *record,
                                     void (*done)(struct store_job *io));

#endif
