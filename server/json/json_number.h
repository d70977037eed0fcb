/* json_number.h: numbers of JSON, exactly rounded.
 *
 * A number is cut into a whole number of up to 18 digits and
 * a power of ten; their product in float64 decides the float32 unless it lies
 * too near the middle between two of them, and then strtof decides (Clinger,
 * "How to read floating point numbers accurately", 1990, has the idea).  The
 * result is always the one nearest to the text, ties to even, whatever its
 * length and whatever the locale.
 *
 * Memory   The text ends in at least 8 zero bytes.
 * Threads  Nothing is shared.
 */
#ifndef SERVER_JSON_JSON_NUMBER_H
#define SERVER_JSON_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* +-digits * 10^exponent, and where it stands. */
struct json_number {
    const char *start;
    const char *end;   /* what follows it; on a fault, the faulty byte */
    const char *fault; /* a sentence; unset when there is none */
    uint64_t digits;   /* the first 18 that count */
    int64_t exponent;
    bool is_negative;
    bool is_cut; /* there are further digits, and not all are 0 */
};

/* The number that begins at `at`; false: there is none (end, fault). */
bool json_number_read(const char *at, struct json_number *number);

/* Its value when that is whole and in 0 .. 10^18; else false. */
bool json_number_whole(const struct json_number *number, uint64_t *whole);

/* Rounded; false when that is infinite. */
bool json_number_float(const struct json_number *number, float *value);
bool json_number_double(const struct json_number *number, double *value);

#endif
