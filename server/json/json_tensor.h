/* json_tensor.h: nested arrays of numbers, read into one flat buffer.
 *
 * What is read is rectangular and holds nothing but numbers; the first
 * element that breaks this ends the reading, with its path.  How many numbers
 * a tensor has is known only at its closing bracket, yet nothing is read
 * twice, grown or copied: a number and its comma are two bytes of text, so
 * the text that is left bounds what is to come, and the tensors of one body
 * share one block of that size.
 *
 * Ownership  The numbers live in the scan's arena, aligned to 64 bytes.
 * Shapes     Row-major.
 */
#ifndef SERVER_JSON_JSON_TENSOR_H
#define SERVER_JSON_JSON_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/model.h"
#include "server/json/json_scan.h"

#define JSON_MAX_RANK (RNN_MAX_RANK + 1)

/* Where the tensors of one body go.  Set scan and the limits; the rest is the
 * reader's and begins as 0. */
struct json_tensors {
    struct json_scan *scan;
    bool is_wide;        /* float64 instead of float32 */
    bool may_be_empty;   /* [] is a tensor of shape {0} */
    size_t max_elements; /* of all tensors together */
    size_t elements;     /* read so far */
    unsigned char *room; /* the shared block: what is left of it */
    size_t room_bytes, block_bytes;
};

struct json_array {
    size_t rank; /* 0: a single number (json_tensors_read_number) */
    size_t shape[JSON_MAX_RANK];
    void *data; /* float, or double when is_wide */
    size_t count;
};

/* Read the array at the cursor.  Its first axis may have `max_rows` elements
 * at most: too-large with the name `rows_limit` (NULL: no limit).
 *
 * false: malformed-json, shape-mismatch, number-out-of-range, too-large,
 * overloaded. */
bool json_tensors_read(struct json_tensors *tensors, size_t max_rows,
                       const char *rows_limit, struct json_array *array);

/* The same for a number that stands alone. */
bool json_tensors_read_number(struct json_tensors *tensors,
                              struct json_array *array);

#endif
