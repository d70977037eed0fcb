/* redis_wire.h: bytes to Redis and back: a socket, in TLS or not, that never
 * blocks.  (To resolve a name may take the system as long as it takes.)
 *
 * Threads  The store's own.
 * Errors   A wire that has failed stays closed until it is opened again;
 *          redis_wire_why() says what it was.
 */
#ifndef SERVER_STORE_REDIS_WIRE_H
#define SERVER_STORE_REDIS_WIRE_H

#include <stddef.h>
#include <sys/types.h>

#include "core/status.h"
#include "server/store/redis_tls.h"
#include "server/store/redis_url.h"

struct redis_wire {
    const struct redis_url *url;
    const struct redis_tls *tls; /* NULL: plain */
    int fd;                      /* -1: closed */
    struct redis_tls_session *session;
    short events; /* what it waits for: POLLIN, POLLOUT */
    bool is_connected;
    unsigned attempts; /* of a name's addresses one after the other */
    char why[256];
};

void redis_wire_init(struct redis_wire *wire, const struct redis_url *url,
                     const struct redis_tls *tls);

enum redis_progress { REDIS_DONE, REDIS_NOT_YET, REDIS_BROKEN };

/* Begin to connect. */
enum redis_progress redis_wire_open(struct redis_wire *wire);
/* Go on with it when one of `events` has come.  DONE: it can be used. */
enum redis_progress redis_wire_go_on(struct redis_wire *wire);

/* DONE: `*moved` bytes, at least one.  NOT_YET: poll. */
enum redis_progress redis_wire_read(struct redis_wire *wire, void *bytes,
                                    size_t size, size_t *moved);
enum redis_progress redis_wire_write(struct redis_wire *wire,
                                     const void *bytes, size_t size,
                                     size_t *moved);

/* By a reset: nothing that was written and is not sent yet arrives. */
void redis_wire_close(struct redis_wire *wire);

#endif
