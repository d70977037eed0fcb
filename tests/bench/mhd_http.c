/* mhd_http.c: what libmicrohttpd alone takes for a request.
 *
 *     mhd_http PORT FILE
 *
 * The options, the accepting and the loop of server/http/loop.c, on one of two
 * threads as there; each request is answered with the same response object,
 * which has the headers and the body of FILE, an answer as rnnd sent it.
 */
#include <microhttpd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/http_peer.h"

#define EVENTS_AT_ONCE    16
#define CONNECTION_MEMORY ((size_t)8192)

static enum MHD_Result on_access(void *response,
                                 struct MHD_Connection *channel,
                                 const char *url, const char *method,
                                 const char *version, const char *data,
                                 size_t *size, void **context)
{
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (*context && !*size)
        return MHD_queue_response(channel, 200, response);
    *context = response; /* the head has come, or a piece of the body */
    *size = 0;
    return MHD_YES;
}

static size_t on_unescape(void *arg, struct MHD_Connection *channel,
                          char *text)
{
    (void)arg;
    (void)channel;
    return strlen(text);
}

/* The length is what libmicrohttpd writes by itself. */
static struct MHD_Response *make_response(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    char *body = strstr(text, "\r\n\r\n"), *rest, *name;
    struct MHD_Response *response;

    if (!body)
        die(path);
    fclose(file);
    *body = '\0';
    body += 4;
    response = MHD_create_response_from_buffer(size - (size_t)(body - text),
                                               body, MHD_RESPMEM_PERSISTENT);
    strtok_r(text, "\r\n", &rest);
    while ((name = strtok_r(NULL, "\r\n", &rest))) {
        char *value = strchr(name, ':');

        if (value && strncmp(name, "Content-Length", 14) != 0) {
            *value = '\0';
            MHD_add_response_header(response, name, value + 2);
        }
    }
    return response;
}

static void take_in(struct MHD_Daemon *daemon, int listening)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    int fd = accept4(listening, (struct sockaddr *)&peer, &length,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        MHD_add_connection(daemon, fd, (struct sockaddr *)&peer, length);
}

static void *sleep_on(void *arg)
{
    for (;;)
        pause();
    return arg;
}

int main(int argc, char **argv)
{
    struct MHD_Response *response =
        make_response(argc == 3 ? argv[2] : "mhd_http PORT FILE");
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0,
        NULL, NULL, on_access, response, MHD_OPTION_CONNECTION_LIMIT, 1168u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_END);
    int listening = listen_at((uint16_t)strtoul(argv[1], NULL, 10));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS_AT_ONCE];
    pthread_t other;

    if (!daemon || pthread_create(&other, NULL, sleep_on, NULL))
        die("mhd_http");
    watch(epoll, listening, EPOLLIN);
    watch(epoll,
          MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
          EPOLLIN);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_AT_ONCE, -1);

        for (int i = 0; i < count; i++)
            if (events[i].data.fd == listening)
                take_in(daemon, listening);
        MHD_run(daemon);
    }
}
