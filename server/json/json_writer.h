/* json_writer.h: JSON text into one growing buffer.
 *
 * Floats are written as the shortest digits that read back to the same
 * float32, always with a point or an exponent: 1.0, -0.0, 6e-08.
 *
 * Ownership  The buffer comes from the arena.
 * Errors     When the arena is out, `failed` is set and everything further
 *            is dropped: callers look once, at the end.
 */
#ifndef SERVER_JSON_JSON_WRITER_H
#define SERVER_JSON_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

struct json_writer {
    struct arena *arena;
    char *text;
    size_t length, capacity;
    bool failed;
};

void json_writer_init(struct json_writer *writer, struct arena *arena);

/* As it stands: punctuation and literals. */
void json_write_raw(struct json_writer *writer, const char *text);
/* A quoted, escaped string (RFC 8259 section 7); NULL writes null. */
void json_write_string(struct json_writer *writer, const char *text);
void json_write_uint(struct json_writer *writer, uint64_t number);
void json_write_bool(struct json_writer *writer, bool value);
/* `,` unless nothing or an opening bracket stands before; then "key":  */
void json_write_key(struct json_writer *writer, const char *key);

/* Nested arrays of floats, row-major; rank 0 writes one number.  Every
 * number must be finite. */
void json_write_tensor(struct json_writer *writer, const float *data,
                       size_t rank, const size_t *shape);
/* The same in float64, shortest for float64 (folds in an exported state). */
void json_write_tensor64(struct json_writer *writer, const double *data,
                         size_t rank, const size_t *shape);

#define JSON_FLOAT_SIZE 24
/* The text of one finite float; returns its length, writes no NUL. */
size_t json_format_float(float number, char text[JSON_FLOAT_SIZE]);

#endif
