/* inbound.h: what a node of a Functional model is called on.
 *
 * A reference names a tensor: output `tensor` of call `node` of a layer.
 * Keras 2 writes [layer, node, tensor, {keywords}] in lists, Keras 3 writes
 * {"args", "kwargs"} with objects of class __keras_tensor__ inside.
 */
#ifndef CORE_FORMAT_INBOUND_H
#define CORE_FORMAT_INBOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
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

/* The tensors that one node is called on, in the order in which Keras
 * flattens them, the initial states of a recurrent layer last; `name` is of
 * the layer that is called.  `*keras_3` says which spelling it was.
 *
 * UNSUPPORTED  an argument that is no tensor and not nothing
 * BAD_MODEL    no node
 */
RNN_CHECKED enum rnn_status inbound_read(const struct rnn_json *node,
                                         const char *name, struct arena *arena,
                                         struct graph_refs *refs,
                                         bool *keras_3, struct rnn_error *err);

/* input_layers or output_layers: a list of references, one alone, or an
 * object of them. */
RNN_CHECKED enum rnn_status inbound_read_ends(const struct rnn_json *ends,
                                              const char *what,
                                              struct arena *arena,
                                              struct graph_refs *refs,
                                              struct rnn_error *err);

#endif
