/* test_sessions.c: the handlers under /sessions, called directly: states of
 * every type, and every handler without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/routes/routes.h"
#include "server/session_store.h"
#include "tests/support/fake_engine.h"
#include "tests/support/route_world.h"

#define SAFETENSORS "application/x-safetensors"

static struct route_world world;

static int set_up(void **state)
{
    (void)state;
    route_world_init(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    route_world_release(&world);
    return 0;
}

/* Call a handler of the session `id` with a text as body. */
static enum route_result call(route_handler *handler, const char *id,
                              const char *type, const char *text)
{
    world.request.params[0] = id;
    route_world_call(&world, handler, "", type, text, strlen(text));
    world.request.params[0] = NULL;
    return world.result;
}

static void predict(const char *text)
{
    world.request.params[0] = NULL;
    if (route_world_call(&world, route_predict, "", NULL, text,
                         strlen(text)) != ROUTE_REPLY)
        fail_msg("%s", world.problem.detail);
}

static void make_session(const char *id)
{
    char text[256];

    snprintf(text, sizeof(text),
             "{\"model\": \"words\", \"sequence\": [9, 8], \"session\":"
             "\"%s\", \"start\": \"restart\"}",
             id);
    predict(text);
}

/* The last body, kept. */
struct document {
    char bytes[2048];
    size_t length;
};

static void take(struct document *document)
{
    assert_int_equal(world.result, ROUTE_REPLY);
    assert_true(world.response.body_length < sizeof(document->bytes));
    document->length = world.response.body_length;
    memcpy(document->bytes, world.response.body, document->length);
    document->bytes[document->length] = '\0';
}

static void export_state(const char *id, const char *type,
                         struct document *document)
{
    world.request.accept = type;
    call(route_session_export, id, NULL, "");
    world.request.accept = NULL;
    take(document);
}

static enum route_result import_state(const char *id, const char *type,
                                      const struct document *document)
{
    world.request.params[0] = id;
    route_world_call(&world, route_session_import, "", type, document->bytes,
                     document->length);
    world.request.params[0] = NULL;
    return world.result;
}

static void set_fingerprints(void)
{
    /* 64 digits, which the names of the models are not. */
    for (size_t i = 0; i < FAKE_MODELS; i++)
        snprintf(fake_served[i].fingerprint,
                 sizeof(fake_served[i].fingerprint), "%064zx", i + 1);
}

/* rows: S30 S31 S33 */
static void numbers_of_every_type_go_round(void **state)
{
    static const char *const types[] = {"application/json", SAFETENSORS};
    struct document before, after;

    (void)state;
    set_fingerprints();
    make_session("a");
    export_state("a", "application/json", &before);
    assert_non_null(strstr(before.bytes,
                           "\"state\":{\"fold/total\":17.0,\"fold/count\":2,"
                           "\"rnn/sum\":[17.0,8.5]}"));
    for (size_t i = 0; i < 2; i++) {
        export_state("a", types[i], &before);
        assert_int_equal(import_state("b", types[i], &before), ROUTE_REPLY);
        assert_int_equal(world.response.status, i ? 200 : 201);
        export_state("b", types[i], &after);
        assert_int_equal(after.length, before.length);
        assert_memory_equal(after.bytes, before.bytes, before.length);
    }
}

static void refuse_import(const struct document *document, const char *from,
                          const char *to, enum problem_type type)
{
    const char *at = strstr(document->bytes, from);
    struct document changed;

    assert_non_null(at);
    changed.length = (size_t)snprintf(changed.bytes, sizeof(changed.bytes),
                                      "%.*s%s%s", (int)(at - document->bytes),
                                      document->bytes, to, at + strlen(from));
    assert_int_equal(import_state("c", "application/json", &changed),
                     ROUTE_PROBLEM);
    if (world.problem.type != type)
        fail_msg("%s: %s: %s", to, problem_type_name(world.problem.type),
                 world.problem.detail);
}

/* rows: S10 S11 */
static void counts_and_sums_are_checked(void **state)
{
    struct document document;

    (void)state;
    set_fingerprints();
    make_session("a");
    export_state("a", "application/json", &document);
    refuse_import(&document, "count\":2", "count\":2.5",
                  PROBLEM_NUMBER_OUT_OF_RANGE);
    refuse_import(&document, "count\":2", "count\":1e300",
                  PROBLEM_NUMBER_OUT_OF_RANGE);
    refuse_import(&document, "count\":2", "count\":-1", PROBLEM_NOT_FINITE);
    refuse_import(&document, "count\":2", "count\":[2]",
                  PROBLEM_SHAPE_MISMATCH);
    refuse_import(&document, "[17.0,", "[1e39,", PROBLEM_NUMBER_OUT_OF_RANGE);
    refuse_import(&document, "[17.0,", "[", PROBLEM_SHAPE_MISMATCH);
    refuse_import(&document, "\"fold/total\":17.0,", "",
                  PROBLEM_SHAPE_MISMATCH);
}

/* ---- without memory ----------------------------------------------------- */

/* What is called until it succeeds, and what must hold after each failure. */
struct attempt {
    route_handler *handler;
    const char *id, *type, *text;
};

static void assert_session(const char *id, uint64_t step)
{
    struct session_info info;
    struct problem problem;

    assert_int_equal(session_store_find(world.app.sessions, id,
                                        UINT64_C(1) << 40, &info, &problem),
                     SESSION_OK);
    assert_int_equal(info.step, step);
}

/* Let every allocation and every size of arena fail once. */
static void attempt_all(const struct attempt *attempt, const char *unmade)
{
    struct session_info info;
    struct problem problem;
    size_t refused = 0;

    for (size_t bytes = 64;; bytes += 64) {
        enum route_result result;

        world.arena.limit = bytes;
        result =
            call(attempt->handler, attempt->id, attempt->type, attempt->text);
        world.arena.limit = 0;
        if (result == ROUTE_REPLY)
            break;
        assert_int_equal(world.problem.type, PROBLEM_OVERLOADED);
        refused++;
        assert_session("a", 2);
        if (unmade)
            assert_int_equal(session_store_find(world.app.sessions, unmade, 1,
                                                &info, &problem),
                             SESSION_REFUSED);
    }
    assert_true(refused > 2);
}

static void no_handler_does_half_of_its_work(void **state)
{
    const struct attempt create = {.handler = route_session_create,
                                   .text = "{\"id\": \"n\", \"model\":"
                                           "\"words\"}"};
    const struct attempt fork = {
        .handler = route_session_fork, .id = "a", .text = "{\"id\": \"f\"}"};
    const struct attempt look = {
        .handler = route_session_get, .id = "a", .text = ""};
    const struct attempt list = {.handler = route_session_list, .text = ""};
    const struct attempt get = {
        .handler = route_session_export, .id = "a", .text = ""};
    struct attempt put = {.handler = route_session_import, .id = "i"};
    struct document document;

    (void)state;
    set_fingerprints();
    world.config.session_ttl = 0;
    make_session("a");
    attempt_all(&create, "n");
    attempt_all(&fork, "f");
    attempt_all(&look, NULL);
    attempt_all(&list, NULL);
    attempt_all(&get, NULL);
    export_state("a", "application/json", &document);
    put.text = document.bytes;
    attempt_all(&put, "i");
    assert_session("n", 0);
    assert_session("f", 2);
    assert_session("i", 2);
}

static void a_reset_without_memory_resets_nothing(void **state)
{
    bool has_failed = false;

    (void)state;
    world.config.session_ttl = 0;
    make_session("a");
    for (size_t bytes = 64;; bytes += 64) {
        enum route_result result;

        world.arena.limit = bytes;
        result = call(route_session_reset, "a", NULL, "");
        world.arena.limit = 0;
        if (result == ROUTE_REPLY)
            break;
        has_failed = true;
        assert_int_equal(world.problem.type, PROBLEM_OVERLOADED);
        assert_session("a", 2);
    }
    assert_true(has_failed);
    assert_session("a", 0);
}

/* rows: S5 */
static void a_long_state_is_written_by_a_worker(void **state)
{
    (void)state;
    set_fingerprints();
    world.config.max_session_memory = (size_t)1 << 30;
    predict("{\"model\": \"words\", \"sequence\": [1], \"session\": \"a\","
            "\"start\": true}");
    predict("{\"model\": \"words\", \"sequence\": [1], \"session\": \"w\","
            "\"start\": true, \"mode\": \"window\", \"window\": 1000}");
    call(route_session_export, "a", NULL, "");
    assert_int_equal(world.offloads, 0);
    world.config.max_timesteps = 100000;
    predict("{\"model\": \"words\", \"sequence\": [1], \"session\": \"x\","
            "\"start\": true, \"mode\": \"window\", \"window\": 20000}");
    call(route_session_export, "x", NULL, "");
    assert_int_equal(world.result, ROUTE_REPLY);
    assert_int_equal(world.offloads, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_of_every_type_go_round),
        TEST(counts_and_sums_are_checked),
        TEST(no_handler_does_half_of_its_work),
        TEST(a_reset_without_memory_resets_nothing),
        TEST(a_long_state_is_written_by_a_worker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
