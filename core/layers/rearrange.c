/* Operators that give axes other places
 *
 *     Transpose            axis i of y is axis p_i of x
 *     Swapaxes             two axes change places
 *     Moveaxis             some axes get other places, the rest close up
 *     Squeeze, ExpandDims  axes of one go, or come
 *     Flip, Fliplr         axes are turned around; axis 1
 *     Rot90                two axes are turned by k quarters of a circle
 *     Slice                some places of each axis, from a start on
 *
 * The batch stays where it is.
 *
 * Keras: keras/src/ops/numpy.py, keras/src/ops/core.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/rearrange.h"

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

static enum rnn_status read_fliplr(const struct node *node, struct move *moves,
                                   size_t *count, struct rnn_error *err)
{
    (void)node;
    (void)count;
    (void)err;
    moves->axes[0].slice.step = -1;
    return RNN_OK;
}

/* y[i, j] = x[j, -i] is a quarter, by `axes`. */
static enum rnn_status read_rot90(const struct node *node, struct move *moves,
                                  size_t *count, struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "k", NULL);
    size_t axes[RNN_MAX_RANK] = {0}, some = 0;
    struct move_axis a, b;
    long k = 1;
    enum rnn_status status =
        some_axes(node, "axes", moves->rank, axes, &some, err);

    (void)count;
    if (!status && json)
        status = operator_integer(node, json, &k, err);
    if (!status && some != 2)
        status = operator_refuse(node, "it turns two axes", err);
    if (!status && k % 2 == 0 && k % 4 != 0 &&
        node->inputs[0]->shape.dim[axes[0]] !=
            node->inputs[0]->shape.dim[axes[1]])
        status = operator_refuse(
            node, "Keras mixes up what it turns by two quarters", err);
    if (status)
        return status;
    for (k = (k % 4 + 4) % 4; k > 0; k--) {
        a = moves->axes[axes[0]];
        b = moves->axes[axes[1]];
        b.slice.step = -b.slice.step;
        moves->axes[axes[0]] = b;
        moves->axes[axes[1]] = a;
    }
    return RNN_OK;
}

/* Where it begins is the second argument, the size is -1 for all that is
 * left. */
static enum rnn_status read_slice(const struct node *node, struct move *moves,
                                  size_t *count, struct rnn_error *err)
{
    const struct call_argument *second = call_position(node->given, 1);
    const struct rnn_json *starts =
        second ? second->json : operator_setting(node, "begin", NULL);
    long start[RNN_MAX_RANK + 1], size[RNN_MAX_RANK + 1];
    size_t first = 0, sizes = 0;
    enum rnn_status status =
        operator_list(node, starts, RNN_MAX_RANK + 1, start, &first, err);

    (void)count;
    if (!status)
        status = operator_list(node, operator_setting(node, "shape", "size"),
                               RNN_MAX_RANK + 1, size, &sizes, err);
    if (status)
        return status;
    if (first != moves->rank + 1 || sizes != first || start[0] || size[0] >= 0)
        return operator_refuse(node,
                               "it cuts the batch, or does not say where each "
                               "axis begins and ends",
                               err);
    for (size_t i = 0; i < moves->rank; i++) {
        long stop = start[i + 1] + size[i + 1];
        size_t most = node->inputs[0]->shape.dim[i];

        if (start[i + 1] < 0 || size[i + 1] < -1 || !size[i + 1] ||
            (most != RNN_FREE && stop > (long)most))
            return operator_refuse(node, "it takes what is not there", err);
        moves->axes[i].slice = (struct slice){
            start[i + 1] > 0, size[i + 1] > 0, start[i + 1], stop, 1};
    }
    return RNN_OK;
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

enum rnn_status rearrange_connect(struct layer *layer, struct node *node,
                                  struct plan_builder *builder,
                                  struct rnn_error *err)
{
    const struct rearrangement *how = layer->class->detail;
    struct rearranged *own;
    struct value *x = NULL;
    size_t count = 1;
    enum rnn_status status =
        operator_first_input(node, how->constants + 1, &x, err);

    if (!status && how->parts)
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

bool rearrange_run(const struct node *node, struct run *run)
{
    const struct rearranged *own = node->own;

    return move_run(own->moves, own->count, node, run);
}

static const char *const words_transpose[] = {"axes", "perm", "conjugate",
                                              "name", NULL};
static const char *const words_swapaxes[] = {"axis1", "axis2", NULL};
static const char *const words_moveaxis[] = {"source", "destination", NULL};
static const char *const words_matrix_transpose[] = {"conjugate", "name",
                                                     NULL};
static const char *const words_squeeze[] = {"axis", "name", NULL};
static const char *const words_expand_dims[] = {"axis", "name", NULL};
static const char *const words_flip[] = {"axis", "name", NULL};
static const char *const words_fliplr[] = {NULL};
static const char *const words_rot90[] = {"k", "axes", NULL};
static const char *const words_slice[] = {"shape", "begin", "size", "name",
                                          NULL};

REARRANGE(transpose, "Transpose", words_transpose, .read = read_transpose);
REARRANGE(swapaxes, "Swapaxes", words_swapaxes, .read = read_swapaxes);
REARRANGE(moveaxis, "Moveaxis", words_moveaxis, .read = read_moveaxis);
REARRANGE(matrix_transpose, "MatrixTranspose", words_matrix_transpose,
          .read = read_matrix_transpose);
REARRANGE(squeeze, "Squeeze", words_squeeze, .read = read_squeeze);
REARRANGE(expand_dims, "ExpandDims", words_expand_dims,
          .read = read_expand_dims);
REARRANGE(flip, "Flip", words_flip, .read = read_flip);
REARRANGE(fliplr, "Fliplr", words_fliplr, .read = read_fliplr);
REARRANGE(rot90, "Rot90", words_rot90, .read = read_rot90);
REARRANGE(slice, "Slice", words_slice, .read = read_slice, .constants = 1);
