/* test_session_turns.c: docs/api-2-sessions.md, several calls at once on one
 * session, and calls that are stopped. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/api.h"
#include "tests/support/api_models.h"
#include "tests/support/raw_http.h"

static struct api_world world;
static struct api *const api = &world.api;

static int set_up(void **state)
{
    (void)state;
    api_world_open(&world, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_world_close(&world);
    return 0;
}

#define CLIENTS 8
#define CALLS   40

struct client {
    struct api api;
    pthread_t thread;
    const char *path, *body;
    const char (*expected)[64]; /* the output after each step */
    bool seen[CLIENTS * CALLS + 1];
    long status;
    atomic_bool is_done;
};

/* Step a shared session; each answer must be that of its own step. */
static void *step_shared(void *arg)
{
    struct client *client = arg;

    for (size_t i = 0; i < CALLS; i++) {
        size_t step;

        api_post(&client->api, "/predict",
                 "{\"sequence\": [0.5], \"session\": \"shared\"}");
        if (client->api.status != 200)
            return NULL;
        step = (size_t)api_number(&client->api, "session.step");
        if (step > CLIENTS * CALLS || client->seen[step] ||
            strcmp(api_raw(&client->api, "output"), client->expected[step]))
            return NULL;
        client->seen[step] = true;
    }
    client->status = 200;
    return NULL;
}

/* The outputs of 1, 2, ... equal steps, from one stateless call. */
static void expect_steps(char expected[][64], size_t count)
{
    static char rows[4096];
    size_t length = 0;
    const char *at;

    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(rows + length, sizeof(rows) - length,
                                   "%s0.5", i ? "," : "");
    api_post(api, "/predict",
             "{\"model\": \"one\", \"sequence\": [%s], \"every_step\": true}",
             rows);
    api_assert_status(api, 200);
    at = api_raw(api, "output") + 1;
    for (size_t i = 1; i <= count; i++) {
        snprintf(expected[i], 64, "%.*s]", (int)strcspn(at, "]"), at);
        at += strcspn(at, "]") + 2;
    }
}

/* rows: S63 S40 */
static void calls_of_many_clients_never_mix(void **state)
{
    static char expected[CLIENTS * CALLS + 1][64];
    static struct client clients[CLIENTS];
    struct daemon patient;
    struct api first;

    (void)state;
    expect_steps(expected, CLIENTS * CALLS);
    api_models_serve(&world.models,
                     (const char *[]){"--session-wait", "60s", NULL},
                     &patient);
    api_init(&first, patient.url);
    api_post(&first, "/sessions", "{\"id\": \"shared\", \"model\": \"one\"}");
    api_assert_status(&first, 201);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.expected = (const char(*)[64])expected};
        api_init(&clients[i].api, patient.url);
        pthread_create(&clients[i].thread, NULL, step_shared, &clients[i]);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        if (clients[i].status != 200)
            fail_msg("client %zu: %ld %s", i, clients[i].api.status,
                     clients[i].api.body);
        api_release(&clients[i].api);
    }
    for (size_t step = 1; step <= CLIENTS * CALLS; step++) {
        size_t times = 0;

        for (size_t i = 0; i < CLIENTS; i++)
            times += clients[i].seen[step];
        assert_int_equal(times, 1);
    }
    api_release(&first);
    daemon_stop(&patient);
}

static void *post(void *arg)
{
    struct client *client = arg;

    api_post(&client->api, client->path, "%s", client->body);
    client->status = client->api.status;
    atomic_store(&client->is_done, true);
    return NULL;
}

#define BIG_STEPS 60000

/* A body for the big model that takes a while. */
static char *big_body(const char *id, const char *more)
{
    size_t count = BIG_STEPS, size = 4 * count + 256;
    char *text = malloc(size);
    size_t length;

    assert_non_null(text);
    length = (size_t)snprintf(text, size,
                              "{\"session\": \"%s\"%s, \"model\": \"big\","
                              "\"sequence\": [",
                              id, more);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + length, i ? ",0.5" : "0.50", 4);
        length += 4;
    }
    memcpy(text + length, "]}", 3);
    return text;
}

/* Ask for the session "busy" as long as a slow call has it; how often each
 * was told so. */
static void ask_while_busy(const struct daemon *daemon, struct api *other,
                           const char *body, size_t busy[3])
{
    static const char *const paths[] = {"/predict", "/sessions/busy/reset",
                                        "/sessions/busy/fork"};
    struct client slow = {.path = "/predict", .body = body};

    api_init(&slow.api, daemon->url);
    pthread_create(&slow.thread, NULL, post, &slow);
    for (size_t i = 0; !atomic_load(&slow.is_done); i = (i + 1) % 3) {
        api_post(other, paths[i], "%s",
                 i ? ""
                   : "{\"sequence\": [1], \"session\": \"busy\","
                     "\"commit\": false}");
        if (other->status != 409)
            continue;
        api_assert_problem(other, 409, "session-busy", NULL);
        busy[i]++;
        api_get(other, "/sessions/busy"); /* looking does not wait */
        api_assert_status(other, 200);
    }
    pthread_join(slow.thread, NULL);
    assert_int_equal(slow.status, 200);
    api_release(&slow.api);
}

/* rows: S63 E-session-busy */
static void who_waits_too_long_is_told_busy(void **state)
{
    char *body = big_body("busy", "");
    struct daemon hasty;
    struct api other;
    size_t busy[3] = {0};

    (void)state;
    api_models_serve(&world.models,
                     (const char *[]){"--session-wait", "1ms",
                                      "--request-timeout", "10min", NULL},
                     &hasty);
    api_init(&other, hasty.url);
    api_post(&other, "/sessions", "{\"id\": \"busy\", \"model\": \"big\"}");
    api_assert_status(&other, 201);
    /* A busy machine may leave no time for all three. */
    for (int i = 0; i < 20 && !(busy[0] && busy[1] && busy[2]); i++)
        ask_while_busy(&hasty, &other, body, busy);
    for (size_t i = 0; i < 3; i++)
        assert_true(busy[i] > 0);
    api_release(&other);
    daemon_stop(&hasty);
    free(body);
}

/* rows: S50 S63 */
static void a_repetition_during_the_call_waits_for_its_reply(void **state)
{
    struct client first = {.path = "/predict"}, second = {.path = "/predict"};
    char *body = big_body("twice", ", \"start\": true, \"step\": 0");
    struct daemon patient;
    struct api other;

    (void)state;
    api_models_serve(&world.models,
                     (const char *[]){"--session-wait", "60s",
                                      "--request-timeout", "10min", NULL},
                     &patient);
    first.body = second.body = body;
    api_init(&other, patient.url);
    api_init(&first.api, patient.url);
    api_init(&second.api, patient.url);
    pthread_create(&first.thread, NULL, post, &first);
    pthread_create(&second.thread, NULL, post, &second);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    assert_int_equal(first.status, 200);
    assert_int_equal(second.status, 200);
    assert_string_equal(first.api.body, second.api.body);
    assert_true(!api_header(&first.api, "Idempotent-Replayed") ||
                !api_header(&second.api, "Idempotent-Replayed"));
    assert_true(api_header(&first.api, "Idempotent-Replayed") ||
                api_header(&second.api, "Idempotent-Replayed"));
    api_get(&other, "/sessions/twice");
    assert_int_equal(api_number(&other, "step"), BIG_STEPS);
    api_release(&first.api);
    api_release(&second.api);
    api_release(&other);
    daemon_stop(&patient);
    free(body);
}

/* Send a call and go away without an answer, at different moments. */
static void send_and_vanish(const char *body, size_t round)
{
    static struct raw_answer answer;
    char request[1024];
    int fd = raw_connect(world.daemon.address);

    snprintf(request, sizeof(request),
             "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n"
             "\r\n%s",
             strlen(body), body);
    if (round % 3 == 2)
        request[strlen(request) - 5] = '\0'; /* it never arrives whole */
    raw_send_text(fd, request);
    if (round % 3 == 1)
        raw_read(fd, false, &answer);
    raw_reset(fd);
}

/* rows: S50 S51 S62 */
static void a_lost_reply_is_no_lost_step_and_no_second_one(void **state)
{
    static char expected[101][64];
    char body[256];

    (void)state;
    expect_steps(expected, 100);
    for (size_t step = 0; step < 100; step++) {
        snprintf(body, sizeof(body),
                 "{\"sequence\": [0.5], \"session\": \"lost\", \"model\":"
                 "\"one\", \"step\": %zu%s}",
                 step, step ? "" : ", \"start\": true");
        for (size_t tries = 0; tries < step % 4; tries++)
            send_and_vanish(body, step + tries);
        api->content_type = "application/json";
        api_post(api, "/predict", "%s", body);
        api->content_type = NULL;
        api_assert_status(api, 200);
        assert_true(api_number(api, "session.step") == (double)(step + 1));
        assert_string_equal(api_raw(api, "output"), expected[step + 1]);
    }
}

/* A busy machine may not even hear of a short call within the daemon's
 * request_timeout: then once more. */
static void post_in_time(struct api *to, const char *path, const char *body,
                         long wanted)
{
    for (int i = 0; i < 50; i++) {
        api_post(to, path, "%s", body);
        if (to->status == wanted)
            return;
        assert_true(to->status == 408 || to->status == 504);
    }
    api_assert_status(to, wanted);
}

/* rows: S62 E-compute-timeout */
static void a_call_that_is_stopped_changes_nothing(void **state)
{
    char *body = big_body("late", "");
    struct daemon hasty;
    struct api other;

    (void)state;
    api_models_serve(
        &world.models,
        (const char *[]){"--request-timeout", "60ms", "--isa", "scalar", NULL},
        &hasty);
    api_init(&other, hasty.url);
    post_in_time(&other, "/sessions", "{\"id\": \"late\", \"model\": \"big\"}",
                 201);
    post_in_time(&other, "/predict", body, 504);
    api_assert_problem(&other, 504, "compute-timeout", NULL);
    do
        api_get(&other, "/sessions/late");
    while (other.status == 504 || other.status == 408);
    api_assert_status(&other, 200);
    assert_int_equal(api_number(&other, "step"), 0);
    api_release(&other);
    daemon_stop(&hasty);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_many_clients_never_mix),
        cmocka_unit_test(who_waits_too_long_is_told_busy),
        cmocka_unit_test(a_repetition_during_the_call_waits_for_its_reply),
        cmocka_unit_test(a_lost_reply_is_no_lost_step_and_no_second_one),
        cmocka_unit_test(a_call_that_is_stopped_changes_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
