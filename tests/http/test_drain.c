/* test_drain.c: the end of a daemon, as an orchestrator and its clients see
 * it.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clock.h"
#include "server/http/address.h"
#include "tests/support/daemon.h"
#include "tests/support/nap.h"
#include "tests/support/raw_http.h"

#define LIVEZ  "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define READYZ "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define BEGUN                                                                 \
    "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{"

static struct daemon daemon_;
static struct raw_answer answer;

static void assert_says_close(const struct raw_answer *said)
{
    char value[32];

    assert_non_null(raw_header(said, "Connection", value, sizeof(value)));
    assert_string_equal(value, "close");
}

static bool can_connect(void)
{
    struct address address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd ready = {fd, POLLOUT, 0};
    int error = 1;
    socklen_t size = sizeof(error);

    assert_true(address_parse(daemon_.address, &address));
    connect(fd, &address.of.any, address.length);
    if (poll(&ready, 1, 500) == 1)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    close(fd);
    return error == 0;
}

/* ---- one at a time ------------------------------------------------------ */

/* rows: R12 R40 R41 */
static void during_the_delay_all_is_served_but_not_ready(void **state)
{
    static const char *const options[] = {"--drain-delay", "1500ms", NULL};
    int fd, old;

    (void)state;
    daemon_start(&daemon_, options);
    old = raw_connect(daemon_.address);
    raw_send_text(old, LIVEZ);
    raw_read(old, false, &answer);
    assert_int_equal(answer.status, 200);
    daemon_signal(&daemon_, SIGTERM);
    daemon_wait_for(&daemon_, "draining");

    raw_request(daemon_.address, READYZ, &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.bytes, "\"status\":\"unavailable\""));
    assert_non_null(strstr(answer.bytes, "\"draining\":true"));
    assert_says_close(&answer);

    fd = raw_connect(daemon_.address);
    raw_send_text(fd, LIVEZ);
    raw_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_says_close(&answer);
    assert_true(raw_is_closed(fd, RAW_WAIT_MS));
    close(fd);

    raw_send_text(old, LIVEZ);
    raw_read(old, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_says_close(&answer);
    close(old);
    assert_int_equal(daemon_wait(&daemon_), 0);
    assert_false(can_connect());
}

/* rows: R41 */
static void a_request_under_way_is_finished(void **state)
{
    int fd;

    (void)state;
    daemon_start(&daemon_, NULL);
    fd = raw_connect(daemon_.address);
    raw_send_text(fd, BEGUN);
    raw_request(daemon_.address, LIVEZ, &answer);
    daemon_signal(&daemon_, SIGTERM);
    daemon_wait_for(&daemon_, "draining");
    nap_ms(700);
    assert_false(can_connect());
    raw_send_text(fd, "}");
    raw_read(fd, false, &answer);
    /* It is a body without "sequence": answered, not cut. */
    assert_int_equal(answer.status, 400);
    assert_says_close(&answer);
    close(fd);
    assert_int_equal(daemon_wait(&daemon_), 0);
}

/* rows: R41 */
static void drain_timeout_ends_what_does_not_end(void **state)
{
    static const char *const options[] = {"--drain-timeout", "300ms", NULL};
    uint64_t start;
    int fd;

    (void)state;
    daemon_start(&daemon_, options);
    fd = raw_connect(daemon_.address);
    raw_send_text(fd, BEGUN);
    raw_request(daemon_.address, LIVEZ, &answer);
    start = clock_monotonic_ms();
    daemon_signal(&daemon_, SIGTERM);
    assert_int_equal(daemon_wait(&daemon_), 0);
    assert_true(clock_monotonic_ms() - start >= 300);
    assert_true(raw_is_closed(fd, RAW_WAIT_MS));
    close(fd);
}

static void idle_connections_hold_nobody_up(void **state)
{
    uint64_t start;
    int fds[20];

    (void)state;
    daemon_start(&daemon_, NULL);
    for (int i = 0; i < 20; i++) {
        fds[i] = raw_connect(daemon_.address);
        if (i % 2 == 0)
            continue;
        raw_send_text(fds[i], LIVEZ);
        raw_read(fds[i], false, &answer);
    }
    start = clock_monotonic_ms();
    daemon_signal(&daemon_, SIGTERM);
    assert_int_equal(daemon_wait(&daemon_), 0);
    assert_true(clock_monotonic_ms() - start < 15000);
    for (int i = 0; i < 20; i++)
        close(fds[i]);
}

/* rows: R42 */
static void a_second_signal_ends_at_once(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};

    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd;

        daemon_start(&daemon_, NULL);
        fd = raw_connect(daemon_.address);
        raw_send_text(fd, BEGUN);
        raw_request(daemon_.address, LIVEZ, &answer);
        daemon_signal(&daemon_, SIGTERM);
        daemon_wait_for(&daemon_, "draining");
        daemon_signal(&daemon_, signals[i]);
        assert_int_equal(daemon_wait(&daemon_), 128 + signals[i]);
        close(fd);
    }
}

/* rows: R43 */
static void a_hang_up_ends_nothing(void **state)
{
    (void)state;
    daemon_start(&daemon_, NULL);
    daemon_signal(&daemon_, SIGHUP);
    daemon_wait_for(&daemon_, "SIGHUP");
    daemon_signal(&daemon_, SIGPIPE);
    raw_request(daemon_.address, READYZ, &answer);
    assert_int_equal(answer.status, 200);
    daemon_stop(&daemon_);
}

static void an_interrupt_drains_too(void **state)
{
    (void)state;
    daemon_start(&daemon_, NULL);
    daemon_signal(&daemon_, SIGINT);
    assert_int_equal(daemon_wait(&daemon_), 0);
}

/* ---- under load --------------------------------------------------------- */

#define CLIENTS 8

struct client {
    pthread_t thread;
    bool keeps_alive;
    unsigned answered, failed, connected;
};

/* Requests until no connection can be made: whoever has connected, or has
 * been told to keep the connection, must be answered. */
static void *client_main(void *arg)
{
    struct client *client = arg;
    struct raw_answer *got = malloc(sizeof(*got));
    struct address address;
    bool refused = false;
    int fd = -1;

    address_parse(daemon_.address, &address);
    while (got && !refused) {
        char value[32];

        if (fd < 0) {
            fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            refused = connect(fd, &address.of.any, address.length) != 0;
            if (refused)
                break;
            client->connected++;
        }
        raw_send_text(fd, LIVEZ);
        raw_read(fd, false, got);
        if (got->status == 200)
            client->answered++;
        else
            client->failed++;
        if (got->status != 200 || !client->keeps_alive ||
            raw_header(got, "Connection", value, sizeof(value))) {
            close(fd);
            fd = -1;
        }
    }
    close(fd);
    free(got);
    return NULL;
}

/* rows: R40 R41 */
static void nobody_fails_while_a_loaded_server_drains(void **state)
{
    static const char *const options[] = {"--threads", "2", NULL};
    unsigned failed = 0, answered = 0;

    (void)state;
    for (int round = 0; round < 5; round++) {
        struct client clients[CLIENTS] = {{.answered = 0}};

        daemon_start(&daemon_, options);
        for (int i = 0; i < CLIENTS; i++) {
            clients[i].keeps_alive = i % 2 == 0;
            assert_int_equal(pthread_create(&clients[i].thread, NULL,
                                            client_main, &clients[i]),
                             0);
        }
        nap_ms(100);
        daemon_signal(&daemon_, SIGTERM);
        assert_int_equal(daemon_wait(&daemon_), 0);
        for (int i = 0; i < CLIENTS; i++) {
            pthread_join(clients[i].thread, NULL);
            failed += clients[i].failed;
            answered += clients[i].answered;
        }
    }
    print_message("%u answered\n", answered);
    assert_true(answered > 0);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(during_the_delay_all_is_served_but_not_ready),
        cmocka_unit_test(a_request_under_way_is_finished),
        cmocka_unit_test(drain_timeout_ends_what_does_not_end),
        cmocka_unit_test(idle_connections_hold_nobody_up),
        cmocka_unit_test(a_second_signal_ends_at_once),
        cmocka_unit_test(a_hang_up_ends_nothing),
        cmocka_unit_test(an_interrupt_drains_too),
        cmocka_unit_test(nobody_fails_while_a_loaded_server_drains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
