#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_text.h"

/* The encoding of `code`, by the book. */
static size_t encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 63));
        out[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 63));
    out[2] = (char)(0x80 | (code >> 6 & 63));
    out[3] = (char)(0x80 | (code & 63));
    return 4;
}

static void every_code_point_but_surrogates_is_utf8(void **state)
{
    uint32_t code;

    (void)state;
    for (code = 0; code < 0x120000; code++) {
        bool is_character =
            code < 0x110000 && (code < 0xd800 || code > 0xdfff);
        char text[8] = {0};
        size_t length = encode(code, text);

        assert_int_equal(utf8_length(text), is_character ? length : 0);
    }
}

/* All sequences of up to three bytes: what is taken is the encoding of the
 * code point that it decodes to. */
static void only_the_one_encoding_of_a_code_point_is_taken(void **state)
{
    uint32_t bytes;

    (void)state;
    for (bytes = 0; bytes < 0x1000000; bytes++) {
        unsigned char text[8] = {(unsigned char)(bytes >> 16),
                                 (unsigned char)(bytes >> 8),
                                 (unsigned char)bytes, 0};
        size_t length = utf8_length((const char *)text);
        char again[8] = {0};
        uint32_t code;

        if (length == 2)
            code = (text[0] & 31u) << 6 | (text[1] & 63u);
        else if (length == 3)
            code =
                (text[0] & 15u) << 12 | (text[1] & 63u) << 6 | (text[2] & 63u);
        else
            continue;
        assert_int_equal(encode(code, again), length);
        assert_memory_equal(again, text, length);
    }
}

static void a_cut_leaves_characters_whole(void **state)
{
    const char *text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
    const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    size_t length;

    (void)state;
    for (length = 0; length <= strlen(text); length++)
        assert_int_equal(utf8_cut(text, length), expected[length]);
}

static void a_string_is_checked_to_its_closing_quote(void **state)
{
    struct json_string string = json_string_check("ab\\\"c\" x");

    (void)state;
    assert_null(string.fault);
    assert_string_equal(string.end, "\" x");
    assert_true(string.is_escaped);
    assert_false(string.holds_nul);
    string = json_string_check("ab\"");
    assert_false(string.is_escaped);
    string = json_string_check("a\\u0000\"");
    assert_true(string.holds_nul);
    string = json_string_check("ab\\q\"");
    assert_non_null(string.fault);
    assert_string_equal(string.end, "q\"");
}

static void escapes_stand_for_their_characters(void **state)
{
    const char *text = "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00E4\\u20ac"
                       "\\uD83D\\uDE00 \xc3\xa4";
    const char *expected = "\"\\/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac"
                           "\xf0\x9f\x98\x80 \xc3\xa4";
    char out[128];
    size_t length;

    (void)state;
    length = json_string_unescape(text, text + strlen(text), out);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(out, expected, length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_but_surrogates_is_utf8),
        cmocka_unit_test(only_the_one_encoding_of_a_code_point_is_taken),
        cmocka_unit_test(a_cut_leaves_characters_whole),
        cmocka_unit_test(a_string_is_checked_to_its_closing_quote),
        cmocka_unit_test(escapes_stand_for_their_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
