/* OneHot
 *
 *     y[..., k] = 1 where x = k, else 0           k = 0 .. num_classes - 1
 *
 * x is cut to whole numbers; one that is outside has a row of zeros.  Keras 2
 * may have other numbers than 1 and 0.  An input [T] is a sequence of T ids,
 * as it is for an Embedding.
 *
 * Keras: keras/src/ops/nn.py; tf.one_hot
 */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/operator.h"

#define MOST_CLASSES 1000000

struct one_hot {
    size_t classes;
    float on, off;
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
    *own = (struct one_hot){(size_t)classes, (float)on, (float)off};
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct one_hot *own =
        arena_zalloc(builder->arena, 1, sizeof(*own), alignof(struct one_hot));
    struct value *x = NULL;
    struct rnn_shape shape;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!own)
        return plan_no_memory(layer, err);
    if (!status)
        status = read_settings(node, x, own, err);
    if (!status && x->shape.rank == RNN_MAX_RANK)
        status = operator_refuse(node, "its output has too many axes", err);
    if (status)
        return status;
    plan_read_ids(builder->plan, x);
    node->own = own;
    node->has_time = x->has_time;
    shape = x->shape;
    shape.dim[shape.rank++] = own->classes;
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (status)
        return status;
    node->cost = node->outputs[0]->features;
    if (x->has_time)
        return RNN_OK;
    plan_need_whole(node);
    plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

/* Number `k` of item `i` of x begins its row at.  Without time the first axis
 * of the item counts items of y. */
static float *row_of(const struct node *node, struct view y, size_t i,
                     size_t k)
{
    const struct one_hot *own = node->own;
    const struct value *x = node->inputs[0];
    size_t rows = x->has_time ? 1 : x->shape.dim[0];
    size_t width = x->features / rows;

    return y.data + (i * rows + k / width) * y.stride +
           k % width * own->classes;
}

static bool run(const struct node *node, struct run *run)
{
    const struct one_hot *own = node->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t items = run_items(run, input);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        for (size_t k = 0; k < input->features; k++) {
            float id = truncf(x.data[i * x.stride + k]);
            float *row = row_of(node, y, i, k);

            for (size_t c = 0; c < own->classes; c++)
                row[c] = own->off;
            if (id >= 0 && id < (float)own->classes)
                row[(size_t)id] = own->on;
        }
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
