/* The reader that takes 16 characters at a time against the one that takes
 * one: the same numbers in bits, the same ends at the same places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_row.h"
#include "tests/support/effort.h"
#include "tests/support/padded_text.h"
#include "tests/support/xorshift.h"

#define NUMBERS_MAX 12
#define ROOM        10

static uint64_t seed = 20240229;

static uint64_t random_bits(void)
{
    return xorshift(&seed);
}

static unsigned below(unsigned limit)
{
    return (unsigned)(random_bits() >> 32) % limit;
}

static char *put_digits(char *at, unsigned count)
{
    while (count--)
        *at++ = (char)('0' + (below(4) ? below(10) : 9 * below(2)));
    return at;
}

/* Of any length, and now and then not a number. */
static char *put_number(char *at)
{
    if (below(2))
        *at++ = '-';
    at = put_digits(at, below(8) ? 1 : below(20));
    if (below(8)) {
        *at++ = '.';
        at = put_digits(at, below(22));
    }
    if (!below(16))
        at += sprintf(at, "e%d", (int)below(90) - 45);
    return at;
}

static void make_row(char *text)
{
    static const char *const separators[] = {",",    ", ", " ,",
                                             ",\n ", ",,", " "};
    unsigned usual = below(2), count = 1 + below(NUMBERS_MAX), i;
    char *at = text;

    for (i = 0; i < count; i++) {
        at = put_number(at);
        if (i + 1 < count)
            at += sprintf(at, "%s", separators[below(8) ? usual : below(6)]);
    }
    at += sprintf(at, "%s],%s[1.5, 2.5],[-3]]", below(8) ? "" : " ",
                  below(8) ? " " : "  ");
    if (!below(4))
        text[below((unsigned)(at - text))] = " .-e],x\0009\x80"[below(10)];
}

static enum json_row_end read_with(json_row_reader *reader,
                                   const struct padded_text *text,
                                   struct json_row *row, uint32_t *out)
{
    *row = (struct json_row){.at = text->bytes,
                             .out = out,
                             .room = 1 + below(2) * (ROOM - 1),
                             .length = below(2) * below(4),
                             .more = below(3)};
    memset(out, 0xff, ROOM * sizeof(*out));
    return reader(row);
}

/* Of all rows. */
static size_t numbers_of(const struct json_row *row, const uint32_t *first)
{
    return (size_t)((const uint32_t *)row->out - first) + row->count;
}

static void check_row(const char *bytes)
{
    struct padded_text text = padded_text(bytes);
    uint32_t expected[ROOM], got[ROOM];
    struct json_row one, many;
    uint64_t before = seed;
    enum json_row_end end = read_with(json_row_floats, &text, &one, expected);

    seed = before;
    if (read_with(json_row_floats_best(), &text, &many, got) != end ||
        many.at != one.at || many.count != one.count ||
        many.rows != one.rows || many.more != one.more ||
        many.room != one.room ||
        (end == JSON_ROW_FAULT && strcmp(many.fault, one.fault) != 0) ||
        memcmp(got, expected, numbers_of(&one, expected) * sizeof(*got)) != 0)
        fail_msg("%s: end %d, count %zu instead of %zu", bytes, (int)end,
                 many.count, one.count);
    padded_text_free(&text);
}

static void rows_are_read_alike(void **state)
{
    size_t rounds = effort_count(1000000);
    char text[NUMBERS_MAX * 64];

    (void)state;
    for (size_t i = 0; i < rounds; i++) {
        make_row(text);
        check_row(text);
    }
}

static void every_length_is_read_alike(void **state)
{
    char text[80];

    (void)state;
    for (unsigned sign = 0; sign < 2; sign++)
        for (unsigned whole = 0; whole < 22; whole++)
            for (unsigned fraction = 0; fraction < 26; fraction++)
                for (unsigned tail = 0; tail < 3; tail++) {
                    snprintf(text, sizeof(text), "%s%.*s%s%.*s%s",
                             sign ? "-" : "", (int)whole,
                             "9876543210987654321098", fraction ? "." : "",
                             (int)fraction, "01234567890123456789012345",
                             tail == 2 ? "e-9]" : (tail ? ", 7]" : "]"));
                    check_row(text);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_is_read_alike),
        cmocka_unit_test(rows_are_read_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
