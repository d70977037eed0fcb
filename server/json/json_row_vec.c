/* json_row_vec.c: rows of numbers, 16 characters at a time.
 *
 * A number's characters are classified at once; two bits of the resulting
 * mask are its point and its end, and one shuffle moves its digits, without
 * the point, to the right end of a vector, where three multiplications join
 * them to a whole number.  No loop over digits and no branch that depends on
 * how many there are: real data cannot be predicted.  (D. Lemire, "Number
 * parsing at a gigabyte per second", 2021, and W. Mula have the parts.)
 */
#include "server/json/json_digits.h"
#include "server/json/json_row.h"
#include "server/json/json_text.h"
#include "server/json/vec_digits.h"

#ifdef JSON_VEC

#define LANES 16

/* A number of more than 16 characters: the digits behind them.  false: too
 * many in all. */
JSON_VEC_INLINE bool take_more(const char *at, uint64_t *digits,
                               unsigned *count)
{
    uint64_t more = json_8_digits(at, count);

    if (UNLIKELY(*count == 8 ||
                 *digits >= json_small_powers[JSON_DIGITS_MAX - *count]))
        return false;
    *digits = *digits * json_small_powers[*count] + more;
    return true;
}

/* The number at `at`, when it is digits, perhaps with a point in between and
 * a minus before them.  Returns what follows it; NULL: the rules must decide.
 */
JSON_VEC_INLINE const char *take(const char *at, float *value)
{
    uint64_t others, digits;
    json_vec lanes = json_vec_load(at, &others);
    unsigned sign = *at == '-';
    unsigned point, end, fraction, more = 0;
    uint32_t bits;

    others &= ~(uint64_t)sign;
    point = json_vec_first(others);
    if (LIKELY(point < LANES && at[point] == '.')) {
        end = json_vec_first(others & (others - 1));
        fraction = end - point - 1;
        digits = json_vec_join(lanes, end, fraction);
        if (UNLIKELY(!fraction))
            return NULL;
        if (end == LANES && !take_more(at + LANES, &digits, &more))
            return NULL;
        end += more;
        fraction += more;
    } else {
        end = point;
        fraction = 0;
        digits = json_vec_join(lanes, end, LANES);
    }
    /* No digit before the point, or a 0 before others. */
    if (UNLIKELY((point == sign) | ((point - sign > 1) & (at[sign] == '0'))))
        return NULL;
    if (UNLIKELY(!json_round(
            (double)(int64_t)digits * json_power(-(int64_t)fraction), value)))
        return NULL;
    memcpy(&bits, value, sizeof(bits));
    bits |= (uint32_t)sign << 31;
    memcpy(value, &bits, sizeof(bits));
    return at + end;
}

static JSON_VEC_TARGET enum json_row_end read_row(struct json_row *row)
{
    enum json_row_end end;
    const char *at = row->at;
    float *out = row->out;
    size_t count = 0;

    for (;;) {
        const char *next = NULL;

        if (LIKELY(count < row->room))
            next = take(at, out + count);
        if (UNLIKELY(!next || (*next != ',' && *next != ']'))) {
            row->at = at;
            row->count = count;
            if (!json_row_float(row, &end))
                return end;
            at = row->at;
            count = row->count;
            continue;
        }
        count++;
        at = next + 1;
        if (*next == ']')
            break;
        if (LIKELY(*at == ' '))
            at = next + 2;
        if (UNLIKELY((unsigned char)*at <= ' '))
            at = json_after_space(at);
    }
    row->at = at;
    row->count = count;
    return JSON_ROW_CLOSED;
}

json_row_reader *json_row_floats_best(void)
{
    return rnn_isa_available(JSON_VEC) ? read_row : json_row_floats;
}

#else

json_row_reader *json_row_floats_best(void)
{
    return json_row_floats;
}

#endif
