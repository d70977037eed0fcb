#include "core/layers/plan.h"
#include "core/layers/scores.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "core/layers/layer.h"
#include "core/layers/mask.h"
#include "core/ukernels/ukernels.h"

/* Floats of one timestep of one input; far beyond any network, and small
 * enough that no size computed from it can overflow. */
#define LARGEST_ITEM ((size_t)1 << 32)
#define STATE_NAME   640

static_assert(sizeof(size_t) == 8, "sizes are checked for 64 bits");

size_t plan_stride(size_t floats)
{
    if (floats > SIZE_MAX - (PLAN_FLOATS - 1))
        return SIZE_MAX;
    return (floats + PLAN_FLOATS - 1) / PLAN_FLOATS * PLAN_FLOATS;
}

size_t plan_sum(size_t a, size_t b, size_t c)
{
    size_t sum;

    if (__builtin_mul_overflow(b, c, &sum) ||
        __builtin_add_overflow(a, sum, &sum))
        return SIZE_MAX;
    return sum;
}

void plan_begin(struct plan_builder *builder, struct plan *plan,
                struct arena *arena, struct weights *weights)
{
    *plan = (struct plan){.least_steps = 1};
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
    /* One open axis can only be time: that of token ids. */
    bool has_time = shape->rank > 1 || shape->dim[0] == RNN_FREE;
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
    added = add_value(builder, shape,
                      shape->rank > 1 || shape->dim[0] == RNN_FREE, features);
    /* Whoever reads ids finds out later that an input has time. */
    if (added)
        added->clock = zalloc(builder, 1, sizeof(*added->clock));
    if (!io->name || !added || !added->clock)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "out of memory at input \"%.100s\"", name);
    added->is_input = true;
    added->input = plan->input_count++;
    added->clock->input = added->input;
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
    for (size_t i = 0; has_time && i < node->input_count; i++)
        if (node->inputs[i]->has_time) {
            value->fixed_steps = node->inputs[i]->fixed_steps;
            value->clock = node->inputs[i]->clock;
            value->pace = node->inputs[i]->pace;
            break;
        }
    node->outputs[index] = value;
    return RNN_OK;
}

enum rnn_status plan_reserve_outputs(struct plan_builder *builder,
                                     struct node *node, size_t count,
                                     struct rnn_error *err)
{
    struct value **outputs = zalloc(builder, count, sizeof(outputs[0]));

    if (!outputs)
        return plan_no_memory(node->layer, err);
    node->outputs = outputs;
    node->output_count = count;
    return RNN_OK;
}

void plan_fix_steps(struct plan_builder *builder, struct node *node,
                    size_t index, size_t steps)
{
    node->outputs[index]->fixed_steps = steps;
    node->outputs[index]->pace = NULL;
    if (steps > builder->plan->most_steps)
        builder->plan->most_steps = steps;
}

static struct value *add_alias(struct plan_builder *builder,
                               struct value *value)
{
    struct value *same =
        add_value(builder, &value->shape, value->has_time, value->features);

    if (!same)
        return NULL;
    same->stride = value->stride;
    same->fixed_steps = value->fixed_steps;
    same->clock = value->clock;
    same->pace = value->pace;
    same->scores = value->scores;
    same->turned = value->turned;
    same->alias = value->alias ? value->alias : value;
    return same;
}

enum rnn_status plan_pass(struct plan_builder *builder, struct node *node,
                          size_t index, struct value *value,
                          struct rnn_error *err)
{
    struct value *same = add_alias(builder, value);

    if (!same)
        return plan_no_memory(node->layer, err);
    node->outputs[index] = same;
    return RNN_OK;
}

enum rnn_status plan_pass_input(struct plan_builder *builder,
                                struct node *node, struct rnn_error *err)
{
    return plan_pass(builder, node, 0, node->inputs[0], err);
}

enum rnn_status plan_make_mask(struct plan_builder *builder, struct node *node,
                               const struct value *value,
                               struct rnn_error *err)
{
    struct rnn_shape shape = value->shape;
    size_t features;

    /* The axis of features goes; a sequence of numbers has none. */
    if (shape.rank > value->has_time)
        shape.dim[--shape.rank] = 0;
    if (rnn_shape_count(&shape, value->has_time, &features))
        node->mask = add_value(builder, &shape, value->has_time, features);
    if (!node->mask)
        return plan_no_memory(node->layer, err);
    node->mask->fixed_steps = value->fixed_steps;
    node->mask->clock = value->clock;
    node->mask->pace = value->pace;
    return RNN_OK;
}

struct value *plan_with_mask(struct plan_builder *builder, struct value *value,
                             struct value *mask)
{
    struct value *same = add_alias(builder, value);

    if (same)
        same->mask = mask;
    return same;
}

void plan_need_whole(struct node *node)
{
    node->whole = true;
}

struct clock *plan_clock(struct clock *clock)
{
    while (clock && clock->same)
        clock = clock->same;
    return clock;
}

/* Are two sums of the same parts? */
static bool same_parts(const struct clock *a, const struct clock *b)
{
    const struct clock_part *x = a->parts, *y = b->parts;

    for (; x && y; x = x->next, y = y->next)
        if (plan_clock(x->clock) != plan_clock(y->clock) || x->pace != y->pace)
            return false;
    return !x && !y && a->more == b->more;
}

/* The earlier input stands for both.  False: one is a sum of others, which
 * nobody can promise to be the other. */
static bool join_clocks(struct clock *a, struct clock *b)
{
    a = plan_clock(a);
    b = plan_clock(b);
    if (!a || !b || a == b)
        return true;
    if (a->parts || b->parts)
        return same_parts(a, b);
    if (b->input < a->input) {
        struct clock *first = b;

        b = a;
        a = first;
    }
    b->same = a;
    if (b->least > a->least) {
        a->least = b->least;
        a->least_layer = b->least_layer;
    }
    return true;
}

/* Two fixed numbers may come from different places; a plan in which they do
 * is one that takes no other number (check_sequences() in core/infer.c). */
bool plan_same_time(const struct value *a, const struct value *b)
{
    size_t first = a->shape.dim[0], second = b->shape.dim[0];

    if (a->fixed_steps != b->fixed_steps || a->pace != b->pace)
        return first == second && first != RNN_FREE;
    if (first != second && first != RNN_FREE && second != RNN_FREE)
        return false;
    return join_clocks(a->clock, b->clock);
}

/* ---- state ---------------------------------------------------------------*/

enum rnn_status plan_keep_floats(struct plan_builder *builder,
                                 struct node *node, const char *name,
                                 size_t units, size_t *work_offset,
                                 struct rnn_error *err)
{
    struct rnn_state_entry entry = {
        .dtype = RNN_F32, .rank = 1, .shape = {units}};

    return plan_keep(builder, node, name, &entry, work_offset, err);
}

enum rnn_status plan_keep(struct plan_builder *builder, struct node *node,
                          const char *name,
                          const struct rnn_state_entry *entry,
                          size_t *work_offset, struct rnn_error *err)
{
    size_t bytes = entry->dtype == RNN_F32 ? sizeof(float) : 8;
    struct plan *plan = builder->plan;
    const char *path = node->layer->path;
    struct state_slot *slot = zalloc(builder, 1, sizeof(*slot));
    char text[STATE_NAME];
    int length;

    for (size_t i = 0; i < entry->rank; i++)
        bytes = plan_sum(0, bytes, entry->shape[i]);
    if (bytes > LARGEST_ITEM)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\": its state is too large",
                        node->layer->name);
    if (node->call)
        length =
            snprintf(text, sizeof(text), "%s:%zu/%s", path, node->call, name);
    else
        length = snprintf(text, sizeof(text), "%s/%s", path, name);
    if (length < 0 || (size_t)length >= sizeof(text))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s...\": the name is too long", path);
    if (slot) {
        slot->entry = *entry;
        slot->entry.name =
            arena_copy_text(builder->arena, text, (size_t)length);
    }
    if (!slot || !slot->entry.name)
        return plan_no_memory(node->layer, err);
    slot->entry.offset = plan->state_bytes;
    slot->bytes = bytes;
    slot->work_offset = plan->work_bytes;
    *work_offset = slot->work_offset;
    plan->state_bytes += slot->bytes;
    plan->work_bytes += (bytes + PLAN_ALIGN - 1) / PLAN_ALIGN * PLAN_ALIGN;
    plan->state_count++;
    node->state_bytes += slot->bytes;
    *builder->last_state = slot;
    builder->last_state = &slot->next;
    return RNN_OK;
}

/* ---- nodes ---------------------------------------------------------------*/

static struct node *make_node(struct plan_builder *builder,
                              const struct layer *layer,
                              const struct call *given)
{
    struct node *node = zalloc(builder, 1, sizeof(*node));

    if (!node)
        return NULL;
    node->inputs = zalloc(builder, given->input_count, sizeof(struct value *));
    node->outputs = zalloc(builder, 1, sizeof(struct value *));
    if (!node->inputs || !node->outputs)
        return NULL;
    node->layer = layer;
    node->call = layer->calls;
    node->given = given;
    node->input_count = given->input_count;
    node->output_count = 1;
    for (size_t i = 0; i < given->input_count; i++) {
        node->inputs[i] = given->inputs[i];
        node->has_time = node->has_time || given->inputs[i]->has_time;
    }
    return node;
}

enum rnn_status plan_call(struct plan_builder *builder, struct layer *layer,
                          struct value *const *inputs, size_t input_count,
                          struct node **node, struct rnn_error *err)
{
    const struct call given = {.inputs = inputs, .input_count = input_count};

    return plan_call_with(builder, layer, &given, node, err);
}

/* Connect `made` and put it behind the nodes that there are. */
static enum rnn_status append_node(struct plan_builder *builder,
                                   struct layer *layer, struct node *made,
                                   struct rnn_error *err)
{
    enum rnn_status status = layer->class->connect(layer, made, builder, err);

    if (!status)
        status = mask_settle(builder, layer, made, err);
    weights_recycle(builder->weights);
    made->given = NULL;
    if (status)
        return status;
    if (!layer->calls++)
        layer->output_shape = made->outputs[0]->shape;
    for (struct layer *each = layer; each; each = each->wrapper)
        each->state_bytes += made->state_bytes;
    layer->whole = layer->whole || made->whole;
    /* A wrapper's inner layers have been called by now: they run first. */
    made->index = builder->plan->node_count++;
    *builder->last_node = made;
    builder->last_node = &made->next;
    return RNN_OK;
}

enum rnn_status plan_call_with(struct plan_builder *builder,
                               struct layer *layer, const struct call *given,
                               struct node **node, struct rnn_error *err)
{
    struct call plain = *given;
    struct node *made;
    enum rnn_status status;

    if (builder->calls++ >= PLAN_MAX_NODES)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the model calls its layers more than %zu times",
                        PLAN_MAX_NODES);
    status = call_check(given, layer->name, layer->class->keywords,
                        layer->class->takes_constants, err);
    for (size_t i = 0; i < given->input_count && !status; i++)
        status = scores_may_enter(layer, given->inputs[i], err);
    if (!status)
        status = plan_flatten_plain(builder, layer, &plain, err);
    if (status)
        return status;
    made = make_node(builder, layer, &plain);
    if (!made)
        return plan_no_memory(layer, err);
    status = append_node(builder, layer, made, err);
    if (!status)
        *node = made;
    return status;
}
