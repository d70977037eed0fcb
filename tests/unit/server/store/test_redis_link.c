/* The connection: greeted as the URL says, refused with a sentence, made
 * again; and TLS. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "server/clock.h"
#include "server/store/redis_link.h"
#include "server/store/store.h"
#include "tests/support/redis_server.h"

static struct redis_server server;

static int start(void **state)
{
    (void)state;
    redis_server_start(&server, NULL);
    redis_server_command(&server,
                         "ACL SETUSER me on >my@pass ~rnnd:* +@all +select");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    redis_server_stop(&server);
    return 0;
}

static void init_for(struct redis_link *link, const char *url,
                     uint64_t timeout_ms)
{
    struct store_settings settings = {.redis_url = url,
                                      .timeout_ms = timeout_ms};
    struct rnn_error err;

    if (redis_link_init(link, &settings, &err))
        fail_msg("%s", err.message);
}

/* Of a machine that is busy, too, everybody answers within 20 s. */
static void init(struct redis_link *link, const char *url)
{
    init_for(link, url, 20000);
}

/* One turn of what the store's thread does. */
static void turn(struct redis_link *link)
{
    struct pollfd fd = {.fd = -1};

    redis_link_tick(link, clock_monotonic_ms());
    fd.events = redis_link_events(link);
    if (fd.events)
        fd.fd = link->wire.fd;
    if (poll(&fd, 1, 10) > 0)
        redis_link_go_on(link, clock_monotonic_ms());
    assert_null(redis_link_reply(link, clock_monotonic_ms()));
}

/* Until it is up; or, with `is_down`, has failed once. */
static void run(struct redis_link *link, bool is_down)
{
    for (int i = 0; i < 3000; i++) {
        turn(link);
        if (is_down && link->stage == LINK_DOWN)
            return;
        if (link->stage == LINK_UP) {
            assert_false(is_down);
            return;
        }
        if (link->stage == LINK_DOWN && !is_down)
            fail_msg("%s", link->why);
    }
    fail_msg("it is neither up nor down: %s", link->why);
}

static void assert_up(const char *format)
{
    struct redis_link link;
    char url[128];
    uint64_t server_ms;

    snprintf(url, sizeof(url), format, server.port);
    init(&link, url);
    run(&link, false);
    assert_int_equal(strlen(link.hash), 40);
    server_ms = (uint64_t)((int64_t)clock_monotonic_ms() + link.server_ahead);
    assert_in_range(server_ms, clock_wall_ms() - 1000, clock_wall_ms() + 1000);
    assert_int_equal(redis_link_events(&link), POLLIN);
    assert_true(redis_link_due(&link) == UINT64_MAX);
    redis_link_release(&link);
}

static void assert_down(const char *format, const char *why)
{
    struct redis_link link;
    char url[128];

    snprintf(url, sizeof(url), format, server.port);
    init(&link, url);
    run(&link, true);
    if (!strstr(link.why, why))
        fail_msg("not «%s» but «%s»", why, link.why);
    assert_null(strstr(link.why, "secret"));
    assert_int_equal(redis_link_events(&link), 0);
    redis_link_release(&link);
}

static void it_is_greeted_as_the_url_says(void **state)
{
    const redisReply *clients;

    (void)state;
    assert_up("redis://127.0.0.1:%u");
    assert_up("redis://localhost:%u/3");
    assert_up("redis://me:my%%40pass@127.0.0.1:%u/2");
    clients = redis_server_command(&server, "CLIENT LIST");
    assert_int_equal(clients->type, REDIS_REPLY_STRING);
    redis_server_command(&server, "CONFIG SET requirepass word");
    assert_up("redis://:word@127.0.0.1:%u");
    assert_down("redis://127.0.0.1:%u", "NOAUTH");
    redis_server_command(&server, "CONFIG SET requirepass %s", "");
}

static void who_is_refused_is_told_why(void **state)
{
    (void)state;
    assert_down("redis://me:secret@127.0.0.1:%u", "AUTH with: WRONGPASS");
    assert_down("redis://127.0.0.1:%u/999", "SELECT with: ERR DB index");
    assert_down("redis://127.0.0.1:1", "Connection refused");
    assert_down("redis://no-such-host.invalid:%u", "no-such-host.invalid");
}

/* A socket that is listened on, and never answers. */
static int silence(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *port = ntohs(address.sin_port);
    return fd;
}

static void who_does_not_answer_is_given_up(void **state)
{
    struct redis_link link;
    uint64_t began_ms = clock_monotonic_ms();
    char url[64];
    uint16_t port;
    int fd = silence(&port);

    (void)state;
    snprintf(url, sizeof(url), "redis://127.0.0.1:%u", port);
    init_for(&link, url, 400);
    run(&link, true);
    assert_in_range(clock_monotonic_ms() - began_ms, 400, 20000);
    assert_non_null(strstr(link.why, "store_timeout = 400 ms"));
    redis_link_release(&link);
    close(fd);
}

static void it_tries_again_more_and_more_rarely(void **state)
{
    struct redis_link link;
    uint64_t most_ms = 0;

    (void)state;
    init(&link, "redis://127.0.0.1:1");
    for (int i = 0; i < 12; i++) {
        uint64_t wait_ms;

        redis_link_break(&link, "why", 1000);
        wait_ms = link.retry_at_ms - 1000;
        assert_in_range(wait_ms, i ? 25 : 25, 2000);
        most_ms = wait_ms > most_ms ? wait_ms : most_ms;
    }
    assert_in_range(most_ms, 1000, 2000);
    link.stage = LINK_UP; /* one that has worked: at once */
    redis_link_break(&link, "why", 5000);
    assert_int_equal(link.retry_at_ms, 5000);
    assert_int_equal(link.down_ms, 5000);
    redis_link_release(&link);
}

static void what_breaks_is_made_again(void **state)
{
    struct redis_link link;

    (void)state;
    init(&link, server.url);
    run(&link, false);
    redis_server_command(&server, "CLIENT KILL TYPE normal SKIPME yes");
    run(&link, true);
    assert_non_null(strstr(link.why, "closed"));
    run(&link, false);
    redis_link_release(&link);
}

/* An answer tells a clock `ahead` of ours; it must be taken for `least` to
 * `most`, or as much less as this has taken so far. */
static void tell_clock(struct redis_link *link, int64_t ahead, int64_t least,
                       int64_t most)
{
    static uint64_t began_ms;
    uint64_t now_ms = clock_monotonic_ms();

    if (!began_ms)
        began_ms = now_ms;
    redis_link_clock(link, (uint64_t)((int64_t)now_ms + ahead));
    least -= (int64_t)(clock_monotonic_ms() - began_ms);
    assert_true(link->server_ahead >= least && link->server_ahead <= most);
}

static void the_servers_clock_is_followed(void **state)
{
    struct redis_link link;

    (void)state;
    init_for(&link, server.url, 400);
    tell_clock(&link, 5000, 5000, 5000);
    tell_clock(&link, 4900, 4990, 5000); /* an answer that took long */
    tell_clock(&link, 9000, 9000, 9000); /* it was set */
    tell_clock(&link, 1000, 1000, 1000);
    redis_link_release(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_greeted_as_the_url_says),
        cmocka_unit_test(who_is_refused_is_told_why),
        cmocka_unit_test(who_does_not_answer_is_given_up),
        cmocka_unit_test(it_tries_again_more_and_more_rarely),
        cmocka_unit_test(what_breaks_is_made_again),
        cmocka_unit_test(the_servers_clock_is_followed),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
