/* test_limits.c: many clients, slow ones, ones that vanish, and more of them
 * than there is room for.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clock.h"
#include "tests/support/daemon.h"
#include "tests/support/nap.h"
#include "tests/support/raw_http.h"

#define LIVEZ "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST  "POST /predict HTTP/1.1\r\nHost: localhost\r\n"

static struct daemon daemon_;
static struct raw_answer answer;

/* The value of a metric without labels. */
static long metric(const char *name)
{
    char line[128];
    const char *at;

    raw_request(daemon_.address,
                "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", &answer);
    assert_int_equal(answer.status, 200);
    snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(answer.bytes, line);
    assert_non_null(at);
    return atol(at + strlen(line));
}

/* Wait until nothing but the asking connection is open. */
static void wait_until_alone(void)
{
    for (int i = 0; i < 1000; i++) {
        if (metric("rnnd_http_connections") == 1 &&
            metric("rnnd_http_requests_in_flight") == 1)
            return;
        nap_ms(10);
    }
    fail_msg("connections are left behind:\n%s", answer.bytes);
}

static void assert_alive(void)
{
    raw_request(daemon_.address, LIVEZ, &answer);
    assert_int_equal(answer.status, 200);
}

/* ---- many --------------------------------------------------------------- */

static void all_of_many_clients_are_answered(size_t count)
{
    int fds[256];

    for (size_t i = 0; i < count; i++)
        fds[i] = raw_connect(daemon_.address);
    for (int round = 0; round < 5; round++) {
        /* All of them ready at one moment. */
        daemon_signal(&daemon_, SIGSTOP);
        for (size_t i = 0; i < count; i++)
            assert_true(raw_send_text(fds[i], LIVEZ));
        daemon_signal(&daemon_, SIGCONT);
        for (size_t i = 0; i < count; i++) {
            raw_read(fds[i], false, &answer);
            assert_int_equal(answer.status, 200);
        }
    }
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static void clients_that_are_ready_at_once_are_all_answered(void **state)
{
    static const size_t counts[] = {1, 100, 127, 128, 129, 250, 256};
    static const char *const options[] = {"--threads", "1", NULL};
    struct daemon before = daemon_;

    (void)state;
    daemon_start(&daemon_, options);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        all_of_many_clients_are_answered(counts[i]);
    daemon_stop(&daemon_);
    daemon_ = before;
}

/* ---- slow --------------------------------------------------------------- */

/* Send `text` and then a byte now and then; the time until the connection
 * has ended. */
static uint64_t trickle(const char *text, const char *bytes)
{
    uint64_t start = clock_monotonic_ms();
    int fd = raw_connect(daemon_.address);

    raw_send_text(fd, text);
    for (int i = 0; i < 400; i++) {
        if (!raw_send(fd, &bytes[(size_t)i % strlen(bytes)], 1))
            break;
        raw_read_all(fd, 50, &answer);
        if (answer.is_closed)
            break;
    }
    close(fd);
    assert_true(answer.is_closed);
    return clock_monotonic_ms() - start;
}

/* The byte that crosses the answer on its way may reset the connection, and
 * the answer with it: then once more. */
static void trickle_until_told(const char *text, const char *bytes)
{
    for (int i = 0; i < 5; i++) {
        trickle(text, bytes);
        if (answer.status)
            return;
    }
}

/* rows: E-request-timeout */
static void a_slow_head_is_408(void **state)
{
    (void)state;
    trickle_until_told("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ", "a");
    assert_int_equal(answer.status, 408);
    assert_non_null(strstr(answer.bytes, "/problems/request-timeout"));
    wait_until_alone();
}

/* rows: E-request-timeout */
static void a_slow_body_is_408(void **state)
{
    (void)state;
    trickle_until_told(POST "Content-Length: 1000\r\n\r\n{", " ");
    assert_int_equal(answer.status, 408);
    wait_until_alone();
}

static void a_slow_request_line_is_cut(void **state)
{
    (void)state;
    assert_true(trickle("GET /", "a") < 15000);
    wait_until_alone();
}

static void a_silent_client_is_closed(void **state)
{
    int fd = raw_connect(daemon_.address);

    (void)state;
    assert_true(raw_is_closed(fd, 10000));
    close(fd);
    fd = raw_connect(daemon_.address);
    raw_send_text(fd, LIVEZ);
    raw_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(raw_is_closed(fd, 10000));
    close(fd);
}

static void who_does_not_read_is_closed(void **state)
{
    int small = 4096;
    int fd = raw_connect(daemon_.address);

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 2000; i++)
        if (send(fd, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 43,
                 MSG_NOSIGNAL) != 43)
            break;
    assert_alive();
    wait_until_alone();
    close(fd);
}

static void a_good_client_is_served_beside_slow_ones(void **state)
{
    int slow[50];

    (void)state;
    for (int i = 0; i < 50; i++) {
        slow[i] = raw_connect(daemon_.address);
        raw_send_text(slow[i], "GET /livez HTTP/1.1\r\nHost: local");
    }
    for (int i = 0; i < 100; i++)
        assert_alive();
    for (int i = 0; i < 50; i++)
        close(slow[i]);
    wait_until_alone();
}

/* ---- gone --------------------------------------------------------------- */

static const char *const parts[] = {
    "",
    "GET /liv",
    "GET /livez HTTP/1.1\r\nHost: localhost\r\n",
    POST "Content-Length: 40\r\n\r\n{\"sequence\"",
    POST "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"se",
    POST "Expect: 100-continue\r\nContent-Length: 40\r\n\r\n",
    LIVEZ,
    LIVEZ LIVEZ LIVEZ LIVEZ,
    POST "Content-Length: 2\r\n\r\n{}",
    POST "Content-Length: 17000000000\r\n\r\n{}",
};

static void a_half_closed_request_is_not_run_and_frees_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int fd = raw_connect(daemon_.address);

        raw_send_text(fd, parts[i]);
        shutdown(fd, SHUT_WR);
        raw_read_all(fd, RAW_WAIT_MS, &answer);
        assert_true(answer.is_closed);
        /* What was whole is answered all the same. */
        assert_int_equal(raw_count(&answer, 200),
                         i == 6 ? 1 : (i == 7 ? 4 : 0));
        close(fd);
    }
    wait_until_alone();
}

static void a_client_that_resets_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++)
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            int fd = raw_connect(daemon_.address);

            raw_send_text(fd, parts[i]);
            if (round % 2)
                nap_ms(1);
            raw_reset(fd);
        }
    assert_alive();
    wait_until_alone();
}

/* ---- too many ----------------------------------------------------------- */

/* rows: E-overloaded E6 */
static void over_max_connections_is_503_and_it_recovers(void **state)
{
    static const char *const options[] = {"--max-connections", "20",
                                          "--threads", "2", NULL};
    struct daemon before = daemon_;
    char value[32];
    int open[20], more[60];

    (void)state;
    daemon_start(&daemon_, options);
    for (int i = 0; i < 20; i++) {
        open[i] = raw_connect(daemon_.address);
        raw_send_text(open[i], LIVEZ);
        raw_read(open[i], false, &answer);
        assert_int_equal(answer.status, 200);
    }
    /* One more is told so; a probe is answered. */
    raw_request(daemon_.address,
                "GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n", &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(raw_header(&answer, "Retry-After", value, sizeof(value)));
    assert_non_null(strstr(answer.bytes, "/problems/overloaded"));
    assert_alive();
    assert_string_equal(
        raw_header(&answer, "Connection", value, sizeof(value)), "close");
    /* A flood is answered 503 or closed, and the first go on. */
    for (int i = 0; i < 60; i++) {
        more[i] = raw_connect(daemon_.address);
        raw_send_text(more[i], "GET /models HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (int i = 0; i < 60; i++) {
        raw_read_all(more[i], RAW_WAIT_MS, &answer);
        assert_true(answer.is_closed);
        assert_true(answer.status == 503 || answer.status == 0 ||
                    answer.status == 403);
        close(more[i]);
    }
    for (int i = 0; i < 20; i++) {
        raw_send_text(open[i], LIVEZ);
        raw_read(open[i], false, &answer);
        assert_int_equal(answer.status, 200);
        close(open[i]);
    }
    wait_until_alone();
    daemon_stop(&daemon_);
    daemon_ = before;
}

static long cpu_ticks(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_int_equal(sscanf(strrchr(text, ')') + 1,
                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                            "%lu %lu",
                            &user, &system),
                     2);
    return (long)(user + system);
}

static void a_process_out_of_descriptors_waits_without_spinning(void **state)
{
    static const char *const options[] = {"--max-connections", "500",
                                          "--threads", "1", NULL};
    struct daemon before = daemon_;
    struct rlimit limit, low;
    int fds[60];
    long ticks;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = (struct rlimit){40, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    daemon_start(&daemon_, options);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(
        prlimit(daemon_.pid, RLIMIT_NOFILE, &(struct rlimit){40, 40}, NULL),
        0);
    for (int i = 0; i < 60; i++)
        fds[i] = raw_connect(daemon_.address);
    daemon_wait_for(&daemon_, "accept_paused");
    ticks = cpu_ticks(daemon_.pid);
    nap_ms(1000);
    /* Of a second, less than a third. */
    assert_true(cpu_ticks(daemon_.pid) - ticks < sysconf(_SC_CLK_TCK) / 3);
    for (int i = 0; i < 60; i++)
        close(fds[i]);
    for (int i = 0; i < 10; i++)
        assert_alive();
    daemon_stop(&daemon_);
    daemon_ = before;
}

static void a_port_that_is_taken_is_one_sentence_and_exit_code_1(void **state)
{
    const char *arguments[4] = {"--listen", daemon_.address};
    char model[512], output[1024];

    (void)state;
    daemon_path("examples/seed.keras", model, sizeof(model));
    arguments[2] = model;
    assert_int_equal(daemon_run(arguments, output, sizeof(output)), 1);
    assert_non_null(strstr(output, daemon_.address));
    assert_non_null(strstr(output, "rnnd: cannot listen on"));
    assert_alive();
}

static void an_address_that_is_none_is_exit_code_2(void **state)
{
    const char *arguments[4] = {"--listen", "somewhere"};
    char model[512], output[1024];

    (void)state;
    daemon_path("examples/seed.keras", model, sizeof(model));
    arguments[2] = model;
    assert_int_equal(daemon_run(arguments, output, sizeof(output)), 2);
    assert_non_null(strstr(output, "somewhere"));
}

static void every_bound_is_in_the_log(void **state)
{
    static const char *const names[] = {
        "max_body=",          "max_elements=",    "max_timesteps=",
        "max_batch=",         "max_connections=", "request_timeout_ms=",
        "idle_timeout_ms=",   "max_sessions=",    "max_session_memory=",
        "session_ttl_ms=",    "session_wait_ms=", "tombstones=",
        "tombstone_ttl_ms=",  "drain_delay_ms=",  "drain_timeout_ms=",
        "connection_memory=", "worker_queue=",    "request_memory=",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(strstr(daemon_log(&daemon_), names[i]));
}

static int start(void **state)
{
    static const char *const options[] = {"--request-timeout",
                                          "800ms",
                                          "--idle-timeout",
                                          "900ms",
                                          "--threads",
                                          "1",
                                          NULL};

    (void)state;
    daemon_start(&daemon_, options);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    daemon_stop(&daemon_);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_that_are_ready_at_once_are_all_answered),
        cmocka_unit_test(a_slow_head_is_408),
        cmocka_unit_test(a_slow_body_is_408),
        cmocka_unit_test(a_slow_request_line_is_cut),
        cmocka_unit_test(a_silent_client_is_closed),
        cmocka_unit_test(who_does_not_read_is_closed),
        cmocka_unit_test(a_good_client_is_served_beside_slow_ones),
        cmocka_unit_test(a_half_closed_request_is_not_run_and_frees_its_place),
        cmocka_unit_test(a_client_that_resets_leaves_nothing_behind),
        cmocka_unit_test(over_max_connections_is_503_and_it_recovers),
        cmocka_unit_test(a_process_out_of_descriptors_waits_without_spinning),
        cmocka_unit_test(a_port_that_is_taken_is_one_sentence_and_exit_code_1),
        cmocka_unit_test(an_address_that_is_none_is_exit_code_2),
        cmocka_unit_test(every_bound_is_in_the_log),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
