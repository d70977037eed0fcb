/* test_replicas.c: three replicas on one Redis (docs/redis.md): the same
 * sessions through all of them at once, bits as in one stream. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/replicas_fixture.h"
#include "tests/support/store_daemon.h"

/* ---- threads ------------------------------------------------------------ */

struct client {
    pthread_t thread;
    struct api api;
    size_t replica;
    size_t index;
    char fault[256]; /* "": none */
    char body[512];  /* what is sent */
    const char *path;
};

static void run_all(struct client *clients, size_t count,
                    void *(*what)(void *))
{
    for (size_t i = 0; i < count; i++) {
        clients[i].index = i;
        api_init(&clients[i].api, world.daemons[clients[i].replica].url);
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

/* rows: S86 */
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

/* A stream of its own, each call at the next replica, some twice, and some
 * at two. */
static void *go_round(void *arg)
{
    struct client *client = arg;
    struct api at[REPLICAS];
    size_t step = 0, turn = client->index;
    char text[REPLICAS_TEXT_SIZE];

    for (size_t i = 0; i < REPLICAS; i++)
        api_init(&at[i], world.daemons[i].url);
    while (step < REPLICAS_STEPS) {
        size_t length = 1 + turn % 4;
        struct api *here = &at[turn % REPLICAS];

        if (length > REPLICAS_STEPS - step)
            length = REPLICAS_STEPS - step;
        replicas_inputs(step, step + length, text);
        for (int again = 0; again <= (turn % 3 == 0); again++) {
            api_post(here, "/predict",
                     "{\"session\": \"own%zu\", \"model\": \"one\", \"step\": "
                     "%zu, \"sequence\": %s%s}",
                     client->index, step, text,
                     step ? "" : ", \"start\": true");
            if (here->status != 200 ||
                strcmp(api_raw(here, "output"),
                       world.expected[step + length]) ||
                (again && !api_header(here, "Idempotent-Replayed"))) {
                snprintf(client->fault, sizeof(client->fault),
                         "step %zu: %ld %.150s", step, here->status,
                         here->body);
                step = REPLICAS_STEPS;
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

/* rows: S85 */
static void many_streams_go_through_all_replicas(void **state)
{
    struct client clients[8] = {0};

    (void)state;
    run_all(clients, 8, go_round);
    release_all(clients, 8);
}

/* ---- the same moment ---------------------------------------------------- */

static void *post_body(void *arg)
{
    struct client *client = arg;

    api_post(&client->api, client->path, "%s", client->body);
    return NULL;
}

/* The body of each client at its own replica, all in the same moment. */
static void race(struct client clients[REPLICAS], const char *path)
{
    for (size_t i = 0; i < REPLICAS; i++) {
        clients[i].replica = i;
        clients[i].path = path;
    }
    run_all(clients, REPLICAS, post_body);
}

/* One of them was answered with `status`, each other was refused. */
static void assert_one_won(struct client clients[REPLICAS], long status,
                           int refusal, const char *type, const char *pointer)
{
    size_t won = 0;

    for (size_t i = 0; i < REPLICAS; i++) {
        if (clients[i].api.status == status)
            won++;
        else
            api_assert_problem(&clients[i].api, refusal, type, pointer);
    }
    assert_int_equal(won, 1);
}

/* The same call at all replicas in the same moment.  rows: S85 */
static void a_step_that_races_itself_happens_once(void **state)
{
    char text[REPLICAS_TEXT_SIZE];

    (void)state;
    for (size_t step = 0; step < 20; step++) {
        struct client clients[REPLICAS] = {0};
        size_t ran = 0;

        for (size_t i = 0; i < REPLICAS; i++)
            snprintf(clients[i].body, sizeof(clients[i].body),
                     "{\"session\": \"same\", \"model\": \"one\", \"step\": "
                     "%zu, \"sequence\": %s%s}",
                     step, replicas_inputs(step, step + 1, text),
                     step ? "" : ", \"start\": true");
        race(clients, "/predict");
        for (size_t i = 0; i < REPLICAS; i++) {
            api_assert_status(&clients[i].api, 200);
            assert_string_equal(api_raw(&clients[i].api, "output"),
                                world.expected[step + 1]);
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

        for (size_t i = 0; i < REPLICAS; i++)
            snprintf(clients[i].body, sizeof(clients[i].body),
                     "{\"session\": \"race\", \"step\": %zu, \"sequence\": "
                     "[0.%zu]}",
                     step, i + 1);
        race(clients, "/predict");
        assert_one_won(clients, 200, 422, "step-reused", "/step");
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
        size_t deleted = 0;
        char path[64];

        for (size_t i = 0; i < REPLICAS; i++)
            snprintf(clients[i].body, sizeof(clients[i].body),
                     "{\"id\": \"n%zu\"}", n);
        race(clients, "/sessions");
        assert_one_won(clients, 201, 409, "session-live", NULL);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_without_step_run_again_when_overtaken),
        cmocka_unit_test(many_streams_go_through_all_replicas),
        cmocka_unit_test(a_step_that_races_itself_happens_once),
        cmocka_unit_test(of_other_calls_with_one_step_one_happens),
        cmocka_unit_test(an_id_is_created_once),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
