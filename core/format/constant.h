/* constant.h: an array of numbers that stands in an architecture.
 *
 * `7`, `[7, 8]`, `[[7], [8]]`, or what arrays of NumPy and tensors become:
 * {"class_name": "__numpy__" or "__tensor__", "config": {"value": ...}}.
 *
 * Memory   The numbers are in the caller's arena.
 */
#ifndef CORE_FORMAT_CONSTANT_H
#define CORE_FORMAT_CONSTANT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/status.h"
#include "core/tensor.h"

struct rnn_json;

struct constant {
    struct rnn_shape shape; /* rank 0: one number */
    size_t count;
    float *numbers; /* [count] outermost first */
};

/* Read `json`; `name` is of the layer that it belongs to.
 *
 * UNSUPPORTED  a ragged list, too many axes, or anything but numbers of
 *              float32, NaN and Infinity among them
 */
RNN_CHECKED enum rnn_status constant_read(const struct rnn_json *json,
                                          const char *name,
                                          struct arena *arena,
                                          struct constant *constant,
                                          struct rnn_error *err);

#endif
