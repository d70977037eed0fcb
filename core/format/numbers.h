/* numbers.h: one number or one row of them in a config, however Keras spelt
 * it.
 *
 * `7`, `[7, 8]`, `[[7, 8]]` with any count of axes of one, and what NumPy
 * arrays became in newer files: {"class_name": "__numpy__", "config":
 * {"value": ..., "dtype": ...}}.
 *
 * Threads  Nothing here is shared.
 */
#ifndef CORE_FORMAT_NUMBERS_H
#define CORE_FORMAT_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

struct rnn_json;

/* How many numbers `json` holds, at least one.  False when it is anything
 * else, when one is too large for float32, or when `json` is NULL; nothing is
 * in `*count` then that means anything. */
bool rnn_numbers_count(const struct rnn_json *json, size_t *count);

/* The numbers, of which rnn_numbers_count() has told the count. */
void rnn_numbers_read(const struct rnn_json *json, double *numbers);

/* An array of NumPy or a tensor: what it holds; else `json` itself. */
const struct rnn_json *rnn_numbers_unwrap(const struct rnn_json *json);

/* Is `json` what Python writes as a bare NaN, Infinity or -Infinity? */
bool rnn_numbers_named(const struct rnn_json *json, double *number);

#endif
