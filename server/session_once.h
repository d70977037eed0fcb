/* session_once.h: may this call run, is it a repetition, or is it refused?
 *
 * This is the table «Exactly once» of docs/api-2-sessions.md and nothing
 * else: no lock, no clock, no memory.  It is asked while the session is
 * borrowed, so what it decides on cannot change before the commit.
 */
#ifndef SERVER_SESSION_ONCE_H
#define SERVER_SESSION_ONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/digest.h"
#include "server/problem.h"
#include "server/session_store.h"

/* What a call says about where it belongs. */
struct session_claim {
    enum session_start start;
    bool has_step;
    uint64_t step;                          /* 0 without has_step */
    unsigned char digest[RNN_DIGEST_BYTES]; /* set with has_step */
};

enum session_verdict {
    SESSION_RUN,    /* from the state, or from zero with start */
    SESSION_REPLAY, /* answer as the kept call was answered */
    SESSION_FORBID, /* the problem is the answer */
};

/* `is_live`: the session existed before this call; then `step` is its step.
 * `last` is its kept call, or that of the session of this id that ended;
 * NULL for none.
 *
 * FORBID  session-live, step-reused, step-mismatch with the server's step */
enum session_verdict session_judge(const struct session_claim *claim,
                                   bool is_live, uint64_t step,
                                   const struct session_call *last,
                                   struct problem *problem);

/* Is `claim` a repetition of `call`? */
bool session_is_repeated(const struct session_claim *claim,
                         const struct session_call *call);

#endif
