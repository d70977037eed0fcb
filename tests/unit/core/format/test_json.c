#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/json.h"

static enum rnn_status parse(const char *text, struct rnn_json **json,
                             struct rnn_error *err)
{
    /* without a NUL behind it, so that a sanitizer sees a read too far */
    size_t length = strlen(text);
    char *copy = malloc(length + !length);
    enum rnn_status status;

    memcpy(copy, text, length);
    status = rnn_json_parse(copy, length, "the text", json, err);
    free(copy);
    return status;
}

static void values_of_every_kind_are_read(void **state)
{
    struct rnn_json *json = NULL;
    const struct rnn_json *a;
    double number;
    size_t size;
    bool yes = false;

    (void)state;
    assert_int_equal(parse(" {\"a\": [1, -2.5e3, true, null, \"t\\u00e9\\ud83d"
                           "\\ude00\"], \"A\": {}}\n",
                           &json, NULL),
                     RNN_OK);
    assert_true(rnn_json_is_object(json));
    assert_int_equal(rnn_json_count(json), 2);
    a = rnn_json_first(rnn_json_member(json, "a"));
    assert_true(rnn_json_size(a, &size));
    assert_int_equal(size, 1);
    a = rnn_json_next(a);
    assert_true(rnn_json_number(a, &number));
    assert_true(number == -2500);
    assert_false(rnn_json_size(a, &size));
    a = rnn_json_next(a);
    assert_true(rnn_json_bool(a, &yes));
    assert_true(yes);
    a = rnn_json_next(a);
    assert_true(rnn_json_is_null(a));
    a = rnn_json_next(a);
    assert_string_equal(rnn_json_text(a), "t\xc3\xa9\xf0\x9f\x98\x80");
    assert_null(rnn_json_next(a));
    assert_string_equal(rnn_json_key(rnn_json_first(json)), "a");
    assert_true(rnn_json_is_object(rnn_json_member(json, "A")));
    rnn_json_free(json);
}

static void what_is_not_there_is_null(void **state)
{
    double number;
    size_t size;
    bool yes;

    (void)state;
    assert_null(rnn_json_member(NULL, "a"));
    assert_null(rnn_json_first(NULL));
    assert_null(rnn_json_text(NULL));
    assert_int_equal(rnn_json_count(NULL), 0);
    assert_true(rnn_json_is_null(NULL));
    assert_true(rnn_json_is_nothing(NULL));
    assert_false(rnn_json_is_object(NULL));
    assert_false(rnn_json_is_array(NULL));
    assert_false(rnn_json_bool(NULL, &yes));
    assert_false(rnn_json_number(NULL, &number));
    assert_false(rnn_json_size(NULL, &size));
    rnn_json_free(NULL);
}

static void texts_that_are_no_json_are_refused_at_their_byte(void **state)
{
    static const struct {
        const char *text, *says;
    } faults[] = {
        {"", "a value was expected at byte 0"},
        {"  ", "a value was expected at byte 2"},
        {"{\"a\" 1}", "a colon was expected at byte 5"},
        {"{\"a\": 1,}", "a quote was expected at byte 8"},
        {"{a: 1}", "a quote was expected at byte 1"},
        {"{\"a\": 1", "a comma or } was expected at byte 7"},
        {"[1 2]", "a comma or ] was expected at byte 3"},
        {"[1,]", "a value was expected at byte 3"},
        {"[", "a value was expected at byte 1"},
        {"1 1", "something follows the value at byte 2"},
        {"{}}", "something follows the value at byte 2"},
        {"01", "something follows the value at byte 1"},
        {"+1", "a value was expected at byte 0"},
        {".5", "a value was expected at byte 0"},
        {"-", "a value was expected at byte 1"},
        {"1.", "a digit was expected at byte 2"},
        {"1e", "a digit was expected at byte 2"},
        {"1e+", "a digit was expected at byte 3"},
        {"0x10", "something follows the value at byte 1"},
        {"nul", "a value was expected at byte 0"},
        {"nan", "a value was expected at byte 0"},
        {"\"a", "a text does not end at byte 2"},
        {"\"a\nb\"", "a control character at byte 2"},
        {"\"\\x\"", "an unknown escape"},
        {"\"\\u12g4\"", "four hexadecimal digits"},
        {"\"\\u0000\"", "NUL"},
        {"\"\\ud800\"", "half a surrogate pair"},
        {"\"\\ud800\\u0041\"", "half a surrogate pair"},
        {"\"\\udc00\"", "half a surrogate pair"},
        {"\"\x80\"", "not UTF-8"},
        {"\"\xc3\"", "not UTF-8"},
        {"\"\xc0\xaf\"", "not UTF-8"},
        {"\"\xe0\x80\xaf\"", "not UTF-8"},
        {"\"\xed\xa0\x80\"", "not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "not UTF-8"},
        {"\"\xf8\x88\x80\x80\x80\"", "not UTF-8"},
        {"\xef\xbb\xbf{}", "a value was expected at byte 0"},
        {"0.0000000000000000000000000000000000000000000000000000000000001",
         "60 characters"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct rnn_json *json = NULL;
        struct rnn_error err = {0};

        if (parse(faults[i].text, &json, &err) != RNN_BAD_MODEL)
            fail_msg("%s was accepted", faults[i].text);
        if (!strstr(err.message, faults[i].says) ||
            !strstr(err.message, "the text is no JSON"))
            fail_msg("%s: %s", faults[i].text, err.message);
        assert_null(json);
    }
}

static void a_key_that_stands_twice_is_refused_at_any_depth(void **state)
{
    static const char *const texts[] = {
        "{\"a\": 1, \"b\": 2, \"a\": 3}",
        "[0, {\"x\": {\"a\": 1, \"a\": 1}}]",
        "{\"a\": 1, \"\\u0061\": 2}",
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct rnn_json *json = NULL;
        struct rnn_error err = {0};

        assert_int_equal(parse(texts[i], &json, &err), RNN_BAD_MODEL);
        assert_non_null(strstr(err.message, "\"a\" stands twice"));
    }
}

static void keys_that_differ_in_case_are_different(void **state)
{
    struct rnn_json *json = NULL;

    (void)state;
    assert_int_equal(parse("{\"a\": 1, \"A\": 2}", &json, NULL), RNN_OK);
    assert_null(rnn_json_member(json, "AA"));
    rnn_json_free(json);
}

static void the_constants_of_python_arrive_as_texts(void **state)
{
    struct rnn_json *json = NULL;
    const struct rnn_json *item;

    (void)state;
    assert_int_equal(
        parse("[NaN, Infinity, -Infinity, \"NaN \\\" Infinity\", {\"-Infinity"
              "\": NaN}, 1]",
              &json, NULL),
        RNN_OK);
    item = rnn_json_first(json);
    assert_string_equal(rnn_json_text(item), "NaN");
    item = rnn_json_next(item);
    assert_string_equal(rnn_json_text(item), "Infinity");
    item = rnn_json_next(item);
    assert_string_equal(rnn_json_text(item), "-Infinity");
    item = rnn_json_next(item);
    assert_string_equal(rnn_json_text(item), "NaN \" Infinity");
    item = rnn_json_next(item);
    assert_string_equal(rnn_json_text(rnn_json_member(item, "-Infinity")),
                        "NaN");
    rnn_json_free(json);
}

static void depth_is_limited(void **state)
{
    char text[3 * RNN_JSON_DEPTH];

    (void)state;
    for (int depth = RNN_JSON_DEPTH; depth <= RNN_JSON_DEPTH + 1; depth++) {
        struct rnn_json *json = NULL;
        struct rnn_error err = {0};

        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        if (depth == RNN_JSON_DEPTH) {
            assert_int_equal(parse(text, &json, &err), RNN_OK);
        } else {
            assert_int_equal(parse(text, &json, &err), RNN_BAD_MODEL);
            assert_non_null(strstr(err.message, "too deeply"));
        }
        rnn_json_free(json);
    }
}

static void sizes_are_whole_numbers_up_to_2_to_the_53(void **state)
{
    static const struct {
        const char *text;
        bool is_size;
    } numbers[] = {
        {"0", true},
        {"7.0", true},
        {"1e3", true},
        {"9007199254740992", true},
        {"9007199254740994", false},
        {"1e400", false},
        {"-1", false},
        {"0.5", false},
        {"\"1\"", false},
        {"null", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct rnn_json *json = NULL;
        size_t size;

        assert_int_equal(parse(numbers[i].text, &json, NULL), RNN_OK);
        assert_int_equal(rnn_json_size(json, &size), numbers[i].is_size);
        rnn_json_free(json);
    }
}

static void a_printed_value_is_cut_to_fit(void **state)
{
    struct rnn_json *json = NULL;
    char text[12];

    (void)state;
    assert_int_equal(parse("{\"a\": [1, 2, 3, 4]}", &json, NULL), RNN_OK);
    assert_string_equal(rnn_json_print(json, text, sizeof(text)),
                        "{\"a\":[1,...");
    assert_string_equal(rnn_json_print(NULL, text, sizeof(text)), "something");
    rnn_json_free(json);
}

static void empty_values_are_nothing(void **state)
{
    static const char *const nothing[] = {"null", "false", "0",  "-0.0",
                                          "\"\"", "[]",    "{}", "0e5"};
    static const char *const something[] = {
        "true", "1", "\"0\"", "[null]", "{\"a\":0}", "NaN", "1e-300"};

    (void)state;
    for (size_t i = 0; i < 8 + 7; i++) {
        struct rnn_json *json = NULL;

        assert_int_equal(
            parse(i < 8 ? nothing[i] : something[i - 8], &json, NULL), RNN_OK);
        assert_int_equal(rnn_json_is_nothing(json), i < 8);
        rnn_json_free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind_are_read),
        cmocka_unit_test(what_is_not_there_is_null),
        cmocka_unit_test(texts_that_are_no_json_are_refused_at_their_byte),
        cmocka_unit_test(a_key_that_stands_twice_is_refused_at_any_depth),
        cmocka_unit_test(keys_that_differ_in_case_are_different),
        cmocka_unit_test(the_constants_of_python_arrive_as_texts),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(sizes_are_whole_numbers_up_to_2_to_the_53),
        cmocka_unit_test(a_printed_value_is_cut_to_fit),
        cmocka_unit_test(empty_values_are_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
