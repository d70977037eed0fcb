/* listener.h: the sockets that connections come in on.
 *
 * Every loop has its own socket for each address (SO_REUSEPORT), so the
 * kernel deals out the connections.  The first socket of an address is bound
 * without that option, so that a port which another process holds is an
 * error and not a silent share; then it is turned on for the others.
 */
#ifndef SERVER_HTTP_LISTENER_H
#define SERVER_HTTP_LISTENER_H

#include <stddef.h>

#include "core/status.h"
#include "server/http/address.h"

struct listener {
    struct address address; /* with the real port */
    int *sockets;           /* one for each loop */
    size_t count;
};

/* Bind `text` once for each of `loops`; nothing is accepted yet.
 *
 * INVALID_ARGUMENT  not an address and a port
 * IO                it cannot be bound
 * NO_MEMORY
 */
RNN_CHECKED enum rnn_status listener_init(struct listener *listener,
                                          const char *text, size_t loops,
                                          struct rnn_error *err);
void listener_release(struct listener *listener);

/* Let connections come in. */
RNN_CHECKED enum rnn_status listener_start(struct listener *listener,
                                           struct rnn_error *err);

/* Let no new handshake begin while those that have are still served: a SYN
 * is dropped from here on, so that closing the socket resets nobody. */
void listener_refuse(struct listener *listener);

#endif
