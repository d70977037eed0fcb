/* pace.h: how many timesteps a value has, as a function of the model's T.
 *
 *     n(T) = floor((m up + add) / down),    m = T, or n(T) of `before`
 *
 * A convolution, a pooling, a crop: each is one such step, and two in a row
 * are one again but for a division followed by a multiplication, which keep a
 * chain.  Below 1, T is too short for the layer.
 *
 * Ownership  The plan's arena; a pace stands there once, so that two are the
 *            same exactly when their pointers are.
 */
#ifndef CORE_LAYERS_PACE_H
#define CORE_LAYERS_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
    int64_t up, add, down;     /* up, down >= 1 */
    const struct pace *before; /* NULL: T itself */
    uint64_t cost; /* multiply-adds of one timestep, of all that run so */
    struct pace *next;
};

/* Timesteps; 0: T is too short.  SIZE_MAX: too many to count. */
size_t pace_steps(const struct pace *pace, size_t timesteps);

/* The smallest T that is not too short; SIZE_MAX: there is none. */
size_t pace_least(const struct pace *pace);

/* `change` after `pace` (NULL: after T itself), in its shortest form.
 * False: the numbers do not fit. */
bool pace_join(const struct pace *pace, const struct pace *change,
               struct pace *joined);

/* Does it change nothing? */
bool pace_is_identity(const struct pace *pace);

#endif
