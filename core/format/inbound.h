/* inbound.h: what a node of a Functional model is called on.
 *
 * A reference names a tensor: output `tensor` of call `node` of a layer.
 * Keras 2 writes [layer, node, tensor, {keywords}] in lists, the keywords
 * once more with each tensor of the first argument, and [layer, node, tensor]
 * where a keyword holds a tensor.  Keras 3 writes {"args", "kwargs"} with
 * objects of class __keras_tensor__ inside.
 */
#ifndef CORE_FORMAT_INBOUND_H
#define CORE_FORMAT_INBOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/layers/call.h"
#include "core/status.h"

struct rnn_json;

struct graph_ref {
    const char *name; /* of the layer */
    size_t layer;     /* its index; resolved later */
    size_t node, tensor;
};

struct graph_refs {
    struct graph_ref *items;
    size_t count;
};

/* One call: its tensors, in the order in which they stand, and what each of
 * them is an argument for (core/layers/call.h). */
struct inbound_call {
    struct graph_refs refs;
    struct call_argument *arguments; /* [argument_count] */
    size_t argument_count;
    bool is_keras_3; /* which spelling it was */
};

/* Read one entry of inbound_nodes; `name` is of the layer that is called.
 *
 * UNSUPPORTED  a list of tensors and of something else
 * BAD_MODEL    no node, or one without a tensor
 */
RNN_CHECKED enum rnn_status inbound_read(const struct rnn_json *node,
                                         const char *name, struct arena *arena,
                                         struct inbound_call *call,
                                         struct rnn_error *err);

/* input_layers or output_layers: a list of references, one alone, or an
 * object of them. */
RNN_CHECKED enum rnn_status inbound_read_ends(const struct rnn_json *ends,
                                              const char *what,
                                              struct arena *arena,
                                              struct graph_refs *refs,
                                              struct rnn_error *err);

#endif
