#include "config/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_size_is_bytes_or_k_m_g_of_1024(void **state)
{
    uint64_t size = 7;

    (void)state;
    assert_true(units_parse_size("0", &size));
    assert_int_equal(size, 0);
    assert_true(units_parse_size("123", &size));
    assert_int_equal(size, 123);
    assert_true(units_parse_size("64k", &size));
    assert_int_equal(size, 65536);
    assert_true(units_parse_size("8M", &size));
    assert_int_equal(size, 8388608);
    assert_true(units_parse_size("2G", &size));
    assert_int_equal(size, 2147483648);
}

static void a_time_needs_its_unit_but_for_0(void **state)
{
    uint64_t time_ms = 7;

    (void)state;
    assert_true(units_parse_time("0", &time_ms));
    assert_int_equal(time_ms, 0);
    assert_true(units_parse_time("0s", &time_ms));
    assert_int_equal(time_ms, 0);
    assert_true(units_parse_time("250ms", &time_ms));
    assert_int_equal(time_ms, 250);
    assert_true(units_parse_time("30s", &time_ms));
    assert_int_equal(time_ms, 30000);
    assert_true(units_parse_time("10min", &time_ms));
    assert_int_equal(time_ms, 600000);
    assert_true(units_parse_time("1h", &time_ms));
    assert_int_equal(time_ms, 3600000);
    time_ms = 7;
    assert_false(units_parse_time("30", &time_ms));
    assert_false(units_parse_time("00", &time_ms));
    assert_int_equal(time_ms, 7);
}

static void what_is_no_number_with_a_unit_is_refused(void **state)
{
    static const char *const texts[] = {
        "",   "k",   "-1",   "+1",  " 1",   "1 ",   "1.5M",
        "1K", "8MB", "0x10", "1e3", "8 M",  "one",  "1kk",
        "1m", "1d",  "1,0",  "s",   "1sec", "\xff", "1\n",
    };
    uint64_t number = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_false(units_parse_size(texts[i], &number));
        assert_false(units_parse_time(texts[i], &number));
    }
    assert_int_equal(number, 7);
}

static void what_exceeds_64_bits_is_refused(void **state)
{
    uint64_t number = 7;

    (void)state;
    assert_true(units_parse_size("18446744073709551615", &number));
    assert_true(number == UINT64_MAX);
    assert_false(units_parse_size("18446744073709551616", &number));
    assert_false(units_parse_size("99999999999999999999999", &number));
    assert_false(units_parse_size("17179869184G", &number));
    assert_true(units_parse_size("17179869183G", &number));
    assert_false(units_parse_time("5124095576031h", &number));
}

static void what_is_printed_reads_back(void **state)
{
    static const uint64_t numbers[] = {
        0,     1,     999,    1000,    1023,    1024,        1500,
        60000, 65536, 600000, 3600000, 8388608, 31536000000, UINT64_MAX};
    char text[UNITS_TEXT_BYTES];
    uint64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        units_print_size(numbers[i], text);
        assert_true(units_parse_size(text, &back));
        assert_true(back == numbers[i]);
        units_print_time(numbers[i], text);
        assert_true(units_parse_time(text, &back));
        assert_true(back == numbers[i]);
    }
    units_print_size(8388608, text);
    assert_string_equal(text, "8M");
    units_print_time(5400000, text);
    assert_string_equal(text, "90min");
    units_print_time(0, text);
    assert_string_equal(text, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_is_bytes_or_k_m_g_of_1024),
        cmocka_unit_test(a_time_needs_its_unit_but_for_0),
        cmocka_unit_test(what_is_no_number_with_a_unit_is_refused),
        cmocka_unit_test(what_exceeds_64_bits_is_refused),
        cmocka_unit_test(what_is_printed_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
