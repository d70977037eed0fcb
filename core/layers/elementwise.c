/* What operators that take numbers one by one have in common
 *
 *     y = f(a, b, c)
 *
 * a, b and c are tensors or constants.  An axis of one is repeated where
 * another has more, a single timestep too; a constant gets axes in front until
 * it has as many. Tensors have the same number of axes, since Keras would put
 * the batch of the smaller one beside an axis of the other.
 *
 * Keras: keras/src/ops/numpy.py; tf.math
 */
#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "core/format/constant.h"
#include "core/layers/elementwise.h"
#include "core/layers/nd.h"
#include "core/layers/scores.h"

struct operand {
    bool is_constant;
    size_t input;             /* of the node */
    struct constant constant; /* of as many axes as the output */
};

struct element_call {
    struct operand operands[ELEMENT_OPERANDS];
    size_t count;
    float settings[ELEMENT_SETTINGS];
};

/* ---- when a model is loaded ----------------------------------------------*/

/* Argument `index`: by position, or by its name. */
static const struct call_argument *find_operand(const struct node *node,
                                                const struct element *element,
                                                size_t index)
{
    const struct call_argument *argument = call_position(node->given, index);

    if (!argument && index && element->names[index - 1])
        argument = call_keyword(node->given, element->names[index - 1]);
    return argument;
}

static enum rnn_status read_operand(const struct node *node,
                                    const struct call_argument *argument,
                                    struct plan_builder *builder,
                                    struct operand *operand,
                                    struct rnn_error *err)
{
    if (!argument ||
        (!argument->json && (argument->is_list || argument->count != 1)))
        return operator_refuse(
            node, "an argument is missing, or a list of tensors", err);
    operand->is_constant = argument->json;
    operand->input = argument->first;
    if (!argument->json)
        return RNN_OK;
    return constant_read(argument->json, node->layer->name, builder->arena,
                         &operand->constant, err);
}

static enum rnn_status refuse_shape(const struct node *node,
                                    const struct rnn_shape *shape,
                                    const char *why, struct rnn_error *err)
{
    char text[RNN_SHAPE_TEXT];

    return rnn_fail(err, RNN_UNSUPPORTED, "layer \"%.100s\" (%s): %s %s",
                    node->layer->name, node->layer->class->name,
                    rnn_shape_print(shape, text), why);
}

/* Axes of one in front, until there are `rank`; or the batch's away. */
static enum rnn_status align(const struct node *node,
                             struct constant *constant, size_t rank,
                             struct rnn_error *err)
{
    struct rnn_shape *shape = &constant->shape;
    size_t put;

    if (shape->rank == rank + 1 && shape->dim[0] == 1) {
        shape->rank = rank;
        memmove(shape->dim, shape->dim + 1, rank * sizeof(shape->dim[0]));
    }
    if (shape->rank > rank)
        return refuse_shape(node, shape,
                            "is a constant with more axes than the tensor "
                            "beside it",
                            err);
    put = rank - shape->rank;
    memmove(shape->dim + put, shape->dim, shape->rank * sizeof(shape->dim[0]));
    for (size_t i = 0; i < put; i++)
        shape->dim[i] = 1;
    shape->rank = rank;
    return RNN_OK;
}

static bool is_one(const struct rnn_shape *shape, size_t axis)
{
    return shape->dim[axis] == 1;
}

/* Do the two have the same time, or one of them a single timestep? */
static enum rnn_status widen_time(const struct node *node,
                                  const struct value *a, const struct value *b,
                                  const struct value **wider,
                                  struct rnn_error *err)
{
    if (plan_is_repeated(a, b) || plan_is_repeated(b, a)) {
        *wider = plan_is_repeated(a, b) ? b : a;
        return RNN_OK;
    }
    if (plan_same_time(a, b)) {
        *wider = a->shape.dim[0] == RNN_FREE ? b : a;
        return RNN_OK;
    }
    return refuse_shape(node, &b->shape,
                        "has another number of timesteps than what stands "
                        "beside it",
                        err);
}

/* The wider of two shapes of one rank, axes from `first` on. */
static enum rnn_status widen(const struct node *node, size_t first,
                             const struct rnn_shape *other,
                             struct rnn_shape *shape, struct rnn_error *err)
{
    if (other->rank != shape->rank)
        return refuse_shape(node, other,
                            "has another number of axes than the tensor "
                            "beside it, so that the batch would be repeated",
                            err);
    for (size_t i = first; i < shape->rank; i++) {
        if (shape->dim[i] != other->dim[i] && !is_one(shape, i) &&
            !is_one(other, i))
            return refuse_shape(node, other,
                                "does not fit to what stands beside it", err);
        if (is_one(shape, i))
            shape->dim[i] = other->dim[i];
    }
    return RNN_OK;
}

static const struct rnn_shape *shape_of(const struct node *node,
                                        const struct operand *operand)
{
    return operand->is_constant ? &operand->constant.shape
                                : &node->inputs[operand->input]->shape;
}

static bool any_has_time(const struct node *node,
                         const struct element_call *call)
{
    for (size_t i = 0; i < call->count; i++)
        if (!call->operands[i].is_constant &&
            node->inputs[call->operands[i].input]->has_time)
            return true;
    return false;
}

/* `*timed` is the one whose time is that of the output, of those so far. */
static enum rnn_status take_time(const struct node *node,
                                 const struct value *x,
                                 const struct value **timed,
                                 struct rnn_error *err)
{
    if (!x->has_time && !is_one(&x->shape, 0))
        return refuse_shape(node, &x->shape,
                            "has another number of axes than the tensor "
                            "beside it",
                            err);
    if (!x->has_time)
        return RNN_OK;
    if (*timed)
        return widen_time(node, *timed, x, timed, err);
    *timed = x;
    return RNN_OK;
}

/* The shape of the output, whose time is that of `*timed` or, NULL, none. */
static enum rnn_status find_shape(struct node *node, struct element_call *call,
                                  struct rnn_shape *shape,
                                  const struct value **timed,
                                  struct rnn_error *err)
{
    const struct value *first = node->inputs[0];
    bool has_time = any_has_time(node, call);
    enum rnn_status status = RNN_OK;

    *shape = first->shape;
    *timed = NULL;
    for (size_t i = 0; i < call->count && !status; i++) {
        struct operand *operand = &call->operands[i];
        const struct value *x = node->inputs[operand->input];

        if (operand->is_constant)
            status = align(node, &operand->constant, first->shape.rank, err);
        else if (has_time && x->shape.rank == first->shape.rank)
            status = take_time(node, x, timed, err);
        if (!status)
            status =
                widen(node, has_time, shape_of(node, operand), shape, err);
    }
    if (*timed)
        shape->dim[0] = (*timed)->shape.dim[0];
    return status;
}

/* Must all timesteps be there at once?  Where an operand has its own. */
static enum rnn_status settle_time(struct node *node,
                                   const struct element_call *call,
                                   const struct value *timed,
                                   struct rnn_error *err)
{
    for (size_t i = 0; timed && i < call->count; i++) {
        const struct operand *operand = &call->operands[i];
        const struct rnn_shape *shape = shape_of(node, operand);

        if (!operand->is_constant) {
            const struct value *x = node->inputs[operand->input];

            if (!x->has_time || plan_is_repeated(x, timed) ||
                !plan_same_time(x, timed))
                plan_need_whole(node);
            continue;
        }
        if (shape->dim[0] == 1)
            continue;
        if (shape->dim[0] != timed->shape.dim[0])
            return refuse_shape(node, shape,
                                "is a constant for each timestep, of another "
                                "number than the tensor has",
                                err);
        plan_need_whole(node);
    }
    return RNN_OK;
}

/* Would the first operand be repeated? */
static enum rnn_status check_narrow(const struct node *node,
                                    const struct rnn_shape *shape,
                                    struct rnn_error *err)
{
    const struct rnn_shape *first = &node->inputs[0]->shape;

    if (!memcmp(shape->dim, first->dim, first->rank * sizeof(first->dim[0])))
        return RNN_OK;
    return refuse_shape(node, shape, "is more than what it is called on", err);
}

/* ---- what is as wide as there are timesteps ------------------------------*/

static enum rnn_status connect_scores(struct plan_builder *builder,
                                      struct node *node,
                                      const struct element_call *call,
                                      struct rnn_error *err)
{
    struct scores_operand operands[ELEMENT_OPERANDS] = {0};

    for (size_t i = 0; i < call->count; i++) {
        const struct operand *from = &call->operands[i];
        size_t count = 1;

        if (!from->is_constant) {
            operands[i].value = node->inputs[from->input];
            continue;
        }
        for (size_t k = 0; k < from->constant.shape.rank; k++)
            count *= from->constant.shape.dim[k];
        if (count != 1)
            return refuse_shape(node, &from->constant.shape,
                                "is a constant of more than one number beside "
                                "what is as wide as there are timesteps, the "
                                "number of which is left open",
                                err);
        operands[i].kind = SCORES_NUMBER;
        operands[i].number = from->constant.numbers[0];
    }
    return scores_elements(builder, node, node->layer->class->detail, operands,
                           call->count, call->settings, err);
}

/* Is all that it is called on one row of numbers, and these? */
static bool is_of_lines(const struct node *node,
                        const struct element_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        const struct operand *operand = &call->operands[i];

        if (!operand->is_constant && !node->inputs[operand->input]->turned)
            return false;
    }
    return true;
}

/* What is done with a line is done with its sequence. */
static enum rnn_status connect_lines(struct plan_builder *builder,
                                     struct layer *layer, struct node *node,
                                     struct rnn_error *err)
{
    struct call given = *node->given;
    struct layer *inner =
        arena_zalloc(builder->arena, 1, sizeof(*inner), alignof(struct layer));
    struct value **inputs =
        arena_zalloc(builder->arena, node->input_count, sizeof(inputs[0]),
                     alignof(struct value *));
    struct node *made = NULL;
    enum rnn_status status;

    if (!inner || !inputs)
        return plan_no_memory(layer, err);
    *inner = *layer;
    inner->wrapper = layer;
    inner->calls = 0;
    inner->next = NULL;
    for (size_t i = 0; i < node->input_count; i++)
        inputs[i] = node->inputs[i]->turned;
    given.inputs = inputs;
    status = plan_call_with(builder, inner, &given, &made, err);
    if (status)
        return status;
    node->inputs[0] = made->outputs[0];
    node->input_count = 1;
    return scores_turn(builder, node, err);
}

/* ---- one call ------------------------------------------------------------*/

enum rnn_status element_connect(struct layer *layer, struct node *node,
                                struct plan_builder *builder,
                                struct rnn_error *err)
{
    const struct element *element = layer->class->detail;
    struct element_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                             alignof(struct element_call));
    const struct value *timed = NULL;
    struct rnn_shape shape = {0};
    enum rnn_status status = RNN_OK;

    if (!call)
        return plan_no_memory(layer, err);
    node->own = call;
    call->count = element->operands;
    for (size_t i = 0; i < call->count && !status; i++)
        status = read_operand(node, find_operand(node, element, i), builder,
                              &call->operands[i], err);
    if (!status && call_position(node->given, call->count))
        status = operator_refuse(node, "it is called on too much", err);
    if (!status && element->read)
        status = element->read(node, call->settings, err);
    if (!status && scores_are_met(node))
        return is_of_lines(node, call)
                   ? connect_lines(builder, layer, node, err)
                   : connect_scores(builder, node, call, err);
    if (!status)
        status = find_shape(node, call, &shape, &timed, err);
    if (!status && element->keeps_shape)
        status = check_narrow(node, &shape, err);
    if (!status)
        status = settle_time(node, call, timed, err);
    if (!status)
        status = plan_make_output(builder, node, 0, &shape, timed, err);
    if (status)
        return status;
    if (timed)
        plan_take_steps(node, 0, timed);
    node->cost = 4 * (uint64_t)node->outputs[0]->features;
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

/* Axes of one are repeated where `like` has more. */
static void repeat(struct nd *nd, const struct nd *like)
{
    for (size_t i = 0; i < nd->rank; i++)
        if (nd->dim[i] == 1) {
            nd->dim[i] = like->dim[i];
            nd->stride[i] = 0;
        }
}

static struct nd operand_unit(const struct node *node, const struct run *run,
                              const struct operand *operand, size_t unit)
{
    const struct rnn_shape *shape = &operand->constant.shape;
    bool items = node->outputs[0]->has_time && !node->whole;

    if (!operand->is_constant)
        return nd_unit(run, node->inputs[operand->input], unit, node->whole);
    return nd_plain(operand->constant.numbers, shape->rank - items,
                    shape->dim + items);
}

/* The stride of the last axis, which a row runs along. */
static ptrdiff_t last_stride(const struct nd *nd)
{
    return nd->rank ? nd->stride[nd->rank - 1] : 0;
}

static void run_unit(const struct node *node, const struct nd *in,
                     const struct nd *y)
{
    const struct element *element = node->layer->class->detail;
    const struct element_call *call = node->own;
    struct nd_walk walk = {.rank = y->rank ? y->rank - 1 : 0};
    struct row row = {.count = y->rank ? y->dim[walk.rank] : 1,
                      .a_stride = last_stride(&in[0]),
                      .b_stride = last_stride(&in[1]),
                      .c_stride = last_stride(&in[2]),
                      .y_stride = last_stride(y),
                      .settings = call->settings};

    memcpy(walk.dim, y->dim, walk.rank * sizeof(walk.dim[0]));
    do {
        row.a = in[0].data + nd_offset(&in[0], &walk);
        row.b = in[1].data + nd_offset(&in[1], &walk);
        row.c = in[2].data + nd_offset(&in[2], &walk);
        row.y = y->data + nd_offset(y, &walk);
        element->run(&row);
    } while (nd_next(&walk));
}

bool element_run(const struct node *node, struct run *run)
{
    const struct element_call *call = node->own;
    const struct value *output = node->outputs[0];
    size_t units = nd_units(run, output, node->whole);

    if (output->scores || output->turned)
        return true;
    assert(call->count >= 1 && call->count <= ELEMENT_OPERANDS);
    for (size_t i = 0; i < units; i++) {
        struct nd y = nd_unit(run, output, i, node->whole);
        struct nd in[ELEMENT_OPERANDS];
        uint64_t work = run_work(4 * (uint64_t)nd_count(&y), 1);

        if (!run_may_go_on(run, work))
            return false;
        for (size_t k = 0; k < ELEMENT_OPERANDS; k++) {
            size_t last = call->count - 1;

            /* Those that there are not, nobody looks at. */
            in[k] = operand_unit(node, run,
                                 &call->operands[k < last ? k : last], i);
            repeat(&in[k], &y);
        }
        run_unit(node, in, &y);
    }
    return true;
}
