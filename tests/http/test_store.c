/* test_store.c: docs/api-2-sessions.md, what survives which end of the
 * process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/store_daemon.h"

static struct store_daemon d;
static struct api *const api = &d.api;

static int set_up(void **state)
{
    (void)state;
    store_daemon_open(&d);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_daemon_close(&d);
    return 0;
}

/* ---- what survives ------------------------------------------------------ */

/* Any cut of a stream by ends of the process gives the bits of one call. */
static void a_stream_goes_on(const char *durability,
                             void (*end)(struct store_daemon *))
{
    char wanted[256], window[256];

    store_daemon_start(&d, durability, NULL, NULL);
    store_daemon_step(&d, "c", 0, 3, ", \"start\": true");
    api_assert_status(api, 200);
    store_daemon_step(
        &d, "w", 0, 3,
        ", \"start\": true, \"mode\": \"window\", \"window\": 5");
    api_assert_status(api, 200);
    for (int i = 1; i <= 4; i++) {
        if (!strcmp(durability, "async"))
            store_daemon_settle(&d);
        end(&d);
        store_daemon_start(&d, durability, NULL, NULL);
        store_daemon_reference(&d, 0, 3 * i + 3, wanted, sizeof(wanted));
        store_daemon_reference(&d, 3 * i - 2, 3 * i + 3, window,
                               sizeof(window));
        store_daemon_step(&d, "c", 3 * i, 3 * i + 3, "");
        store_daemon_assert(&d, wanted);
        assert_true(api_number(api, "session.step") == 3 * i + 3);
        store_daemon_step(&d, "w", 3 * i, 3 * i + 3, "");
        store_daemon_assert(&d, window);
        assert_true(api_number(api, "session.window_filled") == 5);
    }
    store_daemon_stop(&d);
}

/* rows: S70 */
static void a_stream_goes_on_after_a_drain(void **state)
{
    (void)state;
    a_stream_goes_on("step", store_daemon_stop);
}

/* A drain writes what async has kept back. */
static void a_drain_loses_nothing_in_async(void **state)
{
    char wanted[256];

    (void)state;
    store_daemon_start(&d, "async", NULL, NULL);
    store_daemon_step(&d, "c", 0, 3, ", \"start\": true");
    api_assert_status(api, 200);
    store_daemon_stop(&d);
    store_daemon_start(&d, "async", NULL, NULL);
    store_daemon_reference(&d, 0, 5, wanted, sizeof(wanted));
    store_daemon_step(&d, "c", 3, 5, "");
    store_daemon_assert(&d, wanted);
    store_daemon_stop(&d);
}

/* rows: S71 */
static void a_stream_goes_on_after_kill_9_in_step(void **state)
{
    (void)state;
    a_stream_goes_on("step", store_daemon_kill);
}

static void a_stream_goes_on_after_kill_9_in_fsync(void **state)
{
    (void)state;
    a_stream_goes_on("fsync", store_daemon_kill);
}

/* rows: S72 */
static void a_stream_goes_on_after_kill_9_in_async_once_written(void **state)
{
    (void)state;
    a_stream_goes_on("async", store_daemon_kill);
}

/* rows: S73 */
static void a_repeated_call_gets_its_reply_from_before_the_kill(void **state)
{
    char reply[1024];

    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_step(&d, "r", 0, 2, ", \"start\": true");
    store_daemon_step(&d, "r", 2, 4, "");
    api_assert_status(api, 200);
    snprintf(reply, sizeof(reply), "%s", api->body);
    store_daemon_step(&d, "e", 0, 2, ", \"start\": true, \"end\": true");
    api_assert_status(api, 200);
    store_daemon_kill(&d);
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_step(&d, "r", 2, 4, "");
    api_assert_status(api, 200);
    assert_string_equal(api->body, reply);
    assert_string_equal(api_header(api, "Idempotent-Replayed"), "true");
    store_daemon_step(&d, "r", 2, 5, "");
    api_assert_problem(api, 422, "step-reused", "/step");
    store_daemon_step(&d, "e", 0, 2, ", \"start\": true, \"end\": true");
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "Idempotent-Replayed"), "true");
    api_get(api, "/sessions/e");
    api_assert_problem(api, 410, "session-gone", NULL);
    assert_string_equal(api_text(api, "reason"), "ended");
    store_daemon_stop(&d);
}

/* Every call under /sessions on a session that is at rest. */
static void every_call_finds_a_session_at_rest(void **state)
{
    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    for (int i = 0; i < 5; i++) {
        char id[16];

        snprintf(id, sizeof(id), "s%d", i);
        store_daemon_step(&d, id, 0, 4, ", \"start\": true");
        api_assert_status(api, 200);
    }
    store_daemon_kill(&d);
    store_daemon_start(&d, "step", NULL, NULL);
    api_get(api, "/sessions?limit=3");
    api_assert_status(api, 200);
    assert_string_equal(api_text(api, "next"), "s2");
    api_get(api, "/sessions/s0");
    assert_true(api_number(api, "step") == 4);
    api_get(api, "/sessions/s1/state");
    assert_true(api_number(api, "step") == 4);
    api_post(api, "/sessions/s2/reset", "%s", "");
    assert_true(api_number(api, "step") == 0);
    api_post(api, "/sessions/s3/fork", "{\"id\": \"f\"}");
    api_assert_status(api, 201);
    assert_true(api_number(api, "step") == 4);
    api_delete(api, "/sessions/s4");
    api_assert_status(api, 204);
    api_post(api, "/sessions", "{\"id\": \"s0\", \"model\": \"free\"}");
    api_assert_problem(api, 409, "session-live", NULL);
    api_get(api, "/sessions/nobody");
    api_assert_problem(api, 404, "no-such-session", NULL);
    store_daemon_kill(&d);
    store_daemon_start(&d, "step", NULL, NULL);
    api_get(api, "/sessions/s2");
    assert_true(api_number(api, "step") == 0);
    api_get(api, "/sessions/f");
    assert_true(api_number(api, "step") == 4);
    api_get(api, "/sessions/s4");
    api_assert_problem(api, 410, "session-gone", NULL);
    store_daemon_stop(&d);
}

/* rows: S74 */
static void more_sessions_than_max_sessions_all_go_on(void **state)
{
    char id[16], wanted[256];

    (void)state;
    store_daemon_start(&d, "step", "--max-sessions", "5");
    store_daemon_reference(&d, 0, 4, wanted, sizeof(wanted));
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_daemon_step(&d, id, 0, 2, ", \"start\": true");
        api_assert_status(api, 200);
    }
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_daemon_step(&d, id, 2, 4, "");
        store_daemon_assert(&d, wanted);
    }
    assert_true(store_daemon_metric(&d, "rnnd_sessions_evicted_total") >= 50);
    store_daemon_stop(&d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_stream_goes_on_after_a_drain),
        TEST(a_drain_loses_nothing_in_async),
        TEST(a_stream_goes_on_after_kill_9_in_step),
        TEST(a_stream_goes_on_after_kill_9_in_fsync),
        TEST(a_stream_goes_on_after_kill_9_in_async_once_written),
        TEST(a_repeated_call_gets_its_reply_from_before_the_kill),
        TEST(every_call_finds_a_session_at_rest),
        TEST(more_sessions_than_max_sessions_all_go_on),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
