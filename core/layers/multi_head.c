/* MultiHeadAttention and GroupQueryAttention at work: multi_head_attention.c
 * has the equations. */
#include "core/layers/multi_head.h"

#include <assert.h>
#include <string.h>

/* Rows of the last product that are worked on together. */
#define ROWS ((size_t)32)

/* One sequence at work: everything but the last is [rows][a stride].  Keys
 * and values begin with room for those of the past. */
struct places {
    struct view query, key, value, gate, result, out;
    float *attend;
};

static struct view place(const struct f32_product *product, size_t rows,
                         float **free)
{
    struct view view = {*free, plan_stride(product->stride)};

    *free += rows * view.stride;
    return view;
}

static size_t floats_of(const struct f32_product *product, size_t rows)
{
    return plan_sum(0, rows, plan_stride(product->stride));
}

size_t multi_head_scratch(const struct node *node, size_t rows, size_t items)
{
    const struct multi_head *own = node->layer->own;
    const struct multi_head_call *call = node->own;
    size_t queries = attend_call_most_rows(call->given.query, items);
    size_t keys =
        plan_sum(call->past, 1, attend_call_most_rows(call->given.key, items));
    size_t floats = attend_scratch(&call->attend, keys);

    (void)rows;
    floats = plan_sum(floats, 1, floats_of(&own->query, queries));
    floats = plan_sum(floats, 1, floats_of(&own->key, keys));
    floats = plan_sum(floats, 1, floats_of(&own->value, keys));
    if (own->use_gate)
        floats = plan_sum(floats, 1, floats_of(&own->gate, queries));
    floats = plan_sum(floats, queries, plan_stride(own->out.inputs));
    return plan_sum(floats, 1, floats_of(&own->out, ROWS));
}

static bool project(const struct multi_head *own,
                    const struct f32_product *product,
                    const struct attend_rows *rows, struct run *run,
                    struct view y)
{
    struct view x = {(float *)rows->data, rows->stride}; /* only read */

    return run_product(run, own->ukernels, product, rows->count, x, y);
}

static struct view rows_from(struct view view, size_t first)
{
    return (struct view){view.data + first * view.stride, view.stride};
}

/* Q, K, V and the gate of sequence `index`. */
static bool project_all(const struct node *node, struct run *run, size_t index,
                        struct places *at)
{
    static const struct rnn_activation sigmoid = {.kind = RNN_ACT_SIGMOID};
    const struct multi_head *own = node->layer->own;
    const struct multi_head_call *call = node->own;
    const struct attend_call *given = &call->given;
    struct attend_rows query = attend_call_view(run, given->query, index);
    struct attend_rows key = attend_call_view(run, given->key, index);
    struct attend_rows value = attend_call_view(run, given->value, index);
    float *free = run->scratch;

    at->query = place(&own->query, query.count, &free);
    at->key = place(&own->key, call->past + key.count, &free);
    at->value = place(&own->value, call->past + key.count, &free);
    if (own->use_gate)
        at->gate = place(&own->gate, query.count, &free);
    at->result = (struct view){free, plan_stride(own->out.inputs)};
    free += query.count * at->result.stride;
    at->out = place(&own->out, ROWS, &free);
    at->attend = free;
    if (!project(own, &own->query, &query, run, at->query) ||
        !project(own, &own->key, &key, run, rows_from(at->key, call->past)) ||
        !project(own, &own->value, &value, run,
                 rows_from(at->value, call->past)))
        return false;
    if (!own->use_gate)
        return true;
    if (!project(own, &own->gate, &query, run, at->gate))
        return false;
    run_activate(own->ukernels, &sigmoid, query.count, own->gate.units,
                 at->gate);
    return true;
}

static struct attend_rows head_of(struct view view, size_t head, size_t width,
                                  size_t count)
{
    return (struct attend_rows){view.data + head * width, view.stride, count};
}

/* Where the weights of a head go: [heads, queries, keys]. */
static void place_scores(const struct node *node, const struct run *run,
                         size_t index, size_t head, struct attend_job *job)
{
    struct view all;

    if (node->output_count < 2)
        return;
    all = run_view(run, node->outputs[1]);
    job->scores_stride = job->keys.count;
    job->scores = all.data + index * all.stride +
                  head * job->queries.count * job->keys.count;
}

/* ---- what is kept --------------------------------------------------------*/

/* Timesteps that a state keeps, whatever it holds. */
static size_t kept(const struct multi_head_call *call,
                   const unsigned char *state)
{
    int64_t count;

    memcpy(&count, state + call->count, sizeof(count));
    if (count < 0)
        return 0;
    return (uint64_t)count < call->past ? (size_t)count : call->past;
}

/* Rows `first` .. of `view` are, or become, those of the state. */
static void move_rows(bool out, struct view view, size_t first, size_t count,
                      size_t width, unsigned char *state)
{
    float *rows = (float *)(void *)state;

    for (size_t i = 0; i < count; i++) {
        float *row = view.data + (first + i) * view.stride;

        if (out)
            memcpy(rows + i * width, row, width * sizeof(*row));
        else
            memcpy(row, rows + i * width, width * sizeof(*row));
    }
}

/* Put the past before the keys and values of this chunk; how much there is. */
static size_t recall(const struct node *node, unsigned char *state,
                     const struct places *at)
{
    const struct multi_head *own = node->layer->own;
    const struct multi_head_call *call = node->own;
    size_t count = kept(call, state), first = call->past - count;

    move_rows(false, at->key, first, count, own->key.units,
              state + call->keys);
    move_rows(false, at->value, first, count, own->value.units,
              state + call->values);
    return count;
}

/* Keep the last of the past and of the `added` timesteps of this chunk. */
static void keep(const struct node *node, size_t count, size_t added,
                 const struct places *at, unsigned char *state)
{
    const struct multi_head *own = node->layer->own;
    const struct multi_head_call *call = node->own;
    size_t all = count + added;
    int64_t left = (int64_t)(all < call->past ? all : call->past);
    size_t first = call->past + added - (size_t)left;

    move_rows(true, at->key, first, (size_t)left, own->key.units,
              state + call->keys);
    move_rows(true, at->value, first, (size_t)left, own->value.units,
              state + call->values);
    memcpy(state + call->count, &left, sizeof(left));
}

/* ---- heads ---------------------------------------------------------------*/

/* `past` keys and values stand before those of this chunk. */
static bool attend_heads(const struct node *node, struct run *run,
                         size_t index, size_t past, const struct places *at)
{
    const struct multi_head *own = node->layer->own;
    const struct multi_head_call *call = node->own;
    size_t queries = attend_call_view(run, call->given.query, index).count;
    size_t keys = attend_call_view(run, call->given.key, index).count + past;
    struct view key = rows_from(at->key, call->past - past);
    struct view value = rows_from(at->value, call->past - past);

    for (size_t h = 0; h < own->heads; h++) {
        size_t group = h / (own->heads / own->kv_heads);
        struct attend_job job = {
            .queries = head_of(at->query, h, own->key_dim, queries),
            .keys = head_of(key, group, own->key_dim, keys),
            .values = head_of(value, group, own->value_dim, keys),
            .past = past,
            .y = at->result.data + h * own->value_dim,
            .y_stride = at->result.stride,
        };

        attend_call_masks(run, &call->given, index, &job);
        place_scores(node, run, index, h, &job);
        if (!attend(&call->attend, &job, run, at->attend))
            return false;
    }
    return true;
}

/* Without a gate it has no data. */
static void open_gate(const struct places *at, size_t queries, size_t width)
{
    for (size_t t = 0; at->gate.data && t < queries; t++)
        for (size_t i = 0; i < width; i++)
            at->result.data[t * at->result.stride + i] *=
                at->gate.data[t * at->gate.stride + i];
}

static bool run_sequence(const struct node *node, struct run *run,
                         size_t index)
{
    const struct multi_head *own = node->layer->own;
    const struct multi_head_call *call = node->own;
    struct attend_rows y = attend_call_view(run, node->outputs[0], index);
    struct places at = {0};
    size_t past = 0;

    if (!project_all(node, run, index, &at))
        return false;
    assert(at.out.data);
    if (call->past)
        past = recall(node, run->state[index], &at);
    if (!attend_heads(node, run, index, past, &at))
        return false;
    if (call->past)
        keep(node, past, y.count, &at, run->state[index]);
    open_gate(&at, y.count, own->out.inputs);
    for (size_t t = 0; t < y.count; t += ROWS) {
        size_t count = y.count - t < ROWS ? y.count - t : ROWS;
        struct view x = {at.result.data + t * at.result.stride,
                         at.result.stride};

        if (!run_product(run, own->ukernels, &own->out, count, x, at.out))
            return false;
        for (size_t i = 0; i < count; i++)
            memcpy((float *)y.data + (t + i) * y.stride,
                   at.out.data + i * at.out.stride,
                   own->out.units * sizeof(float));
    }
    return true;
}

bool multi_head_run(const struct node *node, struct run *run)
{
    const struct multi_head_call *call = node->own;
    size_t sequences = attend_call_sequences(run, &call->given);

    for (size_t i = 0; i < sequences; i++)
        if (!run_sequence(node, run, i))
            return false;
    return true;
}
