#include "server/http/listener.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The kernel caps it at net.core.somaxconn. */
#define BACKLOG 4096

static enum rnn_status os_error(struct rnn_error *err, const char *what,
                                const struct address *address)
{
    int number = errno;
    char text[ADDRESS_TEXT_SIZE];

    address_format(address, text);
    return rnn_fail(err, RNN_IO, "cannot %s %s: %s", what, text,
                    strerror(number));
}

static void turn_on(int fd, int level, int option)
{
    int on = 1;

    setsockopt(fd, level, option, &on, sizeof(on));
}

static enum rnn_status bind_one(struct listener *listener, bool is_first,
                                struct rnn_error *err)
{
    struct address *address = &listener->address;
    int fd = socket(address->of.any.sa_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return os_error(err, "make a socket for", address);
    listener->sockets[listener->count++] = fd;
    turn_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (address->of.any.sa_family == AF_INET6)
        turn_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (!is_first)
        turn_on(fd, SOL_SOCKET, SO_REUSEPORT);
    if (bind(fd, &address->of.any, address->length))
        return os_error(err, "listen on", address);
    if (getsockname(fd, &address->of.any, &address->length))
        return os_error(err, "listen on", address);
    return RNN_OK;
}

enum rnn_status listener_init(struct listener *listener, const char *text,
                              size_t loops, struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    *listener = (struct listener){.count = 0};
    if (!address_parse(text, &listener->address))
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "listen: \"%s\" is not an address and a port, such "
                        "as 127.0.0.1:8080 or [::1]:8080",
                        text);
    listener->sockets = calloc(loops, sizeof(*listener->sockets));
    if (!listener->sockets)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < loops && !status; i++) {
        status = bind_one(listener, i == 0, err);
        if (!status && i == 0 && loops > 1)
            turn_on(listener->sockets[0], SOL_SOCKET, SO_REUSEPORT);
    }
    if (status)
        listener_release(listener);
    return status;
}

void listener_release(struct listener *listener)
{
    for (size_t i = 0; i < listener->count; i++)
        if (listener->sockets[i] >= 0)
            close(listener->sockets[i]);
    free(listener->sockets);
    *listener = (struct listener){.count = 0};
}

enum rnn_status listener_start(struct listener *listener,
                               struct rnn_error *err)
{
    for (size_t i = 0; i < listener->count; i++)
        if (listen(listener->sockets[i], BACKLOG))
            return os_error(err, "listen on", &listener->address);
    return RNN_OK;
}

void listener_refuse(struct listener *listener)
{
    /* The filter sees the TCP header: byte 13 holds the flags, 0x02 is SYN
     * and 0x10 ACK.  Where filters are not to be had, the socket is closed
     * without one. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    for (size_t i = 0; i < listener->count; i++)
        if (listener->sockets[i] >= 0)
            setsockopt(listener->sockets[i], SOL_SOCKET, SO_ATTACH_FILTER,
                       &program, sizeof(program));
}
