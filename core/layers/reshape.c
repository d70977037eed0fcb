/* Reshape, as a layer and as an operator
 *
 *     y = x, row by row, in other axes
 *
 * One size may be -1, which is what is left.  Where the timesteps stay, each
 * alone is reshaped.  The operator names the batch too: -1, or null.
 *
 * Keras: keras/src/layers/reshaping/reshape.py, keras/src/ops/numpy.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/move.h"
#include "core/layers/operator.h"

struct reshape {
    struct operation operation; /* of the operator; it comes first */
    size_t count;
    long sizes[RNN_MAX_RANK]; /* -1: what is left */
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct reshape *own = layer->own;
    const struct rnn_json *shape = fields_get(fields, "target_shape");
    const struct rnn_json *size =
        rnn_json_is_array(shape) ? rnn_json_first(shape) : NULL;

    for (; size; size = rnn_json_next(size)) {
        double number;

        if (!rnn_json_number(size, &number) || own->count == RNN_MAX_RANK ||
            (number != -1 && !(number >= 1 && number <= UINT32_MAX)) ||
            number != (double)(long)number)
            return fields_refuse(fields, RNN_UNSUPPORTED, "target_shape",
                                 "up to 6 sizes, one of them -1, were "
                                 "expected",
                                 err);
        own->sizes[own->count++] = (long)number;
    }
    if (!own->count)
        return fields_refuse(fields, RNN_UNSUPPORTED, "target_shape",
                             "a list of sizes was expected", err);
    return RNN_OK;
}

/* ---- sizes ---------------------------------------------------------------*/

static enum rnn_status refuse(const struct node *node,
                              const struct rnn_shape *wanted,
                              struct rnn_error *err)
{
    char from[RNN_SHAPE_TEXT], to[RNN_SHAPE_TEXT];

    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s): %s cannot become %s (? is what is "
                    "left open)",
                    node->layer->name, node->layer->class->name,
                    rnn_shape_print(&node->inputs[0]->shape, from),
                    rnn_shape_print(wanted, to));
}

/* The place of the -1, or SIZE_MAX; the product of the other sizes. */
static size_t find_open(const struct rnn_shape *shape, size_t *others)
{
    size_t open = SIZE_MAX;

    *others = 1;
    for (size_t i = 0; i < shape->rank; i++)
        if (shape->dim[i] == RNN_FREE)
            open = i;
        else if (!rnn_product(*others, shape->dim[i], others))
            *others = SIZE_MAX;
    return open;
}

/* Fill in what is left in `shape`; `*keeps` says whether timesteps stay.  An
 * open number of them stays open, and may become more. */
static enum rnn_status settle(const struct node *node, struct rnn_shape *shape,
                              bool *keeps, struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    struct rnn_shape wanted = *shape;
    size_t others, count, open = find_open(shape, &others);

    if (x->has_time && x->shape.dim[0] == RNN_FREE) {
        *keeps = open == 0 && others == x->features;
        return open == 0 && x->features % others == 0
                   ? RNN_OK
                   : refuse(node, &wanted, err);
    }
    if (!rnn_shape_count(&x->shape, 0, &count))
        count = SIZE_MAX;
    if (open != SIZE_MAX && count % others == 0)
        shape->dim[open] = count / others;
    else if (open != SIZE_MAX || count != others)
        return refuse(node, &wanted, err);
    *keeps = x->has_time && shape->dim[0] == x->shape.dim[0];
    return RNN_OK;
}

static enum rnn_status connect_as(struct node *node,
                                  const struct rnn_shape *wanted,
                                  struct plan_builder *builder,
                                  struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    struct rnn_shape shape = *wanted;
    bool keeps = false, has_time;
    enum rnn_status status = settle(node, &shape, &keeps, err);

    if (status)
        return status;
    if (keeps || (!x->has_time && shape.rank <= 1)) {
        status = plan_pass_input(builder, node, err);
        if (!status)
            node->outputs[0]->shape = shape;
        return status;
    }
    plan_need_whole(node);
    has_time = shape.rank > 1 || (shape.rank && shape.dim[0] == RNN_FREE);
    status = plan_make_output(builder, node, 0, &shape, has_time, err);
    if (status)
        return status;
    node->cost = plan_sum(0, node->outputs[0]->features,
                          has_time && shape.dim[0] ? shape.dim[0] : 1);
    if (has_time && shape.dim[0] == RNN_FREE) {
        struct pace more = {
            .up = (int64_t)(x->features / node->outputs[0]->features),
            .down = 1};

        return plan_change_steps(builder, node, 0, &more, err);
    }
    if (has_time)
        plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct reshape *own = layer->own;
    struct rnn_shape shape = {.rank = own->count};
    struct value *x = NULL;
    size_t open = 0;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (status)
        return status;
    for (size_t i = 0; i < own->count; i++) {
        open += own->sizes[i] == -1;
        shape.dim[i] = own->sizes[i] == -1 ? RNN_FREE : (size_t)own->sizes[i];
    }
    return open > 1 ? refuse(node, &shape, err)
                    : connect_as(node, &shape, builder, err);
}

/* newshape: [batch, ...]; the batch stands there as -1 or null. */
static enum rnn_status connect_operator(struct layer *layer, struct node *node,
                                        struct plan_builder *builder,
                                        struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "newshape", "shape");
    const struct rnn_json *size =
        rnn_json_is_array(json) ? rnn_json_first(json) : NULL;
    struct rnn_shape shape = {0};
    struct value *x = NULL;
    size_t open = 0;
    enum rnn_status status = operator_only_input(node, &x, err);
    double batch = 0;

    (void)layer;
    if (status)
        return status;
    if (!size || (!rnn_json_is_null(size) &&
                  (!rnn_json_number(size, &batch) || batch != -1)))
        return operator_refuse(
            node, "its shape does not begin with -1, the batch", err);
    for (bool left = rnn_json_is_null(size); (size = rnn_json_next(size));) {
        long number = -1;

        if (!rnn_json_is_null(size))
            status = operator_integer(node, size, &number, err);
        if (status)
            return status;
        if (shape.rank == RNN_MAX_RANK || number < -1 || !number ||
            (number == -1 && (!left || open++)))
            return operator_refuse(node, "a size of its shape is not given",
                                   err);
        shape.dim[shape.rank++] = number == -1 ? RNN_FREE : (size_t)number;
    }
    return connect_as(node, &shape, builder, err);
}

static bool run(const struct node *node, struct run *run)
{
    const struct value *y = node->outputs[0];

    if (y->alias)
        return true;
    if (!run_may_go_on(run, run_work(node->cost, run->rows)))
        return false;
    for (size_t r = 0; r < run->rows; r++) {
        struct nd from = nd_sequence(run, node->inputs[0], r);
        struct nd to = nd_sequence(run, y, r);

        nd_copy(&from, &to);
    }
    return true;
}

const struct layer_class layer_reshape = {
    .name = "Reshape",
    .inert = inert,
    .takes_plain = true,
    .takes_bare = true,
    .streaming = STREAM_WHOLE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct reshape),
    .read = read,
    .connect = connect,
    .run = run,
};

static const char *const words[] = {"newshape", "shape", "name", NULL};
const struct layer_class operator_reshape = {
    OPERATOR_FIELDS("Reshape", words, NULL), .takes_bare = true,
    .connect = connect_operator, .run = run};
