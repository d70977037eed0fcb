/* test_store_refusals.c: docs/api-2-sessions.md, stores and stored sessions
 * that cannot be used, and a store that fails for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/support/nap.h"
#include "tests/support/store_daemon.h"

#define ROW "[[0.25,-0.5,0.125]]"

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

/* ---- what is refused ---------------------------------------------------- */

static void assert_ends(int code, const char *const *arguments,
                        const char *sentence)
{
    static char output[65536];

    assert_int_equal(daemon_run(arguments, output, sizeof(output)), code);
    if (!strstr(output, sentence))
        fail_msg("%s", output);
}

/* rows: S75 */
static void one_process_owns_a_state_dir(void **state)
{
    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    assert_ends(1,
                (const char *[]){"--listen", "127.0.0.1:0", "--state-dir",
                                 d.folder, d.models.arguments[0], NULL},
                "is in use by another rnnd (process ");
    store_daemon_step(&d, "a", 0, 1,
                      ", \"start\": true"); /* the first is unharmed */
    api_assert_status(api, 200);
    store_daemon_stop(&d);
}

static void a_store_that_cannot_be_is_said_at_start(void **state)
{
    (void)state;
    assert_ends(1,
                (const char *[]){"--state-dir", "/proc", d.models.arguments[0],
                                 "--listen", "127.0.0.1:0", NULL},
                "rnnd: state_dir: /proc/lock cannot be opened");
    assert_ends(2,
                (const char *[]){"--store", "sqlite", d.models.arguments[0],
                                 "--listen", "127.0.0.1:0", NULL},
                "rnnd: store = sqlite needs state_dir");
    assert_ends(2,
                (const char *[]){"--store", "redis", d.models.arguments[0],
                                 "--listen", "127.0.0.1:0", NULL},
                "rnnd: store = redis needs redis_url");
    assert_ends(2,
                (const char *[]){"--redis-url", "redis://h:x",
                                 d.models.arguments[0], NULL},
                "rnnd: redis_url has a port that is no number");
    assert_ends(2,
                (const char *[]){"--redis-url", "redis://h", "--durability",
                                 "fsync", d.models.arguments[0], NULL},
                "rnnd: durability = fsync is SQLite's");
    assert_ends(2,
                (const char *[]){"--redis-url", "redis://h", "--state-dir",
                                 d.folder, d.models.arguments[0], NULL},
                "rnnd: state_dir and redis_url are two stores");
}

/* rows: S76 S80 */
static void another_models_session_is_409_and_kept(void **state)
{
    char first[96], other[96];

    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    api_post(api, "/predict",
             "{\"sequence\": [%s], \"session\": \"a\", \"start\": true, "
             "\"model\": \"seed\", \"mode\": \"window\"}",
             "[0.1,0.2,0.3]");
    api_assert_status(api, 200);
    api_post(api, "/sessions",
             "{\"id\": \"b\", \"mode\": \"window\", \"ttl\": \"0\"}");
    api_assert_status(api, 201);
    store_daemon_stop(&d);
    /* The file of the model is replaced: other weights. */
    snprintf(first, sizeof(first), "%s", d.models.arguments[0]);
    snprintf(other, sizeof(other), "seed=%s",
             strchr(d.models.arguments[1], '=') + 1);
    snprintf(d.models.arguments[0], sizeof(first), "%s", other);
    store_daemon_start(&d, "step", NULL, NULL);
    api_get(api, "/sessions/a");
    api_assert_problem(api, 409, "other-model", NULL);
    api_post(api, "/predict",
             "{\"sequence\": " ROW ", \"session\": \"a\", \"model\": "
             "\"seed\"}");
    api_assert_problem(api, 409, "other-model", NULL);
    api_post(api, "/predict",
             "{\"sequence\": " ROW ", \"session\": \"a\", \"model\": "
             "\"seed\", \"start\": \"restart\"}");
    api_assert_problem(api, 409, "other-model", NULL);
    api_delete(api, "/sessions/b");
    api_assert_status(api, 204);
    api_delete(api, "/sessions/b");
    api_assert_problem(api, 410, "session-gone", NULL);
    store_daemon_stop(&d);
    snprintf(d.models.arguments[0], sizeof(first), "%s", first);
    store_daemon_start(&d, "step", NULL, NULL);
    api_get(api, "/sessions/a");
    api_assert_status(api, 200);
    assert_true(api_number(api, "step") == 1);
    store_daemon_stop(&d);
}

/* rows: S79 S80 */
static void a_damaged_session_is_500_for_itself_alone(void **state)
{
    sqlite3 *db = NULL;

    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_step(&d, "a", 0, 2, ", \"start\": true");
    store_daemon_step(&d, "b", 0, 2, ", \"start\": true");
    store_daemon_stop(&d);
    assert_int_equal(sqlite3_open(d.file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE sessions SET body = "
                                  "zeroblob(length(body)) WHERE id = x'61'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_step(&d, "a", 2, 4, "");
    api_assert_problem(api, 500, "internal", NULL);
    assert_non_null(strstr(api_text(api, "detail"), "\"a\" is damaged"));
    store_daemon_step(&d, "b", 2, 4, "");
    api_assert_status(api, 200);
    assert_true(store_daemon_metric(&d, "rnnd_sessions_damaged_total") == 1);
    api_delete(api, "/sessions/a");
    api_assert_status(api, 204);
    api_get(api, "/sessions/a");
    api_assert_problem(api, 410, "session-gone", NULL);
    store_daemon_step(&d, "a", 0, 2, ", \"start\": true");
    api_assert_status(api, 200);
    store_daemon_stop(&d);
}

/* rows: S81 */
static void a_full_store_is_429_for_a_new_session_alone(void **state)
{
    (void)state;
    store_daemon_start(&d, "step", "--max-stored-sessions", "3");
    for (int i = 0; i < 3; i++) {
        char id[16];

        snprintf(id, sizeof(id), "s%d", i);
        store_daemon_step(&d, id, 0, 1, ", \"start\": true");
        api_assert_status(api, 200);
    }
    /* They are counted once a second, and then one by one. */
    for (int i = 0; i < 500; i++) {
        api_post(api, "/sessions", "{\"id\": \"n%d\", \"model\": \"free\"}",
                 i);
        if (api->status == 429)
            break;
        nap_ms(10);
    }
    api_assert_problem(api, 429, "too-many-sessions", NULL);
    assert_non_null(
        strstr(api_text(api, "detail"), "of max_stored_sessions = 3"));
    assert_non_null(api_header(api, "Retry-After"));
    store_daemon_step(&d, "s1", 1, 2, "");
    api_assert_status(api, 200);
    store_daemon_stop(&d);
    store_daemon_start(&d, "step", "--max-stored-sessions", "0");
    api_post(api, "/sessions", "{\"id\": \"new\", \"model\": \"free\"}");
    api_assert_status(api, 201);
    store_daemon_stop(&d);
}

/* ---- a store that fails for a while ------------------------------------- */

/* No file may grow any more, as on a full disk; then it may again. */
static void limit_files(bool is_full)
{
    struct rlimit limit;

    assert_int_equal(prlimit(d.daemon.pid, RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = is_full ? 4096 : limit.rlim_max;
    assert_int_equal(prlimit(d.daemon.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void assert_checks(const char *path, long status, const char *store)
{
    api_get(api, path);
    api_assert_status(api, status);
    assert_string_equal(api_text(api, "checks.store"), store);
}

/* rows: S77 R13 E-store-unreachable */
static void a_full_disk_is_503_and_nothing_moves(void **state)
{
    char wanted[256];

    (void)state;
    store_daemon_start(&d, "step", "--ready-needs-store", "yes");
    store_daemon_step(&d, "a", 0, 2, ", \"start\": true");
    api_assert_status(api, 200);
    limit_files(true);
    for (int i = 0; i < 5; i++) {
        store_daemon_step(&d, "a", 2, 4, "");
        api_assert_problem(api, 503, "store-unreachable", NULL);
        assert_string_equal(api_header(api, "Retry-After"), "1");
    }
    api_post(api, "/sessions", "{\"id\": \"n\", \"model\": \"free\"}");
    api_assert_problem(api, 503, "store-unreachable", NULL);
    api_delete(api, "/sessions/a");
    api_assert_problem(api, 503, "store-unreachable", NULL);
    store_daemon_reference(&d, 0, 4, wanted,
                           sizeof(wanted)); /* stateless calls go on */
    api_get(api, "/sessions/a");
    assert_true(api_number(api, "step") == 2);
    api_get(api, "/sessions/n");
    api_assert_problem(api, 404, "no-such-session", NULL);
    assert_checks("/readyz", 503, "failing");
    assert_checks("/livez", 200, "failing");
    assert_true(store_daemon_metric(&d, "rnnd_store_failures_total") >= 7);
    limit_files(false);
    store_daemon_step(&d, "a", 2, 4, "");
    store_daemon_assert(&d, wanted);
    assert_null(api_header(api, "Idempotent-Replayed"));
    assert_checks("/readyz", 200, "ok");
    assert_non_null(strstr(daemon_log(&d.daemon), "the store fails: "));
    assert_non_null(strstr(daemon_log(&d.daemon), "the store works again"));
    store_daemon_kill(&d);
    store_daemon_start(&d, "step", NULL, NULL);
    api_get(api, "/sessions/a");
    assert_true(api_number(api, "step") == 4);
    store_daemon_stop(&d);
}

/* rows: S78 R26 */
static void in_async_a_full_disk_does_not_stop_service(void **state)
{
    char wanted[256];

    (void)state;
    store_daemon_start(&d, "async", NULL, NULL);
    store_daemon_step(&d, "a", 0, 2, ", \"start\": true");
    store_daemon_settle(&d);
    limit_files(true);
    store_daemon_step(&d, "a", 2, 4, "");
    api_assert_status(api, 200);
    daemon_wait_for(&d.daemon, "the store fails: ");
    store_daemon_reference(&d, 0, 6, wanted, sizeof(wanted));
    store_daemon_step(&d, "a", 4, 6, "");
    store_daemon_assert(&d, wanted);
    assert_checks("/readyz", 200, "failing");
    nap_ms(100);
    assert_true(store_daemon_metric(&d, "rnnd_store_lag_seconds") >= 0.1);
    limit_files(false);
    store_daemon_settle(&d);
    assert_checks("/readyz", 200, "ok");
    store_daemon_kill(&d);
    store_daemon_start(&d, "async", NULL, NULL);
    api_get(api, "/sessions/a");
    assert_true(api_number(api, "step") == 6);
    store_daemon_stop(&d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_process_owns_a_state_dir),
        TEST(a_store_that_cannot_be_is_said_at_start),
        TEST(another_models_session_is_409_and_kept),
        TEST(a_damaged_session_is_500_for_itself_alone),
        TEST(a_full_store_is_429_for_a_new_session_alone),
        TEST(a_full_disk_is_503_and_nothing_moves),
        TEST(in_async_a_full_disk_does_not_stop_service),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
