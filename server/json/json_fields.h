/* json_fields.h: objects whose fields are known beforehand.
 *
 * A body is an object with a table of fields, each with the function that
 * reads its value into the caller's struct.  What the table does not name is
 * refused, and so is a field that stands twice; `null` is the same as leaving
 * a field out.
 *
 * Errors  What returns bool has filled scan->problem.
 */
#ifndef SERVER_JSON_JSON_FIELDS_H
#define SERVER_JSON_JSON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/json/json_scan.h"

/* The cursor is at the value, whose first byte is no space. */
typedef bool json_field_reader(struct json_scan *scan, void *target);

struct json_field {
    const char *name;
    json_field_reader *read;
};

/* Read the object that the whole text is.  Bit i of `given`: field i stands
 * in the object and is not null.  At most 32 fields. */
bool json_read_fields(struct json_scan *scan, const struct json_field *fields,
                      size_t field_count, void *target, uint32_t *given);

/* bad-field about the top-level field `name`, once all have been read. */
bool json_fail_field(struct json_scan *scan, const char *name,
                     const char *format, ...) RNN_PRINTF(3, 4);

/* Read one value; bad-field when it is of another kind. */
bool json_read_bool(struct json_scan *scan, bool *value);
bool json_read_string(struct json_scan *scan, const char **value);
/* A whole number from 0 on, however it is written: 7, 7.0. */
bool json_read_whole(struct json_scan *scan, uint64_t *value);

#endif
