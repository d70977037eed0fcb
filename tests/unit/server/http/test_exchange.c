/* test_exchange.c: handlers that wait, go to a worker, take too long, and
 * whose clients vanish (handling.c); on the real server, in this process.
 * GET /sessions/{id} plays the script called `id`.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "server/clock.h"
#include "server/http/workers.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/nap.h"
#include "tests/support/raw_http.h"
#include "tests/support/stand_in_server.h"
#include "tests/support/stand_in_server_parts.h"

#define TIMEOUT_MS 1200

static char listen_text[] = "127.0.0.1:0";
static char *listen_items[] = {listen_text};
static struct config config = {
    .listen = {listen_items, 1},
    .threads = 1,
    .max_body = 1 << 20,
    .max_connections = 400,
    .request_timeout = TIMEOUT_MS,
    .idle_timeout = 60000,
    .drain_timeout = 5000,
};
static struct stand_in_server stand_in;
static struct raw_answer answer;

/* What the handlers have seen. */
static atomic_int calls, finished;
static atomic_bool hold, was_stopped, saw_other_thread;

/* ---- scripts ------------------------------------------------------------ */

static enum route_result say(struct http_response *response, const char *text)
{
    atomic_fetch_add(&finished, 1);
    return stand_in_say(response, text);
}

static enum route_result say_late(struct problem *problem)
{
    atomic_fetch_add(&finished, 1);
    problem_set(problem, PROBLEM_COMPUTE_TIMEOUT, "too late");
    return ROUTE_PROBLEM;
}

static void *wake_later(void *request)
{
    nap_ms(30);
    http_wake(request);
    return NULL;
}

static void start_waker(struct http_request *request)
{
    pthread_t waker;

    pthread_create(&waker, NULL, wake_later, request);
    pthread_detach(waker);
}

/* The first call leaves its number in request->task. */
static int count_call(struct http_request *request)
{
    int *count = request->task;

    if (!count) {
        count = arena_zalloc(request->arena, 1, sizeof(*count), 8);
        request->task = count;
    }
    atomic_fetch_add(&calls, 1);
    return ++*count;
}

static enum route_result play_wait(const char *script, int call,
                                   struct http_request *request,
                                   struct http_response *response,
                                   struct problem *problem)
{
    uint64_t now = clock_monotonic_ms();

    if (strcmp(script, "woken-before") == 0) {
        if (call > 1)
            return say(response, "woken");
        http_wake(request);
        return ROUTE_WAIT;
    }
    if (strcmp(script, "woken-later") == 0) {
        if (call > 1)
            return say(response, "woken");
        start_waker(request);
        return ROUTE_WAIT;
    }
    if (strcmp(script, "timer") == 0) {
        if (call > 1)
            return say(response, "timer");
        request->wake_at_ms = now + 50;
        return ROUTE_WAIT;
    }
    if (strcmp(script, "late") == 0)
        return now >= request->deadline_ms ? say_late(problem) : ROUTE_WAIT;
    if (strcmp(script, "later-still") == 0) {
        if (now >= request->deadline_ms + 100)
            return say_late(problem);
        request->wake_at_ms = now + 100;
        return ROUTE_WAIT;
    }
    if (strcmp(script, "fault") == 0) {
        http_response_header(response, "X-Left-Over", "1");
        problem_set(problem, PROBLEM_INTERNAL, "a fault");
        return ROUTE_PROBLEM;
    }
    return say(response, "now");
}

static enum route_result play_worker(const char *script, int call,
                                     struct http_request *request,
                                     struct http_response *response,
                                     struct problem *problem)
{
    if (!request->on_worker)
        return ROUTE_OFFLOAD;
    if (!pthread_equal(pthread_self(), stand_in.thread))
        atomic_store(&saw_other_thread, true);
    if (strcmp(script, "worker-waits") == 0 && call == 2) {
        start_waker(request);
        return ROUTE_WAIT;
    }
    if (strcmp(script, "worker-holds") == 0)
        while (atomic_load(&hold))
            nap_ms(1);
    if (strcmp(script, "worker-computes") == 0) {
        while (http_keep_going(request))
            nap_ms(1);
        atomic_store(&was_stopped, true);
        return say_late(problem);
    }
    return say(response, "worker");
}

static enum route_result play_script(struct app *unused,
                                     struct http_request *request,
                                     struct http_response *response,
                                     struct problem *problem)
{
    const char *script = request->params[0];
    int call = count_call(request);

    (void)unused;
    if (strncmp(script, "worker", 6) == 0)
        return play_worker(script, call, request, response, problem);
    return play_wait(script, call, request, response, problem);
}

/* ---- the tests ---------------------------------------------------------- */

static int connect_and_ask(const char *script)
{
    char text[128];
    int fd = raw_connect(stand_in.address);

    snprintf(text, sizeof(text),
             "GET /sessions/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", script);
    assert_true(raw_send_text(fd, text));
    return fd;
}

static void play(const char *script, int status, const char *body)
{
    int fd = connect_and_ask(script);

    raw_read(fd, false, &answer);
    close(fd);
    if (answer.status != status)
        fail_msg("%s: status %d\n%s", script, answer.status, answer.bytes);
    assert_non_null(strstr(raw_body(&answer), body));
}

static void wait_for(const atomic_int *number, int value)
{
    for (int i = 0; i < 5000 && atomic_load(number) < value; i++)
        nap_ms(1);
    assert_int_equal(atomic_load(number), value);
}

static void a_wake_that_comes_before_the_return_is_not_lost(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        play("woken-before", 200, "woken");
}

static void a_wake_from_another_thread_goes_on(void **state)
{
    int fds[50];

    (void)state;
    play("woken-later", 200, "woken");
    for (int i = 0; i < 50; i++)
        fds[i] = connect_and_ask("woken-later");
    for (int i = 0; i < 50; i++) {
        raw_read(fds[i], false, &answer);
        assert_int_equal(answer.status, 200);
        close(fds[i]);
    }
}

static void a_handler_is_called_again_at_its_time(void **state)
{
    uint64_t start = clock_monotonic_ms();

    (void)state;
    play("timer", 200, "timer");
    assert_true(clock_monotonic_ms() - start >= 50);
}

/* rows: E-compute-timeout */
static void a_handler_is_told_that_its_time_is_up(void **state)
{
    uint64_t start = clock_monotonic_ms();

    (void)state;
    atomic_store(&calls, 0);
    play("late", 504, "/problems/compute-timeout");
    assert_true(clock_monotonic_ms() - start >= TIMEOUT_MS);
    assert_int_equal(atomic_load(&calls), 2);
}

static void a_handler_that_waits_on_is_waited_for(void **state)
{
    (void)state;
    play("later-still", 504, "/problems/compute-timeout");
}

static void heavy_work_runs_on_a_worker(void **state)
{
    (void)state;
    atomic_store(&saw_other_thread, false);
    play("worker", 200, "worker");
    assert_true(atomic_load(&saw_other_thread));
    play("worker-waits", 200, "worker");
}

/* rows: E-overloaded */
static void a_full_queue_is_503_and_the_others_are_served(void **state)
{
    enum { COUNT = WORKER_QUEUE + 20 };
    int fds[COUNT], served = 0, refused = 0;

    (void)state;
    atomic_store(&hold, true);
    atomic_store(&calls, 0);
    for (int i = 0; i < COUNT; i++)
        fds[i] = connect_and_ask("worker-holds");
    /* Each has asked for a worker, and one has got it. */
    wait_for(&calls, COUNT + 1);
    atomic_store(&hold, false);
    for (int i = 0; i < COUNT; i++) {
        raw_read(fds[i], false, &answer);
        /* 504: the test's machine was slow, but there was room. */
        served += answer.status == 200 || answer.status == 504;
        refused += answer.status == 503;
        close(fds[i]);
    }
    assert_int_equal(served + refused, COUNT);
    /* The worker may have taken the first one before the queue was full. */
    assert_in_range(refused, COUNT - WORKER_QUEUE - 1, COUNT - WORKER_QUEUE);
}

/* rows: E-compute-timeout */
static void a_long_computation_is_stopped(void **state)
{
    (void)state;
    atomic_store(&was_stopped, false);
    play("worker-computes", 504, "/problems/compute-timeout");
    assert_true(atomic_load(&was_stopped));
}

static void what_waits_too_long_for_a_worker_is_504(void **state)
{
    int first, second;

    (void)state;
    atomic_store(&hold, true);
    first = connect_and_ask("worker-holds");
    nap_ms(50);
    second = connect_and_ask("worker");
    nap_ms(TIMEOUT_MS + 100);
    atomic_store(&hold, false);
    raw_read(second, false, &answer);
    assert_int_equal(answer.status, 504);
    raw_read(first, false, &answer);
    assert_int_equal(answer.status, 200);
    close(first);
    close(second);
}

static void a_handler_is_called_again_though_its_client_is_gone(void **state)
{
    static const char *const scripts[] = {"woken-later", "timer", "late",
                                          "worker-waits", "worker"};

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        int fd;

        atomic_store(&finished, 0);
        fd = connect_and_ask(scripts[i]);
        nap_ms(10);
        raw_reset(fd);
        wait_for(&finished, 1);
    }
}

/* rows: E-internal E2 */
static void a_problem_drops_what_the_handler_had_begun_to_answer(void **state)
{
    char value[16];

    (void)state;
    play("fault", 500, "/problems/internal");
    assert_non_null(strstr(raw_body(&answer), "\"detail\":\"a fault\""));
    assert_null(raw_header(&answer, "X-Left-Over", value, sizeof(value)));
}

static void bodies_of_every_size_arrive_whole(void **state)
{
    static const size_t sizes[] = {0,     1,     4095,  4096,   4097,
                                   16383, 16384, 16385, 100000, 1 << 20};
    static char body[1 << 20];
    char head[128], wanted[32];
    int fd = raw_connect(stand_in.address);

    (void)state;
    memset(body, 'x', sizeof(body));
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i / 2];

        if (i % 2) {
            snprintf(head, sizeof(head),
                     "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n%s",
                     size ? "" : "0\r\n\r\n");
            raw_send_text(fd, head);
            snprintf(head, sizeof(head), "%zx\r\n", size);
            if (size) {
                raw_send_text(fd, head);
                raw_send(fd, body, size);
                raw_send_text(fd, "\r\n0\r\n\r\n");
            }
        } else {
            snprintf(head, sizeof(head),
                     "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     size);
            raw_send_text(fd, head);
            raw_send(fd, body, size);
        }
        snprintf(wanted, sizeof(wanted), "%zu", size);
        raw_read(fd, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(raw_body(&answer), wanted);
    }
    close(fd);
}

static void ask_warm(int fd, int times)
{
    static const char post[] = "POST /predict HTTP/1.1\r\n"
                               "Host: localhost\r\nContent-Length: 10\r\n"
                               "Content-Type: application/json\r\n"
                               "Accept: */*\r\n\r\n0123456789";
    static const char get[] = "GET /livez HTTP/1.1\r\n"
                              "Host: localhost\r\n\r\n";

    for (int i = 0; i < times; i++) {
        raw_send_text(fd, i % 2 ? post : get);
        raw_read(fd, false, &answer);
        assert_int_equal(answer.status, 200);
    }
}

static void a_thousand_warm_requests_allocate_nothing(void **state)
{
    int fd = raw_connect(stand_in.address);

    (void)state;
    ask_warm(fd, 20);
    fail_malloc_start(0);
    ask_warm(fd, 1000);
    assert_int_equal(fail_malloc_stop(), 0);
    close(fd);
}

/* Any allocation of ours may fail: the request is refused or its connection
 * closed, and the next one is served. */
static void out_of_memory_costs_one_request_at_most(void **state)
{
    static char body[300000];
    size_t failed = 0;

    (void)state;
    for (size_t n = 1; n <= 12; n++) {
        int fd;

        fail_malloc_start(n);
        fd = raw_connect(stand_in.address);
        raw_send_text(fd, "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Length: 300000\r\n\r\n");
        raw_send(fd, body, sizeof(body));
        raw_read(fd, false, &answer);
        close(fd);
        fail_malloc_stop();
        failed += fail_malloc_happened();
        assert_true(answer.status == 200 || answer.status == 503 ||
                    answer.status == 0);
        play("now", 200, "now");
    }
    assert_true(failed > 0);
}

/* ---- the server --------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    stand_in_start(&stand_in, &config, play_script);
    return 0;
}

/* The last test: a drain waits for a handler that waits. */
static void a_drain_waits_for_a_waiting_handler(void **state)
{
    int fd;

    (void)state;
    fd = connect_and_ask("late");
    nap_ms(50);
    kill(getpid(), SIGTERM);
    raw_read(fd, false, &answer);
    assert_int_equal(answer.status, 504);
    close(fd);
    stand_in_end(&stand_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_that_comes_before_the_return_is_not_lost),
        cmocka_unit_test(a_wake_from_another_thread_goes_on),
        cmocka_unit_test(a_handler_is_called_again_at_its_time),
        cmocka_unit_test(a_handler_is_told_that_its_time_is_up),
        cmocka_unit_test(a_handler_that_waits_on_is_waited_for),
        cmocka_unit_test(heavy_work_runs_on_a_worker),
        cmocka_unit_test(a_full_queue_is_503_and_the_others_are_served),
        cmocka_unit_test(a_long_computation_is_stopped),
        cmocka_unit_test(what_waits_too_long_for_a_worker_is_504),
        cmocka_unit_test(a_handler_is_called_again_though_its_client_is_gone),
        cmocka_unit_test(a_problem_drops_what_the_handler_had_begun_to_answer),
        cmocka_unit_test(bodies_of_every_size_arrive_whole),
        cmocka_unit_test(a_thousand_warm_requests_allocate_nothing),
        cmocka_unit_test(out_of_memory_costs_one_request_at_most),
        cmocka_unit_test(a_drain_waits_for_a_waiting_handler),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
