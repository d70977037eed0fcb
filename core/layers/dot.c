/* Dot, and the operators Matmul, Einsum, Dot, Inner and Tensordot
 *
 *     y[i.., k..] = sum over j of a[i.., j, ..] * b[.., j, k..]
 *
 * Dot sums along one axis of each; with `normalize` both are divided by their
 * length along it before.  The other axes follow each other, those of a first;
 * two vectors give one number, of an axis of one.
 *
 * Matmul sums the last axis of a and the last but one of b, the axes before
 * them are the same in both or missing in a constant.  Einsum says which in
 * letters, of which the first is the batch; of a single tensor b is 1.  The
 * other operators sum axes of a tensor and of a constant: the last and the
 * last but one, the last, or those that they are told.
 *
 * Keras: keras/src/layers/merging/dot.py, keras/src/ops/numpy.py; tf.linalg
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/constant.h"
#include "core/format/json.h"
#include "core/layers/einsum.h"
#include "core/layers/operator.h"
#include "core/layers/subscripts.h"

struct dot {
    long axes[2];
    double least;
};

/* What one call keeps: the letters are pointed at. */
struct dot_call {
    struct einsum einsum;
    char labels[3][SUBSCRIPTS_ROOM];
    struct constant constant;
    float one; /* what a single tensor is multiplied by */
};

/* Which axis of a constant is summed with the last of a tensor. */
enum pairing { PAIR_LAST_BUT_ONE, PAIR_LAST, PAIR_TOLD };

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct dot *own = layer->own;
    bool normalize = false;
    size_t count = 0;
    enum rnn_status status =
        fields_axes(fields, "axes", 2, own->axes, &count, err);

    if (!status)
        status = fields_bool(fields, "normalize", false, &normalize, err);
    if (count == 1)
        own->axes[1] = own->axes[0];
    /* The square of the shortest length: 1e-7 in Keras 3. */
    if (normalize)
        own->least = fields->keras_major < 3 ? 1e-12 : 1e-14;
    return status;
}

static struct dot_call *make_call(struct node *node,
                                  struct plan_builder *builder)
{
    struct dot_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                         alignof(struct dot_call));

    if (!call)
        return NULL;
    for (size_t o = 0; o < 2; o++)
        call->einsum.operands[o].labels = call->labels[o];
    call->einsum.labels = call->labels[2];
    node->own = call;
    return call;
}

/* What is a sequence with its axes exchanged is taken as the sequence. */
static enum rnn_status finish(struct dot_call *call, struct node *node,
                              struct plan_builder *builder,
                              struct rnn_error *err)
{
    for (size_t i = 0; i < node->input_count; i++) {
        struct value *x = node->inputs[i];

        for (size_t o = 0; x->turned && o < 2; o++) {
            char *labels = call->labels[o], first = labels[0];

            if (call->einsum.operands[o].value != x)
                continue;
            call->einsum.operands[o].value = x->turned;
            labels[0] = labels[1];
            labels[1] = first;
        }
        if (x->turned)
            node->inputs[i] = x->turned;
    }
    return einsum_connect(&call->einsum, node, builder, err);
}

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct dot_call *call = node->own;

    (void)rows;
    return einsum_scratch(&call->einsum, node, items);
}

/* ---- the layer -----------------------------------------------------------*/

static enum rnn_status find_axis(const struct node *node, size_t o,
                                 size_t *axis, struct rnn_error *err)
{
    const struct dot *own = node->layer->own;
    long rank = (long)node->inputs[o]->shape.rank, at = own->axes[o];

    if (at < 0)
        at += rank + 1;
    if (at < 1 || at > rank)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Dot) sums along axis %ld, of an "
                        "input with %ld axes behind the batch, which is 0",
                        node->layer->name, own->axes[o], rank);
    *axis = (size_t)at - 1;
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct dot *own = layer->own;
    struct dot_call *call;
    char letter = 'a', *out;

    if (node->input_count != 2)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Dot) takes 2 inputs, it is given "
                        "%zu",
                        layer->name, node->input_count);
    call = make_call(node, builder);
    if (!call)
        return plan_no_memory(layer, err);
    out = call->labels[2];
    for (size_t o = 0; o < 2; o++) {
        size_t axis = 0;
        enum rnn_status status = find_axis(node, o, &axis, err);

        if (status)
            return status;
        call->einsum.operands[o].value = node->inputs[o];
        for (size_t i = 0; i < node->inputs[o]->shape.rank; i++)
            call->labels[o][i] = i == axis ? 'z' : (*out++ = letter++);
    }
    call->einsum.least = own->least;
    return finish(call, node, builder, err);
}

static bool run(const struct node *node, struct run *run)
{
    const struct dot_call *call = node->own;

    return einsum_run(&call->einsum, node, run);
}

const struct layer_class layer_dot = {
    .name = "Dot",
    .takes_scores = true,
    .inert = inert,
    .takes_plain = true,
    .streaming = STREAM_ALONE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct dot),
    .read = read,
    .connect = connect,
    .scratch = scratch,
    .run = run,
};

/* ---- operators -----------------------------------------------------------*/

/* Argument `index`, a tensor or a constant, as operand. */
static enum rnn_status read_operand(struct dot_call *call,
                                    const struct node *node,
                                    const struct call_argument *argument,
                                    size_t index, struct plan_builder *builder,
                                    struct rnn_error *err)
{
    struct einsum_operand *operand = &call->einsum.operands[index];
    enum rnn_status status;

    if (!argument ||
        (!argument->json && (argument->is_list || argument->count != 1)))
        return operator_refuse(node, "it takes two tensors", err);
    if (!argument->json) {
        operand->value = node->inputs[argument->first];
        return RNN_OK;
    }
    status = constant_read(argument->json, node->layer->name, builder->arena,
                           &call->constant, err);
    operand->numbers =
        nd_plain(call->constant.numbers, call->constant.shape.rank,
                 call->constant.shape.dim);
    return status;
}

static size_t rank_of(const struct einsum_operand *operand)
{
    return operand->value ? operand->value->shape.rank : operand->numbers.rank;
}

/* The letters of an operand of a product: `rows` and `columns` last, in this
 * order, or the other with `transposed`. */
static void label_matrix(char *labels, size_t rank, char rows, char columns,
                         bool transposed)
{
    for (size_t i = 0; i + 2 < rank; i++)
        labels[i] = (char)('a' + i);
    labels[rank - 2] = transposed ? columns : rows;
    labels[rank - 1] = transposed ? rows : columns;
}

static enum rnn_status connect_matmul(struct layer *layer, struct node *node,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    const struct call_argument *second = call_position(node->given, 1);
    struct dot_call *call = make_call(node, builder);
    struct einsum_operand *operands;
    bool transposed[2] = {false};
    size_t ranks[2];
    enum rnn_status status;

    if (!call)
        return plan_no_memory(layer, err);
    operands = call->einsum.operands;
    status = read_operand(call, node, call_position(node->given, 0), 0,
                          builder, err);
    if (!status)
        status = read_operand(call, node,
                              second ? second : call_keyword(node->given, "b"),
                              1, builder, err);
    if (!status)
        status = operator_bool(node, "transpose_a", &transposed[0], err);
    if (!status)
        status = operator_bool(node, "transpose_b", &transposed[1], err);
    if (status)
        return status;
    for (size_t o = 0; o < 2; o++)
        ranks[o] = rank_of(&operands[o]);
    /* A vector, (batch, features), by a constant matrix: the batch is rows. */
    if (operands[0].value && ranks[0] == 1 && !transposed[0] &&
        !operands[1].value && ranks[1] == 2) {
        call->labels[0][0] = 'y';
        label_matrix(call->labels[1], 2, 'y', 'z', transposed[1]);
        call->labels[2][0] = 'z';
        return finish(call, node, builder, err);
    }
    if (!operands[0].value || ranks[0] < 2 || ranks[1] < 2 ||
        (operands[1].value ? ranks[0] != ranks[1] : ranks[1] != 2))
        return operator_refuse(node,
                               "it multiplies what is not two matrices of "
                               "each sequence, or one and a constant",
                               err);
    label_matrix(call->labels[0], ranks[0], 'x', 'y', transposed[0]);
    label_matrix(call->labels[1], ranks[1], 'y', 'z', transposed[1]);
    label_matrix(call->labels[2], ranks[0], 'x', 'z', false);
    return finish(call, node, builder, err);
}

/* Label the axes of a tensor, the first operand, and of a constant: those in
 * `pairs` are summed, x's first; the others follow each other in y. */
static void label_pairs(struct dot_call *call, const size_t (*pairs)[2],
                        size_t count)
{
    char letter = 'a', *out = call->labels[2];

    for (size_t o = 0; o < 2; o++)
        for (size_t i = 0; i < rank_of(&call->einsum.operands[o]); i++) {
            size_t k = 0;

            while (k < count && pairs[k][o] != i)
                k++;
            call->labels[o][i] =
                k < count ? (char)('A' + k) : (*out++ = letter++);
        }
}

/* Which axes are summed: of x behind the batch, and of the constant. */
static enum rnn_status pair_axes(const struct node *node, size_t rank,
                                 size_t other, size_t (*pairs)[2],
                                 size_t *count, struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axes", NULL);
    const struct rnn_json *of_x = rnn_json_first(json);
    long axes = 2, ends[2][RNN_MAX_RANK];
    size_t some[2] = {0, 0};
    enum rnn_status status = RNN_OK;

    if (!rnn_json_is_array(json)) {
        if (json)
            status = operator_integer(node, json, &axes, err);
        if (!status && (axes < 1 || axes > (long)rank || axes > (long)other))
            status = operator_refuse(node,
                                     "it sums axes that are not there, "
                                     "or the batch",
                                     err);
        *count = status ? 0 : (size_t)axes;
        for (size_t k = 0; k < *count; k++) {
            pairs[k][0] = rank - *count + k;
            pairs[k][1] = k;
        }
        return status;
    }
    status = operator_list(node, of_x, RNN_MAX_RANK, ends[0], &some[0], err);
    if (!status)
        status = operator_list(node, rnn_json_next(of_x), RNN_MAX_RANK,
                               ends[1], &some[1], err);
    if (!status && some[0] != some[1])
        status = operator_refuse(node, "axes does not pair axes", err);
    *count = status ? 0 : some[0];
    for (size_t k = 0; k < *count; k++) {
        long a = ends[0][k] + (ends[0][k] < 0 ? (long)rank : -1);
        long b = ends[1][k] + (ends[1][k] < 0 ? (long)other : 0);

        if (a < 0 || a >= (long)rank || b < 0 || b >= (long)other)
            return operator_refuse(
                node, "it sums axes that are not there, or the batch", err);
        pairs[k][0] = (size_t)a;
        pairs[k][1] = (size_t)b;
    }
    return status;
}

/* Of two tensors, Keras would multiply each sequence with all others. */
static enum rnn_status connect_pairs(struct layer *layer, struct node *node,
                                     struct plan_builder *builder,
                                     struct rnn_error *err)
{
    const enum pairing *pairing = layer->class->detail;
    struct dot_call *call = make_call(node, builder);
    size_t pairs[RNN_MAX_RANK][2] = {{0, 0}}, count = 1, rank, other;
    enum rnn_status status;

    if (!call)
        return plan_no_memory(layer, err);
    for (size_t o = 0; o < 2; o++) {
        status = read_operand(call, node, call_position(node->given, o), o,
                              builder, err);
        if (status)
            return status;
    }
    if (!call->einsum.operands[0].value || call->einsum.operands[1].value ||
        !call->constant.shape.rank)
        return operator_refuse(node,
                               "it takes a tensor and a constant array; of "
                               "two tensors it mixes the sequences of a batch",
                               err);
    rank = rank_of(&call->einsum.operands[0]);
    other = call->constant.shape.rank;
    pairs[0][0] = rank - 1;
    pairs[0][1] = *pairing == PAIR_LAST || other == 1 ? other - 1 : other - 2;
    if (*pairing == PAIR_TOLD)
        status = pair_axes(node, rank, other, pairs, &count, err);
    if (!status && rank + other - 2 * count > RNN_MAX_RANK)
        status = operator_refuse(node, "its output has too many axes", err);
    if (status)
        return status;
    label_pairs(call, (const size_t(*)[2])pairs, count);
    return finish(call, node, builder, err);
}

static enum rnn_status connect_einsum(struct layer *layer, struct node *node,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    const char *text =
        rnn_json_text(operator_setting(node, "subscripts", NULL));
    const struct call_argument *first = call_position(node->given, 0);
    size_t count = call_position(node->given, 1) ? 2 : 1;
    size_t flip = count == 2 && first && first->json; /* a tensor first */
    struct dot_call *call = make_call(node, builder);
    struct subscripts_operand read[2] = {0};

    if (!call)
        return plan_no_memory(layer, err);
    call->one = 1;
    call->einsum.operands[1].numbers = nd_plain(&call->one, 0, NULL);
    for (size_t i = 0; i < count; i++) {
        struct einsum_operand *operand = &call->einsum.operands[i ^ flip];
        enum rnn_status status = read_operand(
            call, node, call_position(node->given, i), i ^ flip, builder, err);

        if (status)
            return status;
        read[i].is_tensor = operand->value;
        read[i].axes = rank_of(operand) + read[i].is_tensor;
    }
    if (!text || !call->einsum.operands[0].value ||
        call_position(node->given, 2) ||
        !subscripts_read(text, read, count, call->labels[2]))
        return operator_refuse(node,
                               "its subscripts are not those of one or two "
                               "tensors, or of one and a constant, the batch "
                               "first",
                               err);
    for (size_t i = 0; i < count; i++)
        memcpy(call->labels[i ^ flip], read[i].labels, SUBSCRIPTS_ROOM);
    return finish(call, node, builder, err);
}

static const char *const words_matmul[] = {"b", "transpose_a", "transpose_b",
                                           "name", NULL};
static const char *const words_einsum[] = {"subscripts", NULL};
static const char *const words_pairs[] = {"axes", NULL};

const struct layer_class operator_matmul = {
    OPERATOR_FIELDS("Matmul", words_matmul, NULL),
    .takes_scores = true,
    .connect = connect_matmul,
    .scratch = scratch,
    .run = run,
};

const struct layer_class operator_einsum = {
    OPERATOR_FIELDS("Einsum", words_einsum, NULL),
    .takes_scores = true,
    .connect = connect_einsum,
    .scratch = scratch,
    .run = run,
};

#define PAIRS(label, keras, which)                                            \
    static const enum pairing pairing_##label = (which);                      \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words_pairs, &pairing_##label),                \
        .connect = connect_pairs,                                             \
        .scratch = scratch,                                                   \
        .run = run,                                                           \
    }

PAIRS(dot, "Dot", PAIR_LAST_BUT_ONE);
PAIRS(inner, "Inner", PAIR_LAST);
PAIRS(tensordot, "Tensordot", PAIR_TOLD);
