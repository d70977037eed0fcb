/* bare_http.c: what the kernel alone takes for a request.
 *
 *     bare_http PORT FILE
 *
 * One epoll, one recv() and one send() for each request, on the sockets that
 * rnnd has: edge-triggered, without delay.  What is received is not
 * looked at, what is sent are the bytes of FILE; each request must come in
 * one piece.  No server on these sockets can take less.
 */
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/http_peer.h"

#define EVENTS_AT_ONCE 128 /* as libmicrohttpd's */

static void take_in(int epoll, int listening)
{
    int on = 1, fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    watch(epoll, fd, EPOLLIN | EPOLLET);
}

static void serve(int fd, const char *answer, size_t length)
{
    static char request[65536];

    if (recv(fd, request, sizeof(request), 0) <= 0)
        close(fd);
    else if (send(fd, answer, length, MSG_NOSIGNAL) < 0)
        die("send");
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    static char answer[65536];
    size_t length;
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
    int epoll = epoll_create1(0), listening;

    if (!file || epoll < 0)
        die("bare_http PORT FILE");
    length = fread(answer, 1, sizeof(answer), file);
    fclose(file);
    listening = listen_at((uint16_t)strtoul(argv[1], NULL, 10));
    watch(epoll, listening, EPOLLIN);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_AT_ONCE, -1);

        for (int i = 0; i < count; i++)
            if (events[i].data.fd == listening)
                take_in(epoll, listening);
            else
                serve(events[i].data.fd, answer, length);
    }
}
