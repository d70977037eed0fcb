/* Diff, Glu, Tril, Triu, Diagonal, Trace
 *
 *     y_i = x_i+1 - x_i, `n` times          Diff; there are n fewer
 *     y_i = x_i sigmoid(x_i+h)              Glu, h = half of the axis
 *     y_ij = x_ij where j <= i + k, else 0  Tril; j >= i + k: Triu
 *     y_i = x_i,i+offset, and their sum     Diagonal, Trace
 *
 * along one axis, or two, which are the last of Tril and Triu.  What is left
 * of a Diagonal is the last axis.  Differences are float32, each rounded as
 * in Keras; the others are float64, rounded once.  Along time the whole
 * sequence is needed.
 *
 * Keras: keras/src/ops/numpy.py, keras/src/ops/nn.py; tf.linalg.diag_part,
 *        tf.linalg.trace
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/lanes.h"
#include "core/layers/operator.h"
#include "core/layers/plain_math.h"
#include "core/layers/reduce.h"

struct lane_call {
    struct lanes lanes;          /* first */
    long n;                      /* how often; how far beside the diagonal */
    size_t rows, columns, count; /* of a matrix; numbers of a diagonal */
    bool turned;                 /* its second axis comes first */
};

/* How an operator begins: what it reads, what it makes. */
struct lane_kind {
    enum rnn_status (*settle)(struct node *node, struct lane_call *call,
                              struct plan_builder *builder,
                              struct rnn_error *err);
    lanes_fn *apply;
};

/* ---- one axis ------------------------------------------------------------*/

static enum rnn_status read_axis(const struct node *node,
                                 struct lane_call *call, struct rnn_error *err)
{
    return lanes_read_one(&call->lanes, node,
                          operator_setting(node, "axis", NULL), err);
}

static enum rnn_status settle_diff(struct node *node, struct lane_call *call,
                                   struct plan_builder *builder,
                                   struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "n", NULL);
    const struct call_argument *first = call_position(node->given, 0);
    const struct value *x = node->inputs[0];
    struct pace pace = {.up = 1, .down = 1};
    size_t width;
    enum rnn_status status = read_axis(node, call, err);

    call->n = 1;
    if (!status && json)
        status = operator_integer(node, json, &call->n, err);
    if (!status && call->n < 0)
        status = operator_refuse(node, "n is less than 0", err);
    if (!status && first && first->is_truth)
        status = operator_refuse(
            node, "of bool it is no difference; cast that to float32", err);
    if (status)
        return status;
    width = lanes_known_width(&call->lanes, &x->shape);
    if (width != RNN_FREE && (size_t)call->n >= width)
        return operator_refuse(node, "nothing is left of its input", err);
    if (width != RNN_FREE)
        return lanes_make_output(&call->lanes, node, 0,
                                 width - (size_t)call->n, builder, err);
    pace.add = -call->n;
    plan_need_whole(node);
    status = plan_need_steps(node, x, (size_t)call->n + 1, err);
    if (!status)
        status = plan_make_output(builder, node, 0, &x->shape, true, err);
    return status ? status : plan_change_steps(builder, node, 0, &pace, err);
}

static void diff_lane(const struct node *node, const float *x, float *y,
                      size_t width, size_t index)
{
    const struct lane_call *call = node->own;

    (void)index;
    memcpy(y, x, width * sizeof(float));
    for (long k = 1; k <= call->n; k++)
        for (size_t i = 0; i + (size_t)k < width; i++)
            y[i] = y[i + 1] - y[i];
}

static enum rnn_status settle_glu(struct node *node, struct lane_call *call,
                                  struct plan_builder *builder,
                                  struct rnn_error *err)
{
    size_t width;
    enum rnn_status status = read_axis(node, call, err);

    if (status)
        return status;
    width = lanes_known_width(&call->lanes, &node->inputs[0]->shape);
    if (width == RNN_FREE || width % 2)
        return operator_refuse(
            node, "its axis has no two halves, or is left open", err);
    return lanes_make_output(&call->lanes, node, 0, width / 2, builder, err);
}

static void glu_lane(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    (void)node;
    (void)index;
    for (size_t i = 0; i < width / 2; i++)
        y[i] = (float)((double)x[i] /
                       (1 + plain_exp_of(-(double)x[width / 2 + i])));
}

/* ---- two axes ------------------------------------------------------------*/

static enum rnn_status settle_triangle(struct node *node,
                                       struct lane_call *call,
                                       struct plan_builder *builder,
                                       struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "k", NULL);
    const struct value *x = node->inputs[0];
    enum rnn_status status =
        lanes_init(&call->lanes, node->layer, x, (long[]){-2, -1}, 2, err);

    if (!status && json)
        status = operator_integer(node, json, &call->n, err);
    if (status)
        return status;
    call->columns = x->shape.dim[x->shape.rank - 1];
    if (call->lanes.whole)
        plan_need_whole(node);
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static void cut_lane(const struct node *node, const float *x, float *y,
                     size_t width, bool upper)
{
    const struct lane_call *call = node->own;

    for (size_t i = 0; i < width; i++) {
        long apart = (long)(i % call->columns) - (long)(i / call->columns);

        y[i] = (upper ? apart >= call->n : apart <= call->n) ? x[i] : 0;
    }
}

static void tril_lane(const struct node *node, const float *x, float *y,
                      size_t width, size_t index)
{
    (void)index;
    cut_lane(node, x, y, width, false);
}

static void triu_lane(const struct node *node, const float *x, float *y,
                      size_t width, size_t index)
{
    (void)index;
    cut_lane(node, x, y, width, true);
}

/* ---- diagonals -----------------------------------------------------------*/

/* The axes of the matrix: those that are named, else the first two of all in
 * Keras 3, which begin with the batch, or the last two in Keras 2. */
static enum rnn_status read_matrix(const struct node *node,
                                   struct lane_call *call, bool old,
                                   struct rnn_error *err)
{
    const char *const names[] = {"axis1", "axis2"};
    const struct rnn_json *json = operator_setting(node, "offset", "k");
    const struct value *x = node->inputs[0];
    size_t rank = x->shape.rank, at[2];
    long axes[2];
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < 2 && !status; i++) {
        const struct rnn_json *axis = operator_setting(node, names[i], NULL);

        axes[i] = old ? (long)i - 2 : (long)i;
        if (axis)
            status = operator_integer(node, axis, &axes[i], err);
    }
    if (!status)
        status = lanes_init(&call->lanes, node->layer, x, axes, 2, err);
    if (!status && json)
        status = operator_integer(node, json, &call->n, err);
    if (status)
        return status;
    for (size_t i = 0; i < 2; i++)
        at[i] = (size_t)(axes[i] < 0 ? axes[i] + (long)rank : axes[i] - 1);
    call->rows = x->shape.dim[at[0]];
    call->columns = x->shape.dim[at[1]];
    call->turned = at[0] > at[1];
    return RNN_OK;
}

static enum rnn_status settle_matrix(struct node *node, struct lane_call *call,
                                     struct plan_builder *builder,
                                     struct rnn_error *err)
{
    bool old = builder->keras_major == 2;
    long right, down, count;
    enum rnn_status status = read_matrix(node, call, old, err);

    if (status)
        return status;
    if (call->rows == RNN_FREE || call->columns == RNN_FREE)
        return operator_refuse(node, "the number of timesteps is left open",
                               err);
    right = (long)call->columns - (call->n > 0 ? call->n : 0);
    down = (long)call->rows + (call->n < 0 ? call->n : 0);
    count = right < down ? right : down;
    if (count < 1)
        return operator_refuse(node, "its diagonal lies outside", err);
    call->count = (size_t)count;
    return RNN_OK;
}

/* The output, of the axes beside the matrix and of one more, `more`, if any.
 */
static enum rnn_status make_output(struct node *node, struct lane_call *call,
                                   size_t more, struct plan_builder *builder,
                                   struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    bool whole = call->lanes.whole, has_time;
    struct rnn_shape shape = {0};
    enum rnn_status status;

    if (more && x->shape.rank == 2)
        shape.dim[shape.rank++] = more;
    else
        shape = reduce_shape(node, &call->lanes, false);
    if (more && x->shape.rank > 2)
        shape.dim[shape.rank++] = more;
    has_time = whole ? shape.rank > 1 : x->has_time;
    call->lanes.appends = more;
    status = plan_make_output(builder, node, 0, &shape, has_time, err);
    if (status || !whole)
        return status;
    plan_need_whole(node);
    if (has_time)
        plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

static enum rnn_status settle_diagonal(struct node *node,
                                       struct lane_call *call,
                                       struct plan_builder *builder,
                                       struct rnn_error *err)
{
    enum rnn_status status = settle_matrix(node, call, builder, err);

    return status ? status
                  : make_output(node, call, call->count, builder, err);
}

static enum rnn_status settle_trace(struct node *node, struct lane_call *call,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    enum rnn_status status = settle_matrix(node, call, builder, err);

    return status ? status : make_output(node, call, 0, builder, err);
}

/* Number i of the diagonal. */
static float on_diagonal(const struct lane_call *call, const float *x,
                         size_t i)
{
    size_t row = i + (size_t)(call->n < 0 ? -call->n : 0);
    size_t column = i + (size_t)(call->n > 0 ? call->n : 0);

    return call->turned ? x[column * call->rows + row]
                        : x[row * call->columns + column];
}

static void diagonal_lane(const struct node *node, const float *x, float *y,
                          size_t width, size_t index)
{
    const struct lane_call *call = node->own;

    (void)width;
    (void)index;
    for (size_t i = 0; i < call->count; i++)
        y[i] = on_diagonal(call, x, i);
}

static void trace_lane(const struct node *node, const float *x, float *y,
                       size_t width, size_t index)
{
    const struct lane_call *call = node->own;
    double sum = 0;

    (void)width;
    (void)index;
    for (size_t i = 0; i < call->count; i++)
        sum += (double)on_diagonal(call, x, i);
    *y = (float)sum;
}

/* ---- all of them ---------------------------------------------------------*/

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct lane_kind *kind = layer->class->detail;
    struct lane_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                          alignof(struct lane_call));
    struct value *x = NULL;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!call)
        return plan_no_memory(layer, err);
    node->own = call;
    if (status)
        return status;
    node->cost = 8 * (uint64_t)x->features;
    return kind->settle(node, call, builder, err);
}

static bool run(const struct node *node, struct run *run)
{
    const struct lane_kind *kind = node->layer->class->detail;
    const struct lane_call *call = node->own;

    return lanes_run(&call->lanes, node, run, kind->apply);
}

static const char *const words_diff[] = {"n", "axis", NULL};
static const char *const words_glu[] = {"axis", NULL};
static const char *const words_triangle[] = {"k", NULL};
static const char *const words_matrix[] = {"offset", "axis1", "axis2",
                                           "k",      "name",  NULL};

#define LANES(label, keras, words, settler)                                   \
    static const struct lane_kind kind_##label = {(settler), label##_lane};   \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, &kind_##label),                         \
        .connect = connect,                                                   \
        .scratch = lanes_own_scratch,                                         \
        .run = run,                                                           \
    }

LANES(diff, "Diff", words_diff, settle_diff);
LANES(glu, "Glu", words_glu, settle_glu);
LANES(tril, "Tril", words_triangle, settle_triangle);
LANES(triu, "Triu", words_triangle, settle_triangle);
LANES(diagonal, "Diagonal", words_matrix, settle_diagonal);
LANES(trace, "Trace", words_matrix, settle_trace);
