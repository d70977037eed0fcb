#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_document.h"
#include "tests/support/padded_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FINGERPRINT                                                           \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD "{\"fingerprint\":\"" FINGERPRINT "\",\"mode\":\"carry\","

static void a_session_body_is_read(void **state)
{
    struct padded_text text = padded_text(
        "{\"id\":\"a\",\"model\":\"m\",\"mode\":\"window\",\"window\":24,"
        "\"ttl\":\"30s\"}");
    struct session_body body;
    struct problem problem;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_true(session_body_read(text.bytes, text.length, false, &arena,
                                  &body, &problem));
    assert_string_equal(body.id, "a");
    assert_string_equal(body.model, "m");
    assert_int_equal(body.wish.mode, SESSION_WINDOW);
    assert_true(body.wish.has_window && body.wish.has_ttl);
    assert_int_equal(body.wish.window, 24);
    assert_int_equal(body.wish.ttl_ms, 30000);
    padded_text_free(&text);
    arena_release(&arena);
}

static void an_empty_session_body_is_an_empty_object(void **state)
{
    static const char *const texts[] = {"", "{}", " { } ", "{\"id\":null}"};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(texts); i++) {
        struct padded_text text = padded_text(texts[i]);
        struct session_body body;
        struct problem problem;
        struct arena arena;

        memset(&body, 0x5a, sizeof(body));
        arena_init(&arena, 0);
        assert_true(session_body_read(text.bytes, text.length, i & 1, &arena,
                                      &body, &problem));
        assert_null(body.id);
        assert_null(body.model);
        assert_int_equal(body.wish.mode, SESSION_MODE_UNSET);
        assert_false(body.wish.has_window || body.wish.has_ttl);
        padded_text_free(&text);
        arena_release(&arena);
    }
}

static void a_session_body_that_is_wrong_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum problem_type type;
        const char *pointer;
        bool is_fork;
    } cases[] = {
        {" ", PROBLEM_MALFORMED_JSON, "", false},
        {"{", PROBLEM_MALFORMED_JSON, "", false},
        {"{}{}", PROBLEM_MALFORMED_JSON, "", false},
        {"[]", PROBLEM_BAD_FIELD, "", false},
        {"{\"id\":\"a b\"}", PROBLEM_BAD_ID, "/id", false},
        {"{\"id\":1}", PROBLEM_BAD_FIELD, "/id", false},
        {"{\"id\":\"a\",\"id\":\"a\"}", PROBLEM_DUPLICATE_FIELD, "/id", false},
        {"{\"session\":\"a\"}", PROBLEM_UNKNOWN_FIELD, "/session", false},
        {"{\"window\":3}", PROBLEM_BAD_FIELD, "/window", false},
        {"{\"mode\":\"carry\",\"window\":3}", PROBLEM_BAD_FIELD, "/window",
         false},
        {"{\"ttl\":\"soon\"}", PROBLEM_BAD_FIELD, "/ttl", false},
        {"{\"model\":\"m\"}", PROBLEM_UNKNOWN_FIELD, "/model", true},
        {"{\"ttl\":\"1s\"}", PROBLEM_UNKNOWN_FIELD, "/ttl", true},
        {"{\"id\":\"..\"}", PROBLEM_BAD_ID, "/id", true},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        struct padded_text text = padded_text(cases[i].text);
        struct session_body body;
        struct problem problem;
        struct arena arena;

        arena_init(&arena, 0);
        assert_false(session_body_read(text.bytes, text.length,
                                       cases[i].is_fork, &arena, &body,
                                       &problem));
        assert_int_equal(problem.type, cases[i].type);
        assert_string_equal(problem.pointer, cases[i].pointer);
        padded_text_free(&text);
        arena_release(&arena);
    }
}

static void a_state_is_named_arrays_of_float64(void **state)
{
    struct padded_text text = padded_text(
        "{\"model\":\"m\",\"fingerprint\":\"" FINGERPRINT "\","
        "\"mode\":\"window\",\"window\":24,\"step\":137.0,\"state\":{"
        "\"lstm/h\":[0.1,-2],\"conv1d/past\":[[1,2],[3,4],[5,6]],"
        "\"count\":12345678901,\"window/input\":[]}}");
    struct state_body body;
    struct problem problem;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_true(state_body_read(text.bytes, text.length, 100, &arena, &body,
                                &problem));
    assert_string_equal(body.model, "m");
    assert_string_equal(body.fingerprint, FINGERPRINT);
    assert_int_equal(body.mode, SESSION_WINDOW);
    assert_int_equal(body.window, 24);
    assert_int_equal(body.step, 137);
    assert_int_equal(body.array_count, 4);
    assert_string_equal(body.arrays[0].name, "lstm/h");
    assert_int_equal(body.arrays[0].rank, 1);
    assert_int_equal(body.arrays[0].shape[0], 2);
    assert_true(body.arrays[0].data[0] == 0.1);
    assert_true(body.arrays[0].data[1] == -2);
    assert_int_equal(body.arrays[1].rank, 2);
    assert_int_equal(body.arrays[1].shape[0], 3);
    assert_int_equal(body.arrays[1].shape[1], 2);
    assert_int_equal(body.arrays[1].count, 6);
    assert_true(body.arrays[1].data[5] == 6);
    assert_int_equal(body.arrays[2].rank, 0);
    assert_int_equal(body.arrays[2].count, 1);
    assert_true(body.arrays[2].data[0] == 12345678901.0);
    assert_string_equal(body.arrays[3].name, "window/input");
    assert_int_equal(body.arrays[3].rank, 1);
    assert_int_equal(body.arrays[3].shape[0], 0);
    padded_text_free(&text);
    arena_release(&arena);
}

static void many_arrays_are_taken(void **state)
{
    char *json = malloc(100000), *at = json;
    struct padded_text text;
    struct state_body body;
    struct problem problem;
    struct arena arena;
    size_t i;

    (void)state;
    assert_non_null(json);
    at += sprintf(at, HEAD "\"step\":0,\"state\":{");
    for (i = 0; i < 1000; i++)
        at += sprintf(at, i ? ",\"a%zu\":[%zu]" : "\"a%zu\":[%zu]", i, i);
    sprintf(at, "}}");
    text = padded_text(json);
    arena_init(&arena, 0);
    assert_true(state_body_read(text.bytes, text.length, 1000, &arena, &body,
                                &problem));
    assert_int_equal(body.array_count, 1000);
    assert_null(body.model);
    for (i = 0; i < 1000; i++) {
        char name[16];

        snprintf(name, sizeof(name), "a%zu", i);
        assert_string_equal(body.arrays[i].name, name);
        assert_true(body.arrays[i].data[0] == (double)i);
    }
    assert_false(state_body_read(text.bytes, text.length, 999, &arena, &body,
                                 &problem));
    assert_int_equal(problem.type, PROBLEM_TOO_LARGE);
    free(json);
    padded_text_free(&text);
    arena_release(&arena);
}

static void a_state_that_is_wrong_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum problem_type type;
        const char *pointer;
    } cases[] = {
        {"", PROBLEM_MALFORMED_JSON, ""},
        {"{}", PROBLEM_BAD_FIELD, ""},
        {HEAD "\"step\":1}", PROBLEM_BAD_FIELD, ""},
        {HEAD "\"state\":{}}", PROBLEM_BAD_FIELD, ""},
        {"{\"mode\":\"carry\",\"step\":1,\"state\":{}}", PROBLEM_BAD_FIELD,
         ""},
        {"{\"fingerprint\":\"" FINGERPRINT "\",\"step\":1,\"state\":{}}",
         PROBLEM_BAD_FIELD, ""},
        {"{\"fingerprint\":\"" FINGERPRINT
         "\",\"mode\":\"window\",\"step\":1,\"state\":{}}",
         PROBLEM_BAD_FIELD, ""},
        {HEAD "\"window\":3,\"step\":1,\"state\":{}}", PROBLEM_BAD_FIELD,
         "/window"},
        {"{\"fingerprint\":\"abc\"}", PROBLEM_BAD_FIELD, "/fingerprint"},
        {"{\"fingerprint\":\"" FINGERPRINT "0\"}", PROBLEM_BAD_FIELD,
         "/fingerprint"},
        {HEAD "\"step\":-1}", PROBLEM_BAD_FIELD, "/step"},
        {HEAD "\"state\":[]}", PROBLEM_BAD_FIELD, "/state"},
        {HEAD "\"state\":{\"a/h\":null}}", PROBLEM_BAD_FIELD, "/state/a~1h"},
        {HEAD "\"state\":{\"h\":\"AAAA\"}}", PROBLEM_BAD_FIELD, "/state/h"},
        {HEAD "\"state\":{\"h\":[1],\"h\":[1]}}", PROBLEM_DUPLICATE_FIELD,
         "/state/h"},
        {HEAD "\"state\":{\"h\":[1,null]}}", PROBLEM_SHAPE_MISMATCH,
         "/state/h/1"},
        {HEAD "\"state\":{\"h\":[[1],[2,3]]}}", PROBLEM_SHAPE_MISMATCH,
         "/state/h/1"},
        {HEAD "\"state\":{\"h\":[1e309]}}", PROBLEM_NUMBER_OUT_OF_RANGE,
         "/state/h/0"},
        {HEAD "\"state\":{\"h\":[NaN]}}", PROBLEM_MALFORMED_JSON, ""},
        {HEAD "\"state\":{\"h\":[1,2,3,4,5,6]}}", PROBLEM_TOO_LARGE,
         "/state/h"},
        {HEAD "\"ttl\":\"1s\"}", PROBLEM_UNKNOWN_FIELD, "/ttl"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        struct padded_text text = padded_text(cases[i].text);
        struct state_body body;
        struct problem problem;
        struct arena arena;

        arena_init(&arena, 0);
        if (state_body_read(text.bytes, text.length, 5, &arena, &body,
                            &problem))
            fail_msg("%s is taken", cases[i].text);
        if (problem.type != cases[i].type ||
            strcmp(problem.pointer, cases[i].pointer) != 0)
            fail_msg("%s: %s: %s", cases[i].text, problem.pointer,
                     problem.detail);
        padded_text_free(&text);
        arena_release(&arena);
    }
}

static void an_arena_that_is_out_is_overloaded_at_every_point(void **state)
{
    struct padded_text text = padded_text(
        HEAD "\"model\":\"m\",\"step\":1,\"state\":{\"a\":[1],\"b\":[2],"
             "\"c\":3,\"d\":[4],\"e\":[5],\"f\":[6],\"g\":[7],\"h\":[8],"
             "\"\\u0069\":[9]}}");
    bool ok = false;
    size_t most;

    (void)state;
    for (most = 1; !ok && most < 50000; most++) {
        struct state_body body;
        struct problem problem;
        struct arena arena;

        arena_init(&arena, most);
        ok = state_body_read(text.bytes, text.length, 100, &arena, &body,
                             &problem);
        if (!ok)
            assert_int_equal(problem.type, PROBLEM_OVERLOADED);
        arena_release(&arena);
    }
    assert_true(ok && most > 100);
    padded_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_body_is_read),
        cmocka_unit_test(an_empty_session_body_is_an_empty_object),
        cmocka_unit_test(a_session_body_that_is_wrong_is_refused),
        cmocka_unit_test(a_state_is_named_arrays_of_float64),
        cmocka_unit_test(many_arrays_are_taken),
        cmocka_unit_test(a_state_that_is_wrong_is_refused),
        cmocka_unit_test(an_arena_that_is_out_is_overloaded_at_every_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
