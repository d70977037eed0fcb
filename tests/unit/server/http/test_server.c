/* test_server.c: a drain whose time is up: what waits and what computes is
 * told to stop and answered, and the server ends.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clock.h"
#include "tests/support/raw_http.h"
#include "tests/support/stand_in_server.h"
#include "tests/support/stand_in_server_parts.h"

static char listen_text[] = "127.0.0.1:0";
static char *listen_items[] = {listen_text};
static struct config config = {
    .listen = {listen_items, 1},
    .threads = 2,
    .max_body = 4096,
    .max_connections = 20,
    .request_timeout = 120000,
    .idle_timeout = 120000,
    .drain_timeout = 200,
};
static struct raw_answer answer;

static enum route_result give_up(struct problem *problem)
{
    problem_set(problem, PROBLEM_COMPUTE_TIMEOUT, "told to stop");
    return ROUTE_PROBLEM;
}

/* "wait" until the deadline, or "compute" for as long as one may. */
static enum route_result hold(struct app *app, struct http_request *request,
                              struct http_response *response,
                              struct problem *problem)
{
    struct timespec time = {.tv_nsec = 1000000};

    (void)app;
    if (strcmp(request->params[0], "wait") == 0)
        return clock_monotonic_ms() >= request->deadline_ms ? give_up(problem)
                                                            : ROUTE_WAIT;
    if (strcmp(request->params[0], "compute") != 0)
        return stand_in_say(response, "ok");
    if (!request->on_worker)
        return ROUTE_OFFLOAD;
    while (http_keep_going(request))
        nanosleep(&time, NULL);
    return give_up(problem);
}

static int ask(const struct stand_in_server *stand_in, const char *what)
{
    char text[128];
    int fd = raw_connect(stand_in->address);

    snprintf(text, sizeof(text),
             "GET /sessions/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", what);
    assert_true(raw_send_text(fd, text));
    return fd;
}

static void when_the_drain_has_lasted_too_long_all_is_ended(void **state)
{
    static const char *const what[] = {"wait", "compute", "wait", "compute"};
    struct stand_in_server stand_in;
    uint64_t start;
    int fds[4], quick;

    (void)state;
    stand_in_start(&stand_in, &config, hold);
    for (int i = 0; i < 4; i++)
        fds[i] = ask(&stand_in, what[i]);
    quick = ask(&stand_in, "quick");
    raw_read(quick, false, &answer);
    assert_int_equal(answer.status, 200);
    start = clock_monotonic_ms();
    kill(getpid(), SIGTERM);
    for (int i = 0; i < 4; i++) {
        raw_read(fds[i], false, &answer);
        assert_int_equal(answer.status, 504);
        close(fds[i]);
    }
    close(quick);
    assert_true(clock_monotonic_ms() - start >= config.drain_timeout);
    stand_in_end(&stand_in);
    assert_true(clock_monotonic_ms() - start < 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_the_drain_has_lasted_too_long_all_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
