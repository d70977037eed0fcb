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
 * Keras: keras/src/layers/rnn/time_distributed.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/graph.h"
#include "core/format/json.h"
#include "core/layers/inner_plan.h"

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
    const struct layer *inside = own->graph ? own->graph_layers : own->inner;

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

static enum rnn_status call_inner(struct layer *layer, const struct node *node,
                                  struct plan_builder *builder,
                                  struct value *const *inputs,
                                  struct value ***outputs,
                                  size_t *output_count, struct rnn_error *err)
{
    const struct time_distributed *own = layer->own;
    struct node *inner = NULL;
    struct value **made;
    enum rnn_status status;

    if (!own->graph) {
        status = plan_call(builder, own->inner, inputs, node->input_count,
                           &inner, err);
        if (status)
            return status;
        *outputs = inner->outputs;
        *output_count = inner->output_count;
        return RNN_OK;
    }
    made = arena_zalloc(builder->arena, own->graph->output_count,
                        sizeof(*made), alignof(struct value *));
    if (!made)
        return plan_no_memory(layer, err);
    *outputs = made;
    *output_count = own->graph->output_count;
    return graph_call(builder, own->graph, inputs, node->input_count, made,
                      err);
}

/* The inner layer in a plan of its own. */
static enum rnn_status connect_within(struct layer *layer, struct node *node,
                                      struct plan_builder *builder,
                                      struct plan_builder *inner,
                                      struct inner_plan *made,
                                      struct rnn_error *err)
{
    struct time_distributed *own = layer->own;
    struct value *inputs[PLAN_MAX_INPUTS], **outputs = NULL;
    size_t output_count = 0;
    enum rnn_status status = inner_plan_inputs(node, inner, inputs, err);

    if (!status)
        status = call_inner(layer, node, inner, inputs, &outputs,
                            &output_count, err);
    if (!status)
        status = inner_plan_finish(node, made, builder, inner, outputs,
                                   output_count, err);
    if (own->graph && !layer->calls)
        own->graph_layers = made->plan.layers;
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
    if (!status && !layer->calls)
        count_parameters(layer);
    return status;
}

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    return node->own ? inner_plan_scratch(node, rows, items) : 0;
}

static bool run(const struct node *node, struct run *run)
{
    return !node->own || inner_plan_run(node, run);
}

const struct layer_class layer_time_distributed = {
    .name = "TimeDistributed",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct time_distributed),
    .read = read,
    .connect = connect,
    .scratch = scratch,
    .run = run,
};
