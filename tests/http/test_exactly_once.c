/* test_exactly_once.c: docs/api-2-sessions.md, «Exactly once», row by
 * row. */
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

#define ROW   "[[0.1,0.2,0.3]]"
#define OTHER "[[0.3,0.2,0.1]]"

static struct api_world world;
static struct api *const api = &world.api;

static int set_up(void **state)
{
    (void)state;
    api_world_open(&world, (const char *[]){"--session-wait", "200ms",
                                            "--tombstone-ttl", "400ms",
                                            "--request-timeout", "20s", NULL});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_world_close(&world);
    return 0;
}

/* A call on the session `id`: `more` is further fields, from a comma on. */
static void call(const char *id, const char *sequence, const char *more)
{
    api_post(api, "/predict", "{\"sequence\": %s, \"session\": \"%s\"%s}",
             sequence, id, more);
}

struct reply {
    char body[65536];
    size_t length;
    long status;
    char content_type[64], shape[32], step[32];
};

static void take_header(const char *name, char *text, size_t size)
{
    const char *value = api_header(api, name);

    snprintf(text, size, "%s", value ? value : "");
}

static void take(struct reply *reply)
{
    assert_true(api->status == 200 || api->status == 204);
    assert_true(api->length < sizeof(reply->body));
    memcpy(reply->body, api->body, api->length);
    reply->length = api->length;
    reply->status = api->status;
    take_header("Content-Type", reply->content_type,
                sizeof(reply->content_type));
    take_header("X-Shape", reply->shape, sizeof(reply->shape));
    take_header("X-Session-Step", reply->step, sizeof(reply->step));
}

/* The last answer is the same again, and says so. */
static void assert_replayed(const struct reply *reply)
{
    struct reply *again = malloc(sizeof(*again));

    if (api->status != reply->status ||
        !api_header(api, "Idempotent-Replayed"))
        fail_msg("not replayed: %ld %s", api->status, api->body);
    assert_string_equal(api_header(api, "Idempotent-Replayed"), "true");
    assert_non_null(again);
    take(again);
    assert_int_equal(again->length, reply->length);
    assert_memory_equal(again->body, reply->body, reply->length);
    assert_string_equal(again->content_type, reply->content_type);
    assert_string_equal(again->shape, reply->shape);
    assert_string_equal(again->step, reply->step);
    free(again);
}

static void assert_ran(double step)
{
    api_assert_status(api, 200);
    assert_null(api_header(api, "Idempotent-Replayed"));
    assert_true(api_number(api, "session.step") == step);
}

static void assert_mismatch(double step)
{
    api_assert_problem(api, 409, "step-mismatch", "/step");
    assert_true(api_number(api, "step") == step);
}

/* ---- the table ---------------------------------------------------------- */

/* rows: S50 S51 S52 S53 E-step-reused E-step-mismatch P16 */
static void the_table_row_by_row(void **state)
{
    static struct reply reply;

    (void)state;
    call("t", ROW, ", \"start\": true");
    assert_ran(1);
    call("t", ROW, ", \"step\": 1");
    assert_ran(2);
    take(&reply);
    call("t", ROW, ", \"step\": 1");
    assert_replayed(&reply);
    call("t", ROW, ", \"step\": 1");
    assert_replayed(&reply);
    call("t", OTHER, ", \"step\": 1");
    api_assert_problem(api, 422, "step-reused", "/step");
    call("t", ROW, ",  \"step\": 1"); /* byte for byte */
    api_assert_problem(api, 422, "step-reused", "/step");
    call("t", ROW, ", \"step\": 0");
    assert_mismatch(2);
    call("t", ROW, ", \"step\": 3");
    assert_mismatch(2);
    call("t", ROW, ", \"step\": 1"); /* none of them has moved anything */
    assert_replayed(&reply);
    call("t", OTHER, ", \"step\": 2");
    assert_ran(3);
    call("t", ROW, ", \"step\": 1"); /* only the last one is kept */
    assert_mismatch(3);
}

/* rows: S54 S57 S59 */
static void start_with_step_can_be_repeated(void **state)
{
    static struct reply reply;

    (void)state;
    call("s", ROW, ", \"start\": true, \"step\": 5");
    assert_mismatch(0);
    api_get(api, "/sessions/s");
    api_assert_problem(api, 404, "no-such-session", NULL);
    call("s", ROW, ", \"start\": true, \"step\": 0");
    assert_ran(1);
    take(&reply);
    call("s", ROW, ", \"start\": true, \"step\": 0");
    assert_replayed(&reply);
    call("s", OTHER, ", \"start\": true, \"step\": 0");
    api_assert_problem(api, 409, "session-live", "/start");
    call("s", ROW, ", \"start\": true");
    api_assert_problem(api, 409, "session-live", "/start");
    call("s", OTHER, ", \"step\": 0");
    api_assert_problem(api, 422, "step-reused", "/step");
}

/* rows: S57 S58 */
static void restart_compares_with_zero(void **state)
{
    static struct reply reply;

    (void)state;
    call("r", ROW, ", \"start\": \"restart\", \"step\": 0");
    assert_ran(1);
    call("r", ROW, ", \"step\": 1");
    assert_ran(2);
    call("r", OTHER, ", \"start\": \"restart\", \"step\": 2");
    assert_mismatch(0);
    call("r", OTHER, ", \"start\": \"restart\", \"step\": 0");
    assert_ran(1);
    take(&reply);
    call("r", OTHER, ", \"start\": \"restart\", \"step\": 0");
    assert_replayed(&reply);
    call("r", ROW, ", \"start\": \"restart\", \"step\": 0");
    assert_ran(1);
    call("r", ROW, ", \"start\": \"restart\""); /* no step: runs each time */
    assert_ran(1);
    call("r", ROW, ", \"start\": \"restart\"");
    assert_ran(1);
}

/* rows: S55 S60 S23 */
static void the_last_words_can_be_heard_again(void **state)
{
    static struct reply reply;

    (void)state;
    call("e", ROW, ", \"start\": true, \"step\": 0");
    call("e", ROW, ", \"step\": 1, \"end\": true");
    assert_ran(2);
    take(&reply);
    call("e", ROW, ", \"step\": 1, \"end\": true");
    assert_replayed(&reply);
    call("e", OTHER, ", \"step\": 1, \"end\": true");
    api_assert_problem(api, 410, "session-gone", NULL);
    assert_string_equal(api_text(api, "reason"), "ended");
    call("e", ROW, ", \"step\": 2");
    api_assert_problem(api, 410, "session-gone", NULL);
    call("e", ROW, "");
    api_assert_problem(api, 410, "session-gone", NULL);
    call("e", ROW, ", \"step\": 1, \"end\": true");
    assert_replayed(&reply);
    /* All of a life in one call. */
    call("e1", ROW, ", \"start\": true, \"step\": 0, \"end\": true");
    assert_ran(1);
    take(&reply);
    call("e1", ROW, ", \"start\": true, \"step\": 0, \"end\": true");
    assert_replayed(&reply);
    /* Another start is another life. */
    call("e1", OTHER, ", \"start\": true, \"step\": 0, \"end\": true");
    assert_ran(1);
    call("e1", ROW, ", \"start\": true, \"step\": 0, \"end\": true");
    assert_ran(1);
}

/* rows: S55 */
static void the_last_words_fade_with_the_tombstone(void **state)
{
    struct timespec time = {0, 450 * 1000000L};

    (void)state;
    call("f", ROW, ", \"start\": true, \"step\": 0, \"end\": true");
    assert_ran(1);
    nanosleep(&time, NULL);
    call("f", ROW, ", \"step\": 0, \"end\": true");
    api_assert_problem(api, 404, "no-such-session", NULL);
}

/* ---- what is kept ------------------------------------------------------- */

/* `count` rows of two numbers. */
static const char *long_sequence(size_t count)
{
    static char text[65536];
    size_t length = 1;

    text[0] = '[';
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "%s[0.%zu,-1.%zu]", i ? "," : "", i, i);
    assert_true(length + 1 < sizeof(text));
    text[length] = ']';
    text[length + 1] = '\0';
    return text;
}

/* rows: S56 */
static void a_long_reply_is_made_again(void **state)
{
    static struct reply reply;

    (void)state;
    call("l", long_sequence(5),
         ", \"model\": \"rows\", \"start\": true, \"step\": 0");
    assert_ran(5);
    call("l", long_sequence(400), ", \"step\": 5");
    assert_ran(405);
    assert_true(api->length > 4096);
    take(&reply);
    call("l", long_sequence(400), ", \"step\": 5");
    assert_replayed(&reply);
    call("l", long_sequence(1), ", \"commit\": false");
    assert_ran(405);
    call("l", long_sequence(400), ", \"step\": 5");
    assert_replayed(&reply);
    call("l", long_sequence(1), ", \"step\": 405");
    assert_ran(406);
    /* In a window, and after the end. */
    call("lw", long_sequence(3),
         ", \"model\": \"rows\", \"start\": true, \"mode\": \"window\","
         "\"window\": 4");
    api_assert_status(api, 200);
    call("lw", long_sequence(200),
         ", \"step\": 3, \"every_step\": true, \"end\": true");
    assert_ran(203);
    assert_true(api->length > 4096);
    take(&reply);
    call("lw", long_sequence(200),
         ", \"step\": 3, \"every_step\": true, \"end\": true");
    assert_replayed(&reply);
}

static void binary(const char *query, const float *floats, size_t count)
{
    char path[128];

    snprintf(path, sizeof(path), "/predict?%s", query);
    api_post_floats(api, path, floats, count);
}

/* rows: S50 S64 */
static void binary_replies_come_again_with_their_headers(void **state)
{
    static const float row[3] = {0.1f, 0.2f, 0.3f};
    static float many[1200];
    static struct reply reply;

    (void)state;
    binary("session=b&start=true&step=0", row, 3);
    take(&reply);
    assert_string_equal(reply.shape, "2");
    assert_string_equal(reply.step, "1");
    binary("session=b&start=true&step=0", row, 3);
    assert_replayed(&reply);
    /* The same meaning, but not the same bytes. */
    binary("step=0&session=b&start=true", row, 3);
    api_assert_problem(api, 409, "session-live", "/start");
    api->accept = "application/json";
    binary("session=b&start=true&step=0", row, 3);
    api->accept = NULL;
    api_assert_problem(api, 409, "session-live", "/start");
    /* 204 is a reply like any other. */
    binary("session=b2&start=true&step=0&mode=window", row, 3);
    take(&reply);
    assert_int_equal(reply.status, 204);
    binary("session=b2&start=true&step=0&mode=window", row, 3);
    assert_replayed(&reply);
    /* A long one. */
    binary("session=b3&start=true&step=0&model=rows", many, 1200);
    take(&reply);
    assert_int_equal(reply.length, 4800);
    assert_string_equal(reply.shape, "600,2");
    binary("session=b3&start=true&step=0&model=rows", many, 1200);
    assert_replayed(&reply);
}

/* rows: S64 */
static void the_answers_form_is_part_of_the_call(void **state)
{
    (void)state;
    call("m", ROW, ", \"start\": true");
    call("m", ROW, ", \"step\": 1");
    assert_ran(2);
    api->accept = "application/octet-stream";
    call("m", ROW, ", \"step\": 1");
    api->accept = NULL;
    api_assert_problem(api, 422, "step-reused", "/step");
}

/* rows: S61 */
static void what_forgets_the_stored_reply(void **state)
{
    static struct reply reply;
    static char document[16384];

    (void)state;
    call("w", ROW, ", \"start\": true, \"step\": 0");
    take(&reply);
    call("w", OTHER, ", \"commit\": false");
    assert_ran(1);
    call("w", OTHER, ", \"commit\": false, \"step\": 1");
    assert_ran(1);
    call("w", OTHER, ", \"commit\": false, \"step\": 7");
    assert_mismatch(1);
    call("w", ROW, ", \"start\": true, \"step\": 0"); /* a peek does not */
    assert_replayed(&reply);
    call("w", ROW, "");
    assert_ran(2);
    call("w", ROW, ", \"start\": true, \"step\": 0");
    api_assert_problem(api, 409, "session-live", "/start");

    call("w", ROW, ", \"step\": 2");
    assert_ran(3);
    api_get(api, "/sessions/w/state");
    snprintf(document, sizeof(document), "%s", api->body);
    api->content_type = "application/json";
    api_call(api, "PUT", "/sessions/w/state", document, strlen(document));
    api->content_type = NULL;
    api_assert_status(api, 200);
    call("w", ROW, ", \"step\": 2");
    assert_mismatch(3);

    call("w", ROW, ", \"step\": 3");
    assert_ran(4);
    api_call(api, "POST", "/sessions/w/reset", NULL, 0);
    api_assert_status(api, 200);
    call("w", ROW, ", \"step\": 3");
    assert_mismatch(0);

    call("w", ROW, ", \"step\": 0");
    assert_ran(1);
    call("w", ROW, ", \"start\": \"restart\"");
    assert_ran(1);
    call("w", ROW, ", \"step\": 0");
    assert_mismatch(1);
}

/* rows: S62 */
static void a_call_that_fails_changes_nothing(void **state)
{
    static const struct {
        const char *sequence, *more;
    } failing[] = {
        {"[[1,2]]", ", \"step\": 1"},
        {"[[1,2,3,4]]", ""},
        {"[]", ", \"step\": 1"},
        {"[[1,2,null]]", ""},
        {"[[1,2,1e39]]", ", \"step\": 1"},
        {ROW, ", \"step\": 9"},
        {ROW, ", \"model\": \"other\""},
        {ROW, ", \"x\": 1"},
        {"[[1,2]]", ", \"end\": true"},
        {"[[1,2]]", ", \"start\": \"restart\""},
    };
    static struct reply reply;
    static char before[16384];

    (void)state;
    call("n", ROW, ", \"start\": true, \"step\": 0");
    take(&reply);
    api_get(api, "/sessions/n/state");
    snprintf(before, sizeof(before), "%s", api->body);
    for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
        call("n", failing[i].sequence, failing[i].more);
        assert_true(api->status >= 400 && api->status < 500);
        api_get(api, "/sessions/n/state");
        assert_string_equal(api->body, before);
        call("n", ROW, ", \"start\": true, \"step\": 0");
        assert_replayed(&reply);
    }
    /* A session that was not to be. */
    call("n2", "[[1,2]]", ", \"start\": true");
    api_assert_problem(api, 422, "shape-mismatch", "/sequence/0");
    api_get(api, "/sessions/n2");
    api_assert_problem(api, 404, "no-such-session", NULL);
    /* A failed start leaves the tombstone. */
    api_post(api, "/sessions", "{\"id\": \"n3\"}");
    api_delete(api, "/sessions/n3");
    call("n3", "[[1,2]]", ", \"start\": true");
    api_assert_problem(api, 422, "shape-mismatch", "/sequence/0");
    api_get(api, "/sessions/n3");
    api_assert_problem(api, 410, "session-gone", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_row_by_row),
        cmocka_unit_test(start_with_step_can_be_repeated),
        cmocka_unit_test(restart_compares_with_zero),
        cmocka_unit_test(the_last_words_can_be_heard_again),
        cmocka_unit_test(the_last_words_fade_with_the_tombstone),
        cmocka_unit_test(a_long_reply_is_made_again),
        cmocka_unit_test(binary_replies_come_again_with_their_headers),
        cmocka_unit_test(the_answers_form_is_part_of_the_call),
        cmocka_unit_test(what_forgets_the_stored_reply),
        cmocka_unit_test(a_call_that_fails_changes_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
