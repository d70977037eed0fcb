/* TimeDistributed
 *
 *     y_t = layer(x_t)        for each timestep
 *
 * A timestep is a whole input of the inner layer, or of the inner model: for
 * an LSTM a sequence of its own, which begins from a zero state.  The inner
 * layer lives in a plan of its own, whose sequences are the timesteps of this
 * one; layers that treat every timestep alike anyway are called on all of
 * them at once.
 *
 * A mask of x that has axes behind time is the inner layer's: m_t is the mask
 * of x_t.  One that has none says nothing about a timestep.  What comes out
 * has, in Keras 3, the mask of x; in Keras 2 that of what the inner layer
 * makes (a Masking inside it makes one) or, where that has none, one of
 * timesteps: any of m_t.
 *
 * Keras: keras/src/layers/rnn/time_distributed.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/graph.h"
#include "core/format/json.h"
#include "core/layers/inner_plan.h"
#include "core/layers/mask.h"
#include "core/layers/recurrent.h"

struct time_distributed {
    const struct rnn_json *json;
    struct layer *inner; /* one of these two */
    struct graph *graph;
    struct layer *graph_layers; /* all that the model holds */
};

static const char *const inert[] = {"activity_regularizer", NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct time_distributed *own = layer->own;

    own->json = fields_get(fields, "layer");
    if (!own->json)
        return fields_refuse(fields, RNN_BAD_MODEL, "layer",
                             "the layer that it wraps", err);
    return RNN_OK;
}

/* ---- what is inside ------------------------------------------------------*/

static bool is_model(const struct rnn_json *description)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(description, "class_name"));

    return class_name &&
           (!strcmp(class_name, "Sequential") ||
            !strcmp(class_name, "Functional") || !strcmp(class_name, "Model"));
}

/* Is a layer in it stateful?  Depth of the recursion: that of the JSON. */
static bool is_stateful(const struct rnn_json *json)
{
    bool stateful = false;

    rnn_json_bool(rnn_json_member(json, "stateful"), &stateful);
    if (!rnn_json_is_object(json) && !rnn_json_is_array(json))
        return false;
    for (const struct rnn_json *item = rnn_json_first(json); item && !stateful;
         item = rnn_json_next(item))
        stateful = is_stateful(item);
    return stateful;
}

static enum rnn_status add_model(struct layer *layer,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    struct time_distributed *own = layer->own;
    size_t size = strlen(layer->path) + sizeof("/layer/");
    char *prefix = arena_alloc(builder->arena, size, 1, 1);

    if (!prefix)
        return plan_no_memory(layer, err);
    memcpy(prefix, layer->path, size - sizeof("/layer/"));
    memcpy(prefix + size - sizeof("/layer/"), "/layer/", sizeof("/layer/"));
    return graph_read(builder, own->json, prefix, &own->graph, err);
}

/* `builder` is that of the inner plan. */
static enum rnn_status add_inner(struct layer *layer,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    struct time_distributed *own = layer->own;

    if (is_stateful(own->json))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (TimeDistributed) wraps a stateful "
                        "layer, which would go on from one timestep to the "
                        "next; save it with stateful=False",
                        layer->name);
    if (is_model(own->json))
        return add_model(layer, builder, err);
    return plan_add_inner(builder, own->json, layer, "layer", &own->inner,
                          err);
}

/* What is inside counts as the wrapper's. */
static void count_parameters(struct layer *layer)
{
    const struct time_distributed *own = layer->own;
    struct layer *inside = own->graph ? own->graph_layers : own->inner;

    layer->parameters = layer->fixed_parameters = 0;
    for (; inside; inside = own->graph ? inside->next : NULL) {
        layer->parameters += inside->parameters;
        layer->fixed_parameters +=
            inside->trainable ? inside->fixed_parameters : inside->parameters;
    }
}

/* Does the layer give for all timesteps at once what it gives for each? */
static bool is_each_alone(const struct layer *inner)
{
    static const struct layer_class *const classes[] = {
        &layer_dense,         &layer_activation,       &layer_dropout,
        &layer_alpha_dropout, &layer_gaussian_dropout, &layer_gaussian_noise};

    for (size_t i = 0; inner && i < sizeof(classes) / sizeof(classes[0]); i++)
        if (inner->class == classes[i])
            return true;
    return false;
}

/* ---- one call ------------------------------------------------------------*/

static enum rnn_status check_inputs(const struct layer *layer,
                                    const struct node *node,
                                    struct rnn_error *err)
{
    char first[RNN_SHAPE_TEXT], second[RNN_SHAPE_TEXT];

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];

        if (!x->has_time || x->shape.rank < 2)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (TimeDistributed) takes a "
                            "sequence, it is given %s%s",
                            layer->name, rnn_shape_print(&x->shape, first),
                            x->has_time ? "" : " without time");
        if (!plan_same_time(x, node->inputs[0]))
            return rnn_fail(
                err, RNN_UNSUPPORTED,
                "layer \"%.100s\" (TimeDistributed) is called on %s and %s, "
                "whose timesteps need not be as many",
                layer->name, rnn_shape_print(&node->inputs[0]->shape, first),
                rnn_shape_print(&x->shape, second));
    }
    return RNN_OK;
}

static enum rnn_status call_inner(struct layer *layer, size_t input_count,
                                  struct plan_builder *builder,
                                  struct value *const *inputs,
                                  struct inner_outputs *outputs,
                                  struct rnn_error *err)
{
    const struct time_distributed *own = layer->own;
    struct node *inner = NULL;
    struct value **made;
    enum rnn_status status;

    if (!own->graph) {
        status =
            plan_call(builder, own->inner, inputs, input_count, &inner, err);
        if (status)
            return status;
        outputs->values = inner->outputs;
        outputs->count = inner->output_count;
        return RNN_OK;
    }
    made = arena_zalloc(builder->arena, own->graph->output_count,
                        sizeof(*made), alignof(struct value *));
    if (!made)
        return plan_no_memory(layer, err);
    outputs->values = made;
    outputs->count = own->graph->output_count;
    return graph_call(builder, own->graph, inputs, input_count, made, err);
}

/* ---- masks ---------------------------------------------------------------*/

/* Has Keras' call() of the class an argument `mask` that it looks at? */
static bool looks_at_masks(struct layer *layer)
{
    return recurrent_way_of(layer) || layer->class == &layer_bidirectional ||
           layer->class == &layer_softmax ||
           layer->class == &layer_global_average_pooling1d;
}

/* A mask of timesteps: Keras gives the inner layer one number for each of
 * its sequences and fails, where it takes that for a mask; Keras 2 fails too
 * where a layer knows nothing of masks. */
static enum rnn_status check_steps(const struct layer *layer,
                                   const struct plan_builder *builder,
                                   struct rnn_error *err)
{
    const struct time_distributed *own = layer->own;
    struct layer *inside = own->graph ? own->graph_layers : own->inner;

    for (; inside; inside = own->graph ? inside->next : NULL) {
        enum layer_masking masking = inside->class->masking;

        if (looks_at_masks(inside) ||
            (!own->graph && builder->keras_major < 3 &&
             (masking == MASK_DROPPED || masking == MASK_PASSED_KERAS_3)))
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (TimeDistributed) is given a "
                            "mask of timesteps and has a %.60s in it: Keras "
                            "itself cannot run that",
                            layer->name, inside->class->name);
    }
    return RNN_OK;
}

/* Has the first input a mask that says something about each timestep? */
static bool has_inner_mask(const struct node *node)
{
    const struct value *mask = node->inputs[0]->mask;

    return mask && mask->has_time && mask->shape.rank > 1;
}

/* That mask is one more input. */
static enum rnn_status add_mask(struct layer *layer, struct node *node,
                                struct plan_builder *builder,
                                struct rnn_error *err)
{
    struct value **inputs =
        arena_zalloc(builder->arena, node->input_count + 1, sizeof(inputs[0]),
                     alignof(struct value *));

    if (!inputs)
        return plan_no_memory(layer, err);
    memcpy(inputs, node->inputs, node->input_count * sizeof(inputs[0]));
    inputs[node->input_count++] = node->inputs[0]->mask;
    node->inputs = inputs;
    return RNN_OK;
}

/* In the inner plan, the last input is the mask of the first. */
static enum rnn_status take_mask(const struct layer *layer,
                                 struct plan_builder *inner,
                                 struct value **inputs, size_t mask,
                                 struct rnn_error *err)
{
    if (inputs[0]->has_time && !inputs[mask]->has_time)
        plan_become_time(inner->plan, inputs[mask]);
    inputs[0] = plan_with_mask(inner, inputs[0], inputs[mask]);
    return inputs[0] ? RNN_OK : plan_no_memory(layer, err);
}

/* Keras 2: the mask of what comes out; `made` is that inside, which node->mask
 * is unless it came from outside. */
static enum rnn_status reduce_mask(struct node *node,
                                   struct plan_builder *builder,
                                   const struct value *made,
                                   struct rnn_error *err)
{
    struct value *mask = node->inputs[0]->mask, steps;
    enum rnn_status status;

    if (node->mask) {
        node->outputs[0]->mask = node->mask;
        return RNN_OK;
    }
    if (made || !mask || !has_inner_mask(node)) {
        node->outputs[0]->mask = mask;
        return RNN_OK;
    }
    steps = *node->inputs[0];
    steps.shape = (struct rnn_shape){2, {steps.shape.dim[0], 1}};
    status = plan_make_mask(builder, node, &steps, err);
    if (status)
        return status;
    node->outputs[0]->mask = node->mask;
    return RNN_OK;
}

/* Is node->mask one more output of the inner plan? */
static bool makes_mask(const struct node *node)
{
    const struct inner_plan *inner = node->own;

    return inner->plan.output_count > node->output_count;
}

static void write_mask(const struct node *node, const struct run *run)
{
    const struct value *mask = node->inputs[0]->mask;
    struct view m = run_view(run, mask), y = run_view(run, node->mask);
    size_t items = run_items(run, mask);

    for (size_t i = 0; i < items; i++) {
        bool any = false;

        for (size_t k = 0; k < mask->features; k++)
            any = any || m.data[i * m.stride + k] != 0;
        y.data[i * y.stride] = any;
    }
}

/* ---- both ways of connecting ---------------------------------------------*/

/* The inner layer in a plan of its own. */
static enum rnn_status connect_within(struct layer *layer, struct node *node,
                                      struct plan_builder *builder,
                                      struct plan_builder *inner,
                                      struct inner_plan *made,
                                      struct rnn_error *err)
{
    struct time_distributed *own = layer->own;
    struct value *inputs[PLAN_MAX_INPUTS];
    struct inner_outputs outputs = {0};
    size_t input_count = node->input_count;
    bool masked = has_inner_mask(node) && input_count < PLAN_MAX_INPUTS;
    const struct value *given = NULL;
    enum rnn_status status = RNN_OK;
    bool is_2;

    if (masked)
        status = add_mask(layer, node, builder, err);
    if (!status)
        status = inner_plan_inputs(node, inner, inputs, err);
    if (!status && masked) {
        given = inputs[input_count];
        status = take_mask(layer, inner, inputs, input_count, err);
    }
    if (!status)
        status = call_inner(layer, input_count, inner, inputs, &outputs, err);
    is_2 = !status && outputs.values && builder->keras_major < 3;
    if (is_2 && outputs.values[0]->mask != given)
        outputs.mask = outputs.values[0]->mask;
    if (!status)
        status = inner_plan_finish(node, made, builder, inner, &outputs, err);
    if (own->graph && !layer->calls)
        own->graph_layers = made->plan.layers;
    if (!status && node->inputs[0]->mask && !masked)
        status = check_steps(layer, builder, err);
    if (!status && is_2)
        status = reduce_mask(node, builder, outputs.values[0]->mask, err);
    return status;
}

/* The inner layer is a node of the plan around it. */
static enum rnn_status connect_beside(struct layer *layer, struct node *node,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    const struct time_distributed *own = layer->own;
    struct node *inner = NULL;
    enum rnn_status status = plan_call(builder, own->inner, node->inputs,
                                       node->input_count, &inner, err);

    if (status)
        return status;
    node->inputs[0] = inner->outputs[0];
    return plan_pass_input(builder, node, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct time_distributed *own = layer->own;
    struct inner_plan *made =
        arena_zalloc(builder->arena, 1, sizeof(*made), alignof(max_align_t));
    struct plan_builder inner;
    enum rnn_status status = check_inputs(layer, node, err);

    if (!made)
        return plan_no_memory(layer, err);
    if (status)
        return status;
    inner_plan_begin(made, builder, &inner);
    if (!layer->calls)
        status = add_inner(layer, &inner, err);
    if (!status && is_each_alone(own->inner))
        status = connect_beside(layer, node, builder, err);
    else if (!status)
        status = connect_within(layer, node, builder, &inner, made, err);
    if (status)
        return status;
    if (!layer->calls)
        count_parameters(layer);
    if (builder->keras_major >= 3 || !node->own)
        node->outputs[0]->mask = node->inputs[0]->mask;
    return RNN_OK;
}

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    return node->own ? inner_plan_scratch(node, rows, items) : 0;
}

static bool run(const struct node *node, struct run *run)
{
    if (node->mask && !makes_mask(node))
        write_mask(node, run);
    return !node->own || inner_plan_run(node, run);
}

const struct layer_class layer_time_distributed = {
    .name = "TimeDistributed",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_OWN,
    .own_bytes = sizeof(struct time_distributed),
    .read = read,
    .connect = connect,
    .scratch = scratch,
    .run = run,
};
