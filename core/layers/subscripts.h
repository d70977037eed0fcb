/* subscripts.h: the letters of an einsum, "...td,de->...te".
 *
 * Three dots are the axes of an operand that have no letter; they are counted
 * from the last one on, which those of all operands share.  All tensors have
 * the batch as their first axis, constants do not have it.
 */
#ifndef CORE_LAYERS_SUBSCRIPTS_H
#define CORE_LAYERS_SUBSCRIPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/nd.h"

#define SUBSCRIPTS_ROOM (2 * ND_AXES + 1)

/* One of what stands between the commas. */
struct subscripts_operand {
    bool is_tensor;
    size_t axes;                  /* the batch too */
    char labels[SUBSCRIPTS_ROOM]; /* of all but the batch: a letter of the
                                     text, or a digit for one of the dots */
};

/* Fill in the labels of `count` operands and of the output; false: `text` is
 * in another form, or mixes the sequences of a batch. */
RNN_CHECKED bool subscripts_read(const char *text,
                                 struct subscripts_operand *operands,
                                 size_t count, char output[SUBSCRIPTS_ROOM]);

#endif
