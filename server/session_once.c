#include "server/session_once.h"

#include <inttypes.h>
#include <string.h>

bool session_is_repeated(const struct session_claim *claim,
                         const struct session_call *call)
{
    return claim->has_step && claim->step == call->step_before &&
           !memcmp(claim->digest, call->digest, sizeof(claim->digest));
}

/* `at` is the only step that may run. */
static enum session_verdict mismatch(const struct session_claim *claim,
                                     uint64_t at, struct problem *problem)
{
    problem_set_at(problem, PROBLEM_STEP_MISMATCH, "/step",
                   "step is %" PRIu64 ", the session is at %" PRIu64,
                   claim->step, at);
    problem->has_step = true;
    problem->step = at;
    return SESSION_FORBID;
}

enum session_verdict session_judge(const struct session_claim *claim,
                                   bool is_live, uint64_t step,
                                   const struct session_call *last,
                                   struct problem *problem)
{
    bool is_start = claim->start != SESSION_START_NO;
    uint64_t at = is_start ? 0 : step; /* a start compares with 0 */

    /* Row 1: the step before the last call, and the same digest. */
    if (last && session_is_repeated(claim, last))
        return SESSION_REPLAY;

    /* A start at any step but 0 is wrong, whatever is there. */
    if (is_start && claim->has_step && claim->step != at)
        return mismatch(claim, at, problem);
    if (claim->start == SESSION_START_TRUE && is_live) {
        problem_set_at(problem, PROBLEM_SESSION_LIVE, "/start",
                       "the session exists already, at step %" PRIu64, step);
        return SESSION_FORBID;
    }

    /* Row 2: the server's step; or a call that does not say. */
    if (!claim->has_step || claim->step == at)
        return SESSION_RUN;

    /* Row 3: the step before the last call, another digest. */
    if (last && claim->step == last->step_before) {
        problem_set_at(problem, PROBLEM_STEP_REUSED, "/step",
                       "step %" PRIu64 " was used by another call; the "
                       "session is at %" PRIu64,
                       claim->step, at);
        return SESSION_FORBID;
    }

    /* Row 4: anything else. */
    return mismatch(claim, at, problem);
}
