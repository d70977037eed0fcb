/* test_replicas_life.c: three replicas on one Redis: windows and states go
 * from one to the next; Redis or a replica fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/nap.h"
#include "tests/support/replicas_fixture.h"
#include "tests/support/store_daemon.h"

/* ---- windows, states ---------------------------------------------------- */

static const char *window_rows(int from, int to, char text[REPLICAS_TEXT_SIZE])
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
    char text[REPLICAS_TEXT_SIZE], output[256];
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
    char text[REPLICAS_TEXT_SIZE];
    char *first;

    (void)state;
    api_post(&apis[0], "/predict",
             "{\"session\": \"ex\", \"model\": \"one\", \"start\": true, "
             "\"sequence\": %s}",
             replicas_inputs(0, 9, text));
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
    redis_server_kill(&world.redis);
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
    redis_server_go_on(&world.redis);
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
    char text[REPLICAS_TEXT_SIZE];

    (void)state;
    for (size_t step = 0; step < 12; step++) {
        size_t here = step % REPLICAS;

        api_post(&apis[here], "/predict",
                 "{\"session\": \"k\", \"model\": \"one\", \"step\": %zu, "
                 "\"sequence\": %s%s}",
                 step, replicas_inputs(step, step + 1, text),
                 step ? "" : ", \"start\": true");
        api_assert_status(&apis[here], 200);
        assert_string_equal(api_raw(&apis[here], "output"),
                            world.expected[step + 1]);
        if (step % 4 == 3)
            replicas_kill(&world, here);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_goes_through_all_replicas),
        cmocka_unit_test(what_one_imports_the_others_export),
        cmocka_unit_test(without_redis_stateless_calls_go_on),
        cmocka_unit_test(a_replica_that_is_killed_loses_nothing),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
