#include "server/store/redis_wire.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void redis_wire_init(struct redis_wire *wire, const struct redis_url *url,
                     const struct redis_tls *tls)
{
    *wire = (struct redis_wire){.url = url, .tls = tls, .fd = -1};
}

void redis_wire_close(struct redis_wire *wire)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    redis_tls_end(wire->session);
    wire->session = NULL;
    wire->is_connected = false;
    if (wire->fd < 0)
        return;
    setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(wire->fd);
    wire->fd = -1;
}

static enum redis_progress broken(struct redis_wire *wire, const char *why)
{
    snprintf(wire->why, sizeof(wire->why), "%s:%s: %s", wire->url->host,
             wire->url->port, why);
    redis_wire_close(wire);
    return REDIS_BROKEN;
}

/* ---- opening ------------------------------------------------------------ */

static enum redis_progress shake(struct redis_wire *wire)
{
    int result;

    if (!wire->tls)
        return REDIS_DONE;
    if (!wire->session)
        wire->session = redis_tls_begin(wire->tls, wire->url->host, wire->fd);
    if (!wire->session)
        return broken(wire, "out of memory for TLS");
    result = redis_tls_shake(wire->session, &wire->events);
    if (result < 0)
        return broken(wire, redis_tls_why(wire->session));
    return result ? REDIS_DONE : REDIS_NOT_YET;
}

static enum redis_progress connect_to(struct redis_wire *wire,
                                      const struct addrinfo *address)
{
    int on = 1;

    wire->fd = socket(address->ai_family,
                      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->fd < 0)
        return broken(wire, strerror(errno));
    /* What goes out is put together by us. */
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(wire->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    wire->events = POLLOUT;
    if (!connect(wire->fd, address->ai_addr, address->ai_addrlen))
        return redis_wire_go_on(wire);
    return errno == EINPROGRESS ? REDIS_NOT_YET
                                : broken(wire, strerror(errno));
}

enum redis_progress redis_wire_open(struct redis_wire *wire)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV};
    struct addrinfo *all = NULL, *address;
    enum redis_progress progress;
    unsigned count = 0, pick;
    int error = getaddrinfo(wire->url->host, wire->url->port, &hints, &all);

    if (error)
        return broken(wire, gai_strerror(error));
    for (address = all; address; address = address->ai_next)
        count++;
    if (!count) {
        freeaddrinfo(all);
        return broken(wire, "it has no address");
    }
    pick = wire->attempts++ % count;
    for (address = all; pick; pick--)
        address = address->ai_next;
    progress = connect_to(wire, address);
    freeaddrinfo(all);
    return progress;
}

enum redis_progress redis_wire_go_on(struct redis_wire *wire)
{
    socklen_t size = sizeof(int);
    enum redis_progress progress;
    int error = 0;

    if (!wire->is_connected) {
        getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error)
            return broken(wire, strerror(error));
        wire->is_connected = true;
    }
    progress = shake(wire);
    if (progress == REDIS_DONE) {
        wire->events = POLLIN;
        wire->attempts--; /* this address works: the same the next time */
    }
    return progress;
}

/* ---- in use ------------------------------------------------------------- */

static enum redis_progress result_of(struct redis_wire *wire, ssize_t result,
                                     size_t *moved)
{
    if (result > 0) {
        *moved = (size_t)result;
        return REDIS_DONE;
    }
    if (result == 0)
        return broken(wire, "the connection was closed");
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return REDIS_NOT_YET;
    if (errno == EPROTO && wire->session)
        return broken(wire, redis_tls_why(wire->session));
    return broken(wire, strerror(errno));
}

enum redis_progress redis_wire_read(struct redis_wire *wire, void *bytes,
                                    size_t size, size_t *moved)
{
    return result_of(wire,
                     wire->session ? redis_tls_read(wire->session, bytes, size)
                                   : recv(wire->fd, bytes, size, 0),
                     moved);
}

enum redis_progress redis_wire_write(struct redis_wire *wire,
                                     const void *bytes, size_t size,
                                     size_t *moved)
{
    return result_of(wire,
                     wire->session
                         ? redis_tls_write(wire->session, bytes, size)
                         : send(wire->fd, bytes, size, MSG_NOSIGNAL),
                     moved);
}
