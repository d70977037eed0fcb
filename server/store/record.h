/* record.h: a session as bytes that outlive the process.
 *
 * A record is two pieces.  The head says what the session is and is enough
 * for a list; the body is its state, then what its kept call holds:
 *
 *     head   u32 format, u32 numerics, u8 fate, mode, has_call, id length,
 *            u8 fingerprint length, model length, 2 bytes 0, u32 window,
 *            filled, filled_before, reply_length, u64 step, ttl, created,
 *            used, step_before, step_after, state length, call length,
 *            32 bytes digest, the id, the fingerprint, the model's name,
 *            u64 checksum of the body, u64 checksum of all before it
 *     body   the state, the call's bytes
 *
 * Numbers are little-endian; the state is the engine's own, whose layout
 * belongs to the fingerprint.  Times are wall clock, in milliseconds.
 *
 * Ownership  Nothing is allocated; a decoded record points into the bytes.
 */
#ifndef SERVER_STORE_RECORD_H
#define SERVER_STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/digest.h"

#define RECORD_FORMAT     1
#define RECORD_HEAD_BYTES 700 /* no head is longer */

enum record_fate { RECORD_LIVE, RECORD_EXPIRED, RECORD_ENDED, RECORD_DELETED };

/* Text of known length, not terminated. */
struct record_text {
    const char *text;
    size_t length; /* up to 255 */
};

struct record {
    struct record_text id, fingerprint, model;
    uint32_t numerics;
    enum record_fate fate;
    unsigned mode; /* enum session_mode */
    uint32_t window, filled;
    uint64_t step;
    uint64_t ttl_ms; /* 0: never */
    uint64_t created_ms;
    uint64_t used_ms; /* its ttl runs from here; or when it died */
    const void *state;
    size_t state_length; /* 0 of a dead one */

    bool has_call;
    uint64_t step_before, step_after;
    uint32_t filled_before, reply_length;
    unsigned char digest[RNN_DIGEST_BYTES];
    const void *call;
    size_t call_length;
};

/* Bytes of the body. */
size_t record_body_length(const struct record *record);

/* Write `record`; `body` has record_body_length() bytes.  A name of a model
 * that is longer than a head holds is cut: the fingerprint is what counts.
 * Returns the length of the head. */
size_t record_encode(const struct record *record,
                     unsigned char head[RECORD_HEAD_BYTES],
                     unsigned char *body);

/* The same in two steps: the body, which may be changed then, and a head that
 * fits it. */
void record_put_body(const struct record *record, unsigned char *body);
size_t record_put_head(const struct record *record,
                       unsigned char head[RECORD_HEAD_BYTES],
                       const unsigned char *body);

/* Read the head, and with `body` all of it.  Without, state and call are
 * NULL.  NULL when all is well, else what is wrong, in a few words. */
const char *record_decode(const void *head, size_t head_length,
                          const void *body, size_t body_length,
                          struct record *record);

#endif
