/* weights.h: a file's tensors on their way into layers.
 *
 * Every layer takes what it needs by name and shape; a weight that is
 * missing, of another shape, not finite or left over is named.
 *
 * Ownership  The caller holds the struct; its memory is in the arenas.
 * Borrowing  What weights_take() gives lives until weights_recycle(): layers
 *            repack it at once.
 */
#ifndef CORE_FORMAT_WEIGHTS_H
#define CORE_FORMAT_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/format/safetensors.h"
#include "core/status.h"

struct weights {
    const struct safetensors *file;
    bool *taken;              /* [file->count] */
    struct arena conversions; /* tensors that could not be used in place */
};

/* NO_MEMORY  the arena is out */
RNN_CHECKED enum rnn_status weights_init(struct weights *weights,
                                         const struct safetensors *file,
                                         struct arena *arena,
                                         struct rnn_error *err);
void weights_release(struct weights *weights);

/* Is there a tensor called `<path>/<weight>`? */
bool weights_have(const struct weights *weights, const char *path,
                  const char *weight);

/* Is there one, and of this shape? */
bool weights_have_shape(const struct weights *weights, const char *path,
                        const char *weight, const struct rnn_shape *shape);

/* The numbers of tensor `<path>/<weight>`, which must have `shape`.
 *
 * BAD_MODEL    missing, taken already, or of another shape
 * UNSUPPORTED  a dtype that is no floating point number
 * NOT_FINITE   NaN or infinity in it, or when it becomes float32
 * NO_MEMORY    its conversion does not fit
 */
RNN_CHECKED enum rnn_status weights_take(struct weights *weights,
                                         const char *path, const char *weight,
                                         const struct rnn_shape *shape,
                                         const float **numbers,
                                         struct rnn_error *err);

/* Give back the memory of conversions. */
void weights_recycle(struct weights *weights);

/* BAD_MODEL  a tensor was taken by nobody */
RNN_CHECKED enum rnn_status weights_finish(const struct weights *weights,
                                           struct rnn_error *err);

#endif
