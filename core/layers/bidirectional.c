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
    const struct recurrent *forward = own->forward->own;
    const struct recurrent *backward = own->backward->own;

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
    return RNN_OK;
}

/* Whatever the layer itself says: its sequences are 0 where they are masked.
 */
static void force_zeros(struct layer *side)
{
    struct recurrent *own = side->own;

    own->zero_output_for_mask = own->return_sequences;
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
    if (!recurrent_is(own->forward) || !recurrent_is(own->backward))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Bidirectional) wraps a %.60s and a "
                        "%.60s; SimpleRNN, LSTM and GRU can be wrapped",
                        layer->name, own->forward->class->name,
                        own->backward->class->name);
    /* Keras 2 turns the copy around, Keras 3 always makes it go backwards
     * (and refuses a layer that does so itself). */
    if (copy) {
        struct recurrent *backward = own->backward->own;

        backward->go_backwards =
            own->keras_major >= 3 ? true : !backward->go_backwards;
    }
    force_zeros(own->forward);
    force_zeros(own->backward);
    return check_sides(layer, err);
}

static enum rnn_status make_outputs(struct layer *layer, struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    const struct bidirectional *own = layer->own;
    const struct value *f = node->inputs[0], *b = node->inputs[1];
    struct rnn_shape shape = f->shape;
    size_t last = shape.rank - 1;
    enum rnn_status status;

    if (own->mode == MERGE_NOT) {
        status = plan_reserve_outputs(builder, node, 2, err);
        if (!status)
            status = plan_pass(builder, node, 0, node->inputs[0], err);
        if (!status)
            status = plan_make_output(builder, node, 1, &b->shape, b->has_time,
                                      err);
        return status;
    }
    if (own->mode == MERGE_CONCAT)
        shape.dim[last] += b->shape.dim[last];
    else if (f->features != b->features)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Bidirectional): its layers have "
                        "%zu and %zu units, which do not merge",
                        layer->name, f->features, b->features);
    return plan_make_output(builder, node, 0, &shape, f->has_time, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct bidirectional *own = layer->own;
    struct value **sides = arena_zalloc(builder->arena, 2, sizeof(sides[0]),
                                        alignof(struct value *));
    struct value *x = NULL;
    struct node *forward, *backward;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!sides)
        return plan_no_memory(layer, err);
    if (!status && !layer->calls)
        status = add_sides(layer, builder, err);
    if (!status)
        status = plan_call(builder, own->forward, &x, 1, &forward, err);
    if (!status)
        status = plan_call(builder, own->backward, &x, 1, &backward, err);
    if (status)
        return status;
    sides[0] = forward->outputs[0];
    sides[1] = backward->outputs[0];
    node->inputs = sides;
    node->input_count = 2;
    plan_need_whole(node);
    status = make_outputs(layer, node, builder, err);
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
    const struct value *output = node->outputs[node->output_count - 1];
    struct view f = run_view(run, first), b = run_view(run, second);
    struct view y = run_view(run, output);
    size_t steps = output->has_time ? run_steps(run, output) : 1;

    if (!run_may_go_on(run, run_work(node->cost, run_items(run, output))))
        return false;
    for (size_t r = 0; r < run->rows; r++)
        for (size_t t = 0; t < steps; t++) {
            size_t item = r * steps + t, turned = r * steps + steps - 1 - t;

            merge(own->mode, first->features, second->features,
                  f.data + item * f.stride, b.data + turned * b.stride,
                  y.data + item * y.stride);
        }
    return true;
}

const struct layer_class layer_bidirectional = {
    .name = "Bidirectional",
    .inert = inert,
    .streaming = STREAM_WHOLE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct bidirectional),
    .read = read,
    .connect = connect,
    .run = run,
};
