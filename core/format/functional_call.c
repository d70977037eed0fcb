/* A Functional model's calls become nodes of the plan. */
#include <stdio.h>
#include <string.h>

#include "core/format/graph.h"
#include "core/format/input_layer.h"
#include "core/format/json.h"
#include "core/format/keras.h"
#include "core/layers/layer.h"

#define NAME_BYTES 400

/* `made` is what each call of the graph has made so far. */
static enum rnn_status get(const struct graph *graph,
                           const struct graph_values *made,
                           const struct graph_ref *ref, struct value **value,
                           struct rnn_error *err)
{
    const struct graph_layer *layer = &graph->layers[ref->layer];
    const struct graph_values *from = &made[layer->first_node + ref->node];

    if (ref->tensor >= from->count)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "output %zu of layer \"%.100s\" is asked for, it has "
                        "%zu",
                        ref->tensor, layer->name, from->count);
    *value = from->items[ref->tensor];
    while ((*value)->later)
        *value = (*value)->later;
    return RNN_OK;
}

static enum rnn_status run_node(struct plan_builder *builder,
                                const struct graph *graph, size_t index,
                                struct graph_values *made,
                                struct rnn_error *err)
{
    const struct graph_node *node = &graph->nodes[index];
    struct value *inputs[PLAN_MAX_INPUTS];
    const struct call given = {inputs, node->ref_count, node->arguments,
                               node->argument_count};
    enum rnn_status status = RNN_OK;

    if (node->ref_count > PLAN_MAX_INPUTS)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" is called on %zu tensors, at most "
                        "%d are taken",
                        graph->layers[node->layer].name, node->ref_count,
                        PLAN_MAX_INPUTS);
    for (size_t i = 0; i < node->ref_count && !status; i++)
        status = get(graph, made, &node->refs[i], &inputs[i], err);
    if (!status)
        status = graph_call_layer(builder, &graph->layers[node->layer], &given,
                                  &made[index], err);
    return status;
}

/* The InputLayer of a nested model says what may come in. */
static enum rnn_status check_fits(const struct graph_layer *layer,
                                  const struct value *value,
                                  struct rnn_error *err)
{
    const struct rnn_json *array = keras_shape_of(layer->json);
    char has[RNN_SHAPE_TEXT], wants[RNN_SHAPE_TEXT];
    struct rnn_shape shape;
    bool fits;
    enum rnn_status status;

    if (!array)
        return RNN_OK;
    status = keras_read_shape(array, layer->name, &shape, err);
    if (status)
        return status;
    fits = shape.rank == value->shape.rank;
    for (size_t i = 0; i < shape.rank && fits; i++)
        fits = shape.dim[i] == RNN_FREE || value->shape.dim[i] == RNN_FREE ||
               shape.dim[i] == value->shape.dim[i];
    if (fits)
        return RNN_OK;
    return rnn_fail(err, RNN_BAD_MODEL,
                    "the input \"%.100s\" of a nested model takes %s, it is "
                    "given %s",
                    layer->name, rnn_shape_print(&shape, wants),
                    rnn_shape_print(&value->shape, has));
}

enum rnn_status functional_call(struct plan_builder *builder,
                                const struct graph *graph,
                                struct value *const *inputs,
                                struct value **outputs, struct rnn_error *err)
{
    struct graph_values *made =
        graph_zalloc(builder, graph->node_count, sizeof(*made));
    struct value **given =
        graph_zalloc(builder, graph->input_count, sizeof(*given));
    enum rnn_status status = RNN_OK;

    if (!made || !given)
        return graph_no_memory(graph->name, err);
    for (size_t i = 0; i < graph->input_count && !status; i++) {
        const struct graph_layer *layer =
            &graph->layers[graph->inputs[i].layer];

        given[i] = inputs[i];
        made[layer->first_node] = (struct graph_values){&given[i], 1};
        status = check_fits(layer, inputs[i], err);
    }
    for (size_t i = 0; i < graph->node_count && !status; i++) {
        size_t node = graph->order[i];

        if (!graph->layers[graph->nodes[node].layer].is_input)
            status = run_node(builder, graph, node, made, err);
    }
    for (size_t i = 0; i < graph->output_count && !status; i++)
        status = get(graph, made, &graph->outputs[i], &outputs[i], err);
    return status;
}

/* ---- the whole model -----------------------------------------------------*/

static enum rnn_status add_inputs(struct plan_builder *builder,
                                  const struct graph *graph,
                                  struct value **values, struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < graph->input_count && !status; i++) {
        const struct graph_layer *layer =
            &graph->layers[graph->inputs[i].layer];
        const struct rnn_json *array = keras_shape_of(layer->json);
        struct rnn_shape shape;

        if (!array)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "the shape of the input \"%.100s\" is not in the "
                            "file",
                            layer->name);
        status = keras_read_shape(array, layer->name, &shape, err);
        if (!status)
            status =
                plan_add_input(builder, layer->name, &shape, &values[i], err);
    }
    return status;
}

/* ---- masks that are inputs -----------------------------------------------*/

/* Input `index` of the model is [T] and becomes a mask: T timesteps, where
 * nothing speaks against it. */
static void make_time(struct plan *plan, struct value *x)
{
    if (x->has_time || x->shape.rank != 1)
        return;
    for (size_t i = 0; i < plan->input_count; i++) {
        const struct rnn_io *io = &plan->inputs[i];

        if (io->has_time && io->shape[0] != RNN_FREE &&
            io->shape[0] != x->features)
            return;
    }
    plan_become_time(plan, x);
}

static void mark(const struct graph *graph, const struct graph_node *node,
                 size_t first, size_t count, bool *makes_mask)
{
    for (size_t i = first; i < first + count; i++) {
        const struct graph_ref *ref = &node->refs[i];

        makes_mask[graph->layers[ref->layer].first_node + ref->node] = true;
    }
}

/* Inputs of which masks are made, by operators or as they are.  Nobody could
 * tell later: the first who reads [T] takes it as features. */
static enum rnn_status find_masks(struct plan_builder *builder,
                                  const struct graph *graph,
                                  struct value *const *values,
                                  struct rnn_error *err)
{
    bool *makes_mask =
        graph_zalloc(builder, graph->node_count, sizeof(*makes_mask));

    if (!makes_mask)
        return graph_no_memory(graph->name, err);
    for (size_t i = graph->node_count; i-- > 0;) {
        size_t index = graph->order[i];
        const struct graph_node *node = &graph->nodes[index];
        const struct layer *layer = graph->layers[node->layer].layer;

        if (makes_mask[index] && layer && layer->class->takes_plain)
            mark(graph, node, 0, node->ref_count, makes_mask);
        for (size_t k = 0; k < node->argument_count; k++) {
            const struct call_argument *argument = &node->arguments[k];

            if (argument->keyword && !strcmp(argument->keyword, "mask"))
                mark(graph, node, argument->first, argument->count,
                     makes_mask);
        }
    }
    for (size_t i = 0; i < graph->input_count; i++)
        if (makes_mask[graph->layers[graph->inputs[i].layer].first_node])
            make_time(builder->plan, values[i]);
    return RNN_OK;
}

static bool is_used(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->output_count; i++)
        if (!strcmp(plan->outputs[i].name, name))
            return true;
    return false;
}

/* An output is called what its layer is called; a second one of the same
 * layer gets _1 behind it, and so on. */
static enum rnn_status name_output(struct plan_builder *builder,
                                   const char *layer, const char **name,
                                   struct rnn_error *err)
{
    char text[NAME_BYTES];
    int length = snprintf(text, sizeof(text), "%s", layer);

    for (size_t i = 1; is_used(builder->plan, text); i++)
        length = snprintf(text, sizeof(text), "%.*s_%zu", NAME_BYTES - 30,
                          layer, i);
    if (length < 0 || length >= NAME_BYTES)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s...\": the name is too long", layer);
    *name = arena_copy_text(builder->arena, text, (size_t)length);
    return *name ? RNN_OK : graph_no_memory(layer, err);
}

static enum rnn_status add_outputs(struct plan_builder *builder,
                                   const struct graph *graph,
                                   struct value *const *values,
                                   struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < graph->output_count && !status; i++) {
        const char *name;

        status = name_output(
            builder, graph->layers[graph->outputs[i].layer].name, &name, err);
        if (!status)
            plan_add_output(builder, values[i], name);
    }
    return status;
}

enum rnn_status keras_read_functional(struct plan_builder *builder,
                                      const struct rnn_json *description,
                                      struct rnn_error *err)
{
    struct graph *graph = NULL;
    struct value **inputs, **outputs;
    enum rnn_status status = graph_read(builder, description, "", &graph, err);

    if (status)
        return status;
    if (graph->input_count > PLAN_MAX_INPUTS ||
        graph->output_count > PLAN_MAX_INPUTS)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the model has %zu inputs and %zu outputs, at most %d "
                        "are taken",
                        graph->input_count, graph->output_count,
                        PLAN_MAX_INPUTS);
    inputs = graph_zalloc(builder, graph->input_count, sizeof(*inputs));
    outputs = graph_zalloc(builder, graph->output_count, sizeof(*outputs));
    if (!inputs || !outputs)
        return graph_no_memory(graph->name, err);
    status =
        plan_reserve(builder, graph->input_count, graph->output_count, err);
    if (!status)
        status = add_inputs(builder, graph, inputs, err);
    if (!status)
        status = find_masks(builder, graph, inputs, err);
    if (!status)
        status = functional_call(builder, graph, inputs, outputs, err);
    if (!status)
        status = add_outputs(builder, graph, outputs, err);
    return status;
}
