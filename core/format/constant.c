#include "core/format/constant.h"

#include <float.h>
#include <math.h>
#include <stdalign.h>

#include "core/format/json.h"
#include "core/format/numbers.h"

/* The shape as the first entry of each axis has it. */
static bool find_shape(const struct rnn_json *json, struct rnn_shape *shape)
{
    *shape = (struct rnn_shape){0};
    for (; rnn_json_is_array(json); json = rnn_json_first(json)) {
        if (shape->rank == RNN_MAX_RANK || !rnn_json_count(json))
            return false;
        shape->dim[shape->rank++] = rnn_json_count(json);
    }
    return true;
}

/* Depth of the recursion: RNN_MAX_RANK. */
static bool fill(const struct rnn_json *json, const struct rnn_shape *shape,
                 size_t axis, float **next)
{
    double number;
    bool truth;

    if (axis == shape->rank) {
        if (rnn_json_bool(json, &truth))
            number = truth;
        else if (!rnn_numbers_named(json, &number) &&
                 (!rnn_json_number(json, &number) ||
                  !(fabs(number) <= FLT_MAX)))
            return false;
        *(*next)++ = (float)number;
        return true;
    }
    if (!rnn_json_is_array(json) || rnn_json_count(json) != shape->dim[axis])
        return false;
    for (const struct rnn_json *item = rnn_json_first(json); item;
         item = rnn_json_next(item))
        if (!fill(item, shape, axis + 1, next))
            return false;
    return true;
}

enum rnn_status constant_read(const struct rnn_json *json, const char *name,
                              struct arena *arena, struct constant *constant,
                              struct rnn_error *err)
{
    struct constant made = {0};
    char text[120];
    float *next;

    json = rnn_numbers_unwrap(json);
    if (!json || !find_shape(json, &made.shape) ||
        !rnn_shape_count(&made.shape, 0, &made.count))
        made.count = 0;
    next = made.numbers = arena_alloc(arena, made.count ? made.count : 1,
                                      sizeof(float), alignof(float));
    if (!made.numbers)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "out of memory at layer \"%.100s\"", name);
    if (!made.count || !fill(json, &made.shape, 0, &next))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" is called on something that is no "
                        "tensor and no array of numbers: %s",
                        name, rnn_json_print(json, text, sizeof(text)));
    *constant = made;
    return RNN_OK;
}
