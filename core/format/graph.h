/* graph.h: a model of layers, read once and then called like a layer.
 *
 * Keras knows two kinds, Sequential and Functional, and lets either be a
 * layer of the other, or be called several times.  A call puts one node into
 * the plan for each call of a layer inside; weights exist once.
 *
 * Names    The tensors and states of a nested model's layers are called
 *          `<model>/<layer>/...`.
 * Memory   In the model's arena; the JSON stays the caller's and must live
 *          until the last call.
 */
#ifndef CORE_FORMAT_GRAPH_H
#define CORE_FORMAT_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/format/inbound.h"
#include "core/layers/call.h"
#include "core/layers/plan.h"
#include "core/status.h"

struct rnn_json;

/* One entry of a model's "layers". */
struct graph_layer {
    const char *name;
    const struct rnn_json *json;
    bool is_input;
    struct layer *layer; /* one of these two, or neither for an input */
    struct graph *graph;
    size_t first_node; /* of all nodes of its model */
    size_t node_count;
    size_t offset; /* what Keras 2 adds to the index of its nodes */
};

/* One call of one of the layers. */
struct graph_node {
    size_t layer;
    struct graph_ref *refs; /* [ref_count] what it is called on */
    size_t ref_count;
    const struct call_argument *arguments; /* [argument_count] and as what */
    size_t argument_count;
};

/* What a call has made. */
struct graph_values {
    struct value **items;
    size_t count;
};

struct graph {
    const char *name;
    bool is_sequential;
    struct graph_layer *layers; /* [layer_count] as the file lists them */
    size_t layer_count;
    size_t output_count;

    /* Functional */
    const struct graph_layer **by_name; /* [layer_count] sorted */
    struct graph_node *nodes;           /* [node_count] */
    size_t node_count;
    size_t *order; /* [node_count] in which they can run */
    struct graph_ref *inputs, *outputs;
    size_t input_count;
    bool keras_3; /* its calls are objects, not lists */
};

/* Read the model that `description` holds, and add its layers.
 *
 * UNSUPPORTED  a layer, field or value that this version cannot run
 * BAD_MODEL    no model, or one that does not fit together
 */
RNN_CHECKED enum rnn_status graph_read(struct plan_builder *builder,
                                       const struct rnn_json *description,
                                       const char *prefix,
                                       struct graph **graph,
                                       struct rnn_error *err);

/* Call it; `outputs` has room for graph->output_count. */
RNN_CHECKED enum rnn_status graph_call(struct plan_builder *builder,
                                       const struct graph *graph,
                                       struct value *const *inputs,
                                       size_t input_count,
                                       struct value **outputs,
                                       struct rnn_error *err);

/* ---- the two kinds -------------------------------------------------------*/

RNN_CHECKED enum rnn_status sequential_read(struct plan_builder *builder,
                                            const struct rnn_json *config,
                                            const char *prefix,
                                            struct graph *graph,
                                            struct rnn_error *err);
RNN_CHECKED enum rnn_status sequential_call(struct plan_builder *builder,
                                            const struct graph *graph,
                                            struct value *input,
                                            struct value **output,
                                            struct rnn_error *err);
RNN_CHECKED enum rnn_status functional_read(struct plan_builder *builder,
                                            const struct rnn_json *config,
                                            const char *prefix,
                                            struct graph *graph,
                                            struct rnn_error *err);
/* Settle graph->order. */
RNN_CHECKED enum rnn_status functional_order(struct plan_builder *builder,
                                             struct graph *graph,
                                             struct rnn_error *err);
RNN_CHECKED enum rnn_status functional_call(struct plan_builder *builder,
                                            const struct graph *graph,
                                            struct value *const *inputs,
                                            struct value **outputs,
                                            struct rnn_error *err);

/* Check the fields of a model's config that are not its layers. */
RNN_CHECKED enum rnn_status graph_check_rest(
    const struct plan_builder *builder, const struct rnn_json *config,
    const char *class_name, const char *const *inert, struct rnn_error *err);

/* Make `layer` from its JSON: a layer, a nested model or an input. */
RNN_CHECKED enum rnn_status graph_add_layer(struct plan_builder *builder,
                                            const char *prefix,
                                            struct graph_layer *layer,
                                            struct rnn_error *err);

/* Call it; what comes out is in the model's arena. */
RNN_CHECKED enum rnn_status graph_call_layer(struct plan_builder *builder,
                                             const struct graph_layer *layer,
                                             const struct call *given,
                                             struct graph_values *made,
                                             struct rnn_error *err);

/* Room in the model's arena. */
void *graph_zalloc(struct plan_builder *builder, size_t count, size_t size);
enum rnn_status graph_no_memory(const char *name, struct rnn_error *err);

#endif
