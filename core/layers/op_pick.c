/* Take, Repeat, Tile, BroadcastTo, Roll, Pad
 *
 *     y_i = x_p(i)       along each axis
 *
 *     Take     p(i) is number i of a list, or one number: the axis goes; of a
 *              constant: op_one_hot.c
 *     Repeat   each place several times, one after the other
 *     Tile     all places several times
 *     BroadcastTo  the one place of an axis as often as `shape` says; a batch
 *              of one, since any other number is one of sequences
 *     Roll     p(i) = i - shift, in a circle
 *     Pad      p(i) = i - before; outside is a constant, or the other side of
 *              the end: without the end itself (reflect), or with it
 *              (symmetric)
 *
 * Where time stays as it is each timestep runs alone; else the whole sequence
 * is needed, also of a length that is left open.
 *
 * Keras: keras/src/ops/numpy.py; tf.gather, tf.repeat, tf.tile, tf.roll,
 *        tf.pad
 */
#include <stdalign.h>
#include <string.h>
#include <strings.h>

#include "core/format/json.h"
#include "core/format/numbers.h"
#include "core/layers/pick.h"

#define MOST_PLACES ((size_t)4096) /* of a list */

static enum rnn_status no_axis(const struct node *node, struct rnn_error *err)
{
    return operator_refuse(
        node, "without an axis it mixes the sequences of a batch", err);
}

/* A list that lives as long as the model. */
static enum rnn_status read_list(const struct node *node,
                                 const struct rnn_json *json,
                                 struct plan_builder *builder, long **list,
                                 size_t *count, struct rnn_error *err)
{
    size_t capacity = rnn_json_count(rnn_numbers_unwrap(json));

    if (capacity < 1 || capacity > MOST_PLACES)
        return operator_refuse(node, "a list of some whole numbers is wanted",
                               err);
    *list =
        arena_zalloc(builder->arena, capacity, sizeof(long), alignof(long));
    if (!*list)
        return plan_no_memory(node->layer, err);
    return operator_list(node, json, capacity, *list, count, err);
}

static enum rnn_status read_take(const struct node *node, struct pick *pick,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    const struct call_argument *second = call_position(node->given, 1);
    const struct rnn_json *json =
        second ? second->json : operator_setting(node, "indices", NULL);
    const struct rnn_json *along = operator_setting(node, "axis", NULL);
    const struct value *x = node->inputs[0];
    long *list = NULL, batch_dims = 0;
    size_t axis = 0, count = 0;
    enum rnn_status status = RNN_OK;

    if (node->input_count != 1 || !json)
        return operator_refuse(node,
                               "the places that it takes are no "
                               "constants",
                               err);
    if (!along)
        return no_axis(node, err);
    if (operator_setting(node, "batch_dims", NULL))
        status =
            operator_integer(node, operator_setting(node, "batch_dims", NULL),
                             &batch_dims, err);
    if (!status && batch_dims)
        status = operator_refuse(node, "batch_dims is not 0", err);
    if (!status)
        status = operator_axis(node, along, x->shape.rank, &axis, err);
    if (status)
        return status;
    if (!rnn_json_is_array(rnn_numbers_unwrap(json))) {
        pick->drops = true;
        pick->move = move_nothing(x);
        memmove(pick->move.axes + axis, pick->move.axes + axis + 1,
                (--pick->move.rank - axis) * sizeof(pick->move.axes[0]));
        pick->move.is_taken[axis] = true;
        return operator_integer(node, json, &pick->move.place[axis], err);
    }
    status = read_list(node, json, builder, &list, &count, err);
    pick->axes[axis] =
        (struct pick_axis){.how = PICK_LIST, .list = list, .count = count};
    return status;
}

/* Each place of an axis of known size as often as a list says. */
static enum rnn_status repeat_each(const struct node *node,
                                   const long *repeats, size_t size,
                                   struct plan_builder *builder,
                                   struct pick_axis *axis,
                                   struct rnn_error *err)
{
    size_t count = 0, next = 0;
    long *list;

    for (size_t i = 0; i < size; i++) {
        if (repeats[i] < 0 || repeats[i] > (long)MOST_PLACES)
            return operator_refuse(node, "it repeats too often", err);
        count += (size_t)repeats[i];
    }
    if (!count)
        return operator_refuse(node, "nothing is left of its input", err);
    list = arena_zalloc(builder->arena, count, sizeof(long), alignof(long));
    if (!list)
        return plan_no_memory(node->layer, err);
    for (size_t i = 0; i < size; i++)
        for (long k = 0; k < repeats[i]; k++)
            list[next++] = (long)i;
    *axis = (struct pick_axis){.how = PICK_LIST, .list = list, .count = count};
    return RNN_OK;
}

static enum rnn_status read_repeat(const struct node *node, struct pick *pick,
                                   struct plan_builder *builder,
                                   struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "repeats", NULL);
    const struct rnn_json *along = operator_setting(node, "axis", NULL);
    const struct value *x = node->inputs[0];
    size_t axis = 0, count = 1;
    long one = 0, *repeats = &one;
    enum rnn_status status;

    if (!along)
        return no_axis(node, err);
    status = operator_axis(node, along, x->shape.rank, &axis, err);
    if (!status && !rnn_json_is_array(rnn_numbers_unwrap(json)))
        status = operator_integer(node, json, &one, err);
    else if (!status)
        status = read_list(node, json, builder, &repeats, &count, err);
    if (status)
        return status;
    if (count > 1 && count != x->shape.dim[axis])
        return operator_refuse(
            node, "it repeats another number of places than there are", err);
    if (count > 1)
        return repeat_each(node, repeats, count, builder, &pick->axes[axis],
                           err);
    if (repeats[0] < 1 || repeats[0] > (long)MOST_PLACES)
        return operator_refuse(node, "it repeats too often, or never", err);
    pick->axes[axis] =
        (struct pick_axis){.how = PICK_REPEAT, .times = repeats[0]};
    return RNN_OK;
}

static enum rnn_status read_tile(const struct node *node, struct pick *pick,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    const struct rnn_json *json =
        operator_setting(node, "repeats", "multiples");
    size_t rank = node->inputs[0]->shape.rank, count = 0;
    long numbers[RNN_MAX_RANK + 1];
    enum rnn_status status =
        operator_list(node, json, rank + 1, numbers, &count, err);

    (void)builder;
    if (status)
        return status;
    if (count == rank + 1 && numbers[0] != 1)
        return operator_refuse(node, "it repeats the batch", err);
    for (size_t i = 0; i < count; i++) {
        size_t axis = rank + 1 - count + i; /* the batch is 0 */

        if (numbers[i] < 1 || numbers[i] > (long)MOST_PLACES)
            return operator_refuse(node, "it repeats too often, or never",
                                   err);
        if (numbers[i] > 1)
            pick->axes[axis - 1] =
                (struct pick_axis){.how = PICK_TILE, .times = numbers[i]};
    }
    return RNN_OK;
}

static enum rnn_status read_broadcast_to(const struct node *node,
                                         struct pick *pick,
                                         struct plan_builder *builder,
                                         struct rnn_error *err)
{
    const struct rnn_shape *from = &node->inputs[0]->shape;
    long shape[RNN_MAX_RANK + 1];
    size_t count = 0;
    enum rnn_status status =
        operator_list(node, operator_setting(node, "shape", NULL),
                      RNN_MAX_RANK + 1, shape, &count, err);

    (void)builder;
    if (status)
        return status;
    if (count != from->rank + 1 || shape[0] != 1)
        return operator_refuse(
            node,
            "its shape is not one of a batch of one and of "
            "the axes that there are; Tile and RepeatVector "
            "leave the batch as it is",
            err);
    for (size_t i = 0; i < from->rank; i++) {
        size_t size = from->dim[i];

        if (shape[i + 1] < 1 || shape[i + 1] > (long)MOST_PLACES ||
            (size != 1 && (size_t)shape[i + 1] != size))
            return operator_refuse(
                node, "an axis is not one, and of another size", err);
        if (size == 1)
            pick->axes[i] =
                (struct pick_axis){.how = PICK_REPEAT, .times = shape[i + 1]};
    }
    return RNN_OK;
}

/* One number or a list of them. */
static enum rnn_status some_numbers(const struct node *node,
                                    const struct rnn_json *json, long *numbers,
                                    size_t *count, struct rnn_error *err)
{
    if (rnn_json_is_array(rnn_numbers_unwrap(json)))
        return operator_list(node, json, RNN_MAX_RANK, numbers, count, err);
    *count = 1;
    return operator_integer(node, json, numbers, err);
}

static enum rnn_status read_roll(const struct node *node, struct pick *pick,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    const struct rnn_json *along =
        rnn_numbers_unwrap(operator_setting(node, "axis", NULL));
    const struct rnn_json *item =
        rnn_json_is_array(along) ? rnn_json_first(along) : along;
    long shifts[RNN_MAX_RANK];
    size_t count = 0, next = 0;
    enum rnn_status status;

    (void)builder;
    if (!item)
        return no_axis(node, err);
    status = some_numbers(node, operator_setting(node, "shift", NULL), shifts,
                          &count, err);
    for (; item && !status; item = rnn_json_next(item)) {
        size_t axis = 0;

        status =
            operator_axis(node, item, node->inputs[0]->shape.rank, &axis, err);
        if (!status && next == count)
            status =
                operator_refuse(node, "it has an axis without a shift", err);
        if (status)
            return status;
        pick->axes[axis].how = PICK_ROLL;
        pick->axes[axis].shift += shifts[next++];
        if (item == along)
            break;
    }
    if (!status && next != count)
        status = operator_refuse(node, "it has a shift without an axis", err);
    return status;
}

/* What stands outside. */
static enum rnn_status read_mode(const struct node *node, struct pick *pick,
                                 struct pick_axis *axis, struct rnn_error *err)
{
    const struct call_argument *second = call_position(node->given, 1);
    const char *mode = rnn_json_text(operator_setting(node, "mode", NULL));
    const struct rnn_json *json =
        second ? second->json
               : operator_setting(node, "constant_values", NULL);
    double fill = 0;

    *axis = (struct pick_axis){.how = PICK_PAD};
    if (mode && !strcasecmp(mode, "reflect"))
        axis->how = PICK_REFLECT;
    else if (mode && !strcasecmp(mode, "symmetric"))
        axis->how = PICK_SYMMETRIC;
    else if (mode && strcasecmp(mode, "constant") != 0)
        return operator_refuse(
            node, "mode is none of constant, reflect and symmetric", err);
    if (node->input_count != 1 ||
        (!rnn_json_is_null(json) && !rnn_json_number(json, &fill)))
        return operator_refuse(node, "constant_values is no number", err);
    pick->fill = (float)fill;
    return RNN_OK;
}

static enum rnn_status read_pad(const struct node *node, struct pick *pick,
                                struct plan_builder *builder,
                                struct rnn_error *err)
{
    const struct rnn_json *json =
        rnn_numbers_unwrap(operator_setting(node, "pad_width", "paddings"));
    size_t rank = node->inputs[0]->shape.rank, next = 0;
    struct pick_axis how;
    enum rnn_status status = read_mode(node, pick, &how, err);

    (void)builder;
    if (status)
        return status;
    if (!rnn_json_is_array(json) || rnn_json_count(json) != rank + 1)
        return operator_refuse(node,
                               "it does not say how much goes before "
                               "and behind each axis",
                               err);
    for (const struct rnn_json *item = rnn_json_first(json); item;
         item = rnn_json_next(item), next++) {
        long ends[2] = {0, 0};
        size_t count = 0;

        status = operator_list(node, item, 2, ends, &count, err);
        if (status)
            return status;
        if (count != 2 || ends[0] < 0 || ends[1] < 0)
            return operator_refuse(node,
                                   "two numbers from 0 are wanted for "
                                   "each axis",
                                   err);
        if (!ends[0] && !ends[1])
            continue;
        if (!next)
            return operator_refuse(node, "it makes the batch larger", err);
        how.before = ends[0];
        how.after = ends[1];
        pick->axes[next - 1] = how;
    }
    return RNN_OK;
}

/* ---- classes -------------------------------------------------------------*/

static const char *const words_take[] = {
    "indices", "axis", "batch_dims", "validate_indices", "name", NULL};
static const char *const words_repeat[] = {"repeats", "axis", "name", NULL};
static const char *const words_tile[] = {"repeats", "multiples", "name", NULL};
static const char *const words_broadcast_to[] = {"shape", "name", NULL};
static const char *const words_roll[] = {"shift", "axis", "name", NULL};
static const char *const words_pad[] = {"pad_width",       "paddings", "mode",
                                        "constant_values", "name",     NULL};

static enum rnn_status connect_take(struct layer *layer, struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    const struct call_argument *first = call_position(node->given, 0);

    return first && first->json && node->input_count
               ? one_hot_take(layer, node, builder, err)
               : pick_connect(layer, node, builder, err);
}

#define PICK(label, keras, connector)                                         \
    static const struct picking picking_##label = {read_##label};             \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words_##label, &picking_##label),              \
        .connect = (connector),                                               \
        .run = pick_run,                                                      \
    }

PICK(take, "Take", connect_take);
PICK(repeat, "Repeat", pick_connect);
PICK(tile, "Tile", pick_connect);
PICK(broadcast_to, "BroadcastTo", pick_connect);
PICK(roll, "Roll", pick_connect);
PICK(pad, "Pad", pick_connect);
