/* The grammar of RFC 8259, as a table of texts that must be taken and of
 * texts that must be refused, each with the byte at which it goes wrong. */
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

static const char *const good[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-0.0",
    "1",
    "1234567890",
    "-1.5",
    "0.5",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "1.5E+05",
    "1e00",
    "0e0",
    "123456789012345678901234567890",
    "0.000000000000000000000000000001",
    "1e999999999999",
    "\"\"",
    "\"a\"",
    "\" \"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0041\\u00e4\\u20AC\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uD834\\uDD1E and \\udbff\\udfff\"",
    "\"\xc3\xa4\"",
    "\"\xe2\x82\xac\"",
    "\"\xef\xbf\xbf\"",
    "\"\xed\x9f\xbf\"",
    "\"\xee\x80\x80\"",
    "\"\xf0\x90\x80\x80\"",
    "\"\xf4\x8f\xbf\xbf\"",
    "\"\x7f\"",
    "\"\xc2\x80\"",
    "\"a\\\\\"",
    "\"//\"",
    "[]",
    "[[]]",
    "[ ]",
    "[1]",
    "[1,2]",
    "[1 , 2]",
    "[null,true,false,0,\"\",[],{}]",
    "[[[1],[2]],[[3]]]",
    "{}",
    "{ }",
    "{\"a\":1}",
    "{\"a\":1,\"b\":2}",
    "{ \"a\" : 1 , \"b\" : [ ] }",
    "{\"\":0}",
    "{\"a\":{\"a\":{\"a\":null}}}",
    "{\"\\u0061b\":1}",
    " 1",
    "1 ",
    " \t\r\n1\t\r\n ",
    "\n[\n1\n,\n2\n]\n",
    /* 32 levels */
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
};

static const struct {
    const char *text;
    size_t offset;
} bad[] = {
    {"", 0},
    {" ", 1},
    {"\n\n", 2},
    /* literals */
    {"nul", 0},
    {"nulL", 0},
    {"NULL", 0},
    {"Null", 0},
    {"tru", 0},
    {"True", 0},
    {"TRUE", 0},
    {"fals", 0},
    {"nullx", 4},
    {"truetrue", 4},
    {"undefined", 0},
    {"abc", 0},
    {"'a'", 0},
    {"*", 0},
    {"&", 0},
    {"/**/1", 0},
    {"//\n1", 0},
    {"1//", 1},
    {"1/**/", 1},
    {"#1", 0},
    /* numbers */
    {"NaN", 0},
    {"-NaN", 1},
    {"nan", 0},
    {"Infinity", 0},
    {"-Infinity", 1},
    {"inf", 0},
    {"-inf", 1},
    {"+1", 0},
    {"+inf", 0},
    {"01", 1},
    {"-01", 2},
    {"00", 1},
    {"012", 1},
    {"0x10", 1},
    {"0xF", 1},
    {"0b1", 1},
    {"1.", 2},
    {"-1.", 3},
    {"1.e1", 2},
    {".5", 0},
    {"-.5", 1},
    {".", 0},
    {"-", 1},
    {"--1", 1},
    {"1e", 2},
    {"1E", 2},
    {"1e+", 3},
    {"1e-", 3},
    {"1.0e", 4},
    {"1e1.5", 3},
    {"1ee1", 2},
    {"1.2.3", 3},
    {"1 000", 2},
    {"1_000", 1},
    {"1,5", 1},
    {"1d", 1},
    {"1f", 1},
    {"0e+-1", 3},
    {"\xef\xbc\x91", 0},
    /* strings */
    {"\"", 1},
    {"\"a", 2},
    {"\"a\\\"", 4},
    {"\"\\", 2},
    {"\"\\x41\"", 2},
    {"\"\\a\"", 2},
    {"\"\\'\"", 2},
    {"\"\\0\"", 2},
    {"\"\\U0041\"", 2},
    {"\"\\u\"", 3},
    {"\"\\u004\"", 6},
    {"\"\\u00g0\"", 5},
    {"\"\\ud800\"", 1},
    {"\"\\udc00\"", 1},
    {"\"\\ud800\\ud800\"", 1},
    {"\"\\ud800x\"", 1},
    {"\"\\ud800\\n\"", 1},
    {"\"\\ud800\\u0041\"", 1},
    {"\"\\ud800\\udg00\"", 1},
    {"\"ab\\udfff\"", 3},
    {"\"\t\"", 1},
    {"\"\n\"", 1},
    {"\"a\x1f\"", 2},
    {"\"\x01\"", 1},
    {"\"\\\n\"", 2},
    {"\"\\\xc3\xa4\"", 2},
    {"\"a\"b", 3},
    {"\"a\" \"b\"", 4},
    /* UTF-8 */
    {"\"\x80\"", 1},
    {"\"\xbf\"", 1},
    {"\"\xc0\x80\"", 1},
    {"\"\xc1\xbf\"", 1},
    {"\"\xc3\"", 1},
    {"\"\xc3\x28\"", 1},
    {"\"\xe0\x80\x80\"", 1},
    {"\"\xe0\x9f\xbf\"", 1},
    {"\"\xe2\x82\"", 1},
    {"\"\xe2\x28\xa1\"", 1},
    {"\"\xed\xa0\x80\"", 1},
    {"\"\xed\xbf\xbf\"", 1},
    {"\"\xf0\x80\x80\x80\"", 1},
    {"\"\xf0\x8f\xbf\xbf\"", 1},
    {"\"\xf0\x90\x80\"", 1},
    {"\"\xf4\x90\x80\x80\"", 1},
    {"\"\xf5\x80\x80\x80\"", 1},
    {"\"\xf8\x88\x80\x80\x80\"", 1},
    {"\"\xfe\"", 1},
    {"\"\xff\"", 1},
    {"\"abc\xe9\"", 4},
    {"\xc3\xa4", 0},
    {"\xef\xbb\xbf", 0},
    {"\xef\xbb\xbf{}", 0},
    {"\xff\xfe[\x01", 0},
    {"\xfe\xff", 0},
    {"\xc2\xa0"
     "1",
     0},
    {"\v1", 0},
    {"\f1", 0},
    {"1\f", 1},
    {"\xe2\x81\xa0[]", 0},
    /* arrays */
    {"[", 1},
    {"]", 0},
    {"[[", 2},
    {"[]]", 2},
    {"[1", 2},
    {"[1,", 3},
    {"[1,]", 3},
    {"[,1]", 1},
    {"[,]", 1},
    {"[1,,2]", 3},
    {"[1 2]", 3},
    {"[1;2]", 2},
    {"[1:2]", 2},
    {"[\"a\":1]", 4},
    {"[1}", 2},
    {"[1]]", 3},
    {"[1]x", 3},
    {"[1],", 3},
    {"[][]", 2},
    {"[\"a\"", 4},
    {"[\"a\",\n4\n,1,", 11},
    {"[\n", 2},
    {"[-]", 2},
    {"[a]", 1},
    {"[1.0.0]", 4},
    {"(1)", 0},
    {"<null>", 0},
    /* objects */
    {"{", 1},
    {"}", 0},
    {"{]", 1},
    {"[}", 1},
    {"{\"a\"", 4},
    {"{\"a\":", 5},
    {"{\"a\":1", 6},
    {"{\"a\":1,", 7},
    {"{\"a\":1,}", 7},
    {"{,}", 1},
    {"{\"a\":1,,\"b\":2}", 7},
    {"{\"a\":1 \"b\":2}", 7},
    {"{\"a\" 1}", 5},
    {"{\"a\",1}", 4},
    {"{\"a\"::1}", 5},
    {"{\"a\":}", 5},
    {"{\"a\"}", 4},
    {"{a:1}", 1},
    {"{'a':1}", 1},
    {"{1:1}", 1},
    {"{null:1}", 1},
    {"{[1]:1}", 1},
    {"{\"a\":1}}", 7},
    {"{\"a\":1}{", 7},
    {"{\"a\":1}#", 7},
    {"{\"a\":1}/**/", 7},
    {"{\"a\":1]", 6},
    {"{\"a\\ud800\":1}", 3},
    {"{\"a\xff\":1}", 3},
    {"{\"a", 3},
    {"{\"a\":\"b", 7},
    {"{:1}", 1},
    {"{\"a\":x}", 5},
    {"{} {}", 3},
    /* 33 levels */
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 32},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool check(const struct padded_text *text, struct problem *problem)
{
    struct json_scan scan;
    struct arena arena;
    bool ok;

    arena_init(&arena, 0);
    json_scan_init(&scan, text->bytes, text->length, &arena, problem);
    ok = json_skip_value(&scan) && json_scan_finish(&scan);
    arena_release(&arena);
    return ok;
}

static void what_the_grammar_allows_is_taken(void **state)
{
    struct problem problem;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(good); i++) {
        struct padded_text text = padded_text(good[i]);
        /* U+0000 in a key is refused elsewhere, in a value it is not read */
        if (!check(&text, &problem))
            fail_msg("%s: %s", good[i], problem.detail);
        padded_text_free(&text);
    }
}

static void what_it_does_not_is_refused_at_the_first_wrong_byte(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(bad); i++) {
        struct padded_text text = padded_text(bad[i].text);
        struct problem problem = {0};

        if (check(&text, &problem))
            fail_msg("%s is taken", bad[i].text);
        if (problem.type != PROBLEM_MALFORMED_JSON || !problem.has_offset ||
            problem.offset != bad[i].offset)
            fail_msg("%s: offset %zu, %s", bad[i].text, problem.offset,
                     problem.detail);
        padded_text_free(&text);
    }
}

/* Whatever is wrong alone is wrong inside a structure too. */
static void a_fault_is_found_inside_structures(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(bad); i++) {
        struct padded_text text =
            padded_splice("{\"a\": [1, {\"b\": %}]}", bad[i].text);
        struct problem problem = {0};

        if (check(&text, &problem))
            fail_msg("%s is taken", text.bytes);
        assert_int_equal(problem.type, PROBLEM_MALFORMED_JSON);
        padded_text_free(&text);
    }
}

static void every_beginning_of_a_text_is_refused(void **state)
{
    static const char whole[] =
        "{\"a\": [1.5e3, -0, \"\\u00e4\xc3\xa4\", {\"b\": null}], \"c\": "
        "true}";
    size_t length;

    (void)state;
    for (length = 0; length < sizeof(whole) - 1; length++) {
        struct padded_text text = padded_bytes(whole, length);
        struct problem problem = {0};

        assert_false(check(&text, &problem));
        assert_int_equal(problem.type, PROBLEM_MALFORMED_JSON);
        assert_true(problem.offset <= length);
        padded_text_free(&text);
    }
}

static void a_nul_byte_is_not_space(void **state)
{
    static const struct {
        const char *text;
        size_t length, offset;
    } cases[] = {{"\0", 1, 0},    {"[1,\0 2]", 7, 3},
                 {"[1]\0", 4, 3}, {"\"a\0b\"", 5, 2},
                 {"1\0", 2, 1},   {"{\"a\"\0:1}", 8, 4}};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        struct padded_text text = padded_bytes(cases[i].text, cases[i].length);
        struct problem problem = {0};

        assert_false(check(&text, &problem));
        assert_int_equal(problem.type, PROBLEM_MALFORMED_JSON);
        assert_int_equal(problem.offset, cases[i].offset);
        padded_text_free(&text);
    }
}

static void a_depth_bomb_is_refused_at_its_33rd_bracket(void **state)
{
    static const char *const units[] = {"[", "{\"\":", "[{\"\":"};
    static const size_t offsets[] = {32, 128, 80};
    size_t i, at;

    (void)state;
    for (i = 0; i < COUNT(units); i++) {
        size_t unit = strlen(units[i]), size = unit * 50000;
        char *bomb = malloc(size + 1);
        struct problem problem = {0};
        struct padded_text text;

        assert_non_null(bomb);
        for (at = 0; at < size; at += unit)
            memcpy(bomb + at, units[i], unit);
        text = padded_bytes(bomb, size);
        free(bomb);
        assert_false(check(&text, &problem));
        assert_int_equal(problem.type, PROBLEM_MALFORMED_JSON);
        assert_int_equal(problem.offset, offsets[i]);
        padded_text_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_grammar_allows_is_taken),
        cmocka_unit_test(what_it_does_not_is_refused_at_the_first_wrong_byte),
        cmocka_unit_test(a_fault_is_found_inside_structures),
        cmocka_unit_test(every_beginning_of_a_text_is_refused),
        cmocka_unit_test(a_nul_byte_is_not_space),
        cmocka_unit_test(a_depth_bomb_is_refused_at_its_33rd_bracket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
