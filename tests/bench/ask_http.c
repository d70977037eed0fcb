/* ask_http.c: asks a server over connections that stay open, each again as
 * soon as its answer is whole.
 *
 *     ask_http PORT FILE COUNT CONNECTIONS
 *
 * FILE holds COUNT requests of one length, which are sent one after the other
 * and again from the first.  For each line of its input, milliseconds, it asks
 * for so long, waits for what is under way, and prints
 *
 *     requests, ns until the last answer, ns of the median and of the slowest
 *     of a hundred
 *
 * where each request counts once: nothing is added for those that could have
 * been sent during a stall.  It never sleeps while it asks, so that no server
 * pays for waking it, and costs less than any of them, so that they are what
 * is waited for.  An answer that is no 200 ends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/http_peer.h"

#define CONNECTIONS_MOST 256
#define ANSWER_MOST      4096
#define SAMPLES_MOST     ((size_t)1 << 22)
#define STALL_NS         UINT64_C(20000000000)

struct connection {
    int socket;
    size_t length; /* of what has come of the answer */
    uint64_t sent_ns;
    char answer[ANSWER_MOST];
};

struct asker {
    char *requests;
    size_t request_length, request_count, next_request;
    struct connection connections[CONNECTIONS_MOST];
    size_t connection_count, under_way;
    int epoll;
    uint32_t *samples; /* ns of each request of this turn */
    size_t sample_count;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void read_requests(struct asker *asker, const char *path, size_t count)
{
    FILE *file = fopen(path, "rb");
    long size;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) <= 0)
        die(path);
    rewind(file);
    asker->requests = malloc((size_t)size);
    if (!asker->requests ||
        fread(asker->requests, 1, (size_t)size, file) != (size_t)size)
        die(path);
    fclose(file);
    asker->request_count = count;
    asker->request_length = (size_t)size / count;
}

static void open_connection(struct asker *asker, struct connection *connection,
                            uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->socket < 0 ||
        connect(connection->socket, (struct sockaddr *)&to, sizeof(to)) ||
        setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on,
                   sizeof(on)) ||
        epoll_ctl(asker->epoll, EPOLL_CTL_ADD, connection->socket, &event))
        die("connect");
}

static void ask(struct asker *asker, struct connection *connection)
{
    const char *request =
        asker->requests + asker->next_request * asker->request_length;

    if (++asker->next_request == asker->request_count)
        asker->next_request = 0;
    connection->length = 0;
    if (send(connection->socket, request, asker->request_length,
             MSG_NOSIGNAL) != (ssize_t)asker->request_length)
        die("send");
    asker->under_way++;
}

/* Has the answer come whole? */
static bool is_whole(const struct connection *connection)
{
    static const char name[] = "Content-Length: ";
    const char *text = connection->answer;
    const char *end = memmem(text, connection->length, "\r\n\r\n", 4);
    const char *length;

    if (!end)
        return false;
    length = memmem(text, (size_t)(end - text), name, sizeof(name) - 1);
    if (!length || strncmp(text, "HTTP/1.1 200 ", 13) != 0) {
        errno = EPROTO;
        die(text);
    }
    return (size_t)(end + 4 - text) +
               strtoul(length + sizeof(name) - 1, NULL, 10) <=
           connection->length;
}

/* Take what has come; the next request, until `end_ns`. */
static void take(struct asker *asker, struct connection *connection,
                 uint64_t end_ns)
{
    size_t room = ANSWER_MOST - 1 - connection->length;
    ssize_t got = recv(connection->socket,
                       connection->answer + connection->length, room, 0);
    uint64_t now;

    if (got <= 0)
        die("recv");
    connection->length += (size_t)got;
    connection->answer[connection->length] = '\0';
    if (!is_whole(connection))
        return;
    now = now_ns();
    if (asker->sample_count < SAMPLES_MOST)
        asker->samples[asker->sample_count++] =
            (uint32_t)(now - connection->sent_ns);
    asker->under_way--;
    connection->sent_ns = now;
    if (now < end_ns)
        ask(asker, connection);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void turn(struct asker *asker, uint64_t ns)
{
    struct epoll_event events[CONNECTIONS_MOST];
    uint64_t begin = now_ns(), end = begin + ns;
    size_t count;

    asker->sample_count = 0;
    for (size_t i = 0; i < asker->connection_count; i++) {
        asker->connections[i].sent_ns = now_ns();
        ask(asker, &asker->connections[i]);
    }
    while (asker->under_way) {
        int ready = epoll_wait(asker->epoll, events, CONNECTIONS_MOST, 0);

        for (int i = 0; i < ready; i++)
            take(asker, events[i].data.ptr, end);
        if (!ready && now_ns() > end + STALL_NS) {
            errno = ETIMEDOUT;
            die("no answer");
        }
    }
    ns = now_ns() - begin;
    count = asker->sample_count;
    qsort(asker->samples, count, sizeof(*asker->samples), compare);
    printf("%zu %" PRIu64 " %" PRIu32 " %" PRIu32 "\n", count, ns,
           asker->samples[count / 2], asker->samples[count * 99 / 100]);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct asker asker;
    char line[64];

    if (argc != 5) {
        fprintf(stderr, "usage: ask_http PORT FILE COUNT CONNECTIONS\n");
        return 2;
    }
    read_requests(&asker, argv[2], strtoul(argv[3], NULL, 10));
    asker.connection_count = strtoul(argv[4], NULL, 10);
    asker.samples = malloc(SAMPLES_MOST * sizeof(*asker.samples));
    asker.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (asker.connection_count > CONNECTIONS_MOST || !asker.samples)
        die("too many");
    for (size_t i = 0; i < asker.connection_count; i++)
        open_connection(&asker, &asker.connections[i],
                        (uint16_t)strtoul(argv[1], NULL, 10));
    while (fgets(line, sizeof(line), stdin))
        turn(&asker, strtoul(line, NULL, 10) * 1000000u);
    return 0;
}
