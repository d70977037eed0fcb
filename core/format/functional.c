/* A Functional model: layers in any order, and for each the list of its
 * calls (inbound_nodes), each of which names the outputs of other calls.
 *
 * Two spellings of the same number: a model inside a model has, in Keras 2, a
 * call of its own before all others, so the first one that is saved is number
 * 1.  Keras 3 counts from 0 between calls, and from 1 in output_layers.
 */
#include <stdlib.h>
#include <string.h>

#include "core/format/graph.h"
#include "core/format/input_layer.h"
#include "core/format/json.h"

/* ---- layers and calls ----------------------------------------------------*/

static int by_name(const void *a, const void *b)
{
    const struct graph_layer *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static enum rnn_status add_layers(struct plan_builder *builder,
                                  const struct rnn_json *list,
                                  const char *prefix, struct graph *graph,
                                  struct rnn_error *err)
{
    size_t count = rnn_json_count(list);

    graph->layers = graph_zalloc(builder, count, sizeof(graph->layers[0]));
    graph->by_name = graph_zalloc(builder, count, sizeof(graph->by_name[0]));
    if (!graph->layers || !graph->by_name)
        return graph_no_memory(graph->name, err);
    for (const struct rnn_json *item = rnn_json_first(list); item;
         item = rnn_json_next(item)) {
        struct graph_layer *layer = &graph->layers[graph->layer_count];
        enum rnn_status status;

        layer->json = item;
        status = graph_add_layer(builder, prefix, layer, err);
        if (status)
            return status;
        graph->by_name[graph->layer_count++] = layer;
    }
    qsort(graph->by_name, count, sizeof(graph->by_name[0]), by_name);
    for (size_t i = 1; i < count; i++)
        if (!by_name(&graph->by_name[i - 1], &graph->by_name[i]))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "two layers are called \"%.200s\"",
                            graph->by_name[i]->name);
    return RNN_OK;
}

/* An input is one call on nothing. */
static size_t count_calls(const struct graph_layer *layer)
{
    const struct rnn_json *calls =
        rnn_json_member(layer->json, "inbound_nodes");

    if (layer->is_input)
        return 1;
    return rnn_json_is_array(calls) ? rnn_json_count(calls) : 0;
}

static enum rnn_status read_calls(struct plan_builder *builder,
                                  struct graph *graph, size_t index,
                                  struct rnn_error *err)
{
    struct graph_layer *layer = &graph->layers[index];
    const struct rnn_json *call =
        layer->is_input
            ? NULL
            : rnn_json_first(rnn_json_member(layer->json, "inbound_nodes"));

    graph->nodes[layer->first_node].layer = index;
    for (size_t i = 0; call; i++, call = rnn_json_next(call)) {
        struct graph_node *node = &graph->nodes[layer->first_node + i];
        struct inbound_call read;
        enum rnn_status status =
            inbound_read(call, layer->name, builder->arena, &read, err);

        if (status)
            return status;
        node->layer = index;
        node->refs = read.refs.items;
        node->ref_count = read.refs.count;
        node->arguments = read.arguments;
        node->argument_count = read.argument_count;
        graph->keras_3 = read.is_keras_3;
    }
    return RNN_OK;
}

static enum rnn_status read_nodes(struct plan_builder *builder,
                                  struct graph *graph, struct rnn_error *err)
{
    for (size_t i = 0; i < graph->layer_count; i++) {
        struct graph_layer *layer = &graph->layers[i];

        layer->first_node = graph->node_count;
        layer->node_count = count_calls(layer);
        graph->node_count += layer->node_count;
        if (!layer->node_count)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" is never called: it has no "
                            "inbound_nodes",
                            layer->name);
    }
    graph->nodes =
        graph_zalloc(builder, graph->node_count, sizeof(graph->nodes[0]));
    graph->order =
        graph_zalloc(builder, graph->node_count, sizeof(graph->order[0]));
    if (!graph->nodes || !graph->order)
        return graph_no_memory(graph->name, err);
    for (size_t i = 0; i < graph->layer_count; i++) {
        enum rnn_status status = read_calls(builder, graph, i, err);

        if (status)
            return status;
    }
    return RNN_OK;
}

/* ---- references ----------------------------------------------------------*/

static enum rnn_status find_layer(const struct graph *graph,
                                  struct graph_ref *ref, const char *from,
                                  struct rnn_error *err)
{
    const struct graph_layer wanted = {.name = ref->name}, *key = &wanted;
    const struct graph_layer *const *found =
        bsearch(&key, graph->by_name, graph->layer_count,
                sizeof(graph->by_name[0]), by_name);

    if (!found)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "\"%.100s\" names the layer \"%.100s\", which the "
                        "model does not have",
                        from, ref->name);
    ref->layer = (size_t)(*found - graph->layers);
    return RNN_OK;
}

static enum rnn_status check_call(const struct graph *graph,
                                  const struct graph_ref *ref,
                                  const char *from, struct rnn_error *err)
{
    const struct graph_layer *layer = &graph->layers[ref->layer];

    if (ref->node >= layer->node_count)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "\"%.100s\" names call %zu of \"%.100s\", which is "
                        "called %zu times",
                        from, ref->node, layer->name, layer->node_count);
    return RNN_OK;
}

/* Each call inside the graph is named by another or is an output, so the
 * largest number that is named shows where the counting began. */
static enum rnn_status resolve_nodes(struct graph *graph,
                                     struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < graph->node_count; i++)
        for (size_t r = 0; r < graph->nodes[i].ref_count && !status; r++) {
            struct graph_ref *ref = &graph->nodes[i].refs[r];
            const char *from = graph->layers[graph->nodes[i].layer].name;
            struct graph_layer *layer;

            status = find_layer(graph, ref, from, err);
            if (status)
                return status;
            layer = &graph->layers[ref->layer];
            if (layer->graph &&
                (!graph->keras_3 || ref->node == layer->node_count))
                layer->offset = 1;
        }
    for (size_t i = 0; i < graph->node_count && !status; i++)
        for (size_t r = 0; r < graph->nodes[i].ref_count && !status; r++) {
            struct graph_ref *ref = &graph->nodes[i].refs[r];

            if (ref->node)
                ref->node -= graph->layers[ref->layer].offset;
            status = check_call(
                graph, ref, graph->layers[graph->nodes[i].layer].name, err);
        }
    return status;
}

static enum rnn_status resolve_ends(struct graph *graph,
                                    struct graph_refs ends, const char *what,
                                    struct rnn_error *err)
{
    for (size_t i = 0; i < ends.count; i++) {
        struct graph_ref *ref = &ends.items[i];
        const struct graph_layer *layer;
        enum rnn_status status = find_layer(graph, ref, what, err);

        if (status)
            return status;
        layer = &graph->layers[ref->layer];
        if (layer->graph && ref->node &&
            (!graph->keras_3 || !layer->graph->is_sequential))
            ref->node--;
        status = check_call(graph, ref, what, err);
        if (status)
            return status;
    }
    return RNN_OK;
}

static enum rnn_status read_ends(struct plan_builder *builder,
                                 const struct rnn_json *config,
                                 struct graph *graph, struct rnn_error *err)
{
    struct graph_refs inputs = {0}, outputs = {0};
    enum rnn_status status =
        inbound_read_ends(rnn_json_member(config, "input_layers"),
                          "input_layers", builder->arena, &inputs, err);

    if (!status)
        status =
            inbound_read_ends(rnn_json_member(config, "output_layers"),
                              "output_layers", builder->arena, &outputs, err);
    if (!status)
        status = resolve_ends(graph, inputs, "input_layers", err);
    if (!status)
        status = resolve_ends(graph, outputs, "output_layers", err);
    for (size_t i = 0; i < inputs.count && !status; i++) {
        struct graph_layer *layer = &graph->layers[inputs.items[i].layer];

        if (!layer->is_input || layer->offset)
            status = rnn_fail(err, RNN_BAD_MODEL,
                              "input_layers names \"%.100s\", %s", layer->name,
                              layer->offset ? "twice" : "no InputLayer");
        layer->offset = 1;
    }
    for (size_t i = 0; i < graph->layer_count && !status; i++)
        if (graph->layers[i].is_input && !graph->layers[i].offset)
            status = rnn_fail(err, RNN_BAD_MODEL,
                              "the InputLayer \"%.100s\" is not among the "
                              "input_layers",
                              graph->layers[i].name);
    graph->inputs = inputs.items;
    graph->input_count = inputs.count;
    graph->outputs = outputs.items;
    graph->output_count = outputs.count;
    return status;
}

enum rnn_status functional_read(struct plan_builder *builder,
                                const struct rnn_json *config,
                                const char *prefix, struct graph *graph,
                                struct rnn_error *err)
{
    static const char *const inert[] = {
        "name", "layers", "trainable", "input_layers", "output_layers", NULL};
    const struct rnn_json *layers = rnn_json_member(config, "layers");
    enum rnn_status status =
        graph_check_rest(builder, config, "Functional", inert, err);

    if (status)
        return status;
    if (!rnn_json_is_array(layers) || !rnn_json_count(layers))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the Functional model \"%.100s\" has no layers",
                        graph->name);
    status = add_layers(builder, layers, prefix, graph, err);
    if (!status)
        status = read_nodes(builder, graph, err);
    if (!status)
        status = resolve_nodes(graph, err);
    if (!status)
        status = read_ends(builder, config, graph, err);
    if (!status)
        status = functional_order(builder, graph, err);
    return status;
}
