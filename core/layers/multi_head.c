/* MultiHeadAttention and GroupQueryAttention at work: multi_head_attention.c
 * has the equations. */
#include "core/layers/multi_head.h"

#include <assert.h>
#include <string.h>

/* Rows of the last product that are worked on together. */
#define ROWS ((size_t)32)

/* One sequence at work: everything but the last is [rows][a stride]. */
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
    size_t keys = attend_call_most_rows(call->given.key, items);
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

/* Q, K, V and the gate of sequence `index`. */
static bool project_all(const struct node *node, struct run *run, size_t index,
                        struct places *at)
{
    static const struct rnn_activation sigmoid = {.kind = RNN_ACT_SIGMOID};
    const struct multi_head *own = node->layer->own;
    const struct attend_call *given =
        &((const struct multi_head_call *)node->own)->given;
    struct attend_rows query = attend_call_view(run, given->query, index);
    struct attend_rows key = attend_call_view(run, given->key, index);
    struct attend_rows value = attend_call_view(run, given->value, index);
    float *free = run->scratch;

    at->query = place(&own->query, query.count, &free);
    at->key = place(&own->key, key.count, &free);
    at->value = place(&own->value, key.count, &free);
    if (own->use_gate)
        at->gate = place(&own->gate, query.count, &free);
    at->result = (struct view){free, plan_stride(own->out.inputs)};
    free += query.count * at->result.stride;
    at->out = place(&own->out, ROWS, &free);
    at->attend = free;
    if (!project(own, &own->query, &query, run, at->query) ||
        !project(own, &own->key, &key, run, at->key) ||
        !project(own, &own->value, &value, run, at->value))
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

static bool attend_heads(const struct node *node, struct run *run,
                         size_t index, const struct places *at)
{
    const struct multi_head *own = node->layer->own;
    const struct multi_head_call *call = node->own;
    size_t queries = attend_call_view(run, call->given.query, index).count;
    size_t keys = attend_call_view(run, call->given.key, index).count;

    for (size_t h = 0; h < own->heads; h++) {
        size_t group = h / (own->heads / own->kv_heads);
        struct attend_job job = {
            .queries = head_of(at->query, h, own->key_dim, queries),
            .keys = head_of(at->key, group, own->key_dim, keys),
            .values = head_of(at->value, group, own->value_dim, keys),
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
    struct attend_rows y = attend_call_view(run, node->outputs[0], index);
    struct places at = {0};

    if (!project_all(node, run, index, &at) ||
        !attend_heads(node, run, index, &at))
        return false;
    assert(at.out.data);
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
