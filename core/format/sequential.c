/* A Sequential model: each layer reads what the one before it made.
 *
 * Where the shape of its input stands has changed over the years: in an
 * InputLayer (batch_shape in Keras 3, batch_input_shape in Keras 2), at the
 * first layer itself (batch_input_shape), or beside the layers
 * (build_input_shape).
 */
#include <stdio.h>
#include <string.h>

#include "core/format/graph.h"
#include "core/format/input_layer.h"
#include "core/format/json.h"
#include "core/format/keras.h"
#include "core/layers/layer.h"

#define NAME_BYTES 400

/* The list of layers: `config` itself in the oldest files. */
static const struct rnn_json *layers_of(const struct rnn_json *config)
{
    return rnn_json_is_object(config) ? rnn_json_member(config, "layers")
                                      : config;
}

static enum rnn_status no_layers(const struct graph *graph,
                                 struct rnn_error *err)
{
    return rnn_fail(err, RNN_BAD_MODEL,
                    "the Sequential model \"%.100s\" has no layers",
                    graph->name);
}

enum rnn_status sequential_read(struct plan_builder *builder,
                                const struct rnn_json *config,
                                const char *prefix, struct graph *graph,
                                struct rnn_error *err)
{
    static const char *const inert[] = {"name", "layers", "trainable",
                                        "build_input_shape", NULL};
    const struct rnn_json *layers = layers_of(config);
    const struct rnn_json *first =
        rnn_json_is_array(layers) ? rnn_json_first(layers) : NULL;
    enum rnn_status status = RNN_OK;

    if (rnn_json_is_object(config))
        status = graph_check_rest(builder, config, "Sequential", inert, err);
    if (status)
        return status;
    if (first && keras_is_input_layer(first)) {
        struct graph_layer input = {.json = first};

        status = graph_add_layer(builder, prefix, &input, err);
        first = rnn_json_next(first);
    }
    if (status)
        return status;
    if (!first)
        return no_layers(graph, err);
    graph->output_count = 1;
    graph->layers = graph_zalloc(builder, rnn_json_count(layers),
                                 sizeof(graph->layers[0]));
    if (!graph->layers)
        return graph_no_memory(graph->name, err);
    for (; first && !status; first = rnn_json_next(first)) {
        struct graph_layer *layer = &graph->layers[graph->layer_count++];

        layer->json = first;
        status = graph_add_layer(builder, prefix, layer, err);
        if (!status && layer->is_input)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "the InputLayer \"%.100s\" is not the first layer "
                            "of \"%.100s\"",
                            layer->name, graph->name);
    }
    return status;
}

enum rnn_status sequential_call(struct plan_builder *builder,
                                const struct graph *graph, struct value *input,
                                struct value **output, struct rnn_error *err)
{
    struct value *value = input;

    for (size_t i = 0; i < graph->layer_count; i++) {
        const struct graph_layer *layer = &graph->layers[i];
        const struct call given = {.inputs = &value, .input_count = 1};
        struct graph_values made;
        enum rnn_status status =
            graph_call_layer(builder, layer, &given, &made, err);

        if (status)
            return status;
        if (made.count != 1)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" has %zu outputs; in a "
                            "Sequential model it may have one",
                            layer->name, made.count);
        value = made.items[0];
    }
    *output = value;
    return RNN_OK;
}

/* ---- the whole model -----------------------------------------------------*/

/* What Keras calls the input: an InputLayer's own name, else that of the
 * InputLayer which it puts before the first layer. */
static enum rnn_status name_input(const struct rnn_json *first, char *name,
                                  struct rnn_error *err)
{
    const char *text = rnn_json_text(
        rnn_json_member(rnn_json_member(first, "config"), "name"));
    enum rnn_status status = keras_check_name(text, err);
    int length;

    if (status)
        return status;
    length = snprintf(name, NAME_BYTES, "%s%s", text,
                      keras_is_input_layer(first) ? "" : "_input");
    if (length < 0 || length >= NAME_BYTES)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s...\": the name is too long", text);
    return RNN_OK;
}

/* The shape at the first layer; when that is a model, at its first layer. */
static const struct rnn_json *find_shape(const struct rnn_json *first)
{
    const struct rnn_json *shape = NULL;

    while (first && !shape) {
        const struct rnn_json *layers =
            layers_of(rnn_json_member(first, "config"));

        shape = keras_shape_of(first);
        first = rnn_json_is_array(layers) ? rnn_json_first(layers) : NULL;
    }
    return shape;
}

static enum rnn_status add_input(struct plan_builder *builder,
                                 const struct rnn_json *config,
                                 struct value **value, struct rnn_error *err)
{
    const struct rnn_json *first = rnn_json_first(layers_of(config));
    const struct rnn_json *array =
        rnn_json_member(config, "build_input_shape");
    struct rnn_shape shape;
    char name[NAME_BYTES];
    enum rnn_status status = name_input(first, name, err);

    if (find_shape(first))
        array = find_shape(first);
    if (status)
        return status;
    if (rnn_json_is_null(array))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the shape of the input is not in the file; build the "
                        "model (model.build or a first call) before saving");
    status = keras_read_shape(array, name, &shape, err);
    if (!status)
        status = plan_add_input(builder, name, &shape, value, err);
    return status;
}

enum rnn_status keras_read_sequential(struct plan_builder *builder,
                                      const struct rnn_json *description,
                                      struct rnn_error *err)
{
    struct graph *graph = NULL;
    struct value *value = NULL, *output = NULL;
    enum rnn_status status = graph_read(builder, description, "", &graph, err);

    if (!status)
        status = plan_reserve(builder, 1, 1, err);
    if (!status)
        status = add_input(builder, rnn_json_member(description, "config"),
                           &value, err);
    if (!status)
        status = graph_call(builder, graph, &value, 1, &output, err);
    if (!status)
        plan_add_output(builder, output,
                        graph->layers[graph->layer_count - 1].layer->name);
    return status;
}
