/* Bodies that must be refused: J1 to J11 of the catalogue of faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/predict_reading.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what is refused: section 2.2 of the catalogue, J1 to J11
 * -------------*/

/* J1 */
static void what_is_no_json_is_refused_with_its_offset(void **state)
{
    static const struct {
        const char *text;
        size_t length, offset;
    } cases[] = {
        {"", 0, 0},
        {" \n", 2, 2},
        {"{\"sequence\":[[1,2],[3", 21, 21},
        {"{\"sequence\":[1]", 15, 15},
        {"{\"sequence\":[1]} x", 18, 17},
        {"{\"sequence\":[1]}{\"sequence\":[1]}", 32, 16},
        {"\xef\xbb\xbf", 3, 0},
        {"\xef\xbb\xbf{\"sequence\":[1]}", 19, 0},
        {"\xff\xfe{\0\"\0", 6, 0},
        {"{\0\"\0s\0", 6, 1},
        {"\0{", 2, 0},
        {"{\"sequence\":[1]}\0", 17, 16},
        {"{\"sequence\":[1,]}", 17, 15},
        {"{\"sequence\":[[1],]}", 19, 17},
        {"{\"sequence\":[1],}", 17, 16},
        {"{\"sequence\":[,1]}", 17, 13},
        {"{\"sequence\":[1 2]}", 18, 15},
        {"{\"sequence\":[[1][2]]}", 21, 16},
        {"{\"sequence\":[1}}", 16, 14},
        {"{\"sequence\" [1]}", 16, 12},
        {"{'sequence':[1]}", 16, 1},
        {"a=1", 3, 0},
        {"sequence=[1]", 12, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++)
        must_refuse(padded_bytes(cases[i].text, cases[i].length),
                    PROBLEM_MALFORMED_JSON, NULL, cases[i].offset);
}

/* J2: the byte is counted from the number's first. */
static void what_is_no_number_of_json_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {{"NaN", 0},
                 {"Infinity", 0},
                 {"-inf", 1},
                 {"0x10", 1},
                 {"01", 1},
                 {"+1", 0},
                 {"1.", 2},
                 {".5", 0},
                 {"1e", 2},
                 {"-Infinity", 1},
                 {"-", 1},
                 {"1e+", 3},
                 {"1.e1", 2},
                 {"nan", 0},
                 {"1..2", 2},
                 {"--1", 1},
                 {"nul", 0},
                 {"1e5.5", 3},
                 {"\xc2\xa0"
                  "1",
                  0}};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        must_refuse(padded_splice("{\"sequence\":[%]}", cases[i].text),
                    PROBLEM_MALFORMED_JSON, NULL, 13 + cases[i].offset);
        must_refuse(
            padded_splice("{\"sequence\":[[1],[2, %]]}", cases[i].text),
            PROBLEM_MALFORMED_JSON, NULL, 21 + cases[i].offset);
        must_refuse(
            padded_splice("{\"session\":\"s\",\"step\":%}", cases[i].text),
            PROBLEM_MALFORMED_JSON, NULL, 22 + cases[i].offset);
    }
}

/* J3 */
static void a_number_beyond_float32_is_refused_with_its_place(void **state)
{
    static const char *const beyond[] = {
        "1e39",
        "-1e39",
        "1e999",
        "3.4028236e38",
        "340282356779733661637539395458142568448",
        "1e99999999999999999999"};
    static const float data[] = {1e-45f, -1e-40f, 0, -0.0f, 3.4028235e38f, 0};
    struct predict_reading reading;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(beyond); i++)
        must_refuse(padded_splice("{\"sequence\":[[1,2],[3,%]]}", beyond[i]),
                    PROBLEM_NUMBER_OUT_OF_RANGE, "/sequence/1/1", 0);
    must_refuse(padded_text("{\"inputs\":[{\"x\":[1]},{\"x\":[1e39]}]}"),
                PROBLEM_NUMBER_OUT_OF_RANGE, "/inputs/1/x/0", 0);
    must_read(&reading, "{\"sequence\":[1e-45,-1e-40,1e-99,-1e-99,"
                        "3.4028235e38,0e999]}");
    must_be_tensor(reading.body.samples[0].tensors, 1, (size_t[]){6}, data);
    predict_reading_release(&reading);
}

/* J4 */
static void depth_is_limited(void **state)
{
    char bomb[512];
    size_t i;

    (void)state;
    memset(bomb, '[', 400);
    bomb[400] = '\0';
    must_refuse(padded_text(bomb), PROBLEM_MALFORMED_JSON, NULL, 32);
    must_refuse(padded_splice("{\"sequence\":%", bomb), PROBLEM_MALFORMED_JSON,
                NULL, 12 + 31);
    must_refuse(padded_splice("{\"sequences\":%", bomb),
                PROBLEM_MALFORMED_JSON, NULL, 13 + 31);
    must_refuse(padded_splice("{\"inputs\":{\"a\":%", bomb),
                PROBLEM_MALFORMED_JSON, NULL, 15 + 30);
    must_refuse(padded_splice("{\"model\":%", bomb), PROBLEM_MALFORMED_JSON,
                NULL, 9 + 31);
    for (i = 0; i + 5 < sizeof(bomb); i += 5)
        memcpy(bomb + i, "[{\"\":", 6);
    must_refuse(padded_text(bomb), PROBLEM_MALFORMED_JSON, NULL, 80);
    must_refuse(padded_text("{\"sequence\":[[[[[[[[1]]]]]]]]}"),
                PROBLEM_SHAPE_MISMATCH, "/sequence/0/0/0/0/0/0/0", 0);
}

/* J5, J7 */
static void a_field_stands_once_and_is_known(void **state)
{
    (void)state;
    must_refuse(padded_text("{\"sequence\":[1],\"sequence\":[1]}"),
                PROBLEM_DUPLICATE_FIELD, "/sequence", 0);
    must_refuse(
        padded_text("{\"sequence\":[1],\"model\":null,\"model\":\"\"}"),
        PROBLEM_DUPLICATE_FIELD, "/model", 0);
    must_refuse(padded_text("{\"inputs\":{\"a\":[1],\"b\":[1],\"a\":[1]}}"),
                PROBLEM_DUPLICATE_FIELD, "/inputs/a", 0);
    must_refuse(padded_text("{\"inputs\":[{\"a\":[1],\"b\":[1]},"
                            "{\"a\":[1],\"a\":[1]}]}"),
                PROBLEM_DUPLICATE_FIELD, "/inputs/1/a", 0);
    must_refuse(padded_text("{\"inputs\":[{\"a\":[1],\"b\":[1]},"
                            "{\"a\":[1],\"b\":[1],\"b\":[1]}]}"),
                PROBLEM_DUPLICATE_FIELD, "/inputs/1/b", 0);
    must_refuse(padded_text("{\"sequence\":[1],\"Sequence\":[1]}"),
                PROBLEM_UNKNOWN_FIELD, "/Sequence", 0);
    must_refuse(padded_text("{\"a/~b\":1}"), PROBLEM_UNKNOWN_FIELD, "/a~1~0b",
                0);
    must_refuse(padded_text("{\"\":1}"), PROBLEM_UNKNOWN_FIELD, "/", 0);
    must_refuse(padded_text("{\"sequence \":[1]}"), PROBLEM_UNKNOWN_FIELD,
                "/sequence ", 0);
}

/* J6 */
static void a_string_is_utf8_and_ids_are_checked(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {{"\"\xc0\x80\"", 1},      {"\"\xff\"", 1},
                 {"\"\\ud800\"", 1},       {"\"\x1f\"", 1},
                 {"\"a\xed\xa0\x80\"", 2}, {"\"\\x\"", 2}};
    static const char *const ids[] = {"\"\"",    "\".\"",   "\"..\"",
                                      "\"a b\"", "\"a/b\"", "\"\xc3\xa4\"",
                                      "\"a\\n\""};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        must_refuse(padded_splice("{\"session\":%}", cases[i].text),
                    PROBLEM_MALFORMED_JSON, NULL, 11 + cases[i].offset);
        must_refuse(padded_splice("{%:1}", cases[i].text),
                    PROBLEM_MALFORMED_JSON, NULL, 1 + cases[i].offset);
        must_refuse(padded_splice("{\"sequence\":[%]}", cases[i].text),
                    PROBLEM_MALFORMED_JSON, NULL, 13 + cases[i].offset);
    }
    for (i = 0; i < COUNT(ids); i++)
        must_refuse(padded_splice("{\"session\":%}", ids[i]), PROBLEM_BAD_ID,
                    "/session", 0);
    must_refuse(padded_text("{\"session\":\"a\\u0000b\"}"), PROBLEM_BAD_FIELD,
                "/session", 0);
}

/* J8 */
static void a_tensor_is_rectangular_and_holds_only_padded_numbers(void **state)
{
    static const char *const others[] = {"null", "true",      "false", "\"1\"",
                                         "{}",   "{\"a\":1}", "[]",    "[1]"};
    static const struct {
        const char *text, *pointer;
    } ragged[] = {{"[[1,2],[3]]", "/1"},
                  {"[[1,2],[3,4,5]]", "/1"},
                  {"[[[1],[2]],[[3]]]", "/1"},
                  {"[[[1],[2]],[[3],[4,5]]]", "/1/1"},
                  {"[[[1],[2,3]]]", "/0/1"},
                  {"[[1],2]", "/1"},
                  {"[1,[2]]", "/1"},
                  {"[[[1]],[2]]", "/1/0"},
                  {"[]", ""},
                  {"[[]]", "/0"},
                  {"[[1],[]]", "/1"},
                  {"[[[1]],[]]", "/1"},
                  {"[[[]]]", "/0/0"},
                  {"[ [ 1 ] , [ ] ]", "/1"}};
    char pointer[64];
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(others); i++) {
        must_refuse(
            padded_splice("{\"sequence\":[[1,2],[3,4],[5,%]]}", others[i]),
            PROBLEM_SHAPE_MISMATCH, "/sequence/2/1", 0);
        must_refuse(padded_splice("{\"sequence\":[0, % ]}", others[i]),
                    PROBLEM_SHAPE_MISMATCH, "/sequence/1", 0);
        must_refuse(padded_splice("{\"inputs\":[{\"a\":[1]},{\"b\":[[0],[%]]"
                                  "}]}",
                                  others[i]),
                    PROBLEM_SHAPE_MISMATCH, "/inputs/1/b/1/0", 0);
    }
    for (i = 0; i < 5; i++)
        must_refuse(padded_splice("{\"sequences\":[[1],%]}", others[i]),
                    PROBLEM_SHAPE_MISMATCH, "/sequences/1", 0);
    for (i = 0; i < COUNT(ragged); i++) {
        snprintf(pointer, sizeof(pointer), "/sequence%s", ragged[i].pointer);
        must_refuse(padded_splice("{\"sequence\":%}", ragged[i].text),
                    PROBLEM_SHAPE_MISMATCH, pointer, 0);
        snprintf(pointer, sizeof(pointer), "/sequences/0%s",
                 ragged[i].pointer);
        must_refuse(padded_splice("{\"sequences\":[%]}", ragged[i].text),
                    PROBLEM_SHAPE_MISMATCH, pointer, 0);
        snprintf(pointer, sizeof(pointer), "/inputs/x~1y%s",
                 ragged[i].pointer);
        must_refuse(padded_splice("{\"inputs\":{\"x/y\":%}}", ragged[i].text),
                    PROBLEM_SHAPE_MISMATCH, pointer, 0);
    }
    must_refuse(padded_text("{\"sequences\":[]}"), PROBLEM_SHAPE_MISMATCH,
                "/sequences", 0);
    must_refuse(padded_text("{\"inputs\":[]}"), PROBLEM_SHAPE_MISMATCH,
                "/inputs", 0);
}

static void a_ragged_row_is_named_with_both_lengths(void **state)
{
    struct predict_reading reading;

    (void)state;
    predict_reading_read(&reading,
                         padded_text("{\"sequence\":[[1,2,3],[4,5]]}"));
    assert_false(reading.ok);
    assert_string_equal(reading.problem.detail,
                        "sequence[1] has 2 numbers, those before it have 3");
    predict_reading_release(&reading);
    predict_reading_read(&reading,
                         padded_text("{\"sequence\":[[1,2,3],[4,\"5\",6]]}"));
    assert_string_equal(reading.problem.detail,
                        "sequence[1][1] must be a number, not a string");
    predict_reading_release(&reading);
}

/* J9 to J11 */
static void limits_are_named_with_their_value(void **state)
{
    static const struct {
        const char *before, *number, *after;
        size_t most;
        const char *pointer, *name;
    } cases[] = {
        {"{\"sequence\":[", "1", "]}", 100, "/sequence", "max_timesteps"},
        {"{\"sequence\":[", "[1,2]", "]}", 100, "/sequence", "max_timesteps"},
        {"{\"sequences\":[[1],[", "1", "]]}", 100, "/sequences/1",
         "max_timesteps"},
        {"{\"sequences\":[", "[1]", "]}", 10, "/sequences", "max_batch"},
        {"{\"inputs\":[", "{\"a\":[1]}", "]}", 10, "/inputs", "max_batch"},
        {"{\"inputs\":[", "{}", "]}", 10, "/inputs", "max_batch"},
        {"{\"inputs\":{\"a\":[", "1", "]}}", 1000, "/inputs/a",
         "max_elements"},
        {"{\"inputs\":{\"a\":[1],\"b\":[", "1", "]}}", 999, "/inputs/b",
         "max_elements"},
        {"{\"sequence\":[[", "1", "]]}", 1000, "/sequence", "max_elements"},
        {"{\"sequences\":[[[1,2]],[[", "1", "]]]}", 998, "/sequences/1",
         "max_elements"},
    };
    struct predict_reading reading;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        char value[32];

        predict_reading_read(&reading,
                             padded_numbers(cases[i].before, cases[i].number,
                                            cases[i].most, cases[i].after));
        if (!reading.ok)
            fail_msg("%zu: %s", i, reading.problem.detail);
        predict_reading_release(&reading);
        predict_reading_read(
            &reading, padded_numbers(cases[i].before, cases[i].number,
                                     cases[i].most + 1, cases[i].after));
        assert_false(reading.ok);
        assert_int_equal(reading.problem.type, PROBLEM_TOO_LARGE);
        assert_string_equal(reading.problem.pointer, cases[i].pointer);
        snprintf(value, sizeof(value), "%s is ", cases[i].name);
        if (!strstr(reading.problem.detail, value))
            fail_msg("%s", reading.problem.detail);
        predict_reading_release(&reading);
    }
}

/* J11: the text alone decides how much memory is asked for. */
static void memory_is_bounded_by_the_text_and_the_limit(void **state)
{
    struct predict_limits wide = {2097152, SIZE_MAX, 1024};
    struct padded_text text =
        padded_numbers("{\"sequence\":[", "1", 4 * 1024 * 1024, "]}");
    struct predict_body body;
    struct problem problem;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_false(predict_body_read(text.bytes, text.length, &wide, &arena,
                                   &body, &problem));
    assert_int_equal(problem.type, PROBLEM_TOO_LARGE);
    assert_true(arena.total < 9 * 1024 * 1024);
    arena_release(&arena);
    padded_text_free(&text);

    /* A small body fits the arena's first block. */
    text = padded_numbers("{\"sequence\":[", "0.1234567", 30, "]}");
    arena_init(&arena, 4096);
    assert_true(predict_body_read(text.bytes, text.length, &wide, &arena,
                                  &body, &problem));
    arena_release(&arena);
    padded_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_json_is_refused_with_its_offset),
        cmocka_unit_test(what_is_no_number_of_json_is_refused),
        cmocka_unit_test(a_number_beyond_float32_is_refused_with_its_place),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(a_field_stands_once_and_is_known),
        cmocka_unit_test(a_string_is_utf8_and_ids_are_checked),
        cmocka_unit_test(
            a_tensor_is_rectangular_and_holds_only_padded_numbers),
        cmocka_unit_test(a_ragged_row_is_named_with_both_lengths),
        cmocka_unit_test(limits_are_named_with_their_value),
        cmocka_unit_test(memory_is_bounded_by_the_text_and_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
