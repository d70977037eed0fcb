#include "tests/support/raw_http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clock.h"
#include "server/http/address.h"

int raw_try_connect(const char *address)
{
    struct address parsed;
    int fd, on = 1;

    if (!address_parse(address, &parsed))
        return -1;
    fd = socket(parsed.of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, &parsed.of.any, parsed.length)) {
        close(fd);
        return -1;
    }
    /* A head and a body in two pieces: without this the second one waits for
     * the server's delayed acknowledgement, 40 ms. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

int raw_connect(const char *address)
{
    int fd = raw_try_connect(address);

    if (fd < 0)
        fail_msg("no connection to %s", address);
    return fd;
}

bool raw_send(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length) {
        struct pollfd ready = {fd, POLLOUT, 0};
        ssize_t sent;

        if (poll(&ready, 1, RAW_WAIT_MS) != 1)
            return false;
        sent = send(fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0)
            return false;
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

bool raw_send_text(int fd, const char *text)
{
    return raw_send(fd, text, strlen(text));
}

/* Wait for bytes and take up to `want` of them.  false: the end, or time. */
static bool take(int fd, struct raw_answer *answer, size_t want, int wait_ms)
{
    struct pollfd ready = {fd, POLLIN, 0};
    size_t room = sizeof(answer->bytes) - 1 - answer->length;
    ssize_t got;

    if (want > room)
        want = room;
    if (want == 0 || poll(&ready, 1, wait_ms) != 1)
        return false;
    got = recv(fd, answer->bytes + answer->length, want, 0);
    if (got <= 0) {
        answer->is_closed = true;
        return false;
    }
    answer->length += (size_t)got;
    answer->bytes[answer->length] = '\0';
    return true;
}

static void judge_head(struct raw_answer *answer)
{
    const char *end = strstr(answer->bytes, "\r\n\r\n");
    char value[32];

    if (!end || strncmp(answer->bytes, "HTTP/1.", 7) != 0)
        return;
    answer->head_length = (size_t)(end - answer->bytes) + 4;
    answer->status = atoi(answer->bytes + 9);
    if (raw_header(answer, "Content-Length", value, sizeof(value)))
        answer->body_length = strtoul(value, NULL, 10);
}

static void clear(struct raw_answer *answer)
{
    answer->status = 0;
    answer->is_closed = false;
    answer->head_length = answer->body_length = answer->length = 0;
    answer->bytes[0] = '\0';
}

void raw_read(int fd, bool is_head, struct raw_answer *answer)
{
    clear(answer);
    while (!answer->status) {
        if (!take(fd, answer, 1, RAW_WAIT_MS))
            return;
        judge_head(answer);
    }
    if (is_head)
        answer->body_length = 0;
    while (answer->length < answer->head_length + answer->body_length)
        if (!take(fd, answer,
                  answer->head_length + answer->body_length - answer->length,
                  RAW_WAIT_MS))
            return;
}

void raw_read_all(int fd, int wait_ms, struct raw_answer *answer)
{
    uint64_t end = clock_monotonic_ms() + (uint64_t)wait_ms;

    clear(answer);
    for (;;) {
        uint64_t now = clock_monotonic_ms();

        if (now >= end ||
            !take(fd, answer, sizeof(answer->bytes), (int)(end - now)))
            break;
    }
    judge_head(answer);
}

const char *raw_header(const struct raw_answer *answer, const char *name,
                       char *value, size_t size)
{
    const char *line = strstr(answer->bytes, "\r\n");
    size_t length = strlen(name);

    while (line && line + 2 < answer->bytes + answer->head_length) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " ");
            snprintf(value, size, "%.*s", (int)strcspn(line, "\r"), line);
            return value;
        }
        line = strstr(line, "\r\n");
    }
    return NULL;
}

const char *raw_body(const struct raw_answer *answer)
{
    return answer->bytes + answer->head_length;
}

size_t raw_count(const struct raw_answer *answer, int status)
{
    const char *at = answer->bytes;
    char mark[16];
    size_t count = 0;

    snprintf(mark, sizeof(mark), "HTTP/1.1 %d", status);
    while ((at = strstr(at, mark))) {
        at++;
        count++;
    }
    return count;
}

void raw_request(const char *address, const char *text,
                 struct raw_answer *answer)
{
    int fd = raw_connect(address);

    assert_true(raw_send_text(fd, text));
    raw_read(fd, strncmp(text, "HEAD ", 5) == 0, answer);
    close(fd);
}

bool raw_is_closed(int fd, int wait_ms)
{
    uint64_t end = clock_monotonic_ms() + (uint64_t)wait_ms;

    for (;;) {
        struct pollfd ready = {fd, POLLIN, 0};
        uint64_t now = clock_monotonic_ms();
        char dropped[4096];

        if (now >= end || poll(&ready, 1, (int)(end - now)) != 1)
            return false;
        if (recv(fd, dropped, sizeof(dropped), 0) <= 0)
            return true;
    }
}

void raw_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}
