/* json_number.h: numbers of JSON, and whole rows of them, exactly rounded.
 *
 * The one place where the digits of a tensor are read, and so the one place
 * to make faster.  A number is cut into a whole number of up to 18 digits and
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

/* How the reading of a row ended. */
enum json_row_end {
    JSON_ROW_CLOSED, /* at is behind the closing bracket */
    JSON_ROW_OTHER,  /* at is at something that is no number */
    JSON_ROW_COMMA,  /* at is behind a number, but at no comma or bracket */
    JSON_ROW_FAULT,  /* at is the byte that spoils a number, see fault */
    JSON_ROW_RANGE,  /* at is at a number that is infinite when rounded */
    JSON_ROW_FULL,   /* at is at a number there is no room for */
};

/* Numbers with commas between them, up to a closing bracket. */
struct json_row {
    const char *at; /* in: at the first number; out: see above */
    void *out;      /* float or double */
    size_t room;    /* numbers that `out` may take */
    size_t count;   /* out: numbers taken */
    const char *fault;
};

typedef enum json_row_end json_row_reader(struct json_row *row);

json_row_reader json_row_floats;
json_row_reader json_row_doubles;

#endif
