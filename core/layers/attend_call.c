#include "core/layers/attend_call.h"

#include "core/format/json.h"
#include "core/layers/mask.h"

/* Keys where their number is not known before a call: a guess for the cost. */
#define SOME_KEYS 256

size_t attend_call_features(const struct value *value)
{
    return value->shape.dim[1];
}

size_t attend_call_rows(const struct value *value)
{
    return value->has_time && value->fixed_steps ? value->fixed_steps
                                                 : value->shape.dim[0];
}

/* ---- what it is given ----------------------------------------------------*/

/* The tensor with this keyword, or input `index` of those by position. */
static enum rnn_status find(const struct layer *layer, const struct node *node,
                            const char *keyword, size_t index,
                            struct value **value, struct rnn_error *err)
{
    const struct call_argument *argument = call_keyword(node->given, keyword);

    *value = NULL;
    if (!argument) {
        if (index < call_positional_inputs(node->given))
            *value = node->inputs[index];
        return RNN_OK;
    }
    if (argument->count != 1)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) is called with a %s that is "
                        "not one tensor",
                        layer->name, layer->class->name, keyword);
    *value = node->inputs[argument->first];
    return RNN_OK;
}

/* Keras 3.0 writes the masks that come with the tensors as keywords too. */
static enum rnn_status find_mask(const struct layer *layer,
                                 const struct node *node, const char *keyword,
                                 struct plan_builder *builder,
                                 struct value **value, struct rnn_error *err)
{
    struct value *mask = NULL;
    enum rnn_status status = find(layer, node, keyword, SIZE_MAX, &mask, err);

    if (status || !mask || !*value)
        return status;
    *value = plan_with_mask(builder, *value, mask);
    return *value ? RNN_OK : plan_no_memory(layer, err);
}

static enum rnn_status find_flag(const struct layer *layer,
                                 const struct node *node, const char *keyword,
                                 bool *flag, struct rnn_error *err)
{
    const struct call_argument *argument = call_keyword(node->given, keyword);

    *flag = false;
    if (!argument || rnn_json_bool(argument->json, flag))
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s) is called with a %s that is "
                    "neither true nor false",
                    layer->name, layer->class->name, keyword);
}

static enum rnn_status check_rows(const struct layer *layer,
                                  const struct value *value, const char *what,
                                  struct rnn_error *err)
{
    const struct value *mask = NULL;
    char text[RNN_SHAPE_TEXT];

    if (value->shape.rank != 2)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) takes a %s of [timesteps, "
                        "features], it is given %s",
                        layer->name, layer->class->name, what,
                        rnn_shape_print(&value->shape, text));
    if (value->has_time || !value->mask)
        return mask_of_steps(layer, value, &mask, err);
    mask = value->mask;
    if (mask->has_time || mask->features != value->shape.dim[0])
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) takes a mask of one number for "
                        "each row of its %s, it is given %s%s",
                        layer->name, layer->class->name, what,
                        rnn_shape_print(&mask->shape, text),
                        mask->has_time ? " with time" : "");
    return RNN_OK;
}

static bool have_same_rows(const struct value *a, const struct value *b)
{
    if (a->has_time && b->has_time)
        return plan_same_time(a, b);
    return attend_call_rows(a) && attend_call_rows(a) == attend_call_rows(b);
}

static enum rnn_status check_pairs(const struct layer *layer,
                                   const struct attend_call *call,
                                   struct rnn_error *err)
{
    const struct value *pairs = call->pairs;
    char text[RNN_SHAPE_TEXT];

    if (!pairs ||
        (pairs->shape.rank == 2 && have_same_rows(pairs, call->query) &&
         pairs->shape.dim[1] == attend_call_rows(call->key)))
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s) takes an attention_mask of a row "
                    "for each query and a known number of keys in it, it is "
                    "given %s",
                    layer->name, layer->class->name,
                    rnn_shape_print(&pairs->shape, text));
}

static enum rnn_status check_call(const struct layer *layer,
                                  const struct attend_call *call,
                                  struct rnn_error *err)
{
    char value[RNN_SHAPE_TEXT], key[RNN_SHAPE_TEXT];
    enum rnn_status status = check_rows(layer, call->query, "query", err);

    if (!status)
        status = check_rows(layer, call->value, "value", err);
    if (!status)
        status = check_rows(layer, call->key, "key", err);
    if (!status && !have_same_rows(call->key, call->value))
        status = rnn_fail(err, RNN_UNSUPPORTED,
                          "layer \"%.100s\" (%s): its value %s and its key %s "
                          "need not have as many timesteps",
                          layer->name, layer->class->name,
                          rnn_shape_print(&call->value->shape, value),
                          rnn_shape_print(&call->key->shape, key));
    return status ? status : check_pairs(layer, call, err);
}

enum rnn_status attend_call_read(const struct layer *layer,
                                 const struct node *node,
                                 struct plan_builder *builder,
                                 struct attend_call *call,
                                 struct rnn_error *err)
{
    size_t by_position = call_positional_inputs(node->given);
    enum rnn_status status = find(layer, node, "query", 0, &call->query, err);

    if (!status)
        status = find(layer, node, "value", 1, &call->value, err);
    if (!status)
        status = find(layer, node, "key", 2, &call->key, err);
    if (!status)
        status =
            find(layer, node, "attention_mask", SIZE_MAX, &call->pairs, err);
    if (!status)
        status = find_flag(layer, node, "use_causal_mask", &call->causal, err);
    if (!status)
        status = find_flag(layer, node, "return_attention_scores",
                           &call->scores, err);
    if (status)
        return status;
    if (!call->query || !call->value || by_position > 3)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) takes a query, a value and "
                        "perhaps a key, it is given %zu tensors",
                        layer->name, layer->class->name, node->input_count);
    if (!call->key)
        call->key = call->value;
    status = find_mask(layer, node, "query_mask", builder, &call->query, err);
    if (!status)
        status =
            find_mask(layer, node, "value_mask", builder, &call->value, err);
    if (!status)
        status = find_mask(layer, node, "key_mask", builder, &call->key, err);
    return status ? status : check_call(layer, call, err);
}

/* ---- what it makes -------------------------------------------------------*/

/* As many timesteps as the query, whichever input has time. */
static void keep_time(struct value *output, const struct value *query)
{
    output->fixed_steps = query->fixed_steps;
    output->pace = query->pace;
    output->clock = query->clock;
}

static enum rnn_status make_scores(const struct attend_call *call,
                                   size_t heads, struct node *node,
                                   struct plan_builder *builder,
                                   struct rnn_error *err)
{
    struct rnn_shape shape = {
        .rank = 2,
        .dim = {attend_call_rows(call->query), attend_call_rows(call->key)}};
    bool has_time = call->query->has_time && !heads;
    enum rnn_status status;

    if (heads)
        shape = (struct rnn_shape){.rank = 3,
                                   .dim = {heads, shape.dim[0], shape.dim[1]}};
    status = plan_make_output(builder, node, 1, &shape, has_time, err);
    if (!status && has_time)
        keep_time(node->outputs[1], call->query);
    return status;
}

enum rnn_status attend_call_outputs(const struct attend_call *call,
                                    const struct rnn_shape *row, size_t heads,
                                    struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    const struct value *query = call->query;
    struct rnn_shape shape = {.rank = row->rank + 1,
                              .dim = {query->shape.dim[0]}};
    bool known =
        attend_call_rows(call->key) && (attend_call_rows(query) || !heads);
    enum rnn_status status = RNN_OK;

    if (shape.rank > RNN_MAX_RANK)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s): its output has more than %d "
                        "axes",
                        node->layer->name, node->layer->class->name,
                        RNN_MAX_RANK);
    for (size_t i = 0; i < row->rank; i++)
        shape.dim[i + 1] = row->dim[i];
    if (call->scores && (known || call->opens))
        status = plan_reserve_outputs(builder, node, 2, err);
    if (!status)
        status =
            plan_make_output(builder, node, 0, &shape, query->has_time, err);
    if (!status && call->scores && known)
        status = make_scores(call, heads, node, builder, err);
    if (status)
        return status;
    keep_time(node->outputs[0], query);
    node->outputs[0]->mask = query->mask;
    return RNN_OK;
}

void attend_call_cost(const struct attend_call *call, uint64_t pair,
                      uint64_t each, struct node *node)
{
    size_t keys = attend_call_rows(call->key);
    bool square = call->query->has_time && call->key->has_time &&
                  !call->query->fixed_steps && !call->key->fixed_steps &&
                  !call->query->pace && !call->key->pace;

    if (square) {
        node->cost = each;
        node->square_cost = pair;
        return;
    }
    if (__builtin_mul_overflow(pair, keys ? keys : SOME_KEYS, &pair) ||
        __builtin_add_overflow(each, pair, &node->cost))
        node->cost = UINT64_MAX;
}

/* ---- at work -------------------------------------------------------------*/

size_t attend_call_sequences(const struct run *run,
                             const struct attend_call *call)
{
    if (call->query->has_time || call->key->has_time)
        return run->rows;
    return run_items(run, call->query);
}

size_t attend_call_most_rows(const struct value *value, size_t items)
{
    size_t rows = attend_call_rows(value);

    return value->has_time && !value->fixed_steps ? items : rows;
}

struct attend_rows attend_call_view(const struct run *run,
                                    const struct value *value, size_t index)
{
    struct view view = run_view(run, value);

    if (value->has_time) {
        size_t steps = run_steps(run, value);

        return (struct attend_rows){view.data + index * steps * view.stride,
                                    view.stride, steps};
    }
    return (struct attend_rows){view.data + index * view.stride,
                                value->features / value->shape.dim[0],
                                value->shape.dim[0]};
}

static struct view mask_rows(const struct run *run, const struct value *value,
                             size_t index)
{
    struct view view = mask_view(run, value);

    if (view.data && value->has_time) {
        view.data += index * run_steps(run, value) * view.stride;
    } else if (view.data) {
        view.data += index * view.stride;
        view.stride = 1;
    }
    return view;
}

void attend_call_masks(const struct run *run, const struct attend_call *call,
                       size_t index, struct attend_job *job)
{
    job->query_mask = mask_rows(run, call->query, index);
    job->value_mask = mask_rows(run, call->value, index);
    job->key_mask = mask_rows(run, call->key, index);
    job->pair_mask = (struct view){0};
    if (call->pairs) {
        struct attend_rows rows = attend_call_view(run, call->pairs, index);

        job->pair_mask = (struct view){(float *)rows.data, rows.stride};
    }
}
