/* test_sessions.c: docs/api-2-sessions.md, calls and the session
 * object, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/api.h"
#include "tests/support/api_models.h"
#include "tests/support/nap.h"

#define ROW "[[0.1,0.2,0.3]]"

static struct api_world world;
static struct api *const api = &world.api;

static int set_up(void **state)
{
    (void)state;
    api_world_open(&world, (const char *[]){"--list-sessions", "yes",
                                            "--session-ttl", "90min",
                                            "--tombstone-ttl", "500ms", NULL});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_world_close(&world);
    return 0;
}

/* ---- calls -------------------------------------------------------------- */

/* rows: S1 S20 */
static void a_session_is_created_as_wished(void **state)
{
    (void)state;
    api_post(api, "/sessions",
             "{\"id\": \"s1\", \"model\": \"free\", \"mode\": \"window\","
             "\"window\": 5, \"ttl\": \"30s\"}");
    api_assert_status(api, 201);
    assert_string_equal(api_header(api, "Location"), "/sessions/s1");
    assert_string_equal(api_text(api, "id"), "s1");
    assert_string_equal(api_text(api, "model"), "free");
    assert_string_equal(api_text(api, "mode"), "window");
    assert_int_equal(api_number(api, "step"), 0);
    assert_int_equal(api_number(api, "window"), 5);
    assert_int_equal(api_number(api, "window_filled"), 0);
    assert_string_equal(api_text(api, "ttl"), "30s");
    assert_int_equal(api_number(api, "state_bytes"), 5 * 3 * 4);
    assert_true(api_number(api, "idle_seconds") >= 0);
    assert_true(api_number(api, "expires_in_seconds") <= 30);
    assert_true(api_number(api, "expires_in_seconds") > 0);
    api_post(api, "/sessions", "{}");
    api_assert_status(api, 201);
    assert_string_equal(api_text(api, "model"), "seed");
    assert_string_equal(api_text(api, "mode"), "carry");
    assert_string_equal(api_text(api, "ttl"), "90min");
    assert_true(api_is_null(api, "window"));
    assert_true(api_is_null(api, "window_filled"));
    assert_int_equal(api_number(api, "state_bytes"), 5 * 4);
    api_post(api, "/sessions", "{\"ttl\": \"0\"}");
    assert_string_equal(api_text(api, "ttl"), "0");
    assert_true(api_is_null(api, "expires_in_seconds"));
}

/* rows: S20 */
static void created_at_is_now_in_rfc_3339(void **state)
{
    char now[32];
    time_t seconds;
    struct tm utc;

    (void)state;
    api_post(api, "/sessions", "{}");
    seconds = time(NULL);
    gmtime_r(&seconds, &utc);
    strftime(now, sizeof(now), "%Y-%m-%dT%H:", &utc);
    assert_int_equal(strlen(api_text(api, "created_at")), 24);
    assert_int_equal(api_text(api, "created_at")[23], 'Z');
    if (utc.tm_min) /* else the hour may have just changed */
        assert_memory_equal(api_text(api, "created_at"), now, 14);
}

/* rows: S2 */
static void the_server_makes_ids_of_128_bits(void **state)
{
    char first[64];

    (void)state;
    api_post(api, "/sessions", "{}");
    snprintf(first, sizeof(first), "%s", api_text(api, "id"));
    assert_int_equal(strlen(first), 22);         /* 6 bits a character */
    api_call(api, "POST", "/sessions", NULL, 0); /* an empty body is {} */
    api_assert_status(api, 201);
    assert_string_not_equal(api_text(api, "id"), first);
}

/* rows: S3 E-session-live */
static void a_live_id_is_not_created_again(void **state)
{
    (void)state;
    api_post(api, "/sessions", "{\"id\": \"s3\"}");
    api_assert_status(api, 201);
    api_post(api, "/sessions", "{\"id\": \"s3\"}");
    api_assert_problem(api, 409, "session-live", NULL);
}

/* rows: S1 */
static void creation_is_strict(void **state)
{
    static const struct {
        const char *path, *body;
        long status;
        const char *type;
    } cases[] = {
        {"/sessions", "{\"model\": \"none\"}", 404, "no-such-model"},
        {"/sessions", "{\"id\": \"a b\"}", 400, "bad-id"},
        {"/sessions", "{\"id\": 5}", 400, "bad-field"},
        {"/sessions", "{\"mode\": \"both\"}", 400, "bad-field"},
        {"/sessions", "{\"ttl\": 30}", 400, "bad-field"},
        {"/sessions", "{\"ttl\": \"30\"}", 400, "bad-field"},
        {"/sessions", "{\"name\": \"a\"}", 400, "unknown-field"},
        {"/sessions", "{\"id\": \"a\", \"id\": \"b\"}", 400,
         "duplicate-field"},
        {"/sessions", "[]", 400, "bad-field"},
        {"/sessions", "{", 400, "malformed-json"},
        {"/sessions?x=1", "{}", 400, "bad-query"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char type[64];

        api_post(api, cases[i].path, "%s", cases[i].body);
        snprintf(type, sizeof(type), "/problems/%s", cases[i].type);
        if (api->status != cases[i].status ||
            strcmp(api_text(api, "type"), type) != 0)
            fail_msg("%s: %ld %s", cases[i].body, api->status, api->body);
    }
    api->content_type = "text/plain";
    api_post(api, "/sessions", "{}");
    api->content_type = NULL;
    api_assert_problem(api, 415, "unsupported-media-type", NULL);
    api->accept = "application/x-safetensors";
    api_post(api, "/sessions", "{}");
    api->accept = NULL;
    api_assert_problem(api, 406, "not-acceptable", NULL);
}

/* rows: S4 E-no-such-session */
static void looking_changes_nothing(void **state)
{
    double idle;

    (void)state;
    api_get(api, "/sessions/never");
    api_assert_problem(api, 404, "no-such-session", NULL);
    api_post(api, "/sessions", "{\"id\": \"s4\"}");
    nap_ms(30);
    api_get(api, "/sessions/s4");
    api_assert_status(api, 200);
    idle = api_number(api, "idle_seconds");
    assert_true(idle >= 0.03);
    nap_ms(30);
    api_get(api, "/sessions/s4");
    /* both are whole milliseconds, rounded down */
    assert_true(api_number(api, "idle_seconds") >= idle + 0.0285);
    api_call(api, "GET", "/sessions/s4?x=1", NULL, 0);
    api_assert_problem(api, 400, "bad-query", NULL);
}

/* rows: S12 S22 */
static void a_reset_begins_at_zero(void **state)
{
    char first[256];

    (void)state;
    api_post(api, "/predict",
             "{\"sequence\": " ROW ", \"session\": \"s12\", \"start\":"
             "true}");
    api_keep(api, "output", first, sizeof(first));
    nap_ms(50);
    api_call(api, "POST", "/sessions/s12/reset", NULL, 0);
    api_assert_status(api, 200);
    assert_int_equal(api_number(api, "step"), 0);
    assert_true(api_number(api, "idle_seconds") < 0.05);
    api_post(api, "/predict", "{\"sequence\": " ROW ", \"session\": \"s12\"}");
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), first);
    api_call(api, "POST", "/sessions/never/reset", NULL, 0);
    api_assert_problem(api, 404, "no-such-session", NULL);
    /* A window forgets its rows. */
    api_post(api, "/predict",
             "{\"sequence\": [[1,2,3],[4,5,6]], \"session\": \"s12w\","
             "\"start\": true, \"mode\": \"window\"}");
    assert_int_equal(api_number(api, "session.window_filled"), 2);
    api_call(api, "POST", "/sessions/s12w/reset", NULL, 0);
    assert_int_equal(api_number(api, "window_filled"), 0);
    assert_int_equal(api_number(api, "window"), 10);
}

/* rows: S13 */
static void a_fork_has_the_same_past_and_its_own_future(void **state)
{
    char next[256], before[2048];

    (void)state;
    api_post(api, "/predict",
             "{\"sequence\": " ROW ", \"session\": \"s13\", \"start\": true,"
             "\"step\": 0, \"ttl\": \"77s\"}");
    api_post(api, "/sessions/s13/fork", "{\"id\": \"s13f\"}");
    api_assert_status(api, 201);
    assert_string_equal(api_header(api, "Location"), "/sessions/s13f");
    assert_string_equal(api_text(api, "ttl"), "77s");
    assert_int_equal(api_number(api, "step"), 1);
    api_post(api, "/predict",
             "{\"sequence\": [[7,8,9]], \"session\": \"s13\"}");
    api_keep(api, "output", next, sizeof(next));
    api_get(api, "/sessions/s13/state");
    snprintf(before, sizeof(before), "%s", api->body);
    api_post(api, "/predict",
             "{\"sequence\": [[7,8,9]], \"session\": \"s13f\"}");
    assert_string_equal(api_raw(api, "output"), next);
    api_post(api, "/predict",
             "{\"sequence\": [[7,8,9]], \"session\": \"s13f\"}");
    api_get(api, "/sessions/s13/state");
    assert_string_equal(api->body, before);
    /* Its id is made, if none is given; a live one is refused. */
    api_call(api, "POST", "/sessions/s13/fork", NULL, 0);
    api_assert_status(api, 201);
    assert_int_equal(strlen(api_text(api, "id")), 22);
    api_post(api, "/sessions/s13/fork", "{\"id\": \"s13f\"}");
    api_assert_problem(api, 409, "session-live", NULL);
    api_post(api, "/sessions/s13/fork", "{\"id\": \"s13\"}");
    api_assert_problem(api, 409, "session-live", NULL);
    api_post(api, "/sessions/s13/fork", "{\"mode\": \"carry\"}");
    api_assert_problem(api, 400, "unknown-field", "/mode");
    api_post(api, "/sessions/never/fork", "{}");
    api_assert_problem(api, 404, "no-such-session", NULL);
}

/* rows: S13 */
static void a_fork_has_no_stored_reply(void **state)
{
    (void)state;
    api_post(api, "/predict",
             "{\"sequence\": " ROW ", \"session\": \"s13r\", \"start\":"
             "true}");
    api_post(api, "/predict",
             "{\"sequence\": " ROW ", \"session\": \"s13r\", \"step\": 1}");
    api_assert_status(api, 200);
    api_post(api, "/sessions/s13r/fork", "{\"id\": \"s13q\"}");
    api_post(api, "/predict",
             "{\"sequence\": " ROW ", \"session\": \"s13q\", \"step\": 1}");
    api_assert_problem(api, 409, "step-mismatch", "/step");
    assert_int_equal(api_number(api, "step"), 2);
}

/* rows: S14 S23 S24 E-session-gone */
static void what_is_deleted_is_gone_and_then_unknown(void **state)
{
    (void)state;
    api_post(api, "/sessions", "{\"id\": \"s14\"}");
    api_delete(api, "/sessions/s14");
    api_assert_status(api, 204);
    assert_int_equal(api->length, 0);
    api_get(api, "/sessions/s14");
    api_assert_problem(api, 410, "session-gone", NULL);
    assert_string_equal(api_text(api, "reason"), "deleted");
    api_delete(api, "/sessions/s14");
    api_assert_problem(api, 410, "session-gone", NULL);
    api_post(api, "/sessions", "{\"id\": \"s14\"}");
    api_assert_status(api, 201);
    api_delete(api, "/sessions/s14");
    nap_ms(550);
    api_get(api, "/sessions/s14");
    api_assert_problem(api, 404, "no-such-session", NULL);
    api_delete(api, "/sessions/s14");
    api_assert_problem(api, 404, "no-such-session", NULL);
}

/* rows: S22 S23 S24 */
static void an_unused_session_expires(void **state)
{
    (void)state;
    api_post(api, "/sessions", "{\"id\": \"s22\", \"ttl\": \"200ms\"}");
    api_assert_status(api, 201);
    nap_ms(210);
    api_post(api, "/predict", "{\"sequence\": " ROW ", \"session\": \"s22\"}");
    api_assert_problem(api, 410, "session-gone", NULL);
    assert_string_equal(api_text(api, "reason"), "expired");
    api_post(api, "/predict",
             "{\"sequence\": " ROW ", \"session\": \"s22\", \"start\":"
             "true}");
    api_assert_status(api, 200);
    assert_int_equal(api_number(api, "session.step"), 1);
}

static double idle_after(const char *path, const char *body)
{
    api_post(api, "/sessions", "{\"id\": \"s22i\"}");
    nap_ms(60);
    api_call(api, "POST", path, body, body ? strlen(body) : 0);
    api_get(api, "/sessions/s22i");
    return api_number(api, "idle_seconds");
}

/* rows: S22 S62 */
static void what_begins_the_ttl_anew(void **state)
{
    (void)state;
    assert_true(idle_after("/predict", "{\"sequence\": " ROW
                                       ", \"session\": \"s22i\"}") < 0.06);
    assert_true(idle_after("/predict",
                           "{\"sequence\": " ROW
                           ", \"session\": \"s22i\", \"commit\": false}") <
                0.06);
    assert_true(idle_after("/sessions/s22i/reset", NULL) < 0.06);
    /* What fails changes nothing, and looking and copying are no use. */
    assert_true(idle_after("/predict",
                           "{\"sequence\": [[1]], \"session\": \"s22i\"}") >=
                0.06);
    assert_true(idle_after("/sessions/s22i/fork", NULL) >= 0.06);
    nap_ms(60);
    api_get(api, "/sessions/s22i/state");
    api_get(api, "/sessions/s22i");
    assert_true(api_number(api, "idle_seconds") >= 0.12);
}

/* rows: S15 */
static void the_list_has_pages_in_the_order_of_ids(void **state)
{
    char after[64] = "", path[128];
    size_t total = 0, pages = 0;

    (void)state;
    for (int i = 0; i < 25; i++) {
        api_post(api, "/sessions", "{\"id\": \"~list-%02d\"}", (i * 7) % 25);
        api_assert_status(api, 201);
    }
    snprintf(after, sizeof(after), "~list");
    for (;; pages++) {
        snprintf(path, sizeof(path), "/sessions?limit=10&after=%s", after);
        api_get(api, path);
        api_assert_status(api, 200);
        for (int i = 0; i < 10; i++) {
            char at[32], id[16];

            snprintf(at, sizeof(at), "sessions.%d", i);
            if (!api_has(api, at))
                break;
            snprintf(at, sizeof(at), "sessions.%d.id", i);
            snprintf(id, sizeof(id), "~list-%02zu", total++);
            assert_string_equal(api_text(api, at), id);
            snprintf(at, sizeof(at), "sessions.%d.mode", i);
            assert_string_equal(api_text(api, at), "carry");
        }
        if (api_is_null(api, "next"))
            break;
        snprintf(after, sizeof(after), "%s", api_text(api, "next"));
    }
    assert_int_equal(total, 25);
    assert_int_equal(pages, 2);
    api_get(api, "/sessions");
    api_assert_status(api, 200);
    assert_true(api_has(api, "sessions.24"));
}

/* rows: S15 */
static void the_lists_query_is_strict(void **state)
{
    static const char *const paths[] = {
        "/sessions?limit=0", "/sessions?limit=1001", "/sessions?limit=-1",
        "/sessions?limit=",  "/sessions?limit=1.5",  "/sessions?limit=x",
        "/sessions?offset=3"};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        api_get(api, paths[i]);
        api_assert_problem(api, 400, "bad-query", NULL);
    }
    api_get(api, "/sessions?limit=1000&after=a");
    api_assert_status(api, 200);
    api_get(api, "/sessions?after=a%20b");
    api_assert_problem(api, 400, "bad-id", NULL);
}

/* rows: S21 E-bad-id */
static void ids_are_few_characters(void **state)
{
    static const char *const bad[] = {"a%20b", "%c3%a9", "a%2fb", "..",
                                      "%2e",   "a*b",    "a:b",   "%2e%2e"};
    char longest[160] = "/sessions/", body[200];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char path[64];

        snprintf(path, sizeof(path), "/sessions/%s", bad[i]);
        api_get(api, path);
        api_assert_problem(api, 400, "bad-id", NULL);
    }
    memset(longest + 10, 'x', 128);
    snprintf(body, sizeof(body), "{\"id\": \"%s\"}", longest + 10);
    api_post(api, "/sessions", "%s", body);
    api_assert_status(api, 201);
    api_get(api, longest);
    api_assert_status(api, 200);
    strcat(longest, "x");
    api_get(api, longest);
    api_assert_problem(api, 400, "bad-id", NULL);
    api_post(api, "/sessions", "{\"id\": \"AZaz09._~-\"}");
    api_assert_status(api, 201);
    api_get(api, "/sessions/%41Zaz09%2e_%7e-");
    api_assert_status(api, 200);
    assert_string_equal(api_text(api, "id"), "AZaz09._~-");
    api_post(api, "/sessions", "{\"id\": \"..\"}");
    api_assert_problem(api, 400, "bad-id", "/id");
    api_post(api, "/sessions", "{\"id\": \"\"}");
    api_assert_problem(api, 400, "bad-id", "/id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_created_as_wished),
        cmocka_unit_test(created_at_is_now_in_rfc_3339),
        cmocka_unit_test(the_server_makes_ids_of_128_bits),
        cmocka_unit_test(a_live_id_is_not_created_again),
        cmocka_unit_test(creation_is_strict),
        cmocka_unit_test(looking_changes_nothing),
        cmocka_unit_test(a_reset_begins_at_zero),
        cmocka_unit_test(a_fork_has_the_same_past_and_its_own_future),
        cmocka_unit_test(a_fork_has_no_stored_reply),
        cmocka_unit_test(what_is_deleted_is_gone_and_then_unknown),
        cmocka_unit_test(an_unused_session_expires),
        cmocka_unit_test(what_begins_the_ttl_anew),
        cmocka_unit_test(the_list_has_pages_in_the_order_of_ids),
        cmocka_unit_test(the_lists_query_is_strict),
        cmocka_unit_test(ids_are_few_characters),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
