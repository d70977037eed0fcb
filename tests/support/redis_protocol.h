/* redis_protocol.h: every history of the protocol of docs/redis.md, for one
 * session, two replicas and up to two clients.
 *
 * A model, not the code: Redis is the tag of the session that it holds;
 * replicas, messages and clients do what the document says they do.  From
 * each state every event that is possible is taken: a message is delivered,
 * is answered, its answer is lost, it stays in some socket and comes late;
 * a replica dies; a client hangs up and asks again, here or there; time
 * passes a write's UNTIL or the session's deadline.  A state that was seen
 * is not visited again.
 *
 * Looked for at every event:
 *     a commit that overwrites one which it does not know
 *     a call that is executed twice
 *     200 for what Redis has not done, or two different answers to one call
 *     a refusal that was never true between its call and its answer, or of a
 *     call that this very request has executed
 *     «nothing has changed» when it has, or does later
 *     a write that is done after its UNTIL
 *
 * `break_it` takes one rule away: then something must be found.
 */
#ifndef TESTS_SUPPORT_REDIS_PROTOCOL_H
#define TESTS_SUPPORT_REDIS_PROTOCOL_H

#include <stddef.h>

enum protocol_call {
    CALL_NONE,
    CALL_START, /* "start": true, step 0 */
    CALL_STEP,
    CALL_END,
    CALL_BARE, /* without `step`: never repeated */
    CALL_DELETE
};

enum protocol_break {
    BREAK_NOTHING,
    BREAK_EXPECTED,     /* a write does not look at EXPECTED */
    BREAK_GRAVE,        /* a create does not name the tombstone it saw */
    BREAK_TAG,          /* it compares the step in the place of the tag */
    BREAK_RESENT_OTHER, /* `other` is believed of a write sent again, too */
    BREAK_UNTIL,        /* a write is done however late it comes */
    BREAK_CHECK,        /* refusals are answered from unchecked copies */
    BREAK_ORDER,        /* the answer comes before the write */
    BREAK_LATE,         /* `late` means «nothing has changed» although the
                           write was sent before */
    BREAK_IN_TIME       /* what was late gets another UNTIL and is sent as if
                           for the first time, although it was sent before */
};

struct protocol_case {
    enum protocol_call calls[2][3]; /* of each client, up to CALL_NONE */
    int retries;                    /* of each client */
    int faults;                     /* that happen in one history, at most */
    enum protocol_break break_it;
};

struct protocol_result {
    size_t states;
    char fault[4000]; /* "": none; else what, and the events up to it */
};

/* Visit all of them. */
void protocol_visit(const struct protocol_case *given,
                    struct protocol_result *result);

#endif
