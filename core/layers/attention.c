/* Attention, AdditiveAttention
 *
 *     s_tu = scale * (q_t . k_u)                                 dot
 *     s_tu = concat_score_weight * sum tanh(scale * (q_t + k_u))  concat
 *     s_tu = sum scale * tanh(q_t + k_u)             AdditiveAttention
 *     p_t  = softmax over u of s_t, 1e9 less where u is masked, or later than
 *            t with use_causal_mask
 *     y_t  = sum over u of p_tu v_u, or 0 where t is masked
 *
 * for [query, value] or [query, value, key]; without a key, the values are
 * the keys.  Order of the sums: attend.h.
 *
 * Keras: keras/src/layers/attention/attention.py, additive_attention.py,
 *        tf_keras/src/layers/attention/base_dense_attention.py
 */
#include "core/layers/attention.h"

#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/attend_call.h"
#include "core/layers/mask.h"
#include "core/layers/scores.h"

struct attention {
    bool use_scale, concat, causal;
    size_t width;           /* of a query; 0 before the first call */
    float scale, weight;    /* numbers */
    struct f32_product sum; /* the last sum of tanh() */
};

/* One call. */
struct attention_call {
    struct attend_call given;
    struct attend attend;
};

static const char *const inert[] = {"dropout", "seed", NULL};
static const char *const keywords[] = {"use_causal_mask",
                                       "return_attention_scores", NULL};

static enum rnn_status read_mode(struct fields *fields, bool *concat,
                                 struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, "score_mode");
    /* Keras 3 may take the text for a function's name. */
    const struct rnn_json *inner =
        rnn_json_is_object(field) ? rnn_json_member(field, "config") : field;
    const char *name = rnn_json_text(inner);

    *concat = name && !strcmp(name, "concat");
    if (!field || *concat || (name && !strcmp(name, "dot")))
        return RNN_OK;
    return fields_refuse(fields, RNN_UNSUPPORTED, "score_mode",
                         "which is neither \"dot\" nor \"concat\"", err);
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct attention *own = layer->own;
    bool additive = layer->class == &layer_additive_attention;
    enum rnn_status status =
        fields_bool(fields, "use_scale", additive, &own->use_scale, err);

    if (!status)
        status = fields_bool(fields, "causal", false, &own->causal, err);
    if (!status && !additive)
        status = read_mode(fields, &own->concat, err);
    return status;
}

/* ---- one call ------------------------------------------------------------*/

static enum rnn_status check_width(const struct layer *layer,
                                   const struct attend_call *given,
                                   struct rnn_error *err)
{
    const struct attention *own = layer->own;
    size_t width = attend_call_features(given->query);
    size_t keys = attend_call_features(given->key);

    if (keys != width || (layer->calls && width != own->width))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) is given queries of %zu "
                        "features and keys of %zu; it compares the same "
                        "number of both, in all its calls",
                        layer->name, layer->class->name, width, keys);
    return RNN_OK;
}

static enum rnn_status take(struct layer *layer, size_t width,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct attention *own = layer->own;
    bool additive = layer->class == &layer_additive_attention;
    const struct rnn_ukernels *ukernels =
        rnn_ukernels_find(builder->isa, width);
    struct rnn_shape shape = {.rank = additive, .dim = {width}};
    struct rnn_shape number = {0};
    const float *scale = NULL, *weight = NULL;
    enum rnn_status status = RNN_OK;

    own->width = width;
    if (own->use_scale)
        status = layer_take(layer, builder, "scale", &shape, &scale, err);
    if (!status && own->concat)
        status = layer_take(layer, builder, "concat_score_weight", &number,
                            &weight, err);
    if (status)
        return status;
    own->scale = scale && !additive ? *scale : 1;
    own->weight = weight ? *weight : 1;
    if ((additive || own->concat) &&
        !attend_weigh(ukernels, width, additive ? scale : NULL, builder->arena,
                      &own->sum))
        return plan_no_memory(layer, err);
    return RNN_OK;
}

static struct attend make_attend(const struct layer *layer,
                                 const struct attend_call *given,
                                 const struct plan_builder *builder)
{
    const struct attention *own = layer->own;

    return (struct attend){
        .ukernels = rnn_ukernels_find(builder->isa, own->width),
        .width = own->width,
        .value_width = attend_call_features(given->value),
        .scale = own->scale,
        .additive = layer->class == &layer_additive_attention || own->concat,
        .inner = own->scale,
        .outer = own->weight,
        .sum = own->sum,
        .causal = given->causal || own->causal,
        .blind = ATTEND_LESS,
    };
}

/* Weights that are made when they are written; under masks, where rows may
 * see nothing, they are not. */
static bool has_open_weights(const struct attend_call *given)
{
    return given->scores && given->query->has_time && given->key->has_time &&
           given->key->shape.dim[0] == RNN_FREE && !given->query->mask &&
           !given->key->mask && !given->value->mask && !given->pairs;
}

static enum rnn_status open_weights(const struct attention_call *call,
                                    struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    struct scores *scores = arena_zalloc(builder->arena, 1, sizeof(*scores),
                                         alignof(struct scores));
    struct rnn_shape shape = {.rank = 2,
                              .dim = {call->given.query->shape.dim[0], 1}};
    enum rnn_status status;

    if (!scores)
        return plan_no_memory(node->layer, err);
    status = plan_make_output(builder, node, 1, &shape, true, err);
    if (status)
        return status;
    scores->a = call->given.query;
    scores->b = call->given.key;
    scores->attention = node;
    node->outputs[1]->shape.dim[1] = RNN_FREE;
    node->outputs[1]->scores = scores;
    plan_take_steps(node, 1, call->given.query);
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct attention_call *call =
        arena_zalloc(builder->arena, 1, sizeof(*call), alignof(max_align_t));
    struct rnn_shape row = {.rank = 1};
    enum rnn_status status;

    if (!call)
        return plan_no_memory(layer, err);
    node->own = call;
    status = attend_call_read(layer, node, builder, &call->given, err);
    if (!status)
        status = check_width(layer, &call->given, err);
    if (!status && !layer->calls)
        status =
            take(layer, attend_call_features(call->given.query), builder, err);
    if (status)
        return status;
    if (node->has_time)
        plan_need_whole(node);
    call->attend = make_attend(layer, &call->given, builder);
    row.dim[0] = call->attend.value_width;
    /* tanh() is worth some sixteen multiply-adds */
    attend_call_cost(&call->given,
                     (call->attend.additive ? 16 : 1) * call->attend.width +
                         call->attend.value_width + 16,
                     0, node);
    call->given.opens = has_open_weights(&call->given);
    status = attend_call_outputs(&call->given, &row, 0, node, builder, err);
    if (!status && node->output_count > 1 && !node->outputs[1])
        status = open_weights(call, node, builder, err);
    return status;
}

/* ---- running -------------------------------------------------------------*/

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct attention_call *call = node->own;

    (void)rows;
    return attend_scratch(&call->attend,
                          attend_call_most_rows(call->given.key, items));
}

/* A query that is masked itself gets zeros. */
static void clear_masked(const struct attend *attend,
                         const struct attend_job *job, struct view mask)
{
    for (size_t t = 0; t < job->queries.count; t++)
        if (!mask_counts(mask, t))
            memset(job->y + t * job->y_stride, 0,
                   attend->value_width * sizeof(*job->y));
}

static bool run_sequence(const struct node *node, struct run *run,
                         size_t index)
{
    const struct attention_call *call = node->own;
    const struct attend_call *given = &call->given;
    struct attend_rows y = attend_call_view(run, node->outputs[0], index);
    struct attend_job job = {
        .queries = attend_call_view(run, given->query, index),
        .keys = attend_call_view(run, given->key, index),
        .values = attend_call_view(run, given->value, index),
        .y = (float *)y.data,
        .y_stride = y.stride,
    };
    struct view query_mask;

    attend_call_masks(run, given, index, &job);
    query_mask = job.query_mask;
    job.query_mask = job.key_mask = (struct view){0};
    if (node->output_count > 1 && !node->outputs[1]->scores) {
        struct attend_rows scores =
            attend_call_view(run, node->outputs[1], index);

        job.scores = (float *)scores.data;
        job.scores_stride = scores.stride;
    }
    if (!attend(&call->attend, &job, run, run->scratch))
        return false;
    clear_masked(&call->attend, &job, query_mask);
    return true;
}

static bool run(const struct node *node, struct run *run)
{
    const struct attention_call *call = node->own;
    size_t sequences = attend_call_sequences(run, &call->given);

    for (size_t i = 0; i < sequences; i++)
        if (!run_sequence(node, run, i))
            return false;
    return true;
}

/* ---- weights that no buffer holds ----------------------------------------*/

/* The values are of no interest: one number of each will do. */
static struct attend attend_of_row(const struct node *node)
{
    const struct attention_call *call = node->own;
    struct attend attend = call->attend;

    attend.value_width = 1;
    return attend;
}

size_t attention_row_scratch(const struct node *node, size_t items)
{
    const struct attention_call *call = node->own;
    struct attend attend = attend_of_row(node);

    return attend_scratch(&attend,
                          attend_call_most_rows(call->given.key, items));
}

bool attention_row(const struct node *node, struct run *run, size_t r,
                   size_t t, float *row, float *spare)
{
    const struct attention_call *call = node->own;
    struct attend of_row = attend_of_row(node);
    struct attend_rows query = attend_call_view(run, call->given.query, r);
    struct attend_rows keys = attend_call_view(run, call->given.key, r);
    float y;

    query.data += t * query.stride;
    query.count = 1;
    return attend(&of_row,
                  &(struct attend_job){.queries = query,
                                       .keys = keys,
                                       .values = keys,
                                       .past = t,
                                       .y = &y,
                                       .y_stride = 1,
                                       .scores = row,
                                       .scores_stride = keys.count},
                  run, spare);
}

#define ATTENTION(label, keras)                                               \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .keywords = keywords,                                                 \
        .streaming = STREAM_WHOLE,                                            \
        .masking = MASK_OWN,                                                  \
        .own_bytes = sizeof(struct attention),                                \
        .read = read,                                                         \
        .connect = connect,                                                   \
        .scratch = scratch,                                                   \
        .run = run,                                                           \
    }

ATTENTION(attention, "Attention");
ATTENTION(additive_attention, "AdditiveAttention");
