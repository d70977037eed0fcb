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
    unsigned char body[]; /* the state first; at the end rows to be shared */
};

struct session_job *session_job_of(struct store_job *io);

/* A job that writes `record` of `session`, whose window has got `added` rows
 * (0: it is another one).  NULL: out of memory. */
struct session_job *session_job_make(struct session_store *store,
                                     const struct session *session,
                                     const struct record *record, size_t added,
                                     void (*done)(struct store_job *io));

/* session_share.c: bytes behind the body that session_share_job() needs; and
 * what a shared store needs to know. */
size_t session_share_bytes(const struct record *record);
void session_share_job(struct session_job *job, const struct record *record,
                       const struct session *session, size_t added);
/* The whole body of a row of a window session, from its rows: the caller's to
 * free.  NULL: `*fault`, or out of memory when that is NULL. */
void *session_share_body(const struct store_row *row,
                         const struct record *head,
                         const struct session_plan *plan, size_t *length,
                         const char **fault);

#endif
