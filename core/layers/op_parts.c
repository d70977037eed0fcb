/* Operators that part an axis
 *
 *     y_0, y_1, ... = x[.., from_k : to_k, ..]
 *
 *     Split        equal parts, or such as end where it is told
 *     Hsplit       along axis 1; Dsplit: along axis 2
 *     ArraySplit   parts of which the first may have one more
 *     Unstack      each place alone, whose axis goes
 *
 * Keras: keras/src/ops/numpy.py, keras/src/ops/core.py; tf.split, tf.unstack
 */
#include <string.h>

#include "core/format/json.h"
#include "core/layers/rearrange.h"

#define MOST_PARTS ((size_t)1000)

/* The axis that is parted and its size, which must be known. */
static enum rnn_status parted_axis(const struct node *node, size_t *axis,
                                   size_t *size, struct rnn_error *err)
{
    const struct rearrangement *how = node->layer->class->detail;
    const struct rnn_shape *shape = &node->inputs[0]->shape;
    enum rnn_status status = RNN_OK;

    if (how->axis)
        *axis = how->axis - 1;
    else
        status = operator_axis(node, operator_setting(node, "axis", NULL),
                               shape->rank, axis, err);
    if (!status && *axis >= shape->rank)
        status = operator_refuse(node, "it has no such axis", err);
    if (status)
        return status;
    *size = shape->dim[*axis];
    if (*size == RNN_FREE || *size > MOST_PARTS)
        return operator_refuse(node,
                               *size ? "it makes too many parts"
                                     : "the number of timesteps is left open, "
                                       "so that of its outputs is too",
                               err);
    return RNN_OK;
}

static enum rnn_status read_unstack(const struct node *node,
                                    struct move *moves, size_t *count,
                                    struct rnn_error *err)
{
    size_t axis = 0, size = 0;
    enum rnn_status status = parted_axis(node, &axis, &size, err);

    if (status)
        return status;
    for (size_t k = 0; moves && k < *count; k++) {
        struct move *move = &moves[k];

        move->rank--;
        memmove(move->axes + axis, move->axes + axis + 1,
                (move->rank - axis) * sizeof(move->axes[0]));
        move->is_taken[axis] = true;
        /* From the end, so that the last timestep is seen to be it. */
        move->place[axis] = (long)k - (long)size;
    }
    *count = size;
    return RNN_OK;
}

/* Where the parts end: a number of equal ones, their ends (Keras 3) or their
 * sizes (Keras 2). */
static enum rnn_status read_ends(const struct node *node, size_t size,
                                 long *ends, size_t *count,
                                 struct rnn_error *err)
{
    const struct rnn_json *json =
        operator_setting(node, "indices_or_sections", NULL);
    const struct rnn_json *sizes =
        operator_setting(node, "num_or_size_splits", NULL);
    const struct rearrangement *how = node->layer->class->detail;
    long parts = 0, end = 0;
    size_t more;
    enum rnn_status status;

    json = json ? json : sizes;
    if (rnn_json_is_array(json)) {
        status = operator_list(node, json, MOST_PARTS, ends, count, err);
        for (size_t i = 0; sizes && !status && i < *count; i++)
            ends[i] = end = end + (ends[i] < 0 ? 0 : ends[i]);
        if (!status && !sizes)
            ends[(*count)++] = (long)size;
        return status;
    }
    status = operator_integer(node, json, &parts, err);
    if (status)
        return status;
    if (parts < 1 || (size_t)parts > size ||
        (size % (size_t)parts && !how->unequal))
        return operator_refuse(node, "the axis has no such equal parts", err);
    *count = (size_t)parts;
    more = size % *count;
    for (size_t i = 0; i < *count; i++)
        ends[i] = (long)(size / *count * (i + 1) + (i < more ? i + 1 : more));
    return RNN_OK;
}

static enum rnn_status read_split(const struct node *node, struct move *moves,
                                  size_t *count, struct rnn_error *err)
{
    long ends[MOST_PARTS + 1], start = 0;
    size_t axis = 0, size = 0, parts = 0;
    enum rnn_status status = parted_axis(node, &axis, &size, err);

    if (!status)
        status = read_ends(node, size, ends, &parts, err);
    if (status)
        return status;
    for (size_t k = 0; k < parts; k++) {
        if (ends[k] <= start || ends[k] > (long)size)
            return operator_refuse(node, "a part is empty or outside", err);
        if (moves)
            moves[k].axes[axis].slice =
                (struct slice){true, true, start, ends[k], 1};
        start = ends[k];
    }
    *count = parts;
    return start == (long)size
               ? RNN_OK
               : operator_refuse(node, "its parts are not all of the axis",
                                 err);
}

static const char *const words_unstack[] = {"axis", "num", "name", NULL};
static const char *const words_split[] = {"axis", "indices_or_sections",
                                          "num_or_size_splits", "name", NULL};

REARRANGE(unstack, "Unstack", words_unstack, .read = read_unstack,
          .parts = true);
REARRANGE(split, "Split", words_split, .read = read_split, .parts = true);
REARRANGE(hsplit, "Hsplit", words_split, .read = read_split, .parts = true,
          .axis = 1);
REARRANGE(dsplit, "Dsplit", words_split, .read = read_split, .parts = true,
          .axis = 2);
REARRANGE(array_split, "ArraySplit", words_split, .read = read_split,
          .parts = true, .unequal = true);
