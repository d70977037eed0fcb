#include "tests/support/lossy_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static bool take_one(atomic_int *count)
{
    int now = atomic_load(count);

    while (now > 0)
        if (atomic_compare_exchange_weak(count, &now, now - 1))
            return true;
    return false;
}

static bool send_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* A call of the script, and not part of the greeting. */
static bool is_call(const char *bytes, size_t length)
{
    return memmem(bytes, length, "EVALSHA", 7) != NULL;
}

/* Forward a request; false: the connection is lost, perhaps after Redis has
 * done it. */
static bool ask(struct lossy_proxy *proxy, int client, int redis)
{
    char bytes[65536];
    ssize_t length = recv(client, bytes, sizeof(bytes), 0);
    struct pollfd answer = {.fd = redis, .events = POLLIN};

    if (length <= 0)
        return false;
    if (is_call(bytes, (size_t)length) && take_one(&proxy->lose_requests)) {
        atomic_fetch_add(&proxy->lost, 1);
        return false;
    }
    if (!send_all(redis, bytes, (size_t)length))
        return false;
    if (!is_call(bytes, (size_t)length) || !take_one(&proxy->lose_answers))
        return true;
    poll(&answer, 1, 10000);
    atomic_fetch_add(&proxy->lost, 1);
    return false;
}

static bool answer(int client, int redis)
{
    char bytes[65536];
    ssize_t length = recv(redis, bytes, sizeof(bytes), 0);

    return length > 0 && send_all(client, bytes, (size_t)length);
}

static void serve(struct lossy_proxy *proxy, int client, int redis)
{
    bool is_open = true;

    while (is_open && !atomic_load(&proxy->is_ending)) {
        bool is_holding = atomic_load(&proxy->is_holding);
        struct pollfd fds[2] = {
            {.fd = client, .events = POLLIN},
            {.fd = is_holding ? -1 : redis, .events = POLLIN}};

        poll(fds, 2, 20);
        if (fds[0].revents)
            is_open = ask(proxy, client, redis);
        if (is_open && fds[1].revents)
            is_open = answer(client, redis);
    }
}

static void *thread_main(void *arg)
{
    struct lossy_proxy *proxy = arg;
    struct sockaddr_in target = loopback(proxy->target);

    while (!atomic_load(&proxy->is_ending)) {
        struct pollfd listener = {.fd = proxy->listener, .events = POLLIN};
        int client, redis;

        if (poll(&listener, 1, 20) <= 0)
            continue;
        client = accept(proxy->listener, NULL, NULL);
        redis = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        atomic_fetch_add(&proxy->connections, 1);
        if (!connect(redis, (struct sockaddr *)&target, sizeof(target)))
            serve(proxy, client, redis);
        close(redis);
        close(client);
    }
    return NULL;
}

void lossy_proxy_start(struct lossy_proxy *proxy, uint16_t target)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);

    memset(proxy, 0, sizeof(*proxy));
    proxy->target = target;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, size),
                     0);
    assert_int_equal(listen(proxy->listener, 16), 0);
    getsockname(proxy->listener, (struct sockaddr *)&address, &size);
    proxy->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&proxy->thread, NULL, thread_main, proxy),
                     0);
}

void lossy_proxy_stop(struct lossy_proxy *proxy)
{
    atomic_store(&proxy->is_ending, true);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
}

void lossy_proxy_lose_answer(struct lossy_proxy *proxy, int count)
{
    atomic_store(&proxy->lose_answers, count);
}

void lossy_proxy_lose_request(struct lossy_proxy *proxy, int count)
{
    atomic_store(&proxy->lose_requests, count);
}

void lossy_proxy_hold(struct lossy_proxy *proxy, bool is_holding)
{
    atomic_store(&proxy->is_holding, is_holding);
}
