#include "core/layers/plan.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "core/layers/layer.h"
#include "core/ukernels/ukernels.h"

/* Floats of one timestep of one input; far beyond any network, and small
 * enough that no size computed from it can overflow. */
#define LARGEST_ITEM ((size_t)1 << 32)
#define STATE_NAME   640

/* Sequences that run together.  A kernel that does not fit into the second
 * cache is read once for all of them; more rows gain nothing. */
#define BLOCK_ROWS ((size_t)32)

static_assert(sizeof(size_t) == 8, "sizes are checked for 64 bits");

size_t plan_stride(size_t floats)
{
    if (floats > SIZE_MAX - (PLAN_FLOATS - 1))
        return SIZE_MAX;
    return (floats + PLAN_FLOATS - 1) / PLAN_FLOATS * PLAN_FLOATS;
}

void plan_begin(struct plan_builder *builder, struct plan *plan,
                struct arena *arena, struct weights *weights)
{
    *plan = (struct plan){0};
    *builder = (struct plan_builder){
        .plan = plan,
        .arena = arena,
        .weights = weights,
        .last_value = &plan->values,
        .last_node = &plan->nodes,
        .last_layer = &plan->layers,
        .last_state = &plan->state,
    };
}

enum rnn_status plan_no_memory(const struct layer *layer,
                               struct rnn_error *err)
{
    return rnn_fail(err, RNN_NO_MEMORY, "out of memory at layer \"%.100s\"",
                    layer->name);
}

static void *zalloc(struct plan_builder *builder, size_t count, size_t size)
{
    return arena_zalloc(builder->arena, count, size, alignof(max_align_t));
}

enum rnn_status plan_reserve(struct plan_builder *builder, size_t inputs,
                             size_t outputs, struct rnn_error *err)
{
    struct plan *plan = builder->plan;

    plan->inputs = zalloc(builder, inputs, sizeof(plan->inputs[0]));
    plan->outputs = zalloc(builder, outputs, sizeof(plan->outputs[0]));
    if (!plan->inputs || !plan->outputs)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "out of memory for %zu inputs and %zu outputs", inputs,
                        outputs);
    return RNN_OK;
}

/* ---- values --------------------------------------------------------------*/

static struct value *add_value(struct plan_builder *builder,
                               const struct rnn_shape *shape, bool has_time,
                               size_t features)
{
    struct value *value = zalloc(builder, 1, sizeof(*value));

    if (!value)
        return NULL;
    value->shape = *shape;
    value->has_time = has_time;
    value->features = features;
    value->stride = plan_stride(features);
    value->index = builder->plan->value_count++;
    *builder->last_value = value;
    builder->last_value = &value->next;
    return value;
}

static enum rnn_status check_input_shape(const char *name,
                                         const struct rnn_shape *shape,
                                         size_t *features,
                                         struct rnn_error *err)
{
    bool has_time = shape->rank > 1;
    char text[RNN_SHAPE_TEXT];

    rnn_shape_print(shape, text);
    if (!shape->rank)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "input \"%.100s\" has no axis but the batch", name);
    for (size_t i = has_time; i < shape->rank; i++)
        if (shape->dim[i] == RNN_FREE)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "input \"%.100s\" has shape %s: only the first "
                            "of several axes, time, may be left open",
                            name, text);
    if (!rnn_shape_count(shape, has_time, features) ||
        *features > LARGEST_ITEM)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "input \"%.100s\" has shape %s: too large", name,
                        text);
    return RNN_OK;
}

enum rnn_status plan_add_input(struct plan_builder *builder, const char *name,
                               const struct rnn_shape *shape,
                               struct value **value, struct rnn_error *err)
{
    struct plan *plan = builder->plan;
    struct rnn_io *io = &plan->inputs[plan->input_count];
    struct value *added;
    size_t features = 0;
    enum rnn_status status = check_input_shape(name, shape, &features, err);

    if (status)
        return status;
    io->name = arena_copy_text(builder->arena, name, strlen(name));
    added = add_value(builder, shape, shape->rank > 1, features);
    if (!io->name || !added)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "out of memory at input \"%.100s\"", name);
    added->is_input = true;
    added->input = plan->input_count++;
    added->stride = features;
    added->place = plan->input_stride;
    plan->input_stride += features;
    io->rank = shape->rank;
    memcpy(io->shape, shape->dim, sizeof(io->shape));
    io->has_time = added->has_time;
    io->features = features;
    *value = added;
    return RNN_OK;
}

void plan_add_output(struct plan_builder *builder, struct value *value,
                     const char *name)
{
    struct plan *plan = builder->plan;

    plan->outputs[plan->output_count++] =
        (struct plan_output){.value = value, .name = name};
}

enum rnn_status plan_make_output(struct plan_builder *builder,
                                 struct node *node, size_t index,
                                 const struct rnn_shape *shape, bool has_time,
                                 struct rnn_error *err)
{
    size_t features;
    struct value *value;

    if (!rnn_shape_count(shape, has_time, &features) ||
        features > LARGEST_ITEM)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\": its output is too large",
                        node->layer->name);
    value = add_value(builder, shape, has_time, features);
    if (!value)
        return plan_no_memory(node->layer, err);
    node->outputs[index] = value;
    return RNN_OK;
}

enum rnn_status plan_pass_input(struct plan_builder *builder,
                                struct node *node, struct rnn_error *err)
{
    struct value *input = node->inputs[0];
    struct value *value =
        add_value(builder, &input->shape, input->has_time, input->features);

    if (!value)
        return plan_no_memory(node->layer, err);
    value->stride = input->stride;
    value->alias = input->alias ? input->alias : input;
    node->outputs[0] = value;
    return RNN_OK;
}

/* ---- state ---------------------------------------------------------------*/

enum rnn_status plan_keep_floats(struct plan_builder *builder,
                                 struct node *node, const char *name,
                                 size_t units, size_t *work_offset,
                                 struct rnn_error *err)
{
    struct plan *plan = builder->plan;
    const char *path = node->layer->path;
    struct state_slot *slot = zalloc(builder, 1, sizeof(*slot));
    char text[STATE_NAME];
    int length;

    if (node->call)
        length =
            snprintf(text, sizeof(text), "%s:%zu/%s", path, node->call, name);
    else
        length = snprintf(text, sizeof(text), "%s/%s", path, name);
    if (length < 0 || (size_t)length >= sizeof(text))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s...\": the name is too long", path);
    if (slot)
        slot->entry.name =
            arena_copy_text(builder->arena, text, (size_t)length);
    if (!slot || !slot->entry.name)
        return plan_no_memory(node->layer, err);
    slot->entry.dtype = RNN_F32;
    slot->entry.rank = 1;
    slot->entry.shape[0] = units;
    slot->entry.offset = plan->state_bytes;
    slot->bytes = units * sizeof(float);
    slot->work_offset = plan->work_bytes;
    *work_offset = slot->work_offset;
    plan->state_bytes += slot->bytes;
    plan->work_bytes += plan_stride(units) * sizeof(float);
    plan->state_count++;
    node->state_bytes += slot->bytes;
    *builder->last_state = slot;
    builder->last_state = &slot->next;
    return RNN_OK;
}

/* ---- nodes ---------------------------------------------------------------*/

static struct node *make_node(struct plan_builder *builder,
                              const struct layer *layer,
                              struct value *const *inputs, size_t input_count)
{
    struct node *node = zalloc(builder, 1, sizeof(*node));

    if (!node)
        return NULL;
    node->inputs = zalloc(builder, input_count, sizeof(struct value *));
    node->outputs = zalloc(builder, 1, sizeof(struct value *));
    if (!node->inputs || !node->outputs)
        return NULL;
    node->layer = layer;
    node->call = layer->calls;
    node->input_count = input_count;
    node->output_count = 1;
    for (size_t i = 0; i < input_count; i++) {
        node->inputs[i] = inputs[i];
        node->has_time = node->has_time || inputs[i]->has_time;
    }
    return node;
}

enum rnn_status plan_call(struct plan_builder *builder, struct layer *layer,
                          struct value *const *inputs, size_t input_count,
                          struct node **node, struct rnn_error *err)
{
    struct node *made;
    enum rnn_status status;

    if (builder->plan->node_count >= PLAN_MAX_NODES)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the model calls its layers more than %zu times",
                        PLAN_MAX_NODES);
    made = make_node(builder, layer, inputs, input_count);
    if (!made)
        return plan_no_memory(layer, err);
    status = layer->class->connect(layer, made, builder, err);
    weights_recycle(builder->weights);
    if (status)
        return status;
    if (!layer->calls++)
        layer->output_shape = made->outputs[0]->shape;
    layer->state_bytes += made->state_bytes;
    /* A wrapper's inner layers have been called by now: they run first. */
    made->index = builder->plan->node_count++;
    *builder->last_node = made;
    builder->last_node = &made->next;
    *node = made;
    return RNN_OK;
}

/* ---- the whole -----------------------------------------------------------*/

static void note_reader(struct value *value, size_t reader)
{
    /* What is behind an alias lives as long as all of its names. */
    struct value *root = value->alias ? value->alias : value;

    if (root->last_reader < reader)
        root->last_reader = reader;
}

static void note_readers(struct plan *plan)
{
    for (struct node *node = plan->nodes; node; node = node->next) {
        for (size_t i = 0; i < node->input_count; i++)
            note_reader(node->inputs[i], node->index);
        for (size_t i = 0; i < node->output_count; i++)
            note_reader(node->outputs[i], node->index);
    }
    for (size_t i = 0; i < plan->output_count; i++)
        note_reader(plan->outputs[i].value, SIZE_MAX);
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
    for (struct node *node = plan->nodes; node; node = node->next)
        for (size_t i = 0; i < node->output_count; i++) {
            struct value *value = node->outputs[i];

            if (value->alias)
                continue;
            value->slot =
                choose_slot(plan, busy_until, node->index, value->stride);
            busy_until[value->slot] = value->last_reader;
        }
    place_values(plan);
    return RNN_OK;
}

static enum rnn_status settle_streaming(struct plan_builder *builder,
                                        struct rnn_error *err)
{
    struct plan *plan = builder->plan;
    char text[256];

    plan->streams = true;
    for (size_t i = 0; i < plan->input_count; i++) {
        plan->has_time = plan->has_time || plan->inputs[i].has_time;
        if (plan->inputs[i].has_time || !plan->streams)
            continue;
        plan->streams = false;
        snprintf(text, sizeof(text), "the input \"%.100s\" has no time axis",
                 plan->inputs[i].name);
        plan->cannot_stream_because =
            arena_copy_text(builder->arena, text, strlen(text));
        if (!plan->cannot_stream_because)
            return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the plan");
    }
    return RNN_OK;
}

enum rnn_status plan_finish(struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct plan *plan = builder->plan;
    enum rnn_status status = weights_finish(builder->weights, err);

    if (!status)
        status = assign_slots(builder, err);
    if (!status)
        status = settle_streaming(builder, err);
    if (status)
        return status;
    plan->block_rows = BLOCK_ROWS;
    for (const struct node *node = plan->nodes; node; node = node->next) {
        uint64_t *sum =
            node->has_time ? &plan->timed_cost : &plan->untimed_cost;

        if (__builtin_add_overflow(*sum, node->cost, sum))
            *sum = UINT64_MAX;
    }
    return RNN_OK;
}
