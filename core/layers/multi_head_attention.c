/* MultiHeadAttention, GroupQueryAttention
 *
 *     Q = query . Wq + bq    K = key . Wk + bk    V = value . Wv + bv
 *
 * each in heads, and for every head of Q
 *
 *     s_tu = q_t . k_u / sqrt(key_dim)
 *     p_t  = softmax over u of s_t, without what is hidden: u later than t
 *            (use_causal_mask), u further than sliding_window - 1 from t, what
 *            a mask of query, value or key or the attention_mask hides
 *     a_t  = sum over u of p_tu v_u
 *     a_t  = a_t * sigmoid(query_t . Wg + bg)        use_gate
 *     y    = a . Wo + bo                             over all heads
 *
 * GroupQueryAttention has fewer heads of K and V, each for several of Q.  A
 * query to which everything is hidden gets the mean of all values in Keras 3,
 * or nothing where it computes the weights openly: with a dropout, or when
 * they are asked for.  Keras up to 3.6 takes 1e9 from what is hidden.  Order
 * of the sums: attend.h.
 *
 * With a causal mask and a sliding window a query sees the last timesteps
 * alone: then the layer streams, and its state is their K and V.
 *
 * MultiHeadAttention of Keras 3, from 3.7 on, takes the masks away from the
 * tensors that it is called on: what reads them afterwards sees none.
 *
 * Keras: keras/src/layers/attention/multi_head_attention.py,
 *        grouped_query_attention.py, keras/src/backend/tensorflow/nn.py,
 *        keras/src/layers/activations/softmax.py, and the same in tf_keras
 */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "core/layers/mask.h"
#include "core/layers/multi_head.h"

static const char *const inert[] = {
    "kernel_initializer", "bias_initializer", "kernel_regularizer",
    "bias_regularizer", "activity_regularizer", "kernel_constraint",
    "bias_constraint", "seed",
    /* the shapes that Keras 2 wrote down; flash attention is another way to
     * the same numbers */
    "query_shape", "key_shape", "value_shape", "flash_attention", NULL};

static const char *const keywords[] = {"query",
                                       "value",
                                       "key",
                                       "attention_mask",
                                       "query_mask",
                                       "value_mask",
                                       "key_mask",
                                       "use_causal_mask",
                                       "return_attention_scores",
                                       NULL};

/* ---- weights -------------------------------------------------------------*/

/* What one projection is made of. */
struct projection {
    const char *kernel, *bias;
    struct rnn_shape in, out;
    struct f32_product *product;
};

static enum rnn_status take(struct layer *layer, struct plan_builder *builder,
                            const struct projection *projection,
                            struct rnn_error *err)
{
    const struct multi_head *own = layer->own;
    struct rnn_shape shape = projection->in;
    const float *kernel = NULL, *bias = NULL;
    size_t inputs = 0, units = 0;
    enum rnn_status status;

    if (shape.rank + projection->out.rank > RNN_MAX_RANK ||
        !rnn_shape_count(&projection->in, 0, &inputs) ||
        !rnn_shape_count(&projection->out, 0, &units))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s): its %s has too many numbers",
                        layer->name, layer->class->name, projection->kernel);
    for (size_t i = 0; i < projection->out.rank; i++)
        shape.dim[shape.rank++] = projection->out.dim[i];
    status =
        layer_take(layer, builder, projection->kernel, &shape, &kernel, err);
    if (!status && own->use_bias)
        status = layer_take(layer, builder, projection->bias, &projection->out,
                            &bias, err);
    if (status)
        return status;
    if (!rnn_product_pack(own->ukernels, inputs, units, 1, 0, 1, kernel, bias,
                          builder->arena, projection->product))
        return plan_no_memory(layer, err);
    weights_recycle(builder->weights);
    return RNN_OK;
}

static enum rnn_status take_all(struct layer *layer,
                                struct plan_builder *builder,
                                struct rnn_error *err)
{
    struct multi_head *own = layer->own;
    const struct rnn_shape query = {1, {own->query_width}};
    const struct rnn_shape keys = {2, {own->kv_heads, own->key_dim}};
    const struct rnn_shape values = {2, {own->kv_heads, own->value_dim}};
    const struct rnn_shape heads = {2, {own->heads, own->key_dim}};
    const struct rnn_shape results = {2, {own->heads, own->value_dim}};
    const struct projection all[] = {
        {"query/kernel", "query/bias", query, heads, &own->query},
        {"key/kernel", "key/bias", {1, {own->key_width}}, keys, &own->key},
        {"value/kernel",
         "value/bias",
         {1, {own->value_width}},
         values,
         &own->value},
        {"attention_output/kernel", "attention_output/bias", results,
         own->output, &own->out},
        {"gate/kernel", "gate/bias", query, results, &own->gate},
    };
    size_t count = sizeof(all) / sizeof(all[0]) - !own->use_gate;
    enum rnn_status status = RNN_OK;

    own->ukernels = rnn_ukernels_find(builder->isa, own->heads * own->key_dim);
    for (size_t i = 0; i < count && !status; i++)
        status = take(layer, builder, &all[i], err);
    return status;
}

/* ---- one call ------------------------------------------------------------*/

static enum rnn_status check_widths(struct layer *layer,
                                    const struct attend_call *given,
                                    struct rnn_error *err)
{
    struct multi_head *own = layer->own;
    size_t query = attend_call_features(given->query);
    size_t key = attend_call_features(given->key);
    size_t value = attend_call_features(given->value);

    if (layer->calls && (query != own->query_width || key != own->key_width ||
                         value != own->value_width))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) has weights for %zu, %zu and "
                        "%zu features of query, key and value, it is given "
                        "%zu, %zu and %zu",
                        layer->name, layer->class->name, own->query_width,
                        own->key_width, own->value_width, query, key, value);
    own->query_width = query;
    own->key_width = key;
    own->value_width = value;
    if (!own->output.rank)
        own->output = (struct rnn_shape){1, {query}};
    return RNN_OK;
}

/* Keras 3 adds a bias [heads, 1] along time where there are as many timesteps
 * as heads (keras/src/backend/tensorflow/numpy.py, add()). */
static enum rnn_status check_bias(const struct layer *layer,
                                  const struct attend_call *given,
                                  const struct plan_builder *builder,
                                  struct rnn_error *err)
{
    const struct multi_head *own = layer->own;
    bool queries = own->heads > 1 && own->key_dim == 1 &&
                   attend_call_rows(given->query) == own->heads;
    bool keys = own->kv_heads > 1 &&
                (own->key_dim == 1 || own->value_dim == 1) &&
                attend_call_rows(given->key) == own->kv_heads;

    if (builder->keras_major < 3 || !own->use_bias || (!queries && !keys))
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s) has %zu heads of one number each "
                    "and as many timesteps: Keras 3 takes its bias for one of "
                    "timesteps there; use_bias=False or another number of "
                    "heads can be served",
                    layer->name, layer->class->name, own->heads);
}

/* Did the Keras that wrote the file know no other way than to take 1e9 from
 * hidden scores, and leave masks alone? */
static bool is_old(const struct plan_builder *builder)
{
    return builder->keras_major < 3 ||
           (builder->keras_major == 3 && builder->keras_minor < 7);
}

static enum attend_blind choose_blind(const struct multi_head *own,
                                      const struct attend_call *given,
                                      const struct plan_builder *builder)
{
    if (is_old(builder))
        return own->robust ? ATTEND_ALIKE : ATTEND_LESS;
    return own->dropout > 0 || given->scores ? ATTEND_NOTHING : ATTEND_ALIKE;
}

/* Does each query see keys of a few timesteps before it alone? */
static bool can_stream(const struct multi_head *own,
                       const struct attend_call *given)
{
    const struct value *query = given->query;
    const struct value *others[] = {given->value, given->key};
    bool can = own->window && given->causal && !given->scores &&
               !given->pairs && query->has_time && !query->mask;

    for (size_t i = 0; i < 2 && can; i++)
        can = others[i]->has_time && !others[i]->mask &&
              others[i]->fixed_steps == query->fixed_steps &&
              others[i]->pace == query->pace;
    return can;
}

/* Either everything at once, or the past of a window is kept. */
static enum rnn_status settle_time(const struct multi_head *own,
                                   struct multi_head_call *call,
                                   struct node *node,
                                   struct plan_builder *builder,
                                   struct rnn_error *err)
{
    struct rnn_state_entry rows = {.dtype = RNN_F32, .rank = 2};
    struct rnn_state_entry count = {.dtype = RNN_I64, .rank = 1, .shape = {1}};
    enum rnn_status status;

    call->streams = can_stream(own, &call->given);
    if (!call->streams) {
        if (node->has_time)
            plan_need_whole(node);
        return RNN_OK;
    }
    call->past = own->window - 1;
    if (!call->past)
        return RNN_OK;
    rows.shape[0] = call->past;
    rows.shape[1] = own->key.units;
    status = plan_keep(builder, node, "keys", &rows, &call->keys, err);
    rows.shape[1] = own->value.units;
    if (!status)
        status = plan_keep(builder, node, "values", &rows, &call->values, err);
    if (!status)
        status = plan_keep(builder, node, "count", &count, &call->count, err);
    return status;
}

static void set_cost(const struct multi_head *own,
                     const struct attend_call *given, struct node *node)
{
    uint64_t pair = own->key_dim + own->value_dim + 16;
    uint64_t each = (uint64_t)own->query.inputs * own->query.stride +
                    (uint64_t)own->key.inputs * own->key.stride +
                    (uint64_t)own->value.inputs * own->value.stride +
                    (uint64_t)own->out.inputs * own->out.stride;

    if (own->use_gate)
        each += (uint64_t)own->gate.inputs * own->gate.stride;
    attend_call_cost(given, own->heads * pair, each, node);
}

/* What the layer is called on has no mask afterwards. */
static enum rnn_status take_masks_away(const struct layer *layer,
                                       const struct attend_call *given,
                                       struct plan_builder *builder,
                                       struct rnn_error *err)
{
    enum rnn_status status = mask_forget(builder, layer, given->query, err);

    if (!status)
        status = mask_forget(builder, layer, given->value, err);
    if (!status)
        status = mask_forget(builder, layer, given->key, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct multi_head *own = layer->own;
    struct multi_head_call *call =
        arena_zalloc(builder->arena, 1, sizeof(*call), alignof(max_align_t));
    enum rnn_status status;

    if (!call)
        return plan_no_memory(layer, err);
    node->own = call;
    status = attend_call_read(layer, node, builder, &call->given, err);
    if (!status)
        status = check_widths(layer, &call->given, err);
    if (!status)
        status = check_bias(layer, &call->given, builder, err);
    if (!status && !layer->calls)
        status = take_all(layer, builder, err);
    if (!status)
        status = settle_time(own, call, node, builder, err);
    if (status)
        return status;
    call->attend = (struct attend){
        .ukernels = own->ukernels,
        .width = own->key_dim,
        .value_width = own->value_dim,
        .scale = (float)(1 / sqrt((double)own->key_dim)),
        .causal = call->given.causal,
        .window = own->window,
        .slices = call->streams,
        .blind = choose_blind(own, &call->given, builder),
    };
    set_cost(own, &call->given, node);
    status = attend_call_outputs(&call->given, &own->output, own->heads, node,
                                 builder, err);
    if (!status && !is_old(builder) &&
        layer->class == &layer_multi_head_attention)
        status = take_masks_away(layer, &call->given, builder, err);
    return status;
}

#define MULTI_HEAD(label, keras)                                              \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .keywords = keywords,                                                 \
        .takes_plain = true, /* masks */                                      \
        .streaming = STREAM_WHOLE,                                            \
        .masking = MASK_OWN,                                                  \
        .own_bytes = sizeof(struct multi_head),                               \
        .read = multi_head_read,                                              \
        .connect = connect,                                                   \
        .scratch = multi_head_scratch,                                        \
        .run = multi_head_run,                                                \
    }

MULTI_HEAD(multi_head_attention, "MultiHeadAttention");
/* .keras files and .h5 files call it differently. */
MULTI_HEAD(group_query_attention, "GroupQueryAttention");
MULTI_HEAD(grouped_query_attention, "GroupedQueryAttention");
