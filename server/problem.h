/* problem.h: every way a request can be refused (docs/api.md, section 4).
 *
 * A problem is a stable type, a sentence for a person, and where it applies
 * the place: a JSON pointer (RFC 6901), a byte offset.  It becomes a problem
 * document (RFC 9457) in server/json/problem_json.c and nowhere else.
 *
 * Ownership  The caller holds the struct; nothing in it is allocated.
 */
#ifndef SERVER_PROBLEM_H
#define SERVER_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* name, HTTP status, type, title */
#define PROBLEM_MAP(XX)                                                       \
    XX(MALFORMED_JSON, 400, "malformed-json", "The body is not JSON")         \
    XX(DUPLICATE_FIELD, 400, "duplicate-field", "A field is given twice")     \
    XX(UNKNOWN_FIELD, 400, "unknown-field", "A field is not known here")      \
    XX(BAD_FIELD, 400, "bad-field", "A field is missing or of a wrong kind")  \
    XX(BAD_QUERY, 400, "bad-query", "The query string is wrong")              \
    XX(BAD_ID, 400, "bad-id", "The session id is not allowed")                \
    XX(BAD_REQUEST, 400, "bad-request", "The request is not valid HTTP")      \
    XX(ORIGIN_REFUSED, 403, "origin-refused", "The origin is not allowed")    \
    XX(NOT_ALLOWED, 403, "not-allowed", "This is not allowed")                \
    XX(NO_SUCH_PATH, 404, "no-such-path", "There is no such path")            \
    XX(NO_SUCH_MODEL, 404, "no-such-model", "There is no such model")         \
    XX(NO_SUCH_SESSION, 404, "no-such-session", "There is no such session")   \
    XX(METHOD_NOT_ALLOWED, 405, "method-not-allowed",                         \
       "The path does not take this method")                                  \
    XX(NOT_ACCEPTABLE, 406, "not-acceptable",                                 \
       "No media type that Accept allows")                                    \
    XX(REQUEST_TIMEOUT, 408, "request-timeout",                               \
       "The request did not arrive in time")                                  \
    XX(SESSION_LIVE, 409, "session-live", "The session exists already")       \
    XX(SESSION_BUSY, 409, "session-busy", "The session is in use")            \
    XX(STEP_MISMATCH, 409, "step-mismatch", "The session is at another step") \
    XX(OTHER_MODEL, 409, "other-model", "It belongs to another model")        \
    XX(SESSION_GONE, 410, "session-gone", "The session is no more")           \
    XX(TOO_LARGE, 413, "too-large", "A limit is exceeded")                    \
    XX(URI_TOO_LONG, 414, "uri-too-long", "The address is too long")          \
    XX(UNSUPPORTED_MEDIA_TYPE, 415, "unsupported-media-type",                 \
       "The media type is not supported")                                     \
    XX(SHAPE_MISMATCH, 422, "shape-mismatch",                                 \
       "A tensor does not fit the model")                                     \
    XX(NUMBER_OUT_OF_RANGE, 422, "number-out-of-range",                       \
       "A number cannot be taken")                                            \
    XX(STEP_REUSED, 422, "step-reused", "The step was used by another call")  \
    XX(CANNOT_STREAM, 422, "cannot-stream", "The model cannot stream")        \
    XX(NOT_FINITE, 422, "not-finite", "A number is NaN or infinite")          \
    XX(TOO_MANY_SESSIONS, 429, "too-many-sessions",                           \
       "No room for another session")                                         \
    XX(HEADERS_TOO_LARGE, 431, "headers-too-large",                           \
       "The headers are too large")                                           \
    XX(INTERNAL, 500, "internal", "A fault inside the server")                \
    XX(NOT_IMPLEMENTED, 501, "not-implemented", "This is not implemented")    \
    XX(OVERLOADED, 503, "overloaded", "The server is at its limit")           \
    XX(STORE_UNREACHABLE, 503, "store-unreachable",                           \
       "The sessions' store does not answer")                                 \
    XX(COMPUTE_TIMEOUT, 504, "compute-timeout",                               \
       "The answer was not ready in time")

enum problem_type {
#define XX(name, status, type, title) PROBLEM_##name,
    PROBLEM_MAP(XX)
#undef XX
};

struct problem {
    enum problem_type type;
    char detail[512];       /* whole sentence: the place and both values */
    char pointer[256];      /* RFC 6901; "" when there is none */
    bool has_offset;        /* offset is set */
    size_t offset;          /* byte in the body, from 0 */
    bool has_step;          /* step is set (step-mismatch) */
    uint64_t step;          /* the server's step */
    const char *reason;     /* session-gone: "expired", "ended", "deleted" */
    const char *allow;      /* method-not-allowed: "GET, HEAD, OPTIONS" */
    unsigned retry_after_s; /* 0: no Retry-After */
};

unsigned problem_status(enum problem_type type);
const char *problem_type_name(enum problem_type type); /* "bad-field" */
const char *problem_title(enum problem_type type);

/* Clear `problem`, set its type and detail, return false, so that callers
 * can write  return problem_set(problem, PROBLEM_BAD_ID, "...");  429 and 503
 * get Retry-After 1. */
bool problem_set(struct problem *problem, enum problem_type type,
                 const char *format, ...) RNN_PRINTF(3, 4);

/* The same with a pointer (RFC 6901). */
bool problem_set_at(struct problem *problem, enum problem_type type,
                    const char *pointer, const char *format, ...)
    RNN_PRINTF(4, 5);

#ifdef __clang_analyzer__
/* The analyzer does not look into problem.c: tell it what comes back. */
#define problem_set(...)    ((void)(problem_set)(__VA_ARGS__), false)
#define problem_set_at(...) ((void)(problem_set_at)(__VA_ARGS__), false)
#endif

#endif
