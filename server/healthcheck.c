#include "server/healthcheck.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/http/address.h"

#define TIMEOUT_S 2

/* Where to find what listens on a wildcard address. */
static void make_reachable(struct address *address)
{
    uint16_t port = address_port(address);

    if (!address_is_any(address))
        return;
    if (address->of.any.sa_family == AF_INET6)
        address_parse_host("[::1]", 5, address);
    else
        address_parse_host("127.0.0.1", 9, address);
    address_set_port(address, port);
}

static enum rnn_status failed(struct rnn_error *err, const char *text,
                              const char *why)
{
    return rnn_fail(err, RNN_IO, "http://%s/livez: %s", text, why);
}

static enum rnn_status ask(int fd, const struct address *address,
                           const char *text, struct rnn_error *err)
{
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    char request[128], answer[16];
    size_t got = 0;
    int length = snprintf(request, sizeof(request),
                          "GET /livez HTTP/1.1\r\nHost: %s\r\n"
                          "Connection: close\r\n\r\n",
                          text);

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, &address->of.any, address->length))
        return failed(err, text, strerror(errno));
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        return failed(err, text, strerror(errno));
    while (got < 12) { /* "HTTP/1.1 200" */
        ssize_t count = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);

        if (count <= 0)
            return failed(err, text, count ? strerror(errno) : "no answer");
        got += (size_t)count;
    }
    answer[got] = '\0';
    if (strncmp(answer + 8, " 200", 4) != 0)
        return failed(err, text, answer);
    return RNN_OK;
}

enum rnn_status healthcheck(const struct config *config, struct rnn_error *err)
{
    struct address address;
    char text[ADDRESS_TEXT_SIZE];
    enum rnn_status status;
    int fd;

    if (config->listen.count == 0 ||
        !address_parse(config->listen.items[0], &address) ||
        address_port(&address) == 0)
        return rnn_fail(err, RNN_IO,
                        "listen names no address with a fixed port");
    make_reachable(&address);
    address_format(&address, text);
    fd = socket(address.of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failed(err, text, strerror(errno));
    status = ask(fd, &address, text, err);
    close(fd);
    return status;
}
