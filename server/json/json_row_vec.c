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

/* What is the same for all numbers. */
struct same {
    json_vec zeros, nines;
};

/* Ten to the minus i: each the nearest float64.  Behind the point stand 14 of
 * the first 16 characters at most, and 7 more. */
static const double tenths[LANES - 2 + 7 + 1] = {
    1e0,   1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,
    1e-8,  1e-9,  1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15,
    1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21};

/* The number at `at`, when it is digits, perhaps with a point in between and
 * a minus before them.  Returns what follows it; NULL: the rules must decide.
 */
JSON_VEC_INLINE const char *take(const char *at, struct same same,
                                 float *value)
{
    uint64_t others, digits;
    json_vec lanes = json_vec_load(at, same.zeros, same.nines, &others);
    size_t sign = *at == '-';
    size_t point, end, fraction;
    uint32_t bits;

    others -= sign; /* lane 0 is no digit then */
    point = json_vec_first(others);
    /* No digit before the point, or a 0 before others. */
    if (UNLIKELY(point - sign - 1 >= (at[sign] == '0' ? 1u : LANES)))
        return NULL;
    if (LIKELY(at[point] == '.')) {
        unsigned more;

        end = json_vec_first(others & (others - 1));
        fraction = end - point - 1;
        /* Nothing behind the point, or that is in the last lane or none. */
        if (UNLIKELY(fraction - 1 >= LANES - 2))
            return NULL;
        digits = json_vec_join(lanes, end, fraction);
        if (UNLIKELY(end == LANES)) {
            if (!take_more(at + LANES, &digits, &more))
                return NULL;
            end += more;
            fraction += more;
        }
    } else {
        end = point;
        fraction = 0;
        digits = json_vec_join(lanes, end, LANES);
    }
    if (UNLIKELY(
            !json_round((double)(int64_t)digits * tenths[fraction], value)))
        return NULL;
    memcpy(&bits, value, sizeof(bits));
    bits |= (uint32_t)sign << 31;
    memcpy(value, &bits, sizeof(bits));
    return at + end;
}

/* A number by the rules, and what stands behind it.  false: so the row ends,
 * and no other follows. */
JSON_VEC_INLINE bool take_by_rules(struct json_row *row, const char *at,
                                   const float *out, enum json_row_end *end)
{
    row->at = at;
    row->count = (size_t)(out - (const float *)row->out);
    return json_row_float(row, end) ||
           (*end == JSON_ROW_CLOSED && json_row_next(row, sizeof(*out)));
}

static JSON_VEC_TARGET enum json_row_end read_row(struct json_row *row)
{
    const struct same same = {json_vec_all('0'), json_vec_all(9)};
    enum json_row_end end;
    const char *at = row->at;
    float *out = row->out, *last = out + row->room;

    for (;;) {
        const char *next = NULL;

        if (LIKELY(out != last))
            next = take(at, same, out);
        if (UNLIKELY(!next || (*next != ',' && *next != ']'))) {
            if (!take_by_rules(row, at, out, &end))
                return end;
            out++;
            at = row->at;
            continue;
        }
        out++;
        at = next + 1;
        if (*next == ']') {
            row->at = at;
            row->count = (size_t)(out - (float *)row->out);
            if (!json_row_next(row, sizeof(*out)))
                return JSON_ROW_CLOSED;
            at = row->at;
            continue;
        }
        if (LIKELY(*at == ' '))
            at = next + 2;
        if (UNLIKELY((unsigned char)*at <= ' '))
            at = json_after_space(at);
    }
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
