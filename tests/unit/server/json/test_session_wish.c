#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/session_wish.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void an_id_is_up_to_128_plain_characters(void **state)
{
    static const char *const good[] = {
        "a", "Z", "0", "_", "~", "-", "...", "a.b", ".a", "..a", "A-Z_a~z.0"};
    static const char *const bad[] = {"",    ".",   "..",       "a b", "a/b",
                                      "a%",  "a\n", "\xc3\xa4", "a:b", "a+",
                                      "{a}", "@",   "[",        "`",   "a,b"};
    char id[130];
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(good); i++)
        assert_true(session_id_is_valid(good[i], strlen(good[i])));
    for (i = 0; i < COUNT(bad); i++)
        assert_false(session_id_is_valid(bad[i], strlen(bad[i])));
    memset(id, 'x', sizeof(id));
    assert_true(session_id_is_valid(id, 128));
    assert_false(session_id_is_valid(id, 129));
    assert_false(session_id_is_valid("a\0b", 3));
}

static void a_duration_is_a_number_with_a_unit(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0", 0},
                {"0s", 0},
                {"000", 0},
                {"1ms", 1},
                {"30s", 30000},
                {"10min", 600000},
                {"1h", 3600000},
                {"0001h", 3600000},
                {"9223372036854775807ms", INT64_MAX},
                {"2562047788015h", UINT64_C(9223372036854000000)}};
    static const char *const bad[] = {"",
                                      "s",
                                      "30",
                                      "1",
                                      "30 s",
                                      " 30s",
                                      "30s ",
                                      "30S",
                                      "-1s",
                                      "+1s",
                                      "1.5s",
                                      "1d",
                                      "1m",
                                      "0x1s",
                                      "1sec",
                                      "1hh",
                                      "9223372036854775808ms",
                                      "2562047788016h",
                                      "99999999999999999999999999999s"};
    uint64_t ms;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(good); i++) {
        assert_true(duration_parse(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    ms = 42;
    for (i = 0; i < COUNT(bad); i++) {
        if (duration_parse(bad[i], &ms))
            fail_msg("%s is taken", bad[i]);
        assert_int_equal(ms, 42);
    }
}

static void a_mode_is_carry_or_window(void **state)
{
    enum session_mode mode = SESSION_MODE_UNSET;

    (void)state;
    assert_true(session_mode_parse("carry", &mode));
    assert_int_equal(mode, SESSION_CARRY);
    assert_true(session_mode_parse("window", &mode));
    assert_int_equal(mode, SESSION_WINDOW);
    assert_false(session_mode_parse("", &mode));
    assert_false(session_mode_parse("WINDOW", &mode));
    assert_false(session_mode_parse("carry ", &mode));
    assert_int_equal(mode, SESSION_WINDOW);
}

static void a_window_goes_with_its_mode_only(void **state)
{
    struct session_wish wish = {.has_window = true, .window = 3};

    (void)state;
    assert_non_null(session_wish_window_fault(&wish));
    wish.mode = SESSION_CARRY;
    assert_non_null(session_wish_window_fault(&wish));
    wish.mode = SESSION_WINDOW;
    assert_null(session_wish_window_fault(&wish));
    wish.has_window = false;
    assert_null(session_wish_window_fault(&wish));
    wish.mode = SESSION_CARRY;
    assert_null(session_wish_window_fault(&wish));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_up_to_128_plain_characters),
        cmocka_unit_test(a_duration_is_a_number_with_a_unit),
        cmocka_unit_test(a_mode_is_carry_or_window),
        cmocka_unit_test(a_window_goes_with_its_mode_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
