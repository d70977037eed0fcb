#include "server/json/json_number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/json/json_digits.h"

#define WHOLE_MAX    UINT64_C(1000000000000000000) /* 10^JSON_DIGITS_MAX */
#define EXPONENT_MAX 100000000 /* no text is long enough to bring it back */

const double json_powers[JSON_POWER_MAX - JSON_POWER_MIN + 1] = {
    1e-64, 1e-63, 1e-62, 1e-61, 1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55,
    1e-54, 1e-53, 1e-52, 1e-51, 1e-50, 1e-49, 1e-48, 1e-47, 1e-46, 1e-45,
    1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35,
    1e-34, 1e-33, 1e-32, 1e-31, 1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25,
    1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15,
    1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,  1e-8,  1e-7,  1e-6,  1e-5,
    1e-4,  1e-3,  1e-2,  1e-1,  1e0,   1e1,   1e2,   1e3,   1e4,   1e5,
    1e6,   1e7,   1e8,   1e9,   1e10,  1e11,  1e12,  1e13,  1e14,  1e15,
    1e16,  1e17,  1e18,  1e19,  1e20,  1e21,  1e22,  1e23,  1e24,  1e25,
    1e26,  1e27,  1e28,  1e29,  1e30,  1e31,  1e32,  1e33,  1e34,  1e35,
    1e36,  1e37,  1e38};
#define EXACT_POWER_MAX 22 /* 10^22 is the largest that float64 holds */

const uint64_t json_small_powers[JSON_DIGITS_MAX + 1] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000)};

/* ---- cutting a number out of the text ------------------------------------*/

/* The first JSON_DIGITS_MAX digits that count, of a number that has more. */
static __attribute__((noinline)) void cut_digits(const char *at,
                                                 struct json_number *number)
{
    bool in_fraction = false;
    int taken = 0;

    number->digits = 0;
    number->exponent = 0;
    number->is_cut = false;
    for (; json_is_digit(*at) || *at == '.'; at++) {
        if (*at == '.') {
            in_fraction = true;
            continue;
        }
        if (taken == JSON_DIGITS_MAX) {
            number->is_cut |= *at != '0';
            number->exponent += !in_fraction;
            continue;
        }
        number->digits = number->digits * 10 + (uint64_t)(*at - '0');
        number->exponent -= in_fraction;
        taken += number->digits != 0;
    }
}

/* What follows the `e` at `at`, or NULL with the faulty byte. */
static __attribute__((noinline)) const char *read_exponent(const char *at,
                                                           int64_t *exponent,
                                                           const char **bad)
{
    bool is_negative;
    int64_t value = 0;

    at++;
    is_negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    *bad = at;
    if (!json_is_digit(*at))
        return NULL;
    for (; json_is_digit(*at); at++)
        if (value < EXPONENT_MAX)
            value = value * 10 + (*at - '0');
    *exponent = is_negative ? -value : value;
    return at;
}

static bool number_fault(struct json_number *number, const char *at,
                         const char *what)
{
    number->end = at;
    number->fault = what;
    return false;
}

bool json_number_read(const char *at, struct json_number *number)
{
    const char *first, *bad;
    int64_t exponent = 0;
    uint64_t digits;
    size_t count;

    number->start = at;
    number->is_negative = *at == '-';
    at += number->is_negative;
    if (UNLIKELY(!json_is_digit(*at)))
        return number_fault(number, at, "a digit is expected");
    digits = (uint64_t)(*at++ - '0');
    first = at;
    if (!digits && UNLIKELY(json_is_digit(*at)))
        return number_fault(number, at, "a number begins with 0");
    for (; json_is_digit(*at); at++)
        digits = digits * 10 + (uint64_t)(*at - '0');
    count = (size_t)(at - first) + (digits != 0);
    number->exponent = 0;
    if (LIKELY(*at == '.')) {
        const char *fraction = ++at;
        unsigned found;

        do {
            uint64_t value = json_8_digits(at, &found);

            digits = digits * json_small_powers[found] + value;
            at += found;
        } while (found == 8);
        if (UNLIKELY(at == fraction))
            return number_fault(number, at, "a digit is expected");
        number->exponent = -(int64_t)(at - fraction);
        count += (size_t)(at - fraction);
    }
    number->digits = digits;
    number->is_cut = false;
    if (UNLIKELY(count > JSON_DIGITS_MAX))
        cut_digits(number->start + number->is_negative, number);
    if ((*at | 0x20) == 'e') {
        at = read_exponent(at, &exponent, &bad);
        if (!at)
            return number_fault(number, bad, "a digit is expected");
        number->exponent += exponent;
    }
    number->end = at;
    return true;
}

bool json_number_whole(const struct json_number *number, uint64_t *whole)
{
    uint64_t value = number->digits;
    int64_t exponent = number->exponent;

    if (!value) {
        *whole = 0;
        return true;
    }
    if (number->is_negative || number->is_cut)
        return false;
    for (; exponent < 0; exponent++) {
        if (value % 10)
            return false;
        value /= 10;
    }
    for (; exponent > 0; exponent--) {
        if (value > WHOLE_MAX / 10)
            return false;
        value *= 10;
    }
    *whole = value;
    return true;
}

/* ---- rounding ------------------------------------------------------------*/

/* glibc and musl keep the C locale as a constant: this allocates nothing. */
static __attribute__((noinline)) float by_strtof(const char *start)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    float value = strtof_l(start, NULL, c_locale);

    freelocale(c_locale);
    return value;
}

static __attribute__((noinline)) double by_strtod(const char *start)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = strtod_l(start, NULL, c_locale);

    freelocale(c_locale);
    return value;
}

static inline bool to_float(const struct json_number *number, float *value)
{
    double product;

    if (LIKELY(number->exponent >= JSON_POWER_MIN &&
               number->exponent <= JSON_POWER_MAX)) {
        product =
            (double)(int64_t)number->digits * json_power(number->exponent);
        if (LIKELY(product >= FLT_MIN && product <= FLT_MAX &&
                   json_round(product, value))) {
            if (number->is_negative)
                *value = -*value;
            return true;
        }
    }
    if (!number->digits) {
        *value = number->is_negative ? -0.0f : 0.0f;
        return true;
    }
    *value = by_strtof(number->start);
    return isfinite(*value);
}

/* When the digits and the power are exact, one operation is exactly rounded
 * (Clinger). */
static inline bool to_double(const struct json_number *number, double *value)
{
    const uint64_t exact_max = UINT64_C(1) << DBL_MANT_DIG;
    int64_t exponent = number->exponent;
    double digits = (double)(int64_t)number->digits;

    if (!number->is_cut && number->digits <= exact_max &&
        exponent >= -EXACT_POWER_MAX && exponent <= EXACT_POWER_MAX) {
        digits = exponent < 0 ? digits / json_power(-exponent)
                              : digits * json_power(exponent);
        *value = number->is_negative ? -digits : digits;
        return true;
    }
    *value = by_strtod(number->start);
    return isfinite(*value);
}

bool json_number_float(const struct json_number *number, float *value)
{
    float rounded;

    if (!to_float(number, &rounded))
        return false;
    *value = rounded;
    return true;
}

bool json_number_double(const struct json_number *number, double *value)
{
    double rounded;

    if (!to_double(number, &rounded))
        return false;
    *value = rounded;
    return true;
}
