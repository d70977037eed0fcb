/* OneHot, and Take from a constant table
 *
 *     y[..., k] = 1 where x = k, else 0           k = 0 .. num_classes - 1
 *     y[..., :] = table[x]                        x < 0 counts from the end
 *
 * x is cut to whole numbers; one that is outside has a row of zeros.  Keras 2
 * may have other numbers than 1 and 0.  A table has a row of NaN for what is
 * outside, which Keras does not answer.  An input [T] is a sequence of T ids,
 * as it is for an Embedding.
 *
 * Keras: keras/src/ops/nn.py, keras/src/ops/numpy.py; tf.one_hot
 */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "core/format/constant.h"
#include "core/format/json.h"
#include "core/layers/operator.h"
#include "core/layers/pick.h"

#define MOST_CLASSES 1000000

struct one_hot {
    size_t classes; /* or rows of the table */
    size_t width;   /* of a row of y */
    float on, off;
    const float *table; /* NULL: a OneHot */
};

static enum rnn_status read_settings(const struct node *node,
                                     const struct value *x,
                                     struct one_hot *own,
                                     struct rnn_error *err)
{
    const struct rnn_json *json =
        operator_setting(node, "num_classes", "depth");
    const struct rnn_json *along = operator_setting(node, "axis", NULL);
    const char *dtype = rnn_json_text(operator_setting(node, "dtype", NULL));
    long classes = 0, axis = -1;
    double on = 1, off = 0;
    bool sparse = false;
    enum rnn_status status = operator_integer(node, json, &classes, err);

    if (!status && along)
        status = operator_integer(node, along, &axis, err);
    if (!status)
        status = operator_bool(node, "sparse", &sparse, err);
    if (!status)
        status = operator_number(node, "on_value", 1, &on, err);
    if (!status)
        status = operator_number(node, "off_value", 0, &off, err);
    if (status)
        return status;
    if (classes < 1 || classes > MOST_CLASSES)
        return operator_refuse(node, "it has no classes, or too many", err);
    if (axis != -1 && axis != (long)x->shape.rank + 1)
        return operator_refuse(node, "its classes are not the last axis", err);
    if (sparse || (dtype && !strcmp(dtype, "float16")))
        return operator_refuse(node, "sparse and half numbers are not served",
                               err);
    *own = (struct one_hot){(size_t)classes, (size_t)classes, (float)on,
                            (float)off, NULL};
    return RNN_OK;
}

/* The output: `row` behind the axes of x. */
static enum rnn_status settle(struct one_hot *own, const struct rnn_shape *row,
                              struct node *node, struct value *x,
                              struct plan_builder *builder,
                              struct rnn_error *err)
{
    struct rnn_shape shape;
    bool has_time;
    enum rnn_status status;

    if (x->shape.rank + row->rank > RNN_MAX_RANK)
        return operator_refuse(node, "its output has too many axes", err);
    plan_read_ids(builder->plan, x);
    node->own = own;
    node->has_time = x->has_time;
    shape = x->shape;
    for (size_t i = 0; i < row->rank; i++)
        shape.dim[shape.rank++] = row->dim[i];
    has_time = x->has_time || shape.rank > 1;
    status = plan_make_output(builder, node, 0, &shape, has_time, err);
    if (status)
        return status;
    node->cost = node->outputs[0]->features;
    if (x->has_time || !has_time)
        return RNN_OK;
    plan_need_whole(node);
    plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct one_hot *own =
        arena_zalloc(builder->arena, 1, sizeof(*own), alignof(struct one_hot));
    struct value *x = NULL;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!own)
        return plan_no_memory(layer, err);
    if (!status)
        status = read_settings(node, x, own, err);
    if (status)
        return status;
    return settle(own, &(struct rnn_shape){.rank = 1, .dim = {own->classes}},
                  node, x, builder, err);
}

/* The first argument is the table, the second the tensor. */
static enum rnn_status connect_table(struct layer *layer, struct node *node,
                                     struct plan_builder *builder,
                                     struct rnn_error *err)
{
    const struct rnn_json *along = operator_setting(node, "axis", NULL);
    struct one_hot *own =
        arena_zalloc(builder->arena, 1, sizeof(*own), alignof(struct one_hot));
    struct constant table;
    struct rnn_shape row;
    long axis = 0;
    enum rnn_status status =
        constant_read(call_position(node->given, 0)->json, layer->name,
                      builder->arena, &table, err);

    if (!own)
        return plan_no_memory(layer, err);
    if (!status && along)
        status = operator_integer(node, along, &axis, err);
    if (status)
        return status;
    row = table.shape;
    if (node->input_count != 1 || call_position(node->given, 2) || !row.rank ||
        !table.count || (!along && row.rank > 1) ||
        (axis && axis != -(long)row.rank))
        return operator_refuse(
            node, "of a constant it takes rows, by one tensor of places", err);
    memmove(row.dim, row.dim + 1, --row.rank * sizeof(row.dim[0]));
    *own = (struct one_hot){.classes = table.shape.dim[0],
                            .width = table.count / table.shape.dim[0],
                            .table = table.numbers};
    return settle(own, &row, node, node->inputs[0], builder, err);
}

/* ---- when it runs --------------------------------------------------------*/

/* Number `k` of item `i` of x begins its row at.  Without time the first axis
 * of the item counts items of y, if that has time. */
static float *row_of(const struct node *node, struct view y, size_t i,
                     size_t k)
{
    const struct one_hot *own = node->own;
    const struct value *x = node->inputs[0];
    bool spreads = !x->has_time && node->outputs[0]->has_time;
    size_t rows = spreads ? x->shape.dim[0] : 1;
    size_t width = x->features / rows;

    return y.data + (i * rows + k / width) * y.stride + k % width * own->width;
}

static void write_row(const struct one_hot *own, float id, float *row)
{
    bool is_there;

    id = truncf(id);
    if (own->table && id < 0)
        id += (float)own->classes;
    is_there = id >= 0 && id < (float)own->classes;
    if (own->table && is_there) {
        memcpy(row, own->table + (size_t)id * own->width,
               own->width * sizeof(float));
        return;
    }
    for (size_t c = 0; c < own->width; c++)
        row[c] = own->table ? NAN : own->off;
    if (!own->table && is_there)
        row[(size_t)id] = own->on;
}

static bool run(const struct node *node, struct run *run)
{
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t items = run_items(run, input);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        for (size_t k = 0; k < input->features; k++)
            write_row(node->own, x.data[i * x.stride + k],
                      row_of(node, y, i, k));
    return true;
}

static const char *const words[] = {"num_classes", "depth",  "axis",
                                    "dtype",       "sparse", "on_value",
                                    "off_value",   "name",   NULL};

const struct layer_class operator_one_hot = {
    OPERATOR_FIELDS("OneHot", words, NULL),
    .takes_ids = true,
    .connect = connect,
    .run = run,
};

static const char *const words_take[] = {"indices", "axis", "name", NULL};
static const struct layer_class from_table = {
    OPERATOR_FIELDS("Take", words_take, NULL),
    .takes_ids = true,
    .connect = connect_table,
    .run = run,
};

enum rnn_status one_hot_take(struct layer *layer, struct node *node,
                             struct plan_builder *builder,
                             struct rnn_error *err)
{
    struct layer *inner =
        arena_zalloc(builder->arena, 1, sizeof(*inner), alignof(struct layer));
    struct node *made = NULL;
    enum rnn_status status;

    if (!inner)
        return plan_no_memory(layer, err);
    *inner = *layer;
    inner->class = &from_table;
    inner->wrapper = layer;
    inner->calls = 0;
    inner->next = NULL;
    status = plan_call_with(builder, inner, node->given, &made, err);
    if (status)
        return status;
    node->inputs[0] = made->outputs[0];
    node->has_time = node->inputs[0]->has_time;
    return plan_pass_input(builder, node, err);
}
