/* The end of a plan: who reads what last, where everything lies, whether it
 * streams and what it costs. */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "core/layers/layer.h"
#include "core/layers/layout.h"
#include "core/layers/plan.h"
#include "core/layers/scores.h"

/* Sequences that run together.  A kernel that does not fit into the second
 * cache is read once for all of them; more rows gain nothing. */
#define BLOCK_ROWS ((size_t)32)

static void *zalloc(struct plan_builder *builder, size_t count, size_t size)
{
    return arena_zalloc(builder->arena, count, size, alignof(max_align_t));
}

static void note_reader(struct value *value, size_t reader)
{
    /* What is behind an alias lives as long as all of its names. */
    struct value *root = value->alias ? value->alias : value;

    if (root->last_reader < reader)
        root->last_reader = reader;
}

static void note_output(void *arg, struct value *value)
{
    (void)arg;
    note_reader(value, SIZE_MAX);
}

static void note_readers(struct plan *plan)
{
    for (struct node *node = plan->nodes; node; node = node->next) {
        for (size_t i = 0; i < node->input_count; i++) {
            note_reader(node->inputs[i], node->index);
            if (node->inputs[i]->mask)
                note_reader(node->inputs[i]->mask, node->index);
        }
        for (size_t i = 0; i < node->output_count; i++)
            note_reader(node->outputs[i], node->index);
        if (node->mask)
            note_reader(node->mask, node->index);
    }
    for (size_t i = 0; i < plan->output_count; i++) {
        note_reader(plan->outputs[i].value, SIZE_MAX);
        scores_each_value(plan->outputs[i].value, note_output, NULL);
    }
}

/* A buffer that is free when node `index` runs: the smallest that is large
 * enough, else the largest, which grows, else a new one. */
static size_t choose_slot(struct plan *plan, const size_t *busy_until,
                          size_t index, size_t stride)
{
    size_t chosen = plan->slot_count;

    for (size_t i = 0; i < plan->slot_count; i++) {
        size_t has = plan->slot_strides[i];
        size_t best =
            chosen < plan->slot_count ? plan->slot_strides[chosen] : 0;

        if (busy_until[i] != SIZE_MAX && busy_until[i] < index &&
            (!best ||
             (best < stride ? has > best : has >= stride && has < best)))
            chosen = i;
    }
    if (chosen == plan->slot_count)
        plan->slot_strides[plan->slot_count++] = 0;
    if (plan->slot_strides[chosen] < stride)
        plan->slot_strides[chosen] = stride;
    return chosen;
}

static void assign_slot(struct plan *plan, size_t *busy_until, size_t index,
                        struct value *value)
{
    if (value->alias)
        return;
    value->slot = choose_slot(plan, busy_until, index, value->stride);
    busy_until[value->slot] = value->last_reader;
}

/* Slots have their final strides now: lay them out one after the other. */
static void place_values(struct plan *plan)
{
    for (struct value *value = plan->values; value; value = value->next) {
        if (value->is_input || value->alias)
            continue;
        for (size_t i = 0; i < value->slot; i++)
            value->place += plan->slot_strides[i];
    }
    for (size_t i = 0; i < plan->slot_count; i++)
        plan->slots_stride += plan->slot_strides[i];
}

static enum rnn_status assign_slots(struct plan_builder *builder,
                                    struct rnn_error *err)
{
    struct plan *plan = builder->plan;
    size_t *busy_until =
        zalloc(builder, plan->value_count, sizeof(*busy_until));

    plan->slot_strides =
        zalloc(builder, plan->value_count, sizeof(plan->slot_strides[0]));
    if (!busy_until || !plan->slot_strides)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the plan");
    note_readers(plan);
    for (struct node *node = plan->nodes; node; node = node->next) {
        for (size_t i = 0; i < node->output_count; i++)
            assign_slot(plan, busy_until, node->index, node->outputs[i]);
        if (node->mask)
            assign_slot(plan, busy_until, node->index, node->mask);
    }
    place_values(plan);
    return RNN_OK;
}

/* Each value counts by the clock that stands for its own. */
static void settle_clocks(struct plan *plan)
{
    for (struct value *value = plan->values; value; value = value->next) {
        const struct clock *clock = plan_clock(value->clock);
        struct rnn_io *io;

        value->clock = plan_clock(value->clock);
        value->is_sum = clock && clock->parts;
        if (!value->is_input || !clock)
            continue;
        io = &plan->inputs[value->input];
        io->clock = clock->input;
        io->least_timesteps = clock->least;
        io->least_because = clock->least ? clock->least_layer->path : NULL;
        if (clock->least > plan->least_steps) {
            plan->least_steps = clock->least;
            plan->least_layer = clock->least_layer;
        }
    }
}

/* Two inputs that are never of the same number of timesteps, so that they
 * cannot advance together. */
static bool find_apart(const struct plan *plan, const struct rnn_io **first,
                       const struct rnn_io **second)
{
    *first = NULL;
    for (size_t i = 0; i < plan->input_count; i++) {
        *second = &plan->inputs[i];
        if (!(*second)->has_time || (*second)->shape[0] == RNN_FREE)
            continue;
        if (*first && (*first)->shape[0] != (*second)->shape[0])
            return true;
        *first = *second;
    }
    return false;
}

static const struct rnn_io *untimed_input(const struct plan *plan)
{
    for (size_t i = 0; i < plan->input_count; i++)
        if (!plan->inputs[i].has_time)
            return &plan->inputs[i];
    return NULL;
}

static const struct node *whole_node(const struct plan *plan)
{
    for (const struct node *node = plan->nodes; node; node = node->next)
        if (node->whole)
            return node;
    return NULL;
}

static void name_whole(const struct node *node, char *text, size_t capacity)
{
    const struct layer *layer = layer_outermost(node->layer);
    const char *because = node->whole_because;

    snprintf(text, capacity,
             "the layer \"%.100s\" (%.60s) needs the whole sequence%s%s",
             layer->path, layer->class->name, because ? ": " : "",
             because ? because : "");
}

static enum rnn_status settle_streaming(struct plan_builder *builder,
                                        struct rnn_error *err)
{
    struct plan *plan = builder->plan;
    const struct rnn_io *untimed = untimed_input(plan);
    const struct node *whole = whole_node(plan);
    const struct rnn_io *first = NULL, *second = NULL;
    bool apart = find_apart(plan, &first, &second);
    char text[320];

    for (size_t i = 0; i < plan->input_count; i++)
        plan->has_time = plan->has_time || plan->inputs[i].has_time;
    plan->whole = whole;
    plan->streams = !untimed && !whole && !apart;
    if (plan->streams)
        return RNN_OK;
    if (whole)
        name_whole(whole, text, sizeof(text));
    else if (untimed)
        snprintf(text, sizeof(text), "the input \"%.100s\" has no time axis",
                 untimed->name);
    else
        snprintf(text, sizeof(text),
                 "the inputs \"%.100s\" and \"%.100s\" have %zu and %zu "
                 "timesteps, which cannot advance together",
                 first->name, second->name, first->shape[0], second->shape[0]);
    plan->cannot_stream_because =
        arena_copy_text(builder->arena, text, strlen(text));
    if (!plan->cannot_stream_because)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the plan");
    return RNN_OK;
}

/* What a node costs at each timestep, or once. */
static void add_cost(struct plan *plan, const struct node *node)
{
    uint64_t *sum = node->has_time ? &plan->timed_cost : &plan->untimed_cost;
    size_t steps = 1;

    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->is_sum) {
            sum = &node->inputs[i]->clock->cost;
        } else if (node->inputs[i]->fixed_steps) {
            sum = &plan->untimed_cost;
            steps = node->inputs[i]->fixed_steps;
        } else if (node->inputs[i]->pace) {
            sum = &node->inputs[i]->pace->cost;
        }
    *sum = plan_add_cost(*sum, node->cost, steps);
    plan->square_cost = plan_add_cost(plan->square_cost, node->square_cost, 1);
}

enum rnn_status plan_settle(struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct plan *plan = builder->plan;
    enum rnn_status status = assign_slots(builder, err);

    settle_clocks(plan);
    if (!status)
        status = settle_streaming(builder, err);
    if (status)
        return status;
    plan->block_rows = BLOCK_ROWS;
    for (const struct node *node = plan->nodes; node; node = node->next)
        add_cost(plan, node);
    for (size_t i = 0; i < plan->output_count; i++)
        if (plan->outputs[i].value->scores)
            plan->square_cost =
                plan_add_cost(plan->square_cost,
                              scores_cost(plan->outputs[i].value->scores), 1);
    plan->chunk_items = plan_choose_items(plan);
    plan_lay_out_ahead(plan);
    return RNN_OK;
}

enum rnn_status plan_finish(struct plan_builder *builder,
                            struct rnn_error *err)
{
    enum rnn_status status = weights_finish(builder->weights, err);

    return status ? status : plan_settle(builder, err);
}
