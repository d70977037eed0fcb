/* x[...], which Keras 3 calls GetItem and Keras 2 a SlicingOpLambda
 *
 *     x[:, -1, :]   x[:, -k:]   x[:, ::2]   x[..., 0]   x[:, None]
 *
 * What stands between the brackets is a list: a number takes one place of an
 * axis, a slice some, None puts an axis of one in, and ... means as many
 * whole axes as are left.  The first axis is the batch, which stays.
 *
 * Keras: keras/src/ops/numpy.py (GetItem), tf_keras/src/layers/core/
 * tf_op_layer.py (SlicingOpLambda)
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/move.h"
#include "core/layers/operator.h"

static const char *const words[] = {"slice_spec", NULL};

/* Where the reading stands. */
struct brackets {
    const struct node *node;
    struct move *move;
    size_t axis;  /* of the input, with the batch: 0 */
    size_t rank;  /* of the input, with the batch */
    size_t named; /* axes that numbers and slices name */
};

static bool is_ellipsis(const struct rnn_json *entry)
{
    const char *name = rnn_json_text(rnn_json_member(entry, "class_name"));

    return name && !strcmp(name, "__ellipsis__");
}

/* {"start", "stop", "step"}, in Keras 3 inside an object of its own. */
static const struct rnn_json *slice_of(const struct rnn_json *entry)
{
    const char *name = rnn_json_text(rnn_json_member(entry, "class_name"));

    if (name)
        return strcmp(name, "__slice__") ? NULL
                                         : rnn_json_member(entry, "config");
    return rnn_json_is_object(entry) ? entry : NULL;
}

static enum rnn_status read_bound(const struct node *node,
                                  const struct rnn_json *slice,
                                  const char *key, bool *there, long *number,
                                  struct rnn_error *err)
{
    const struct rnn_json *json = rnn_json_member(slice, key);

    *there = !rnn_json_is_null(json);
    return *there ? operator_integer(node, json, number, err) : RNN_OK;
}

static enum rnn_status read_slice(const struct node *node,
                                  const struct rnn_json *json,
                                  struct slice *slice, struct rnn_error *err)
{
    struct slice made = SLICE_ALL;
    bool has_step;
    enum rnn_status status =
        read_bound(node, json, "start", &made.has_start, &made.start, err);

    if (!status)
        status =
            read_bound(node, json, "stop", &made.has_stop, &made.stop, err);
    if (!status)
        status = read_bound(node, json, "step", &has_step, &made.step, err);
    if (!status && !made.step)
        status = operator_refuse(node, "a slice has step 0", err);
    if (!status)
        *slice = made;
    return status;
}

static bool is_all(const struct slice *slice)
{
    return (!slice->has_start || !slice->start) && !slice->has_stop &&
           slice->step == 1;
}

static enum rnn_status refuse_batch(const struct node *node,
                                    struct rnn_error *err)
{
    return operator_refuse(
        node, "it cuts the batch; sequences are not told from each other",
        err);
}

/* One entry that names an axis. */
static enum rnn_status read_axis(struct brackets *at,
                                 const struct rnn_json *entry,
                                 struct rnn_error *err)
{
    struct slice slice = SLICE_ALL;
    long place = 0;
    bool is_slice = slice_of(entry);
    enum rnn_status status;

    if (at->axis == at->rank)
        return operator_refuse(
            at->node, "more axes between the brackets than there are", err);
    if (is_slice)
        status = read_slice(at->node, slice_of(entry), &slice, err);
    else
        status = operator_integer(at->node, entry, &place, err);
    if (status)
        return status;
    if (!at->axis++)
        return is_slice && is_all(&slice) ? RNN_OK
                                          : refuse_batch(at->node, err);
    if (is_slice) {
        at->move->axes[at->move->rank++] =
            (struct move_axis){.from = at->axis - 2, .slice = slice};
        return RNN_OK;
    }
    at->move->is_taken[at->axis - 2] = true;
    at->move->place[at->axis - 2] = place;
    return RNN_OK;
}

/* Axes as they are, until `left` are left. */
static void keep_axes(struct brackets *at, size_t left)
{
    for (; at->axis + left < at->rank; at->axis++)
        if (at->axis)
            at->move->axes[at->move->rank++] =
                (struct move_axis){.from = at->axis - 1, .slice = SLICE_ALL};
}

static enum rnn_status read_entry(struct brackets *at,
                                  const struct rnn_json *entry,
                                  struct rnn_error *err)
{
    if (is_ellipsis(entry)) {
        keep_axes(at, at->named);
        return RNN_OK;
    }
    if (rnn_json_is_null(entry)) {
        if (!at->axis)
            return refuse_batch(at->node, err);
        if (at->move->rank == RNN_MAX_RANK)
            return operator_refuse(at->node, "its output has too many axes",
                                   err);
        at->move->axes[at->move->rank++] = (struct move_axis){.is_new = true};
        return RNN_OK;
    }
    if (at->named)
        at->named--;
    return read_axis(at, entry, err);
}

static enum rnn_status read_brackets(const struct node *node,
                                     const struct rnn_json *json,
                                     struct move *move, struct rnn_error *err)
{
    struct brackets at = {
        .node = node, .move = move, .rank = node->inputs[0]->shape.rank + 1};
    const struct rnn_json *first =
        rnn_json_is_array(json) ? rnn_json_first(json) : json;
    size_t ellipses = 0;
    enum rnn_status status = RNN_OK;

    for (const struct rnn_json *entry = first; entry;
         entry = entry == json ? NULL : rnn_json_next(entry)) {
        ellipses += is_ellipsis(entry);
        at.named += !is_ellipsis(entry) && !rnn_json_is_null(entry);
    }
    if (ellipses > 1)
        return operator_refuse(node, "two \"...\" between the brackets", err);
    for (const struct rnn_json *entry = first; entry && !status;
         entry = entry == json ? NULL : rnn_json_next(entry))
        status = read_entry(&at, entry, err);
    keep_axes(&at, 0);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct move *move =
        arena_zalloc(builder->arena, 1, sizeof(*move), alignof(struct move));
    const struct call_argument *key = call_position(node->given, 1);
    const struct rnn_json *json =
        key ? key->json : operator_setting(node, "slice_spec", NULL);
    enum rnn_status status;

    if (!move)
        return plan_no_memory(layer, err);
    if (node->input_count != 1 || !json)
        return operator_refuse(
            node, "what stands between the brackets is no constant", err);
    status = read_brackets(node, json, move, err);
    if (status)
        return status;
    node->own = move;
    return move_connect(move, node, 0, builder, err);
}

static bool run(const struct node *node, struct run *run)
{
    return move_run(node->own, 1, node, run);
}

const struct layer_class operator_get_item = {
    OPERATOR_FIELDS("GetItem", words, NULL), .takes_bare = true,
    .connect = connect, .run = run};
