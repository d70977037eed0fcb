/* Operators that give axes other places
 *
 *     Transpose            axis i of y is axis p_i of x
 *     Swapaxes             two axes change places
 *     Moveaxis             some axes get other places, the rest close up
 *     Squeeze, ExpandDims  axes of one go, or come
 *     Flip                 axes are turned around
 *     Split, Unstack       y_0, y_1, ... are parts of an axis
 *
 * The batch stays where it is.
 *
 * Keras: keras/src/ops/numpy.py, keras/src/ops/core.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/move.h"
#include "core/layers/operator.h"

#define MOST_PARTS ((size_t)1000)

/* What becomes of axes, for each output: into `moves`, of which there is room
 * for `*count` (NULL: say how many). */
struct rearrangement {
    enum rnn_status (*read)(const struct node *node, struct move *moves,
                            size_t *count, struct rnn_error *err);
};

struct rearranged {
    size_t count;
    struct move moves[]; /* [count] one for each output */
};

/* ---- one output ----------------------------------------------------------*/

static enum rnn_status read_transpose(const struct node *node,
                                      struct move *moves, size_t *count,
                                      struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axes", "perm");
    long numbers[RNN_MAX_RANK + 1] = {0};
    size_t axes = 0;
    bool conjugate = false;
    enum rnn_status status = operator_bool(node, "conjugate", &conjugate, err);

    (void)count;
    if (!status)
        status =
            operator_list(node, json, RNN_MAX_RANK + 1, numbers, &axes, err);
    if (!status)
        status = move_order(moves, node, numbers, axes, err);
    return status;
}

static enum rnn_status read_swapaxes(const struct node *node,
                                     struct move *moves, size_t *count,
                                     struct rnn_error *err)
{
    size_t rank = node->inputs[0]->shape.rank, a = 0, b = 0;
    enum rnn_status status = operator_axis(
        node, operator_setting(node, "axis1", NULL), rank, &a, err);

    (void)count;
    if (!status)
        status = operator_axis(node, operator_setting(node, "axis2", NULL),
                               rank, &b, err);
    moves->axes[a].from = b;
    moves->axes[b].from = a;
    return status;
}

/* tf.linalg.matrix_transpose */
static enum rnn_status read_matrix_transpose(const struct node *node,
                                             struct move *moves, size_t *count,
                                             struct rnn_error *err)
{
    size_t rank = moves->rank;
    bool conjugate = false;
    enum rnn_status status = operator_bool(node, "conjugate", &conjugate, err);

    (void)count;
    if (status)
        return status;
    if (rank < 2)
        return operator_refuse(node, "it moves the batch", err);
    moves->axes[rank - 1].from = rank - 2;
    moves->axes[rank - 2].from = rank - 1;
    return RNN_OK;
}

/* A list of axes, each once. */
static enum rnn_status some_axes(const struct node *node, const char *key,
                                 size_t rank, size_t *axes, size_t *count,
                                 struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, key, NULL);
    const struct rnn_json *item =
        rnn_json_is_array(json) ? rnn_json_first(json) : json;
    bool marks[RNN_MAX_RANK];
    enum rnn_status status = operator_axes(node, json, rank, marks, err);

    *count = 0;
    for (; item && !status; item = rnn_json_next(item)) {
        status = operator_axis(node, item, rank, &axes[(*count)++], err);
        if (item == json)
            break;
    }
    return status;
}

static enum rnn_status read_moveaxis(const struct node *node,
                                     struct move *moves, size_t *count,
                                     struct rnn_error *err)
{
    size_t from[RNN_MAX_RANK] = {0}, to[RNN_MAX_RANK] = {0};
    size_t rank = moves->rank, goes = 0, comes = 0, next = 0;
    bool moved[RNN_MAX_RANK] = {false}, taken[RNN_MAX_RANK] = {false};
    enum rnn_status status = some_axes(node, "source", rank, from, &goes, err);

    (void)count;
    if (!status)
        status = some_axes(node, "destination", rank, to, &comes, err);
    if (!status && goes != comes)
        status = operator_refuse(node,
                                 "source and destination differ in "
                                 "their number of axes",
                                 err);
    for (size_t i = 0; i < goes && !status; i++) {
        moves->axes[to[i]].from = from[i];
        moved[from[i]] = taken[to[i]] = true;
    }
    for (size_t i = 0; i < rank && !status; i++) {
        if (taken[i])
            continue;
        while (moved[next])
            next++;
        moves->axes[i].from = next++;
    }
    return status;
}

static enum rnn_status read_squeeze(const struct node *node,
                                    struct move *moves, size_t *count,
                                    struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    const struct rnn_shape *shape = &node->inputs[0]->shape;
    bool axes[RNN_MAX_RANK];
    enum rnn_status status = operator_axes(node, json, shape->rank, axes, err);

    (void)count;
    if (status)
        return status;
    moves->rank = 0;
    for (size_t i = 0; i < shape->rank; i++) {
        bool goes = json ? axes[i] : shape->dim[i] == 1;

        if (goes && shape->dim[i] != 1)
            return operator_refuse(
                node, "it takes an axis away that is not of one", err);
        moves->is_taken[i] = goes;
        moves->place[i] = -1; /* the only one; of time the last */
        if (!goes)
            moves->axes[moves->rank++] =
                (struct move_axis){.from = i, .slice = SLICE_ALL};
    }
    return RNN_OK;
}

static enum rnn_status read_expand_dims(const struct node *node,
                                        struct move *moves, size_t *count,
                                        struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    size_t rank = node->inputs[0]->shape.rank, at = 0;
    enum rnn_status status;

    (void)count;
    if (rnn_json_is_array(json) && rnn_json_count(json) == 1)
        json = rnn_json_first(json);
    status = operator_axis(node, json, rank + 1, &at, err);
    if (status)
        return status;
    memmove(moves->axes + at + 1, moves->axes + at,
            (rank - at) * sizeof(moves->axes[0]));
    moves->axes[at] = (struct move_axis){.is_new = true};
    moves->rank++;
    return RNN_OK;
}

static enum rnn_status read_flip(const struct node *node, struct move *moves,
                                 size_t *count, struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    bool axes[RNN_MAX_RANK];
    enum rnn_status status = operator_axes(node, json, moves->rank, axes, err);

    (void)count;
    if (!json)
        return operator_refuse(node, "without an axis it turns the batch",
                               err);
    for (size_t i = 0; i < moves->rank && !status; i++)
        if (axes[i])
            moves->axes[i].slice.step = -1;
    return status;
}

/* ---- several outputs -----------------------------------------------------*/

/* The axis that is parted and its size, which must be known. */
static enum rnn_status parted_axis(const struct node *node, size_t *axis,
                                   size_t *size, struct rnn_error *err)
{
    const struct rnn_shape *shape = &node->inputs[0]->shape;
    enum rnn_status status = operator_axis(
        node, operator_setting(node, "axis", NULL), shape->rank, axis, err);

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
    long parts = 0, end = 0;
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
    if (parts < 1 || (size_t)parts > size || size % (size_t)parts)
        return operator_refuse(node, "the axis has no such equal parts", err);
    *count = (size_t)parts;
    for (size_t i = 0; i < *count; i++)
        ends[i] = (long)(size / *count * (i + 1));
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

/* ---- all of them ---------------------------------------------------------*/

static enum rnn_status make_outputs(struct rearranged *own, struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    if (own->count > 1)
        status = plan_reserve_outputs(builder, node, own->count, err);
    for (size_t i = 0; i < own->count && !status; i++)
        status = move_connect(&own->moves[i], node, i, builder, err);
    node->own = own;
    return status;
}

static struct rearranged *make_moves(struct plan_builder *builder,
                                     const struct value *x, size_t count)
{
    struct rearranged *own = arena_zalloc(
        builder->arena, 1, sizeof(*own) + count * sizeof(own->moves[0]),
        alignof(max_align_t));

    if (!own)
        return NULL;
    own->count = count;
    for (size_t i = 0; i < count; i++)
        own->moves[i] = move_nothing(x);
    return own;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct rearrangement *how = layer->class->detail;
    bool several = how->read == read_split || how->read == read_unstack;
    struct rearranged *own;
    struct value *x = NULL;
    size_t count = 1;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!status && several)
        status = how->read(node, NULL, &count, err);
    if (status)
        return status;
    own = make_moves(builder, x, count);
    if (!own)
        return plan_no_memory(layer, err);
    status = how->read(node, own->moves, &count, err);
    if (!status)
        status = make_outputs(own, node, builder, err);
    return status;
}

static bool run(const struct node *node, struct run *run)
{
    const struct rearranged *own = node->own;

    return move_run(own->moves, own->count, node, run);
}

#define REARRANGE(label, keras)                                               \
    static const struct rearrangement rearrangement_##label = {read_##label}; \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words_##label, &rearrangement_##label),        \
        .connect = connect, .run = run}

static const char *const words_transpose[] = {"axes", "perm", "conjugate",
                                              "name", NULL};
static const char *const words_swapaxes[] = {"axis1", "axis2", NULL};
static const char *const words_moveaxis[] = {"source", "destination", NULL};
static const char *const words_matrix_transpose[] = {"conjugate", "name",
                                                     NULL};
static const char *const words_squeeze[] = {"axis", "name", NULL};
static const char *const words_expand_dims[] = {"axis", "name", NULL};
static const char *const words_flip[] = {"axis", "name", NULL};
static const char *const words_unstack[] = {"axis", "num", "name", NULL};
static const char *const words_split[] = {"axis", "indices_or_sections",
                                          "num_or_size_splits", "name", NULL};

REARRANGE(transpose, "Transpose");
REARRANGE(swapaxes, "Swapaxes");
REARRANGE(moveaxis, "Moveaxis");
REARRANGE(matrix_transpose, "MatrixTranspose");
REARRANGE(squeeze, "Squeeze");
REARRANGE(expand_dims, "ExpandDims");
REARRANGE(flip, "Flip");
REARRANGE(unstack, "Unstack");
REARRANGE(split, "Split");
