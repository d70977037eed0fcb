/* The whole daemon inside the test's process, to count what it allocates:
 * nothing of ours, once a request of that kind has been answered. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "config/config.h"
#include "server/app.h"
#include "server/http/server.h"
#include "server/metrics.h"
#include "server/model_registry.h"
#include "server/session_store.h"
#include "server/startup.h"
#include "tests/support/effort.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/model_builder.h"
#include "tests/support/raw_http.h"
#include "tests/support/scratch_file.h"

static struct config config;
static struct app app;
static struct http_server *server;
static pthread_t thread;
static char address[64];
static char model[SCRATCH_PATH_BYTES];
static struct raw_answer answer;

static void *serve(void *unused)
{
    struct rnn_error err;

    return http_server_run(server, &err) ? server : unused;
}

/* Wait for the line in `log` that names the address. */
static void read_address(int log)
{
    static const char mark[] = "listening on http://";
    struct timespec nap = {.tv_nsec = 1000000};
    char text[8192];

    for (int i = 0; i < 20000; i++) {
        ssize_t length = pread(log, text, sizeof(text) - 1, 0);
        const char *at;

        text[length > 0 ? length : 0] = '\0';
        at = strstr(text, mark);
        if (at && strchr(at, '\n')) {
            at += strlen(mark);
            snprintf(address, sizeof(address), "%.*s", (int)strcspn(at, "\n"),
                     at);
            return;
        }
        nanosleep(&nap, NULL);
    }
    fail_msg("the server does not listen: %s", text);
}

static void make_model(void)
{
    struct model_builder b;

    model_builder_init(&b, 10, 3);
    model_builder_add(
        &b, &(struct model_layer){.class_name = "SimpleRNN", .units = 5});
    model_builder_add(
        &b, &(struct model_layer){.class_name = "Dense", .units = 2});
    model_builder_finish(&b);
    scratch_file(b.bytes, b.size, model);
    model_builder_release(&b);
}

static int start(void **state)
{
    char *arguments[] = {"rnnd", "--listen", "127.0.0.1:0", "--threads",
                         "1",    model,      NULL};
    char *environment[] = {NULL};
    int log = memfd_create("log", MFD_CLOEXEC), kept = dup(STDERR_FILENO);
    struct rnn_error err;
    sigset_t held;

    (void)state;
    make_model();
    startup_signals();
    startup_hold_signals(&held);
    dup2(log, STDERR_FILENO);
    assert_int_equal(config_load(6, arguments, environment, &config, &err),
                     RNN_OK);
    app.config = &config;
    app.log.level = LOG_INFO;
    assert_int_equal(
        model_registry_create(&config, &app.log, &app.models, &err), RNN_OK);
    assert_int_equal(metrics_create(app.models, &app.metrics, &err), RNN_OK);
    assert_int_equal(
        session_store_create(&config, app.metrics, &app.sessions, &err),
        RNN_OK);
    assert_int_equal(http_server_create(&app, &server, &err), RNN_OK);
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    read_address(log);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(log);
    return 0;
}

static int end(void **state)
{
    void *failed;

    (void)state;
    kill(getpid(), SIGTERM);
    pthread_join(thread, &failed);
    http_server_free(server);
    session_store_free(app.sessions);
    metrics_free(app.metrics);
    model_registry_free(app.models);
    config_release(&config);
    scratch_file_remove(model);
    return failed ? -1 : 0;
}

static void ask(int fd, const char *head, const void *body, size_t length)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "%s\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", head,
             length);
    raw_send_text(fd, text);
    raw_send(fd, body, length);
    raw_read(fd, false, &answer);
    if (answer.status != 200)
        fail_msg("%s: %s", head, answer.bytes);
}

static const char json_head[] =
    "POST /predict HTTP/1.1\r\nContent-Type: application/json";
static const char binary_head[] =
    "POST /predict HTTP/1.1\r\nContent-Type: application/octet-stream";

static void ask_json(int fd)
{
    static const char body[] =
        "{\"sequence\":[[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3],[0.25,2,3],"
        "[-1.5,2,3],[1,2,3e-3],[1,2,3],[1,2,3]]}";

    ask(fd, json_head, body, strlen(body));
}

static void ask_batch(int fd)
{
    static const char row[] = "[[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3],"
                              "[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3]]";
    char body[512];

    snprintf(body, sizeof(body), "{\"sequences\":[%s,%s,%s]}", row, row, row);
    ask(fd, json_head, body, strlen(body));
}

static void ask_binary(int fd)
{
    float numbers[30] = {0.5f, -1.0f, 2.0f};

    ask(fd, binary_head, numbers, sizeof(numbers));
}

static void ask_step(int fd)
{
    static const char body[] = "{\"session\":\"s\",\"sequence\":[[1,2,3]]}";

    ask(fd, json_head, body, strlen(body));
}

static void count_thousand(void (*one)(int fd))
{
    int fd = raw_connect(address);

    for (int i = 0; i < 20; i++)
        one(fd);
    fail_malloc_start(0);
    for (size_t i = 0; i < effort_count(1000); i++)
        one(fd);
    assert_int_equal(fail_malloc_stop(), 0);
    close(fd);
}

static void a_thousand_warm_calls_in_json_allocate_nothing(void **state)
{
    (void)state;
    count_thousand(ask_json);
}

static void a_thousand_warm_batches_allocate_nothing(void **state)
{
    (void)state;
    count_thousand(ask_batch);
}

static void a_thousand_warm_calls_in_binary_allocate_nothing(void **state)
{
    (void)state;
    count_thousand(ask_binary);
}

static void a_thousand_steps_of_a_session_allocate_nothing(void **state)
{
    int fd = raw_connect(address);
    static const char body[] =
        "{\"session\":\"s\",\"start\":true,\"sequence\":[[1,2,3]]}";

    (void)state;
    ask(fd, json_head, body, strlen(body));
    close(fd);
    count_thousand(ask_step);
}

/* The counter itself: it must see what is allocated on the server's threads,
 * else the tests above could not fail. */
static void the_first_call_on_a_new_connection_is_counted(void **state)
{
    int fd;

    (void)state;
    fail_malloc_start(0);
    for (int i = 0; i < 300; i++) { /* more than any pool holds ready */
        fd = raw_connect(address);
        ask_json(fd);
        if (i % 2)
            continue; /* stays open: the pool runs dry */
        close(fd);
    }
    assert_true(fail_malloc_stop() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_warm_calls_in_json_allocate_nothing),
        cmocka_unit_test(a_thousand_warm_batches_allocate_nothing),
        cmocka_unit_test(a_thousand_warm_calls_in_binary_allocate_nothing),
        cmocka_unit_test(a_thousand_steps_of_a_session_allocate_nothing),
        cmocka_unit_test(the_first_call_on_a_new_connection_is_counted),
    };

    return cmocka_run_group_tests(tests, start, end);
}
