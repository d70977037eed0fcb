/* DotProductAttention
 *
 *     s_tu = scale * (q_t . k_u)        of each head; 1 / root of its width
 *     p_t  = softmax over u of s_t      causal: over u <= t
 *     y_t  = sum over u of p_tu v_u
 *
 * Query, key and value are [timesteps, heads, width].  Where there are fewer
 * heads of keys, several heads of queries share one, as they follow each
 * other.  It needs the whole sequence.
 *
 * Keras: keras/src/ops/nn.py, and the backend's nn.py
 */
#include <math.h>
#include <stdalign.h>

#include "core/format/json.h"
#include "core/layers/attend_call.h"
#include "core/layers/operator.h"

struct heads {
    struct attend attend;
    struct attend_call given;
    size_t heads, shared; /* of queries; that share keys and values */
};

/* ---- when a model is loaded ----------------------------------------------*/

static bool fits(const struct value *query, const struct value *key,
                 const struct value *value)
{
    size_t heads = query->shape.dim[1], others = key->shape.dim[1];

    /* Keras repeats a head of keys only where there are two. */
    return query->shape.dim[2] == key->shape.dim[2] &&
           others == value->shape.dim[1] && plan_same_time(key, value) &&
           (heads == others || (others > 1 && heads % others == 0));
}

/* Is a bias or a mask given by position?  Keras writes null where none is. */
static bool has_more(const struct node *node)
{
    for (size_t i = 3; i < 5; i++) {
        const struct call_argument *more = call_position(node->given, i);

        if (more && !rnn_json_is_null(more->json))
            return true;
    }
    return false;
}

static enum rnn_status read_inputs(const struct node *node,
                                   struct attend_call *given,
                                   struct rnn_error *err)
{
    struct value **found[] = {&given->query, &given->key, &given->value};
    static const char *const names[] = {"query", "key", "value"};

    for (size_t i = 0; i < 3; i++) {
        const struct call_argument *argument = call_position(node->given, i);

        if (!argument)
            argument = call_keyword(node->given, names[i]);
        if (!argument || argument->json || argument->count != 1 ||
            argument->is_list)
            return operator_refuse(node, "it takes three tensors", err);
        *found[i] = node->inputs[argument->first];
        if (!(*found[i])->has_time || (*found[i])->shape.rank != 3)
            return operator_refuse(
                node, "it takes tensors of timesteps, heads and features",
                err);
    }
    if (node->input_count != 3 || has_more(node) ||
        node->inputs[0]->mask_is_given ||
        operator_setting(node, "bias", NULL) ||
        operator_setting(node, "mask", NULL))
        return operator_refuse(node,
                               "a bias or a mask is not supported; "
                               "MultiHeadAttention takes an attention_mask",
                               err);
    return fits(given->query, given->key, given->value)
               ? RNN_OK
               : operator_refuse(node, "its tensors do not fit to each other",
                                 err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct heads *own =
        arena_zalloc(builder->arena, 1, sizeof(*own), alignof(struct heads));
    struct attend_call given = {0};
    bool flash = false;
    double scale = 0;
    struct rnn_shape shape;
    size_t width;
    enum rnn_status status;

    if (!own)
        return plan_no_memory(layer, err);
    status = read_inputs(node, &given, err);
    if (!status)
        status = operator_bool(node, "is_causal", &given.causal, err);
    if (!status)
        status = operator_bool(node, "flash_attention", &flash, err);
    if (!status &&
        (flash || operator_setting(node, "attn_logits_soft_cap", NULL)))
        status = operator_refuse(node,
                                 "flash_attention and attn_logits_soft_cap "
                                 "are not what Keras computes on a CPU",
                                 err);
    if (status)
        return status;
    width = given.query->shape.dim[2];
    status =
        operator_number(node, "scale", 1 / sqrt((double)width), &scale, err);
    if (status)
        return status;
    shape = given.query->shape;
    shape.dim[2] = given.value->shape.dim[2];
    *own = (struct heads){
        .given = given,
        .heads = shape.dim[1],
        .shared = shape.dim[1] / given.key->shape.dim[1],
        .attend = {.ukernels = rnn_ukernels_find(builder->isa, width),
                   .width = width,
                   .value_width = shape.dim[2],
                   .scale = (float)scale,
                   .causal = given.causal}};
    node->own = own;
    plan_need_whole(node);
    attend_call_cost(&own->given,
                     own->heads * (width + own->attend.value_width + 16), 0,
                     node);
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (!status)
        plan_take_steps(node, 0, given.query);
    return status;
}

/* ---- when it runs --------------------------------------------------------*/

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct heads *own = node->own;

    (void)rows;
    return attend_scratch(&own->attend,
                          attend_call_most_rows(own->given.key, items));
}

static struct attend_rows head_of(struct attend_rows rows, size_t head,
                                  size_t width)
{
    rows.data += head * width;
    return rows;
}

static bool run(const struct node *node, struct run *run)
{
    const struct heads *own = node->own;
    size_t width = own->attend.width, value_width = own->attend.value_width;

    for (size_t r = 0; r < run->rows; r++) {
        struct attend_rows y = attend_call_view(run, node->outputs[0], r);
        struct attend_rows q = attend_call_view(run, own->given.query, r);
        struct attend_rows k = attend_call_view(run, own->given.key, r);
        struct attend_rows v = attend_call_view(run, own->given.value, r);

        for (size_t h = 0; h < own->heads; h++) {
            size_t other = h / own->shared;
            struct attend_job job = {
                .queries = head_of(q, h, width),
                .keys = head_of(k, other, width),
                .values = head_of(v, other, value_width),
                .y = (float *)head_of(y, h, value_width).data,
                .y_stride = y.stride,
            };

            if (!attend(&own->attend, &job, run, run->scratch))
                return false;
        }
    }
    return true;
}

static const char *const words[] = {"is_causal",
                                    "flash_attention",
                                    "attn_logits_soft_cap",
                                    "query",
                                    "key",
                                    "value",
                                    "bias",
                                    "mask",
                                    "scale",
                                    "name",
                                    NULL};

const struct layer_class operator_dot_product_attention = {
    OPERATOR_FIELDS("DotProductAttention", words, NULL),
    .connect = connect,
    .scratch = scratch,
    .run = run,
};
