#include "config/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* From small to large; the first one is printed when no other divides. */
static const struct unit size_units[] = {
    {"", 1}, {"k", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"min", 60 * 1000}, {"h", 60 * 60 * 1000}};
enum { UNIT_COUNT = 4 };

static bool parse_digits(const char *text, uint64_t *number, const char **rest)
{
    uint64_t value = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++) {
        unsigned digit = (unsigned)(*p - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = 10 * value + digit;
    }
    *number = value;
    *rest = p;
    return p != text;
}

static bool parse(const char *text, const struct unit *units, uint64_t *number)
{
    uint64_t value;
    const char *rest;

    if (!parse_digits(text, &value, &rest))
        return false;
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (strcmp(rest, units[i].name))
            continue;
        if (value > UINT64_MAX / units[i].factor)
            return false;
        *number = value * units[i].factor;
        return true;
    }
    return false;
}

static void print(uint64_t number, const struct unit *units,
                  char text[UNITS_TEXT_BYTES])
{
    size_t i = UNIT_COUNT - 1;

    while (i > 0 && number % units[i].factor)
        i--;
    snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "%s", number / units[i].factor,
             units[i].name);
}

bool units_parse_size(const char *text, uint64_t *size)
{
    return parse(text, size_units, size);
}

bool units_parse_time(const char *text, uint64_t *time_ms)
{
    if (!strcmp(text, "0")) {
        *time_ms = 0;
        return true;
    }
    return parse(text, time_units, time_ms);
}

void units_print_size(uint64_t size, char text[UNITS_TEXT_BYTES])
{
    if (size)
        print(size, size_units, text);
    else
        snprintf(text, UNITS_TEXT_BYTES, "0");
}

void units_print_time(uint64_t time_ms, char text[UNITS_TEXT_BYTES])
{
    if (time_ms)
        print(time_ms, time_units, text);
    else
        snprintf(text, UNITS_TEXT_BYTES, "0");
}
