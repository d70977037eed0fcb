#include "server/json/json_float.h"

#include <assert.h>
#include <endian.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/json/float_powers.h"

/* digits * 10^exponent */
struct decimal {
    uint32_t digits;
    int exponent;
};

/* ---- float32 to the shortest decimal
 * --------------------------------------*/

/* floor(log10(2^q)), floor(log10(3/4 * 2^q)), floor(log2(10^k)): exact for
 * every argument that a float32 leads to (the tests look at all). */
static inline int floor_log10_pow2(int q)
{
    return (q * 1262611) >> 22;
}

static inline int floor_log10_three_quarters_pow2(int q)
{
    return (q * 1262611 - 524031) >> 22;
}

static inline int floor_log2_pow10(int k)
{
    return (k * 1741647) >> 19;
}

/* power * number / 2^64, rounded to odd: when something is cut off, the last
 * bit is set, so that comparing with even numbers decides as if nothing had
 * been.  (A remainder of one unit may come from the power, which is rounded
 * up.) */
static inline uint32_t multiply_to_odd(uint64_t power, uint32_t number)
{
    unsigned __int128 product = (unsigned __int128)power * number;
    uint32_t whole = (uint32_t)(product >> 64);
    uint32_t rest = (uint32_t)((uint64_t)product >> 32);

    return whole | (rest > 1);
}

/* The float is significand * 2^q.  Everything that rounds to it lies between
 * `low` and `high`; in units of 10^k (k such that this interval is at least
 * one unit long and less than ten) and times 4, to keep the middles whole. */
static inline __attribute__((always_inline)) struct decimal shortest(
    uint32_t significand, int q, bool is_uneven)
{
    uint32_t four = 4 * significand;
    bool is_odd = significand & 1;
    int k =
        is_uneven ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int shift = q + floor_log2_pow10(-k) + 1;
    uint64_t power = float_powers[-k - FLOAT_POWER_MIN];
    uint32_t low = multiply_to_odd(power, (four - 2 + is_uneven) << shift);
    uint32_t value = multiply_to_odd(power, four << shift);
    uint32_t high = multiply_to_odd(power, (four + 2) << shift);
    uint32_t units = value / 4, tens = units / 10, middle = 4 * units + 2;
    uint32_t mask;
    bool has_down, has_up, rounds_up, tens_up, is_ten;

    /* The ends belong to the interval if the significand is even. */
    low += is_odd;
    high -= is_odd;
    /* Both answers are made and one is chosen: which it is cannot be
     * predicted. */
    tens_up = 40 * tens + 40 <= high;
    is_ten = ((low <= 40 * tens) != tens_up) & (units >= 10);
    has_down = low <= 4 * units;
    has_up = 4 * units + 4 <= high;
    rounds_up = (value > middle) | ((value == middle) & (units & 1));
    units += has_up ^ ((has_down == has_up) & (has_up ^ rounds_up));
    tens += tens_up;
    mask = -(uint32_t)is_ten;
    return (struct decimal){(tens & mask) | (units & ~mask), k + is_ten};
}

static struct decimal decimal_of(uint32_t bits)
{
    uint32_t fraction = bits & 0x7fffff;
    int exponent = (int)(bits >> 23 & 0xff);

    assert(exponent != 0xff);
    if (exponent == 0)
        return shortest(fraction, -149, false);
    return shortest(fraction | 0x800000, exponent - 150,
                    fraction == 0 && exponent > 1);
}

/* ---- layout --------------------------------------------------------------*/

/* Digits of a decimal stand in a buffer of '0's, so that copying may begin
 * before them and go on behind them. */
#define DIGITS_BEFORE 4  /* 0.0001 is the smallest number without exponent */
#define FLOAT_ROOM    16 /* what is copied at once of a float32's 9 digits */
#define DOUBLE_ROOM   24 /* of 17, and of zeros up to a decimal point */
#define DIGITS_BUFFER (DIGITS_BEFORE + 9 + 16 + DOUBLE_ROOM)

/* Write the first `count` digits d1 d2 ... as d1.d2... * 10^exponent.  Copies
 * have a fixed size, `room`, and signs are added, not branched on: the digits
 * of real data cannot be predicted. */
static inline size_t lay_out(bool is_negative, const char *digits, int count,
                             int exponent, const size_t room, char *text)
{
    char *out = text;
    int size = exponent < 0 ? -exponent : exponent;

    *out = '-';
    out += is_negative;
    if (exponent >= -4 && exponent < 16) {
        int is_below_1 = -(exponent < 0);
        int zeros = size & is_below_1;
        int whole = 1 + (size & ~is_below_1);
        int rest = count + zeros - whole;

        memcpy(out, digits - zeros, room);
        out += whole;
        *out++ = '.';
        memcpy(out, digits - zeros + whole, room);
        out += rest > 1 ? rest : 1;
        return (size_t)(out - text);
    }
    *out++ = digits[0];
    *out = '.';
    memcpy(out + 1, digits + 1, room);
    out += count > 1 ? count : 0;
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    if (size >= 100)
        *out++ = (char)('0' + size / 100);
    *out++ = (char)('0' + size / 10 % 10);
    *out++ = (char)('0' + size % 10);
    return (size_t)(out - text);
}

static const char pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334"
    "3536373839404142434445464748495051525354555657585960616263646566676869"
    "7071727374757677787980818283848586878889909192939495969798"
    "99";

static inline uint64_t pair(uint32_t number)
{
    uint16_t two;

    memcpy(&two, pairs + 2 * number, 2);
    return le16toh(two);
}

/* All 9 digits of a number below 10^9, leading zeros included; the last 8 as
 * a word, the first of them lowest. */
static inline uint64_t put_9_digits(char *text, uint32_t number)
{
    uint32_t high = number / 10000, low = number % 10000;
    uint32_t top = high / 10000;
    uint64_t word, stored;

    high %= 10000;
    word = pair(high / 100) | pair(high % 100) << 16 | pair(low / 100) << 32 |
           pair(low % 100) << 48;
    stored = htole64(word);
    text[0] = (char)('0' + top);
    memcpy(text + 1, &stored, 8);
    return word;
}

static int digit_count(uint32_t number)
{
    static const uint32_t powers[] = {
        0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    int count = (32 - __builtin_clz(number | 1)) * 1233 >> 12;

    return count + (number >= powers[count]);
}

/* '0's at the end of 8 characters, the first of which is lowest. */
static inline int trailing_zeros(uint64_t word)
{
    word ^= UINT64_C(0x3030303030303030);
    return word ? __builtin_clzll(word) / 8 : 8;
}

size_t json_float_text(float number, char *text)
{
    char buffer[DIGITS_BUFFER], *nine = buffer + DIGITS_BEFORE;
    struct decimal decimal;
    uint32_t bits;
    uint64_t eight;
    int length;

    memcpy(&bits, &number, sizeof(bits));
    if (!(bits << 1)) {
        memcpy(text, "-0.0", 4);
        if (bits)
            return 4;
        memcpy(text, "0.0", 3);
        return 3;
    }
    decimal = decimal_of(bits);
    length = digit_count(decimal.digits);
    memset(buffer, '0', sizeof(buffer));
    eight = put_9_digits(nine, decimal.digits);
    return lay_out(bits >> 31, nine + 9 - length,
                   length - trailing_zeros(eight),
                   decimal.exponent + length - 1, FLOAT_ROOM, text);
}

/* ---- float64 -------------------------------------------------------------*/

size_t json_double_text(double number, char *text)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = uselocale(c_locale);
    bool is_subnormal = fabs(number) < DBL_MIN;
    int precision = is_subnormal ? 0 : DBL_DIG - 1;
    char printed[40], buffer[DIGITS_BUFFER], *digits = buffer + DIGITS_BEFORE;
    int count = 1, exponent;

    assert(isfinite(number));
    /* Every decimal of 15 digits survives a normal float64, so that fewer
     * need not be tried: what is too much are zeros. */
    do
        snprintf(printed, sizeof(printed), "%.*e", precision, fabs(number));
    while (strtod(printed, NULL) != fabs(number) && ++precision < 17);
    uselocale(before);
    freelocale(c_locale);

    memset(buffer, '0', sizeof(buffer));
    digits[0] = printed[0];
    exponent = (int)strtol(strchr(printed, 'e') + 1, NULL, 10);
    if (precision > 0) {
        memcpy(digits + 1, printed + 2, (size_t)precision);
        count += precision;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return lay_out(signbit(number), digits, count, exponent, DOUBLE_ROOM,
                   text);
}
