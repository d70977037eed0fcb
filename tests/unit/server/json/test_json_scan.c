#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_scan.h"
#include "tests/support/padded_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Walk to the first number and fail there. */
static void fail_at_first_number(const char *json, struct problem *problem)
{
    struct padded_text text = padded_text(json);
    enum json_kind kind = JSON_NULL;
    struct json_scan scan;
    struct arena arena;

    arena_init(&arena, 0);
    json_scan_init(&scan, text.bytes, text.length, &arena, problem);
    for (;;) {
        enum json_item item;

        assert_true(json_peek(&scan, &kind));
        if (kind == JSON_NUMBER)
            break;
        if (kind == JSON_ARRAY || kind == JSON_OBJECT)
            assert_true(json_enter(&scan));
        else
            assert_true(json_skip_value(&scan));
        item = json_step(&scan)->is_object ? json_next_member(&scan)
                                           : json_next_element(&scan);
        assert_int_equal(item, JSON_ITEM);
    }
    assert_false(json_fail(&scan, PROBLEM_BAD_FIELD, "is %d", 7));
    arena_release(&arena);
    padded_text_free(&text);
}

static void a_fault_names_its_place_as_pointer_and_in_words(void **state)
{
    static const struct {
        const char *text, *pointer, *detail;
    } cases[] = {
        {"1", "", "the body is 7"},
        {"[1]", "/0", "[0] is 7"},
        {"[\"\", \"\", 1]", "/2", "[2] is 7"},
        {"{\"a\":[{\"b\":1}]}", "/a/0/b", "a[0].b is 7"},
        {"{\"a\":[{\"b\":\"x\",\"c\":[null,1]}]}", "/a/0/c/1",
         "a[0].c[1] is 7"},
        {"{\"a/b\":{\"~m~n\":1}}", "/a~1b/~0m~0n", "a/b.~m~n is 7"},
        {"{\"\":1}", "/", " is 7"},
        {"{\"\\u0061\\u00e4\":1}", "/a\xc3\xa4", "a\xc3\xa4 is 7"},
        {"{\"12345678901234567890123456789012345678901234567\xc3\xa4z\":1}",
         "/12345678901234567890123456789012345678901234567\xc3\xa4z",
         "12345678901234567890123456789012345678901234567... is 7"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        struct problem problem = {0};

        fail_at_first_number(cases[i].text, &problem);
        assert_string_equal(problem.pointer, cases[i].pointer);
        assert_string_equal(problem.detail, cases[i].detail);
    }
}

static void a_pointer_that_is_too_long_ends_a_step_earlier(void **state)
{
    char text[700];
    struct problem problem = {0};
    int used = sprintf(text, "{\"outer\":[{\"");

    (void)state;
    memset(text + used, 'k', 300);
    strcpy(text + used + 300, "\":1}]}");
    fail_at_first_number(text, &problem);
    assert_string_equal(problem.pointer, "/outer/0");

    /* Escaping makes it too long. */
    used = sprintf(text, "{\"outer\":[{\"");
    memset(text + used, '/', 200);
    strcpy(text + used + 200, "\":1}]}");
    fail_at_first_number(text, &problem);
    assert_string_equal(problem.pointer, "/outer/0");
}

static void a_text_is_unescaped_and_holds_no_nul(void **state)
{
    struct padded_text text =
        padded_text("\"\\u0041\\t\\ud83d\\ude00\\/\xc3\xa4\\u20ac\" "
                    "\"plain\" \"a\\u0000b\"");
    struct problem problem = {0};
    struct json_scan scan;
    struct json_text value;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    json_scan_init(&scan, text.bytes, text.length, &arena, &problem);
    assert_true(json_take_text(&scan, &value));
    assert_true(json_text_is(&value, "A\t\xf0\x9f\x98\x80/\xc3\xa4"
                                     "\xe2\x82\xac"));
    scan.at++;
    assert_true(json_take_text(&scan, &value));
    assert_true(json_text_is(&value, "plain"));
    assert_false(json_text_is(&value, "plai"));
    assert_false(json_text_is(&value, "plains"));
    scan.at++;
    assert_false(json_take_text(&scan, &value));
    assert_int_equal(problem.type, PROBLEM_BAD_FIELD);
    arena_release(&arena);
    padded_text_free(&text);
}

static void a_value_of_another_kind_is_checked_before_it_is_refused(
    void **state)
{
    struct padded_text text = padded_text("[1, nope]");
    struct problem problem = {0};
    struct json_scan scan;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    json_scan_init(&scan, text.bytes, text.length, &arena, &problem);
    assert_false(json_wrong_kind(&scan, PROBLEM_BAD_FIELD, "a string"));
    assert_int_equal(problem.type, PROBLEM_MALFORMED_JSON);
    assert_int_equal(problem.offset, 4);
    padded_text_free(&text);
    text = padded_text("[1, null]");
    json_scan_init(&scan, text.bytes, text.length, &arena, &problem);
    assert_false(json_wrong_kind(&scan, PROBLEM_BAD_FIELD, "a string"));
    assert_int_equal(problem.type, PROBLEM_BAD_FIELD);
    assert_string_equal(problem.detail,
                        "the body must be a string, not an array");
    arena_release(&arena);
    padded_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_names_its_place_as_pointer_and_in_words),
        cmocka_unit_test(a_pointer_that_is_too_long_ends_a_step_earlier),
        cmocka_unit_test(a_text_is_unescaped_and_holds_no_nul),
        cmocka_unit_test(
            a_value_of_another_kind_is_checked_before_it_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
