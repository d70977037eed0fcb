/* Bidirectional
 *
 *     f = forward_layer(x)
 *     b = backward_layer(x)          from the last timestep to the first
 *     b = b with its time turned     with return_sequences
 *     y = [f, b]      concat
 *         f + b       sum
 *         f * b       mul
 *         (f + b) / 2 ave
 *         f and b, two outputs, without a merge_mode
 *
 * Initial states are the forward layer's and then the backward layer's; with
 * return_state their last states follow y in the same order.
 *
 * Under a mask f and b are 0 at masked timesteps.
 *
 * The two layers are nodes of their own; this one puts their outputs
 * together.
 *
 * Keras: keras/src/layers/rnn/bidirectional.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/recurrent.h"

enum merge_mode { MERGE_CONCAT, MERGE_SUM, MERGE_MUL, MERGE_AVE, MERGE_NOT };

struct bidirectional {
    enum merge_mode mode;
    const struct rnn_json *forward_json, *backward_json;
    struct layer *forward, *backward;
    unsigned keras_major;
};

static const char *const inert[] = {"activity_regularizer", "stateful",
                                    "zero_output_for_mask", NULL};

static enum rnn_status read_mode(struct fields *fields, enum merge_mode *mode,
                                 struct rnn_error *err)
{
    static const char *const names[] = {"concat", "sum", "mul", "ave"};
    const struct rnn_json *field = fields_get(fields, "merge_mode");
    const char *name = rnn_json_text(field);

    if (!field) {
        /* null; a file always says it. */
        *mode = rnn_json_member(fields->object, "merge_mode") ? MERGE_NOT
                                                              : MERGE_CONCAT;
        return RNN_OK;
    }
    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(name, names[i])) {
            *mode = (enum merge_mode)i;
            return RNN_OK;
        }
    return fields_refuse(fields, RNN_BAD_MODEL, "merge_mode",
                         "which is none of Keras' ways", err);
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct bidirectional *own = layer->own;

    own->keras_major = fields->keras_major;
    own->forward_json = fields_get(fields, "layer");
    own->backward_json = fields_get(fields, "backward_layer");
    if (!own->forward_json)
        return fields_refuse(fields, RNN_BAD_MODEL, "layer",
                             "the layer that it wraps", err);
    return read_mode(fields, &own->mode, err);
}

static enum rnn_status check_sides(const struct layer *layer,
                                   struct rnn_error *err)
{
    const struct bidirectional *own = layer->own;
    const struct recurrent_way *forward = recurrent_way_of(own->forward);
    const struct recurrent_way *backward = recurrent_way_of(own->backward);

    if (forward->go_backwards == backward->go_backwards)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Bidirectional): both of its layers "
                        "go the same way",
                        layer->name);
    if (forward->return_sequences != backward->return_sequences)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Bidirectional): return_sequences "
                        "of its layers differ",
                        layer->name);
    if (forward->return_state != backward->return_state)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Bidirectional): return_state of "
                        "its layers differ",
                        layer->name);
    return RNN_OK;
}

/* Whatever the layer itself says: its sequences are 0 where they are masked.
 */
static void force_zeros(struct layer *side)
{
    struct recurrent_way *way = recurrent_way_of(side);

    way->zero_output_for_mask = way->return_sequences;
}

/* Without a backward_layer, the same layer again with weights of its own. */
static enum rnn_status add_sides(struct layer *layer,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    struct bidirectional *own = layer->own;
    bool copy = !own->backward_json;
    enum rnn_status status =
        plan_add_inner(builder, own->forward_json, layer, "forward_layer",
                       &own->forward, err);

    if (!status)
        status = plan_add_inner(builder,
                                copy ? own->forward_json : own->backward_json,
                                layer, "backward_layer", &own->backward, err);
    if (status)
        return status;
    if (!recurrent_way_of(own->forward) || !recurrent_way_of(own->backward))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Bidirectional) wraps a %.60s and a "
                        "%.60s; recurrent layers can be wrapped",
                        layer->name, own->forward->class->name,
                        own->backward->class->name);
    /* Keras 2 turns the copy around, Keras 3 always makes it go backwards
     * (and refuses a layer that does so itself). */
    if (copy) {
        struct recurrent_way *backward = recurrent_way_of(own->backward);

        backward->go_backwards =
            own->keras_major >= 3 ? true : !backward->go_backwards;
    }
    force_zeros(own->forward);
    force_zeros(own->backward);
    return check_sides(layer, err);
}

/* Outputs 1, ... of the two layers, from output `first` of `node` on. */
static enum rnn_status pass_states(struct node *node,
                                   const struct node *const *sides,
                                   size_t first, struct plan_builder *builder,
                                   struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t side = 0; side < 2; side++)
        for (size_t i = 1; i < sides[side]->output_count && !status; i++)
            status = plan_pass(builder, node, first++, sides[side]->outputs[i],
                               err);
    return status;
}

static enum rnn_status make_merged(struct layer *layer, struct node *node,
                                   struct plan_builder *builder,
                                   struct rnn_error *err)
{
    const struct bidirectional *own = layer->own;
    const struct value *f = node->inputs[0], *b = node->inputs[1];
    struct rnn_shape shape = f->shape;
    size_t last = shape.rank - 1;

    if (own->mode == MERGE_CONCAT)
        shape.dim[last] += b->shape.dim[last];
    else if (f->features != b->features)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Bidirectional): its layers have "
                        "%zu and %zu units, which do not merge",
                        layer->name, f->features, b->features);
    for (size_t i = f->has_time; i < last; i++)
        if (f->shape.dim[i] != b->shape.dim[i])
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (Bidirectional): its layers "
                            "make %zu and %zu rows, which do not merge",
                            layer->name, f->shape.dim[i], b->shape.dim[i]);
    return plan_make_output(builder, node, 0, &shape, f->has_time, err);
}

static enum rnn_status make_outputs(struct layer *layer, struct node *node,
                                    const struct node *const *sides,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    struct bidirectional *own = layer->own;
    const struct value *b = node->inputs[1];
    size_t states = sides[0]->output_count + sides[1]->output_count - 2;
    size_t merged = own->mode == MERGE_NOT ? 2 : 1;
    enum rnn_status status =
        plan_reserve_outputs(builder, node, merged + states, err);

    if (status)
        return status;
    if (own->mode == MERGE_NOT) {
        status = plan_pass(builder, node, 0, node->inputs[0], err);
        if (!status)
            status = plan_make_output(builder, node, 1, &b->shape, b->has_time,
                                      err);
    } else {
        status = make_merged(layer, node, builder, err);
    }
    if (!status)
        status = pass_states(node, sides, merged, builder, err);
    return status;
}

/* Call one of the two layers on x and its half of the initial states. */
static enum rnn_status call_side(struct plan_builder *builder,
                                 struct layer *side, bool is_second,
                                 const struct node *node, struct node **made,
                                 struct rnn_error *err)
{
    struct value *inputs[PLAN_MAX_INPUTS] = {node->inputs[0]};
    size_t half = (node->input_count - 1) / 2;

    for (size_t i = 0; i < half; i++)
        inputs[1 + i] = node->inputs[1 + i + (is_second ? half : 0)];
    return plan_call(builder, side, inputs, 1 + half, made, err);
}

static enum rnn_status check_count(const struct layer *layer,
                                   const struct node *node,
                                   struct rnn_error *err)
{
    if (node->input_count % 2 && node->input_count <= PLAN_MAX_INPUTS)
        return recurrent_check_call(layer, node, err);
    return rnn_fail(err, RNN_BAD_MODEL,
                    "layer \"%.100s\" (Bidirectional) is called on %zu "
                    "tensors; it takes a sequence, alone or with the states "
                    "of both directions",
                    layer->name, node->input_count);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct bidirectional *own = layer->own;
    struct value **merged = arena_zalloc(builder->arena, 2, sizeof(merged[0]),
                                         alignof(struct value *));
    struct node *sides[2] = {0};
    enum rnn_status status = check_count(layer, node, err);

    if (!merged)
        return plan_no_memory(layer, err);
    if (!status && !layer->calls)
        status = add_sides(layer, builder, err);
    if (!status)
        status = call_side(builder, own->forward, false, node, &sides[0], err);
    if (!status)
        status = call_side(builder, own->backward, true, node, &sides[1], err);
    if (status)
        return status;
    merged[0] = sides[0]->outputs[0];
    merged[1] = sides[1]->outputs[0];
    node->inputs = merged;
    node->input_count = 2;
    plan_need_whole(node);
    status = make_outputs(layer, node, (const struct node *const *)sides,
                          builder, err);
    if (!status)
        node->cost = node->outputs[0]->features;
    return status;
}

static void merge(enum merge_mode mode, size_t f_units, size_t b_units,
                  const float *f, const float *b, float *y)
{
    switch (mode) {
    case MERGE_CONCAT:
        memcpy(y, f, f_units * sizeof(float));
        memcpy(y + f_units, b, b_units * sizeof(float));
        break;
    case MERGE_SUM:
        for (size_t i = 0; i < f_units; i++)
            y[i] = f[i] + b[i];
        break;
    case MERGE_MUL:
        for (size_t i = 0; i < f_units; i++)
            y[i] = f[i] * b[i];
        break;
    case MERGE_AVE:
        for (size_t i = 0; i < f_units; i++)
            y[i] = (f[i] + b[i]) / 2;
        break;
    case MERGE_NOT:
        memcpy(y, b, b_units * sizeof(float));
        break;
    }
}

static bool run(const struct node *node, struct run *run)
{
    const struct bidirectional *own = node->layer->own;
    const struct value *first = node->inputs[0], *second = node->inputs[1];
    const struct value *output = node->outputs[own->mode == MERGE_NOT];
    struct view f = run_view(run, first), b = run_view(run, second);
    struct view y = run_view(run, output);
    size_t steps = output->has_time ? run_steps(run, output) : 1;
    /* Of several axes the last one is merged. */
    size_t f_units = first->shape.dim[first->shape.rank - 1];
    size_t b_units = second->shape.dim[second->shape.rank - 1];
    size_t lines = first->features / f_units;
    size_t y_units = output->features / lines;

    if (!run_may_go_on(run, run_work(node->cost, run_items(run, output))))
        return false;
    for (size_t r = 0; r < run->rows; r++)
        for (size_t t = 0; t < steps; t++) {
            size_t item = r * steps + t, turned = r * steps + steps - 1 - t;

            for (size_t i = 0; i < lines; i++)
                merge(own->mode, f_units, b_units,
                      f.data + item * f.stride + i * f_units,
                      b.data + turned * b.stride + i * b_units,
                      y.data + item * y.stride + i * y_units);
        }
    return true;
}

const struct layer_class layer_bidirectional = {
    .name = "Bidirectional",
    .inert = inert,
    .keywords = recurrent_keywords,
    .streaming = STREAM_WHOLE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct bidirectional),
    .read = read,
    .connect = connect,
    .run = run,
};
