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

#include "server/json/json_number.h"
#include "tests/support/effort.h"
#include "tests/support/padded_text.h"
#include "tests/support/xorshift.h"

static uint64_t seed = 20240229;

static uint64_t random_bits(void)
{
    return xorshift(&seed);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Read `text` by both ways and with strtof and strtod; they must agree. */
static void check_against_libc(const char *text, locale_t c_locale)
{
    float expected = strtof_l(text, NULL, c_locale), value = NAN;
    double wide_expected = strtod_l(text, NULL, c_locale), wide = NAN;
    struct padded_text padded = padded_text(text);
    struct json_number number;

    if (!json_number_read(padded.bytes, &number) ||
        number.end != padded.bytes + padded.length)
        fail_msg("%s is not read as a number", text);
    if (json_number_float(&number, &value) != isfinite(expected))
        fail_msg("%s: strtof says %g", text, (double)expected);
    if (isfinite(expected) && bits_of(value) != bits_of(expected))
        fail_msg("%s: %a instead of %a", text, (double)value,
                 (double)expected);
    if (json_number_double(&number, &wide) != isfinite(wide_expected))
        fail_msg("%s: strtod says %g", text, wide_expected);
    if (isfinite(wide_expected) &&
        memcmp(&wide, &wide_expected, sizeof(wide)) != 0)
        fail_msg("%s: %a instead of %a", text, wide, wide_expected);
    padded_text_free(&padded);
}

/* A finite float of any size, as likely denormal as not. */
static float random_float(void)
{
    uint32_t bits;

    do
        bits = (uint32_t)random_bits();
    while ((bits & 0x7f800000) == 0x7f800000);
    if (random_bits() % 8 == 0)
        bits &= 0x80ffffff;
    return float_of(bits);
}

static float ordinary_float(void)
{
    return (float)((double)(int64_t)random_bits() / 9223372036854775808.0 *
                   (random_bits() % 2 ? 1.0 : 1000.0));
}

/* Digits and an exponent at random. */
static void random_text(char *text)
{
    char *at = text;
    unsigned whole = random_bits() % 22, fraction = random_bits() % 30, i;

    if (random_bits() & 1)
        *at++ = '-';
    *at++ = (char)(whole ? '1' + random_bits() % 9 : '0');
    for (i = 1; i < whole; i++)
        *at++ = (char)('0' + random_bits() % 10);
    if (fraction) {
        *at++ = '.';
        for (i = 0; i < fraction; i++)
            *at++ = (char)('0' + (random_bits() & 1 ? random_bits() % 10 : 0));
    }
    *at = '\0';
    if (random_bits() % 2)
        sprintf(at, "%c%s%d", random_bits() & 1 ? 'e' : 'E',
                random_bits() & 1 ? "-" : "+", (int)(random_bits() % 60));
}

/* The exact middle between two neighbouring floats, which float64 holds, and
 * texts a hair below and above. */
static void middle_text(char *text, unsigned kind)
{
    float low = fabsf(random_float());
    double middle = ((double)low + (double)nextafterf(low, INFINITY)) / 2;
    size_t length;

    if (!isfinite(middle))
        middle = 16777217;
    sprintf(text, "%.*f", middle < 1 ? 200 : 30, middle);
    length = strlen(text);
    if (kind == 1) {
        text[length - 1] = '1';
    } else if (kind == 2) {
        sprintf(text, "%.170e", middle);
    } else if (kind == 3) {
        sprintf(text, "%.17e", nextafter(middle, 0));
    }
}

static void make_text(char *text, unsigned kind)
{
    float number = random_float();

    switch (kind) {
    case 0:
        sprintf(text, "%.9g", (double)number);
        break;
    case 1:
        sprintf(text, "%.8g", (double)ordinary_float());
        break;
    case 2:
        sprintf(text, "%.17g", (double)ordinary_float());
        break;
    case 3:
        sprintf(text, "%.17g", (double)number * 1.0000000001);
        break;
    case 4:
        sprintf(text, "%.3f", (double)ordinary_float());
        break;
    case 5:
        sprintf(text, "%.40e", (double)number);
        break;
    case 6:
        sprintf(text, "%llu",
                (unsigned long long)random_bits() >> random_bits() % 64);
        break;
    case 7:
    case 8:
        random_text(text);
        break;
    default:
        middle_text(text, kind - 9);
        break;
    }
}

static void numbers_are_rounded_as_the_c_library_does(void **state)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    size_t rounds = effort_count(100000);
    unsigned kind;
    char text[512];

    (void)state;
    for (size_t i = 0; i < rounds; i++)
        for (kind = 0; kind < 13; kind++) {
            make_text(text, kind);
            check_against_libc(text, c_locale);
        }
    freelocale(c_locale);
}

static void edges_are_rounded_as_the_c_library_does(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "-0.0",
        "0e99",
        "0.000e-999999999999999999999999",
        "1e-45",
        "7.006492321624085e-46",
        "7.0064923216240853e-46",
        "7.0064923216240854e-46",
        ("7.0064923216240853546186479164495806564013097093825788587853414194"
         "4895541342930300743319094181060791015625e-46"),
        "1.17549435e-38",
        "1.1754943e-38",
        "1.17549429e-38",
        "3.4028234e38",
        "3.4028235e38",
        "3.40282356e38",
        "3.4028235677973366e38",
        "340282356779733661637539395458142568447",
        "340282356779733661637539395458142568448",
        "1e38",
        "1e39",
        "1e999",
        "-1e999",
        "1e-999",
        "1e99999999999999999999999999",
        "1e-99999999999999999999999999",
        "16777217",
        "16777217.0000000000000000000000000000000000000000000000000000001",
        "33554435",
        "9007199254740993",
        "9007199254740993.00000000000000000001",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "123456789012345678",
        "1234567890123456789",
        "999999999999999999",
        "1000000000000000000000000000000000000",
        "0.00000000000000000000000000000000000000000000000000000000001e59",
        "100000000000000000000000000000000000000000000000000000000000e-59",
    };
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_against_libc(texts[i], c_locale);
    freelocale(c_locale);
}

static void a_number_may_have_a_million_digits(void **state)
{
    enum { DIGITS = 1000000 };
    char *text = malloc(DIGITS + 64);
    struct json_number number;
    struct padded_text padded;
    float value;

    (void)state;
    assert_non_null(text);
    memset(text, '3', DIGITS + 64);
    memcpy(text, "0.", 2);
    text[DIGITS] = '\0';
    padded = padded_text(text);
    assert_true(json_number_read(padded.bytes, &number));
    assert_true(json_number_float(&number, &value));
    assert_int_equal(bits_of(value), bits_of(1.0f / 3.0f));
    padded_text_free(&padded);

    /* 10^-1000000 * 10^1000001 */
    memset(text + 2, '0', DIGITS);
    strcpy(text + DIGITS + 1, "1e1000001");
    padded = padded_text(text);
    assert_true(json_number_read(padded.bytes, &number));
    assert_true(json_number_float(&number, &value));
    assert_int_equal(bits_of(value), bits_of(10.0f));
    padded_text_free(&padded);
    free(text);
}

static void what_is_no_number_is_refused_at_its_first_wrong_byte(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {{"", 0},     {"-", 1},    {"+1", 0},   {".5", 0},
                 {"-.5", 1},  {"1.", 2},   {"1.e3", 2}, {"1e", 2},
                 {"1e+", 3},  {"1e-x", 3}, {"01", 1},   {"-01", 2},
                 {"00.5", 1}, {"NaN", 0},  {"-inf", 1}, {"--1", 1},
                 {"1.x", 2},  {"-NaN", 1}, {"1.2E", 4}, {"-e1", 1}};
    struct json_number number;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct padded_text text = padded_text(cases[i].text);

        assert_false(json_number_read(text.bytes, &number));
        assert_int_equal(number.end - text.bytes, cases[i].offset);
        assert_non_null(number.fault);
        padded_text_free(&text);
    }
}

static void a_number_ends_where_its_grammar_ends(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {{"0x10", 1},  {"1..2", 0}, {"1.5.2", 3}, {"1e5e5", 3},
                 {"1e5.5", 3}, {"12,3", 2}, {"1-2", 1},   {"1d", 1},
                 {"0E0]", 3},  {"1 2", 1},  {"1.5f", 3},  {"-0]", 2}};
    struct json_number number;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct padded_text text = padded_text(cases[i].text);
        bool is_number = json_number_read(text.bytes, &number);

        assert_int_equal(is_number, cases[i].length > 0);
        if (is_number)
            assert_int_equal(number.end - text.bytes, cases[i].length);
        padded_text_free(&text);
    }
}

static void whole_numbers_may_be_written_in_any_way(void **state)
{
    static const struct {
        const char *text;
        int64_t value; /* -1: not whole or out of range */
    } cases[] = {{"0", 0},
                 {"-0.0", 0},
                 {"7", 7},
                 {"7.0", 7},
                 {"7.000000000000000000000000000000", 7},
                 {"70e-1", 7},
                 {"0.07e2", 7},
                 {"1e18", 1000000000000000000},
                 {"999999999999999999", 999999999999999999},
                 {"1000000000000000000.0", 1000000000000000000},
                 {"1000000000000000001", -1},
                 {"1e19", -1},
                 {"1e999999999999", -1},
                 {"-1", -1},
                 {"7.5", -1},
                 {"1e-1", -1},
                 {"1e-999999999999", -1},
                 {"7.0000000000000000000000000000001", -1}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct padded_text text = padded_text(cases[i].text);
        struct json_number number;
        uint64_t value = 12345;

        assert_true(json_number_read(text.bytes, &number));
        if (json_number_whole(&number, &value) != (cases[i].value >= 0))
            fail_msg("%s", cases[i].text);
        if (cases[i].value >= 0)
            assert_int_equal(value, cases[i].value);
        else
            assert_int_equal(value, 12345);
        padded_text_free(&text);
    }
}

static void the_locale_does_not_matter(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE",
                                        "fr_FR.UTF-8", "nl_NL.UTF-8"};
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (setlocale(LC_ALL, names[i]))
            break;
    if (i == sizeof(names) / sizeof(names[0])) {
        freelocale(c_locale);
        skip();
    }
    assert_string_equal(localeconv()->decimal_point, ",");
    check_against_libc("16777217.5", c_locale);
    check_against_libc("1.5e-40", c_locale);
    check_against_libc("0.1234567890123456789012345", c_locale);
    setlocale(LC_ALL, "C");
    freelocale(c_locale);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_are_rounded_as_the_c_library_does),
        cmocka_unit_test(numbers_are_rounded_as_the_c_library_does),
        cmocka_unit_test(a_number_may_have_a_million_digits),
        cmocka_unit_test(what_is_no_number_is_refused_at_its_first_wrong_byte),
        cmocka_unit_test(a_number_ends_where_its_grammar_ends),
        cmocka_unit_test(whole_numbers_may_be_written_in_any_way),
        cmocka_unit_test(the_locale_does_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
