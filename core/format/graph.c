#include "core/format/graph.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "core/format/fields.h"
#include "core/format/input_layer.h"
#include "core/format/json.h"
#include "core/layers/layer.h"
#include "core/layers/mask.h"

#define PREFIX_BYTES 512

void *graph_zalloc(struct plan_builder *builder, size_t count, size_t size)
{
    return arena_zalloc(builder->arena, count ? count : 1, size,
                        alignof(max_align_t));
}

enum rnn_status graph_no_memory(const char *name, struct rnn_error *err)
{
    return rnn_fail(err, RNN_NO_MEMORY, "out of memory at model \"%.100s\"",
                    name);
}

static const char *class_of(const struct rnn_json *description)
{
    const char *name =
        rnn_json_text(rnn_json_member(description, "class_name"));

    return name ? name : "";
}

static bool is_sequential(const struct rnn_json *description)
{
    return !strcmp(class_of(description), "Sequential");
}

/* "Model" until Keras 2.3. */
static bool is_functional(const struct rnn_json *description)
{
    return !strcmp(class_of(description), "Functional") ||
           !strcmp(class_of(description), "Model");
}

static enum rnn_status check_origin(const struct rnn_json *description,
                                    struct rnn_error *err)
{
    const char *registered =
        rnn_json_text(rnn_json_member(description, "registered_name"));

    if (registered && strcmp(registered, class_of(description)))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the model is of the custom class \"%.100s\": only "
                        "models of Keras' own classes can be run",
                        registered);
    if (is_sequential(description) || is_functional(description))
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "the model is a \"%.100s\"; only Sequential and "
                    "Functional models can be run",
                    class_of(description));
}

enum rnn_status graph_read(struct plan_builder *builder,
                           const struct rnn_json *description,
                           const char *prefix, struct graph **graph,
                           struct rnn_error *err)
{
    const struct rnn_json *config = rnn_json_member(description, "config");
    const char *name = rnn_json_text(rnn_json_member(config, "name"));
    struct graph *made = graph_zalloc(builder, 1, sizeof(*made));
    enum rnn_status status = check_origin(description, err);

    if (status)
        return status;
    if (!made)
        return graph_no_memory(name ? name : "", err);
    made->is_sequential = is_sequential(description);
    made->name = name ? name : made->is_sequential ? "sequential" : "model";
    if (made->is_sequential)
        status = sequential_read(builder, config, prefix, made, err);
    else
        status = functional_read(builder, config, prefix, made, err);
    if (!status)
        *graph = made;
    return status;
}

enum rnn_status graph_call(struct plan_builder *builder,
                           const struct graph *graph,
                           struct value *const *inputs, size_t input_count,
                           struct value **outputs, struct rnn_error *err)
{
    size_t wanted = graph->is_sequential ? 1 : graph->input_count;

    if (input_count != wanted)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "model \"%.100s\" takes %zu inputs, it is given %zu",
                        graph->name, wanted, input_count);
    if (graph->is_sequential)
        return sequential_call(builder, graph, inputs[0], outputs, err);
    return functional_call(builder, graph, inputs, outputs, err);
}

enum rnn_status graph_check_rest(const struct plan_builder *builder,
                                 const struct rnn_json *config,
                                 const char *class_name,
                                 const char *const *inert,
                                 struct rnn_error *err)
{
    const char *name = rnn_json_text(rnn_json_member(config, "name"));
    struct fields fields;
    enum rnn_status status =
        fields_init(&fields, config, name ? name : class_name, class_name,
                    builder->keras_major, err);

    if (status)
        return status;
    fields_inert(&fields, inert);
    status = fields_dtype(&fields, err);
    if (!status)
        status = fields_finish(&fields, err);
    return status;
}

/* ---- layers --------------------------------------------------------------*/

static enum rnn_status add_nested(struct plan_builder *builder,
                                  const char *prefix,
                                  struct graph_layer *layer,
                                  struct rnn_error *err)
{
    char inner[PREFIX_BYTES];
    int length = snprintf(inner, sizeof(inner), "%s%s/", prefix, layer->name);
    enum rnn_status status;

    if (length < 0 || (size_t)length >= sizeof(inner))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "model \"%.100s...\": the name is too long",
                        layer->name);
    status = plan_add_model(builder, class_of(layer->json), layer->name,
                            prefix, &layer->layer, err);
    if (status)
        return status;
    builder->depth++;
    status = graph_read(builder, layer->json, inner, &layer->graph, err);
    builder->depth--;
    return status;
}

enum rnn_status graph_add_layer(struct plan_builder *builder,
                                const char *prefix, struct graph_layer *layer,
                                struct rnn_error *err)
{
    const struct rnn_json *config = rnn_json_member(layer->json, "config");
    const char *name = rnn_json_text(rnn_json_member(config, "name"));
    enum rnn_status status;

    /* Old Keras wrote an unnamed list for a Sequential inside a Sequential;
     * its name stands beside it, if anywhere. */
    if (!name)
        name = rnn_json_text(rnn_json_member(layer->json, "name"));
    status = keras_check_name(name, err);
    if (status)
        return status;
    layer->name = name;
    layer->is_input = keras_is_input_layer(layer->json);
    if (layer->is_input)
        return keras_check_input_layer(builder, layer->json, name, err);
    if (is_sequential(layer->json) || is_functional(layer->json))
        return add_nested(builder, prefix, layer, err);
    return plan_add_layer(builder, layer->json, prefix, &layer->layer, err);
}

enum rnn_status graph_call_layer(struct plan_builder *builder,
                                 const struct graph_layer *layer,
                                 const struct call *given,
                                 struct graph_values *made,
                                 struct rnn_error *err)
{
    struct node *node = NULL;
    struct value **outputs;
    struct call call;
    enum rnn_status status = mask_take_keyword(
        builder, layer->name, layer->graph, given, &call, err);

    if (status)
        return status;
    if (!layer->graph) {
        status = plan_call_with(builder, layer->layer, &call, &node, err);
        if (!status)
            *made = (struct graph_values){node->outputs, node->output_count};
        return status;
    }
    outputs =
        graph_zalloc(builder, layer->graph->output_count, sizeof(*outputs));
    if (!outputs)
        return graph_no_memory(layer->name, err);
    status = call_check(&call, layer->name, NULL, false, err);
    if (!status)
        status = graph_call(builder, layer->graph, call.inputs,
                            call.input_count, outputs, err);
    if (status)
        return status;
    if (!layer->layer->calls++)
        layer->layer->output_shape = outputs[0]->shape;
    *made = (struct graph_values){outputs, layer->graph->output_count};
    return RNN_OK;
}
