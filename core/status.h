/* status.h: the one list of ways a call into the engine can end.
 *
 * Every function that can fail returns `enum rnn_status` and, as its last
 * parameter, takes a `struct rnn_error *` that the failing code fills in with
 * a whole sentence meant for the person who owns the model or made the
 * request.  The function that discovers the problem writes it; everyone above
 * passes the code on.  Callers that need only the code pass NULL.
 *
 * Ownership  The caller owns the struct; nothing in it is allocated.
 * Threads    Nothing here is shared.
 */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#define RNN_STATUS_MAP(XX)                                                    \
    XX(OK, "success")                                                         \
    XX(INVALID_ARGUMENT, "the call does not fit the model")                   \
    XX(NOT_FOUND, "there is no such thing")                                   \
    XX(UNSUPPORTED, "valid, but outside what this build can run")             \
    XX(BAD_MODEL, "the model is damaged or inconsistent")                     \
    XX(NOT_FINITE, "a number is NaN or infinite")                             \
    XX(CANCELLED, "the caller asked to stop")                                 \
    XX(LIMIT, "a limit was reached")                                          \
    XX(NO_MEMORY, "out of memory")                                            \
    XX(IO, "the operating system refused a read or a write")                  \
    XX(INTERNAL, "a bug in this program")

enum rnn_status {
#define XX(name, text) RNN_##name,
    RNN_STATUS_MAP(XX)
#undef XX
};

struct rnn_error {
    enum rnn_status status;
    char message[480]; /* NUL-terminated; names the place and both values */
};

#define RNN_CHECKED           __attribute__((warn_unused_result))
#define RNN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Name and meaning of `status`: "NOT_FOUND", "there is no ...".  Static. */
const char *rnn_status_name(enum rnn_status status);
const char *rnn_status_text(enum rnn_status status);

/* Record why, and hand the code back so that callers can write
 *     return rnn_fail(err, RNN_BAD_MODEL, "units is %zu, ...", units);
 * A message that does not fit is cut.  `err` may be NULL. */
enum rnn_status rnn_fail(struct rnn_error *err, enum rnn_status status,
                         const char *format, ...) RNN_PRINTF(3, 4);

#ifdef __clang_analyzer__
/* The analyzer does not look into status.c: tell it what comes back. */
#define rnn_fail(err, status, ...)                                            \
    ((void)(rnn_fail)(err, status, __VA_ARGS__), (status))
#endif

#endif
