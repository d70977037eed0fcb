#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_fields.h"
#include "tests/support/padded_text.h"

struct target {
    bool flag;
    const char *text;
    uint64_t number;
};

static bool read_flag(struct json_scan *scan, void *target)
{
    return json_read_bool(scan, &((struct target *)target)->flag);
}

static bool read_text(struct json_scan *scan, void *target)
{
    return json_read_string(scan, &((struct target *)target)->text);
}

static bool read_number(struct json_scan *scan, void *target)
{
    return json_read_whole(scan, &((struct target *)target)->number);
}

static const struct json_field fields[] = {
    {"flag", read_flag}, {"text", read_text}, {"number", read_number}};

static void must_give(const char *json, uint32_t expected)
{
    struct padded_text text = padded_text(json);
    struct target target = {true, "unset", 5};
    struct problem problem;
    struct json_scan scan;
    struct arena arena;
    uint32_t given;

    arena_init(&arena, 0);
    json_scan_init(&scan, text.bytes, text.length, &arena, &problem);
    assert_true(json_read_fields(&scan, fields, 3, &target, &given));
    assert_int_equal(given, expected);
    assert_int_equal(target.flag, !(expected & 1));
    assert_string_equal(target.text, expected & 2 ? "t\xc3\xa4" : "unset");
    assert_int_equal(target.number, expected & 4 ? 12 : 5);
    arena_release(&arena);
    padded_text_free(&text);
}

static void must_refuse(const char *json, enum problem_type type,
                        const char *detail)
{
    struct padded_text text = padded_text(json);
    struct target target = {false, NULL, 0};
    struct problem problem;
    struct json_scan scan;
    struct arena arena;
    uint32_t given = 77;

    arena_init(&arena, 0);
    json_scan_init(&scan, text.bytes, text.length, &arena, &problem);
    assert_false(json_read_fields(&scan, fields, 3, &target, &given));
    assert_int_equal(problem.type, type);
    assert_string_equal(problem.detail, detail);
    assert_int_equal(given, 77);
    arena_release(&arena);
    padded_text_free(&text);
}

static void fields_are_read_in_any_order(void **state)
{
    (void)state;
    must_give("{}", 0);
    must_give(" { } ", 0);
    must_give("{\"flag\":false}", 1);
    must_give("{\"number\":12,\"text\":\"t\\u00e4\",\"flag\":false}", 7);
    must_give("{\"te\\u0078t\":\"t\xc3\xa4\"}", 2);
    must_give("{\"flag\":null,\"number\":1.2e1,\"text\":null}", 4);
}

static void a_fault_is_a_sentence_with_its_place(void **state)
{
    (void)state;
    must_refuse("{\"flag\":false,\"flag\":false}", PROBLEM_DUPLICATE_FIELD,
                "flag is given twice");
    must_refuse("{\"flag\":null,\"flag\":null}", PROBLEM_DUPLICATE_FIELD,
                "flag is given twice");
    must_refuse("{\"flags\":1}", PROBLEM_UNKNOWN_FIELD,
                "flags is not a field of this request");
    must_refuse("{\"flag\":0}", PROBLEM_BAD_FIELD,
                "flag must be true or false, not a number");
    must_refuse("{\"text\":[]}", PROBLEM_BAD_FIELD,
                "text must be a string, not an array");
    must_refuse("{\"number\":{}}", PROBLEM_BAD_FIELD,
                "number must be a whole number, not an object");
    must_refuse("{\"number\":0.5}", PROBLEM_BAD_FIELD,
                "number must be a whole number from 0 to 10^18");
    must_refuse("[]", PROBLEM_BAD_FIELD,
                "the body must be an object, not an array");
    must_refuse("", PROBLEM_MALFORMED_JSON, "The body is empty");
    must_refuse("{\"flag\":truth}", PROBLEM_MALFORMED_JSON,
                "Byte 8: a value is expected");
    must_refuse("{\"flag\":true", PROBLEM_MALFORMED_JSON,
                "The text ends too early, at byte 12: a comma or a closing "
                "brace is expected");
    must_refuse("{\"flag\":true}}", PROBLEM_MALFORMED_JSON,
                "Byte 13: something follows the JSON value");
}

static void a_rule_names_a_field_by_pointer(void **state)
{
    struct problem problem;
    struct json_scan scan;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    json_scan_init(&scan, "", 0, &arena, &problem);
    assert_false(json_fail_field(&scan, "flag", "needs \"%s\"", "text"));
    assert_int_equal(problem.type, PROBLEM_BAD_FIELD);
    assert_string_equal(problem.pointer, "/flag");
    assert_string_equal(problem.detail, "flag needs \"text\"");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_in_any_order),
        cmocka_unit_test(a_fault_is_a_sentence_with_its_place),
        cmocka_unit_test(a_rule_names_a_field_by_pointer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
