/* predict.h: one POST /predict on its way, for the files of server/routes/.
 *
 * predict.c           the way: read, choose the model, run, answer
 * predict_session.c   the same inside a session: borrow, judge, commit
 * predict_bind.c      the request's tensors against the model's inputs
 * predict_binary.c    a binary body as tensors
 * predict_place.c     how a tensor is called in a sentence and a pointer
 * predict_window.c    rows that a window session keeps, windows over them
 * predict_run.c       outputs, scratch, the engine, nothing but finite
 * predict_reply.c     the answer as JSON or binary
 * predict_keep.c      the answer as it is kept for repetitions
 *
 * Everything lives in the request's arena.  Where a function returns false,
 * the problem is filled.
 */
#ifndef SERVER_ROUTES_PREDICT_H
#define SERVER_ROUTES_PREDICT_H

#include "core/infer.h"
#include "server/app.h"
#include "server/gather.h"
#include "server/http/media.h"
#include "server/json/predict_body.h"
#include "server/model_registry.h"
#include "server/session_once.h"

/* What a call starts from: the state or rows in `before`, never changed. */
struct predict_base {
    struct session_plan plan;
    const void *before;
    size_t state_bytes;
    size_t filled;
    uint64_t step;
};

struct predict_reply {
    unsigned status;
    enum http_media media;
    const void *body; /* NULL with 204 */
    size_t length;
    const char *shape; /* X-Shape; "" for none */
    bool has_session;  /* X-Session-Step */
    uint64_t step;
    bool has_window; /* X-Window-Filled */
    size_t window_filled;
};

struct predict {
    struct app *app;
    struct http_request *request;

    /* Read once. */
    enum http_media in, out;
    struct predict_body body;
    size_t batch;                     /* ?batch=; 0: not given */
    const struct served_model *named; /* the request's model, or NULL */

    /* With a session. */
    struct session_claim claim;
    struct session_loan loan;
    bool must_be_sure;       /* what memory has of it may be old: ask first */
    uint64_t again_until_ms; /* others were faster; 0: not yet */
    bool has_plan; /* false: none can be made of what is wished for */
    struct predict_base origin;
    const struct predict_base *base; /* &origin, or NULL: stateless */

    /* The call, as the engine takes it. */
    const struct served_model *model;
    bool every_step;    /* asked of the engine */
    size_t new_rows;    /* timesteps of a session's call */
    const float **rows; /* a window session's call: its inputs */
    struct rnn_sequence *sequences;
    size_t count;  /* sequences or windows */
    void *after;   /* the new state or rows; NULL: stateless */
    size_t filled; /* rows after the call */
    uint64_t step; /* step after the call */
    struct gather_job job;
    size_t output_floats; /* of all sequences, from sequences[0].outputs[0] */
    bool is_gathered;     /* the job was left to be made with others */
    struct predict_reply reply;

    /* A commit that is under way, and the answer when it is done. */
    bool is_committing;
    struct session_change change;
    struct http_response answer;
};

/* predict.c: forget all but what was read; from now on nothing is taken from
 * a copy that may be old. */
bool predict_begin_again(struct predict *p, struct problem *problem);

/* predict_session.c */
enum route_result predict_in_session(struct predict *p,
                                     struct http_response *response,
                                     struct problem *problem);

/* predict_bind.c: sets sequences (inputs and timesteps) and count. */
bool predict_bind(struct predict *p, struct problem *problem);

/* predict_binary.c: the samples of a binary body, as the model's only input
 * has them; the body itself is the tensor wherever it can be. */
bool predict_read_binary(struct predict *p, struct problem *problem);

/* predict_place.c */
struct predict_place {
    char text[160];    /* "sequences[3]" */
    char pointer[200]; /* "/sequences/3" */
};
/* Tensor `name` (NULL: the only one) of sample `sample`; further indexes are
 * added to both. */
void predict_place(const struct predict *p, size_t sample, const char *name,
                   struct predict_place *place);
void predict_place_index(struct predict_place *place, size_t index);

/* predict_window.c: turns the one sequence that was bound into the windows
 * that this call completes, and sets after, filled and step. */
bool predict_window(struct predict *p, struct problem *problem);

/* predict_run.c: the outputs of what was bound.  predict_compute() may leave
 * that to be done with others: ROUTE_GATHER, and it is to be called again;
 * ROUTE_REPLY: the outputs are there. */
bool predict_run(struct predict *p, struct problem *problem);
enum route_result predict_compute(struct predict *p, struct problem *problem);
uint64_t predict_cost(const struct predict *p,
                      const struct served_model *model,
                      const struct session_plan *plan);
bool predict_no_memory(struct problem *problem);

/* predict_reply.c */
bool predict_answer(struct predict *p, struct problem *problem);
bool predict_respond(const struct predict *p, struct http_response *response,
                     struct problem *problem);

/* predict_keep.c: no reply of this call is longer than this, kept. */
size_t predict_kept_bytes(const struct predict *p);
/* The reply as bytes to be kept, those longer than SESSION_REPLY_BYTES as
 * their length alone.  NULL: the arena is out. */
const void *predict_pack(const struct predict *p, size_t *length);
/* The reply of a kept call; its bytes are copied into the arena. */
bool predict_unpack(struct predict *p, const struct session_call *call,
                    struct problem *problem);

#endif
