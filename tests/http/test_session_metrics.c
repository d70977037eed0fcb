/* test_session_metrics.c: what is counted about sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/api.h"
#include "tests/support/api_models.h"

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

/* The value of a line of GET /metrics. */
static long metric(const char *name)
{
    char line[128];
    const char *at;

    api_get(api, "/metrics");
    api_assert_status(api, 200);
    snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(api->body, line);
    if (!at) {
        fail_msg("no %s in %s", name, api->body);
        return 0;
    }
    return strtol(at + strlen(line), NULL, 10);
}

static void step(const char *id, const char *more)
{
    api_post(api, "/predict",
             "{\"sequence\": [[1,2,3]], \"session\": \"%s\"%s}", id, more);
}

/* rows: R24 */
static void sessions_are_counted(void **state)
{
    struct timespec time = {0, 20 * 1000000L};

    (void)state;
    assert_int_equal(metric("rnnd_sessions{model=\"seed\"}"), 0);
    step("a", ", \"start\": true, \"step\": 0");
    step("a", ", \"start\": true, \"step\": 0");
    step("b", ", \"start\": true");
    step("b", ", \"start\": true");                /* 409 */
    step("a", ", \"step\": 9");                    /* 409 */
    step("a", ",  \"start\": true, \"step\": 0");  /* 409 */
    step("a", ",  \"step\": 0");                   /* 422 step-reused */
    api_post(api, "/sessions", "{\"id\": \"b\"}"); /* 409 */
    api_post(api, "/sessions", "{\"id\": \"c\", \"ttl\": \"10ms\"}");
    step("d", ", \"start\": true, \"sequence\": 1"); /* never was */
    assert_int_equal(metric("rnnd_sessions_created_total"), 3);
    assert_int_equal(metric("rnnd_session_replays_total"), 1);
    assert_int_equal(metric("rnnd_session_conflicts_total"), 5);
    assert_true(metric("rnnd_session_memory_bytes") > 0);
    nanosleep(&time, NULL);
    step("c", ""); /* 410 */
    assert_int_equal(metric("rnnd_sessions_expired_total"), 1);
    assert_int_equal(metric("rnnd_sessions{model=\"seed\"}"), 2);
    step("a", ", \"end\": true");
    api_delete(api, "/sessions/b");
    assert_int_equal(metric("rnnd_sessions_ended_total"), 2);
    assert_int_equal(metric("rnnd_sessions{model=\"seed\"}"), 0);
    assert_int_equal(metric("rnnd_session_memory_bytes"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_counted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
