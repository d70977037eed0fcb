/* accept.c: taking connections in.
 *
 * We accept ourselves and hand the socket to libmicrohttpd: that way one
 * daemon serves several addresses, what comes over the limit is told so, and
 * a process that is out of descriptors waits instead of spinning.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "config/config.h"
#include "server/app.h"
#include "server/http/loop.h"
#include "server/log.h"

#define ACCEPT_AT_ONCE  32  /* then the others get their turn */
#define ACCEPT_PAUSE_MS 100 /* when descriptors or memory are out */

#define REFUSAL                                                               \
    "{\"type\":\"/problems/overloaded\",\"title\":\"The server is at its "    \
    "limit\",\"status\":503,\"detail\":\"full\"}"

static_assert(sizeof(REFUSAL) - 1 == 97, "Content-Length below");

/* Beyond even the spare connections: one answer, no reading. */
static void refuse(int socket)
{
    static const char reply[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                "Content-Type: application/problem+json\r\n"
                                "Content-Length: 97\r\n"
                                "Retry-After: 1\r\n"
                                "Connection: close\r\n\r\n" REFUSAL;

    send(socket, reply, sizeof(reply) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(socket);
}

void loop_listen(struct loop *loop, bool on)
{
    struct server_shared *shared = loop->shared;

    if (on == loop->is_accepting)
        return;
    for (size_t i = 0; i < shared->listener_count; i++) {
        struct epoll_event event = {
            .events = EPOLLIN,
            .data.ptr = &shared->listeners[i],
        };

        epoll_ctl(loop->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
                  shared->listeners[i].sockets[loop->index], &event);
    }
    loop->is_accepting = on;
}

static void pause_accepting(struct loop *loop, int error, uint64_t now_ms)
{
    if (!loop->is_starved)
        log_event(&loop->app->log, LOG_WARN, "accept_paused",
                  (struct log_field[]){{"error", strerror(error), 0},
                                       {NULL, NULL, 0}});
    loop->is_starved = true;
    loop->accept_again_ms = now_ms + ACCEPT_PAUSE_MS;
    loop_listen(loop, false);
}

/* false: there is nothing more to accept now. */
static bool accept_one(struct loop *loop, int listening, uint64_t now_ms)
{
    size_t max = loop->app->config->max_connections;
    struct address peer = {.length = sizeof(peer.of)};
    int socket = accept4(listening, &peer.of.any, &peer.length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (socket < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
            errno == ENOMEM)
            pause_accepting(loop, errno, now_ms);
        return errno == EINTR || errno == ECONNABORTED;
    }
    loop->is_starved = false;
    if (atomic_load(&loop->shared->connections) >=
        max + SPARE_CONNECTIONS(max))
        refuse(socket);
    else
        MHD_add_connection(loop->daemon, socket, &peer.of.any, peer.length);
    return true;
}

void loop_accept(struct loop *loop, const struct listener *listener,
                 uint64_t now_ms)
{
    int listening = listener->sockets[loop->index];

    for (int i = 0; i < ACCEPT_AT_ONCE; i++)
        if (!accept_one(loop, listening, now_ms))
            break;
}

void loop_unlisten(struct loop *loop, uint64_t now_ms)
{
    struct server_shared *shared = loop->shared;

    loop_listen(loop, false);
    for (size_t i = 0; i < shared->listener_count; i++) {
        int *listening = &shared->listeners[i].sockets[loop->index];

        while (accept_one(loop, *listening, now_ms))
            ;
        close(*listening);
        *listening = -1;
    }
    loop->is_listening = false;
    loop->accept_again_ms = 0;
}
