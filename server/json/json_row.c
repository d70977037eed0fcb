#include "server/json/json_row.h"

#include "server/json/json_digits.h"
#include "server/json/json_number.h"
#include "server/json/json_text.h"

/* What the row is at after a number: the next one, or the end. */
static inline bool separator(struct json_row *row, enum json_row_end *end)
{
    const char *at = row->at;

    if (UNLIKELY(*at != ',' && *at != ']'))
        at = json_after_space(at);
    if (*at == ',') {
        at++;
        at += *at == ' ';
        if (UNLIKELY((unsigned char)*at <= ' '))
            at = json_after_space(at);
        row->at = at;
        return true;
    }
    *end = JSON_ROW_COMMA;
    if (*at == ']') {
        at++;
        *end = JSON_ROW_CLOSED;
    }
    row->at = at;
    return false;
}

/* `is_wide` is a constant to each caller. */
static inline __attribute__((always_inline)) bool take(struct json_row *row,
                                                       bool is_wide,
                                                       enum json_row_end *end)
{
    struct json_number number;
    float *floats = row->out;
    double *doubles = row->out;

    *end = JSON_ROW_OTHER;
    if (UNLIKELY(!json_is_digit(*row->at) && *row->at != '-'))
        return false;
    *end = JSON_ROW_FULL;
    if (UNLIKELY(row->count == row->room))
        return false;
    if (UNLIKELY(!json_number_read(row->at, &number))) {
        row->fault = number.fault;
        row->at = number.end;
        *end = JSON_ROW_FAULT;
        return false;
    }
    *end = JSON_ROW_RANGE;
    if (UNLIKELY(is_wide ? !json_number_double(&number, doubles + row->count)
                         : !json_number_float(&number, floats + row->count)))
        return false;
    row->count++;
    row->at = number.end;
    return separator(row, end);
}

bool json_row_float(struct json_row *row, enum json_row_end *end)
{
    return take(row, false, end);
}

enum json_row_end json_row_floats(struct json_row *row)
{
    enum json_row_end end;

    row->count = 0;
    do
        while (take(row, false, &end))
            ;
    while (end == JSON_ROW_CLOSED && json_row_next(row, sizeof(float)));
    return end;
}

enum json_row_end json_row_doubles(struct json_row *row)
{
    enum json_row_end end;

    row->count = 0;
    do
        while (take(row, true, &end))
            ;
    while (end == JSON_ROW_CLOSED && json_row_next(row, sizeof(double)));
    return end;
}
