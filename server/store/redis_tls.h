/* redis_tls.h: TLS of a connection to Redis; the only place that knows
 * GnuTLS (libmicrohttpd has it loaded already; hiredis offers OpenSSL alone,
 * and not before 1.0).
 *
 * The server's certificate must be for the host of the URL and lead to one
 * of the trusted ones.
 *
 * Threads  One at a time.
 */
#ifndef SERVER_STORE_REDIS_TLS_H
#define SERVER_STORE_REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/status.h"

struct redis_tls;         /* what is trusted, and who we are */
struct redis_tls_session; /* one connection */

/* PEM files: `ca` NULL is the system's; `cert` with `key`, or both NULL.
 * INVALID_ARGUMENT: one of them cannot be used.  NO_MEMORY */
RNN_CHECKED enum rnn_status redis_tls_create(const char *ca, const char *cert,
                                             const char *key,
                                             struct redis_tls **tls,
                                             struct rnn_error *err);
void redis_tls_free(struct redis_tls *tls);

/* A session over a connected, non-blocking socket.  NULL: out of memory. */
struct redis_tls_session *redis_tls_begin(const struct redis_tls *tls,
                                          const char *host, int fd);
void redis_tls_end(struct redis_tls_session *session);

/* 1: done.  0: not yet, `*events` (POLLIN, POLLOUT) is what it waits for.
 * -1: failed, redis_tls_why(). */
int redis_tls_shake(struct redis_tls_session *session, short *events);
/* As read() and write(): EAGAIN when it would wait; -1 with another errno
 * when it has failed. */
ssize_t redis_tls_read(struct redis_tls_session *session, void *bytes,
                       size_t size);
ssize_t redis_tls_write(struct redis_tls_session *session, const void *bytes,
                        size_t size);
const char *redis_tls_why(const struct redis_tls_session *session);

#endif
