/* json_row.h: the innermost arrays of tensors, where nearly all bytes are.
 *
 *     json_row_floats, json_row_doubles   one number after another by the
 *                                         rules of json_number.h
 *     json_row_floats_best                16 characters at a time where the
 *                                         CPU can; what is not a plain number
 *                                         goes by those rules again
 *
 * So all take the same texts, make the same numbers, and find the same faults
 * at the same places.
 *
 * Memory   The text ends in at least 32 zero bytes.
 * Threads  Nothing is shared.
 */
#ifndef SERVER_JSON_JSON_ROW_H
#define SERVER_JSON_JSON_ROW_H

#include <stdbool.h>
#include <stddef.h>

/* How the reading of a row ended. */
enum json_row_end {
    JSON_ROW_CLOSED, /* at is behind the closing bracket */
    JSON_ROW_OTHER,  /* at is at something that is no number */
    JSON_ROW_COMMA,  /* at is behind a number, but at no comma or bracket */
    JSON_ROW_FAULT,  /* at is the byte that spoils a number, see fault */
    JSON_ROW_RANGE,  /* at is at a number that is infinite when rounded */
    JSON_ROW_FULL,   /* at is at a number there is no room for */
};

/* Numbers with commas between them, up to a closing bracket.  Rows that follow
 * it as usual are read in the same go, up to the first that is another length
 * or ends otherwise; `out`, `room` and `count` are then those of the last. */
struct json_row {
    const char *at; /* in: at the first number; out: see above */
    void *out;      /* float or double */
    size_t room;    /* numbers that `out` may take */
    size_t count;   /* out: numbers taken */
    size_t length;  /* in: of each row, 0: as the first; out: if rows */
    size_t more;    /* in: rows that may follow; out: what is left of it */
    size_t rows;    /* in: 0; out: rows before the last */
    const char *fault;
};

/* From the end of a row to the first number of the next, when that is as
 * usual: `,`, at most one space, `[`.  false: nothing has been taken.
 * `size` is that of a number. */
static inline bool json_row_next(struct json_row *row, size_t size)
{
    const char *at = row->at;
    size_t count = row->count;

    if (!row->more || *at++ != ',' || (row->length && row->length != count))
        return false;
    at += *at == ' ';
    if (*at++ != '[' || (unsigned char)*at <= ' ')
        return false;
    row->at = at;
    row->out = (char *)row->out + count * size;
    row->room -= count;
    row->length = count;
    row->more--;
    row->rows++;
    row->count = 0;
    return true;
}

typedef enum json_row_end json_row_reader(struct json_row *row);

json_row_reader json_row_floats;
json_row_reader json_row_doubles;

/* The fastest reader of floats that this CPU can run (json_row_vec.c). */
json_row_reader *json_row_floats_best(void);

/* One float by the rules, and what separates it from the next: true, the row
 * is at the next; false, `*end` is how the row ended. */
bool json_row_float(struct json_row *row, enum json_row_end *end);

#endif
