/* test_replicas.c: three replicas on one Redis (docs/redis.md): the same
 * sessions through all of them at once, bits as in one stream. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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
#include "tests/support/nap.h"
#include "tests/support/redis_server.h"
#include "tests/support/store_daemon.h"

#define REPLICAS 3
#define STEPS    60 /* of a stream */

static struct redis_server redis;
static struct api_models models;
static struct daemon daemons[REPLICAS];
static struct api apis[REPLICAS];

static void start(size_t i)
{
    const char *options[] = {"--redis-url",
                             redis.url,
                             "--session-wait",
                             "30s",
                             "--store-timeout",
                             "1s",
                             "--list-sessions",
                             "yes",
                             NULL};

    api_models_serve(&models, options, &daemons[i]);
    api_init(&apis[i], daemons[i].url);
}

static int set_up(void **state)
{
    (void)state;
    redis_server_start(&redis,
                       (const char *[]){"--appendonly", "yes", "--appendfsync",
                                        "always", NULL});
    api_models_make(&models);
    for (size_t i = 0; i < REPLICAS; i++)
        start(i);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < REPLICAS; i++) {
        api_release(&apis[i]);
        daemon_stop(&daemons[i]);
    }
    api_models_remove(&models);
    redis_server_stop(&redis);
    return 0;
}

/* ---- a stream of the model "one" ---------------------------------------- */

/* Input `i`. */
static double input(size_t i)
{
    return (double)(i * 37 % 101) / 101.0;
}

/* Inputs `from` to `to`, as a JSON array. */
static const char *inputs(size_t from, size_t to, char text[4096])
{
    size_t length = 1;

    strcpy(text, "[");
    for (size_t i = from; i < to; i++)
        length += (size_t)snprintf(text + length, 4096 - length, "%s%.6f",
                                   i > from ? "," : "", input(i));
    strcpy(text + length, "]");
    return text;
}

/* expected[n] is the output after n steps of one call over all. */
static void expect(char expected[STEPS + 1][64])
{
    char text[4096];
    const char *at;

    api_post(&apis[0], "/predict",
             "{\"model\": \"one\", \"sequence\": %s, \"every_step\": true}",
             inputs(0, STEPS, text));
    api_assert_status(&apis[0], 200);
    at = api_raw(&apis[0], "output") + 1;
    for (size_t i = 1; i <= STEPS; i++) {
        snprintf(expected[i], 64, "%.*s]", (int)strcspn(at, "]"), at);
        at += strcspn(at, "]") + 2;
    }
}

/* ---- threads ------------------------------------------------------------ */

struct client {
    pthread_t thread;
    struct api api;
    size_t replica;
    const char *id;
    size_t index;
    char fault[256]; /* "": none */
    char body[512];  /* what is sent, and afterwards what came */
    const char *path;
};

static void run_all(struct client *clients, size_t count,
                    void *(*what)(void *))
{
    for (size_t i = 0; i < count; i++) {
        clients[i].index = i;
        api_init(&clients[i].api, daemons[clients[i].replica].url);
        assert_int_equal(
            pthread_create(&clients[i].thread, NULL, what, &clients[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
        if (*clients[i].fault)
            fail_msg("client %zu: %s", i, clients[i].fault);
    }
}

static void release_all(struct client *clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        api_release(&clients[i].api);
}

static void complain(struct client *client, const char *what)
{
    snprintf(client->fault, sizeof(client->fault), "%s: %ld %.150s", what,
             client->api.status, client->api.body);
}

/* ---- calls without step ------------------------------------------------- */

#define CALLS 20

static atomic_bool seen[3 * REPLICAS * CALLS + 1];

/* All inputs are the same: each answer must be that of a step of its own. */
static void *step_blindly(void *arg)
{
    struct client *client = arg;

    for (size_t i = 0; i < CALLS; i++) {
        size_t step;

        api_post(&client->api, "/predict",
                 "{\"sequence\": [0.5], \"session\": \"shared\"}");
        if (client->api.status != 200) {
            complain(client, "refused");
            return NULL;
        }
        step = (size_t)api_number(&client->api, "session.step");
        if (step > 3 * REPLICAS * CALLS || atomic_exchange(&seen[step], true))
            complain(client, "a step was given twice");
    }
    return NULL;
}

static void calls_without_step_run_again_when_overtaken(void **state)
{
    struct client clients[3 * REPLICAS] = {0};

    (void)state;
    api_post(&apis[0], "/sessions",
             "{\"id\": \"shared\", \"model\": \"one\"}");
    api_assert_status(&apis[0], 201);
    for (size_t i = 0; i < 3 * REPLICAS; i++)
        clients[i].replica = i % REPLICAS;
    run_all(clients, 3 * REPLICAS, step_blindly);
    release_all(clients, 3 * REPLICAS);
    for (size_t i = 1; i <= 3 * REPLICAS * CALLS; i++)
        assert_true(seen[i]);
    api_get(&apis[1], "/sessions/shared");
    assert_int_equal(api_number(&apis[1], "step"), 3 * REPLICAS * CALLS);
}

/* ---- calls with step ---------------------------------------------------- */

static char expected[STEPS + 1][64];

/* A stream of its own, each call at the next replica, some twice, and some
 * at two. */
static void *go_round(void *arg)
{
    struct client *client = arg;
    struct api at[REPLICAS];
    size_t step = 0, turn = client->index;
    char text[4096];

    for (size_t i = 0; i < REPLICAS; i++)
        api_init(&at[i], daemons[i].url);
    while (step < STEPS) {
        size_t length = 1 + turn % 4;
        struct api *here = &at[turn % REPLICAS];

        if (length > STEPS - step)
            length = STEPS - step;
        inputs(step, step + length, text);
        for (int again = 0; again <= (turn % 3 == 0); again++) {
            api_post(here, "/predict",
                     "{\"session\": \"own%zu\", \"model\": \"one\", \"step\": "
                     "%zu, \"sequence\": %s%s}",
                     client->index, step, text,
                     step ? "" : ", \"start\": true");
            if (here->status != 200 ||
                strcmp(api_raw(here, "output"), expected[step + length]) ||
                (again && !api_header(here, "Idempotent-Replayed"))) {
                snprintf(client->fault, sizeof(client->fault),
                         "step %zu: %ld %.150s", step, here->status,
                         here->body);
                step = STEPS;
                break;
            }
            here = &at[(turn + 1) % REPLICAS];
        }
        step += length;
        turn = turn * 5 + 1;
    }
    for (size_t i = 0; i < REPLICAS; i++)
        api_release(&at[i]);
    return NULL;
}

static void many_streams_go_through_all_replicas(void **state)
{
    struct client clients[8] = {0};

    (void)state;
    expect(expected);
    run_all(clients, 8, go_round);
    release_all(clients, 8);
}

static void *post_body(void *arg)
{
    struct client *client = arg;

    api_post(&client->api, client->path, "%s", client->body);
    return NULL;
}

/* The same call at all replicas in the same moment. */
static void a_step_that_races_itself_happens_once(void **state)
{
    char text[4096];

    (void)state;
    expect(expected);
    for (size_t step = 0; step < 20; step++) {
        struct client clients[REPLICAS] = {0};
        size_t ran = 0;

        for (size_t i = 0; i < REPLICAS; i++) {
            clients[i].replica = i;
            clients[i].path = "/predict";
            snprintf(clients[i].body, sizeof(clients[i].body),
                     "{\"session\": \"same\", \"model\": \"one\", \"step\": "
                     "%zu, \"sequence\": %s%s}",
                     step, inputs(step, step + 1, text),
                     step ? "" : ", \"start\": true");
        }
        run_all(clients, REPLICAS, post_body);
        for (size_t i = 0; i < REPLICAS; i++) {
            api_assert_status(&clients[i].api, 200);
            assert_string_equal(api_raw(&clients[i].api, "output"),
                                expected[step + 1]);
            ran += !api_header(&clients[i].api, "Idempotent-Replayed");
        }
        assert_int_equal(ran, 1);
        release_all(clients, REPLICAS);
    }
}

/* Other calls with the same step: one of them happens. */
static void of_other_calls_with_one_step_one_happens(void **state)
{
    (void)state;
    api_post(&apis[0], "/sessions", "{\"id\": \"race\", \"model\": \"one\"}");
    for (size_t step = 0; step < 20; step++) {
        struct client clients[REPLICAS] = {0};
        size_t ran = 0;

        for (size_t i = 0; i < REPLICAS; i++) {
            clients[i].replica = i;
            clients[i].path = "/predict";
            snprintf(clients[i].body, sizeof(clients[i].body),
                     "{\"session\": \"race\", \"step\": %zu, \"sequence\": "
                     "[0.%zu]}",
                     step, i + 1);
        }
        run_all(clients, REPLICAS, post_body);
        for (size_t i = 0; i < REPLICAS; i++) {
            if (clients[i].api.status == 200)
                ran++;
            else
                api_assert_problem(&clients[i].api, 422, "step-reused",
                                   "/step");
        }
        assert_int_equal(ran, 1);
        release_all(clients, REPLICAS);
    }
    api_get(&apis[2], "/sessions/race");
    assert_int_equal(api_number(&apis[2], "step"), 20);
}

static void an_id_is_created_once(void **state)
{
    (void)state;
    for (size_t n = 0; n < 20; n++) {
        struct client clients[REPLICAS] = {0};
        size_t made = 0, deleted = 0;
        char path[64];

        for (size_t i = 0; i < REPLICAS; i++) {
            clients[i].replica = i;
            clients[i].path = "/sessions";
            snprintf(clients[i].body, sizeof(clients[i].body),
                     "{\"id\": \"n%zu\"}", n);
        }
        run_all(clients, REPLICAS, post_body);
        for (size_t i = 0; i < REPLICAS; i++) {
            if (clients[i].api.status == 201)
                made++;
            else
                api_assert_problem(&clients[i].api, 409, "session-live", NULL);
        }
        assert_int_equal(made, 1);
        release_all(clients, REPLICAS);
        snprintf(path, sizeof(path), "/sessions/n%zu", n);
        for (size_t i = 0; i < REPLICAS; i++) {
            api_delete(&apis[(n + i) % REPLICAS], path);
            deleted += apis[(n + i) % REPLICAS].status == 204;
            if (i)
                api_assert_problem(&apis[(n + i) % REPLICAS], 410,
                                   "session-gone", NULL);
        }
        assert_int_equal(deleted, 1);
    }
}

/* ---- windows, states ---------------------------------------------------- */

static const char *window_rows(int from, int to, char text[4096])
{
    size_t length = 0;

    text[0] = '\0';
    for (int i = from; i < to; i++)
        length += (size_t)snprintf(
            text + length, 4096 - length, "%s[%.4f,%.4f,%.4f]",
            i > from ? "," : "", (i * 37 % 100) / 100.0,
            (i * 71 % 100) / 100.0, (i * 13 % 100) / 100.0);
    return text;
}

static void a_window_goes_through_all_replicas(void **state)
{
    char text[4096], output[256];
    int row = 0;

    (void)state;
    for (int n = 0; row < 70; n++) {
        struct api *here = &apis[n % REPLICAS];
        int count = 1 + n % 3 + (n % 11 == 10 ? 12 : 0);

        api_post(here, "/predict",
                 "{\"session\": \"win\", \"model\": \"seed\", \"step\": %d, "
                 "\"sequence\": [%s]%s}",
                 row, window_rows(row, row + count, text),
                 row ? "" : ", \"start\": true, \"mode\": \"window\"");
        api_assert_status(here, 200);
        row += count;
        snprintf(output, sizeof(output), "%s", api_raw(here, "output"));
        if (row < 10) {
            assert_string_equal(output, "null");
            continue;
        }
        api_post(here, "/predict", "{\"model\": \"seed\", \"sequence\": [%s]}",
                 window_rows(row - 10, row, text));
        assert_string_equal(output, api_raw(here, "output"));
    }
}

static void what_one_imports_the_others_export(void **state)
{
    char text[4096];
    char *first;

    (void)state;
    api_post(&apis[0], "/predict",
             "{\"session\": \"ex\", \"model\": \"one\", \"start\": true, "
             "\"sequence\": %s}",
             inputs(0, 9, text));
    api_get(&apis[1], "/sessions/ex/state");
    api_assert_status(&apis[1], 200);
    first = strdup(apis[1].body);
    api_call(&apis[2], "PUT", "/sessions/im/state", first, strlen(first));
    api_assert_status(&apis[2], 201);
    api_post(&apis[1], "/sessions/im/fork", "{\"id\": \"fo\"}");
    api_assert_status(&apis[1], 201);
    for (size_t i = 0; i < REPLICAS; i++) {
        api_get(&apis[i], "/sessions/im/state");
        assert_string_equal(apis[i].body, first);
        api_get(&apis[i], "/sessions/fo/state");
        assert_string_equal(apis[i].body, first);
    }
    free(first);
    api_post(&apis[0], "/sessions/ex/reset", "%s", "");
    api_assert_status(&apis[0], 200);
    api_post(&apis[1], "/predict",
             "{\"session\": \"ex\", \"step\": 9, \"sequence\": [0.5]}");
    api_assert_problem(&apis[1], 409, "step-mismatch", "/step");
    assert_int_equal(api_number(&apis[1], "step"), 0);
}

/* ---- what fails --------------------------------------------------------- */

static void wait_for_store(struct api *api, const char *word)
{
    for (int i = 0; i < 2000; i++) {
        api_get(api, "/readyz");
        api_assert_status(api, 200); /* without ready_needs_store */
        if (!strcmp(api_text(api, "checks.store"), word))
            return;
        nap_ms(10);
    }
    fail_msg("the store is not \"%s\"", word);
}

static void without_redis_stateless_calls_go_on(void **state)
{
    (void)state;
    api_post(&apis[0], "/predict",
             "{\"session\": \"r\", \"model\": \"one\", \"start\": true, "
             "\"step\": 0, \"sequence\": [0.5]}");
    api_assert_status(&apis[0], 200);
    redis_server_kill(&redis);
    for (size_t i = 0; i < REPLICAS; i++) {
        wait_for_store(&apis[i], "failing");
        api_post(&apis[i], "/predict",
                 "{\"session\": \"r\", \"step\": 1, \"sequence\": [0.5]}");
        api_assert_problem(&apis[i], 503, "store-unreachable", NULL);
        assert_non_null(api_header(&apis[i], "Retry-After"));
        api_get(&apis[i], "/sessions/r");
        api_assert_problem(&apis[i], 503, "store-unreachable", NULL);
        api_get(&apis[i], "/sessions");
        api_assert_problem(&apis[i], 503, "store-unreachable", NULL);
        api_post(&apis[i], "/predict",
                 "{\"model\": \"one\", \"sequence\": [0.5]}");
        api_assert_status(&apis[i], 200);
    }
    redis_server_go_on(&redis);
    for (size_t i = 0; i < REPLICAS; i++)
        wait_for_store(&apis[i], "ok");
    for (size_t i = 0; i < REPLICAS; i++) {
        api_post(&apis[i], "/predict",
                 "{\"session\": \"r\", \"step\": %zu, \"sequence\": [0.5]}",
                 i + 1);
        api_assert_status(&apis[i], 200);
    }
}

static void a_replica_that_is_killed_loses_nothing(void **state)
{
    char text[4096];

    (void)state;
    expect(expected);
    for (size_t step = 0; step < 12; step++) {
        size_t here = step % REPLICAS;

        api_post(&apis[here], "/predict",
                 "{\"session\": \"k\", \"model\": \"one\", \"step\": %zu, "
                 "\"sequence\": %s%s}",
                 step, inputs(step, step + 1, text),
                 step ? "" : ", \"start\": true");
        api_assert_status(&apis[here], 200);
        assert_string_equal(api_raw(&apis[here], "output"),
                            expected[step + 1]);
        if (step % 4 != 3)
            continue;
        api_release(&apis[here]);
        daemon_signal(&daemons[here], SIGKILL);
        daemon_wait(&daemons[here]);
        start(here);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_without_step_run_again_when_overtaken),
        cmocka_unit_test(many_streams_go_through_all_replicas),
        cmocka_unit_test(a_step_that_races_itself_happens_once),
        cmocka_unit_test(of_other_calls_with_one_step_one_happens),
        cmocka_unit_test(an_id_is_created_once),
        cmocka_unit_test(a_window_goes_through_all_replicas),
        cmocka_unit_test(what_one_imports_the_others_export),
        cmocka_unit_test(without_redis_stateless_calls_go_on),
        cmocka_unit_test(a_replica_that_is_killed_loses_nothing),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
