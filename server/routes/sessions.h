/* sessions.h: what the handlers under /sessions share.
 *
 * sessions.c          create, look, list, reset, fork, delete
 * sessions_state.c    export and import
 * session_object.c    the session object, and how a handler begins
 * session_tensors.c   a state as named arrays and back
 * session_export.c    a state as JSON and as safetensors
 * session_plan.c      what a new session is to be
 */
#ifndef SERVER_ROUTES_SESSIONS_H
#define SERVER_ROUTES_SESSIONS_H

#include "server/app.h"
#include "server/http/media.h"
#include "server/json/json_document.h"
#include "server/json/json_writer.h"
#include "server/session_store.h"

/* A handler's own, kept while it waits for a session. */
struct session_task {
    struct session_loan loan;
    struct session_info source; /* fork: what was copied */
    void *state;                /* fork, import: the state to be committed */
    char id[SESSION_ID_SIZE];
    bool is_begun;           /* the request was read */
    uint64_t again_until_ms; /* others were faster; 0: not yet */
    bool is_copied;          /* fork: source and state are set */
    uint64_t step;           /* import */
    size_t filled;

    struct session_page page; /* list */
    struct session_look look; /* get, where others share the store */

    /* A commit that is under way, and the answer when it is done. */
    bool is_committing;
    struct session_change change;
    struct http_response answer;
};

/* Checks that every handler begins with: no query field but those of
 * `known` (NULL-terminated), and the id of the path, if the route has one,
 * is an id. */
bool sessions_begin(const struct http_request *request,
                    const char *const *known, struct problem *problem);

/* An answer in JSON is allowed, and the body, if there may be one, is JSON. */
bool sessions_json(const struct http_request *request, bool takes_body,
                   struct problem *problem);

/* The task of this request, a zeroed one in its first call.  NULL:
 * overloaded. */
struct session_task *sessions_task(struct app *app,
                                   struct http_request *request,
                                   struct problem *problem);

/* session_acquire() for a request, which is woken when its turn comes and
 * never waits beyond its deadline: once that has passed the result is not
 * SESSION_WAIT, and the request stands in no queue. */
enum session_result sessions_acquire(struct app *app,
                                     struct http_request *request,
                                     struct session_loan *loan,
                                     struct problem *problem);

/* A `wake` of the store's; its argument is the request. */
void sessions_wake(void *request);

/* In the words of a handler: ROUTE_REPLY for SESSION_OK. */
enum route_result sessions_result(enum session_result result);

/* sessions_acquire() in these words. */
enum route_result sessions_borrow(struct app *app,
                                  struct http_request *request,
                                  struct session_loan *loan,
                                  struct problem *problem);

/* The session object (docs/api-2-sessions.md). */
void session_write_object(struct json_writer *writer,
                          const struct session_info *info, uint64_t now_ms);

/* Answer with it.  `location` adds the header. */
enum route_result sessions_answer(const struct http_request *request,
                                  unsigned status,
                                  const struct session_info *info,
                                  bool location,
                                  struct http_response *response,
                                  struct problem *problem);

/* session_commit() for a request.  WAIT: it is being stored: come back, with
 * the same change. */
enum session_result sessions_change(struct http_request *request,
                                    struct session_loan *loan,
                                    const struct session_change *change,
                                    struct problem *problem);

/* Another replica was faster: may it be tried again?  false: that has gone on
 * for session_wait, session-busy.  `*until_ms` is the task's. */
bool sessions_may_again(struct app *app, const char *id, uint64_t *until_ms,
                        struct problem *problem);

/* For a handler that comes back while task->is_committing: is it done? */
enum route_result sessions_committed(struct app *app,
                                     struct http_request *request,
                                     struct session_task *task,
                                     struct http_response *response,
                                     struct problem *problem);

/* Commit what a handler changed and answer with the session object; 201 with
 * Location.  After ROUTE_WAIT the handler ends with sessions_committed(). */
enum route_result sessions_commit(struct app *app,
                                  struct http_request *request,
                                  struct session_task *task, unsigned status,
                                  const struct session_change *change,
                                  struct http_response *response,
                                  struct problem *problem);

/* ---- a state as named arrays -------------------------------------------- */

/* One array in a session's state. */
struct session_tensor {
    const char *name; /* "lstm/h", "window/<input>" */
    enum { SESSION_F32, SESSION_F64, SESSION_I64 } dtype;
    size_t rank;
    size_t shape[RNN_MAX_RANK];
    size_t count;  /* numbers */
    size_t offset; /* bytes from the start of the state */
};

/* The arrays of a session of `plan` with `filled` rows, from the arena.
 * NULL: it is out. */
struct session_tensor *session_tensors(const struct session_plan *plan,
                                       size_t filled, struct arena *arena,
                                       size_t *count);
size_t session_number_bytes(const struct session_tensor *tensor);

/* The state that `body` holds for a session of `plan`, from the arena.
 * false: shape-mismatch, number-out-of-range, not-finite, overloaded. */
bool session_state_restore(const struct session_plan *plan,
                           const struct state_body *body, struct arena *arena,
                           void **state, size_t *filled,
                           struct problem *problem);

/* What a file says beside the state. */
struct session_note {
    const char *name, *value;
};

/* No model that is served has this state: false, other-model. */
bool sessions_other_model(const struct state_body *body,
                          struct problem *problem);

/* `state` of the session `info` as a document from the arena.  NULL: it is
 * out.  `notes` (up to one without a name; NULL: none) stand in the place of
 * "numerics"; without `state` there are no tensors. */
const void *session_export_json(const struct session_info *info,
                                const void *state, struct arena *arena,
                                size_t *length);
const void *session_export_safetensors(const struct session_info *info,
                                       const void *state,
                                       const struct session_note *notes,
                                       struct arena *arena, size_t *length);

#endif
