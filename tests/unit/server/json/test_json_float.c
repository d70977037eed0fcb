#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/effort.h"

#include "server/json/json_float.h"
#include "server/json/json_number.h"
#include "server/json/json_writer.h"

static float float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* digits * 10^exponent, trailing zeros taken off */
struct decimal {
    uint64_t digits;
    int exponent, length;
};

static struct decimal decimal_of(const char *text)
{
    struct decimal decimal = {0};
    struct json_number number;
    uint64_t rest;

    assert_true(json_number_read(text, &number));
    decimal.digits = number.digits;
    decimal.exponent = (int)number.exponent;
    while (decimal.digits && decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    for (rest = decimal.digits; rest; rest /= 10)
        decimal.length++;
    return decimal;
}

/* Is there a decimal with fewer digits that reads back to `value`?  Only the
 * two nearest of that length can be. */
static bool shorter_exists(float value, int length)
{
    char text[64] = {0};
    double nearest;
    int up;

    if (length <= 1)
        return false;
    snprintf(text, sizeof(text) - 8, "%.*e", length - 2, (double)value);
    if (strtof(text, NULL) == value)
        return true;
    /* One unit in its last place to either side. */
    nearest = strtod(text, NULL);
    for (up = -1; up <= 1; up += 2) {
        double unit = pow(10, floor(log10(nearest)) - (length - 2));

        snprintf(text, sizeof(text) - 8, "%.*e", length - 2,
                 nearest + up * unit);
        if (strtof(text, NULL) == value)
            return true;
    }
    return false;
}

/* Is one of the neighbours with as many digits nearer to the value? */
static bool nearer_exists(float value, const struct decimal *decimal)
{
    char text[64];
    long double exact = (long double)value, distance;
    int up;

    snprintf(text, sizeof(text), "%llue%d",
             (unsigned long long)decimal->digits, decimal->exponent);
    distance = fabsl(strtold(text, NULL) - exact);
    for (up = -1; up <= 1; up += 2) {
        snprintf(text, sizeof(text), "%llue%d",
                 (unsigned long long)(decimal->digits + (uint64_t)up),
                 decimal->exponent);
        /* strtold is rounded too: leave it a little. */
        if (fabsl(strtold(text, NULL) - exact) < distance * 0.9999999L &&
            strtof(text, NULL) == value)
            return true;
    }
    return false;
}

static size_t write_text(float value, char text[JSON_FLOAT_SIZE + 8])
{
    size_t length = json_format_float(value, text);

    assert_true(length <= JSON_FLOAT_SIZE);
    memset(text + length, 0, JSON_FLOAT_SIZE + 8 - length);
    return length;
}

static void check_read_back(float value)
{
    char text[JSON_FLOAT_SIZE + 8];
    struct json_number number;
    float back = 0;
    size_t length = write_text(value, text);

    if (!json_number_read(text, &number) || number.end != text + length ||
        !json_number_float(&number, &back) || bits_of(back) != bits_of(value))
        fail_msg("%a is written as %s", (double)value, text);
    if (!strpbrk(text, ".e"))
        fail_msg("%s looks like an integer", text);
}

static void check_shortest(float value)
{
    char text[JSON_FLOAT_SIZE + 8];
    struct decimal decimal;

    write_text(value, text);
    decimal = decimal_of(text[0] == '-' ? text + 1 : text);
    if (shorter_exists(fabsf(value), decimal.length))
        fail_msg("%s is not the shortest for %a", text, (double)value);
    if (nearer_exists(fabsf(value), &decimal))
        fail_msg("%s is not the nearest to %a", text, (double)value);
}

static void check_both(uint32_t bits)
{
    float value = float_of(bits);

    if (!isfinite(value))
        return;
    check_read_back(value);
    if (value != 0)
        check_shortest(value);
}

/* Every exponent with its first, last and some other fractions. */
static void floats_read_back_and_are_shortest_at_every_exponent(void **state)
{
    uint32_t exponent, i, bits = 1;

    (void)state;
    for (exponent = 0; exponent < 255; exponent++) {
        check_both(exponent << 23);
        check_both(exponent << 23 | 1);
        check_both(exponent << 23 | 0x7fffff);
        check_both(exponent << 23 | 0x7ffffe);
        for (i = 0; i < 200; i++) {
            bits = bits * 1664525 + 1013904223;
            check_both(exponent << 23 | bits >> 9 | (bits << 31));
        }
    }
}

/* All of them as a slow test (RNND_SLOW=1), else one of 4,099. */
static void floats_read_back(void **state)
{
    uint64_t step = effort_is_slow() ? 1 : effort_is_quick() ? 65537 : 4099;
    uint64_t bits;

    (void)state;
    for (bits = 0; bits < UINT64_C(1) << 32; bits += step)
        if (isfinite(float_of((uint32_t)bits)))
            check_read_back(float_of((uint32_t)bits));
}

static void floats_are_shortest_and_nearest(void **state)
{
    uint64_t step = effort_is_slow()    ? 251
                    : effort_is_quick() ? 1048583
                                        : 65537;
    uint64_t bits;

    (void)state;
    for (bits = 1; bits < UINT64_C(1) << 31; bits += step)
        check_both((uint32_t)bits);
}

static void floats_are_written_as_python_writes_them(void **state)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0.0f, "0.0"},
                 {-0.0f, "-0.0"},
                 {1.0f, "1.0"},
                 {-1.5f, "-1.5"},
                 {10.0f, "10.0"},
                 {100.25f, "100.25"},
                 {0.1f, "0.1"},
                 {0.22453974f, "0.22453974"},
                 {-0.8722438f, "-0.8722438"},
                 {0.001f, "0.001"},
                 {0.0001f, "0.0001"},
                 {0.00012345678f, "0.00012345678"},
                 {0.00001f, "1e-05"},
                 {1.5e-5f, "1.5e-05"},
                 {6e-8f, "6e-08"},
                 {1e-10f, "1e-10"},
                 {16777216.0f, "16777216.0"},
                 {123456790.0f, "123456790.0"},
                 {1e15f, "1000000000000000.0"},
                 {9.999999e15f, "9999999000000000.0"},
                 {1e16f, "1e+16"},
                 {1.2345679e20f, "1.2345679e+20"},
                 {FLT_MAX, "3.4028235e+38"},
                 {-FLT_MAX, "-3.4028235e+38"},
                 {FLT_MIN, "1.1754944e-38"},
                 {0x1p-149f, "1e-45"},
                 {-0x1p-149f, "-1e-45"},
                 {0x1p-148f, "3e-45"},
                 {8388608.0f, "8388608.0"},
                 {33554432.0f, "33554432.0"},
                 {9.0f, "9.0"}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[JSON_FLOAT_SIZE + 8];

        write_text(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void check_double(double value, const char *expected)
{
    char text[JSON_NUMBER_ROOM + 8];
    size_t length = json_double_text(value, text);

    assert_true(length < JSON_NUMBER_ROOM);
    text[length] = '\0';
    if (expected)
        assert_string_equal(text, expected);
    if (strtod(text, NULL) != value)
        fail_msg("%a is written as %s", value, text);
}

static void doubles_are_written_as_python_writes_them(void **state)
{
    (void)state;
    check_double(0.0, "0.0");
    check_double(-0.0, "-0.0");
    check_double(1.0, "1.0");
    check_double(0.1, "0.1");
    check_double(1.0 / 3.0, "0.3333333333333333");
    check_double(-2.0 / 3.0, "-0.6666666666666666");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(1e22, "1e+22");
    check_double(1e15, "1000000000000000.0");
    check_double(1234567890123456.7, "1234567890123456.8");
    check_double(9007199254740992.0, "9007199254740992.0");
    check_double(123456.7890123456789, "123456.78901234567");
    check_double(0.00012345678901234567, "0.00012345678901234567");
    check_double(5e-324, "5e-324");
    check_double(DBL_MIN, "2.2250738585072014e-308");
    check_double(-DBL_MAX, "-1.7976931348623157e+308");
    check_double(1e100, "1e+100");
}

static void doubles_read_back(void **state)
{
    uint64_t bits = 88172645463325252;
    double value;
    int i;

    (void)state;
    for (i = 0; i < 100000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value))
            check_double(value, NULL);
    }
}

static void the_locale_does_not_matter(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE",
                                        "fr_FR.UTF-8", "nl_NL.UTF-8"};
    char text[JSON_NUMBER_ROOM];
    size_t i, length;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (setlocale(LC_ALL, names[i]))
            break;
    if (i == sizeof(names) / sizeof(names[0]))
        skip();
    length = json_double_text(0.1 + 0.2, text);
    assert_int_equal(length, 19);
    assert_memory_equal(text, "0.30000000000000004", 19);
    length = json_float_text(0.5f, text);
    assert_memory_equal(text, "0.5", length);
    assert_string_equal(localeconv()->decimal_point, ",");
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_written_as_python_writes_them),
        cmocka_unit_test(floats_read_back_and_are_shortest_at_every_exponent),
        cmocka_unit_test(floats_read_back),
        cmocka_unit_test(floats_are_shortest_and_nearest),
        cmocka_unit_test(doubles_are_written_as_python_writes_them),
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(the_locale_does_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
