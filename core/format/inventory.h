/* inventory.h: which weights an architecture asks for, before any is read.
 *
 * Keras saves the architecture as JSON and the weights beside it, under names
 * that depend on its version.  This is the list an importer fills: each layer
 * that holds weights, in the order of the file and nested models unfolded,
 * and what its weights are called.  The table of classes is in inventory.c; a
 * class that is not in it is refused by name.
 *
 * Ownership  The caller holds the struct; rnn_inventory_release() frees what
 *            it points to.
 * Threads    Nothing here is shared.
 */
#ifndef CORE_FORMAT_INVENTORY_H
#define CORE_FORMAT_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/status.h"

#define RNN_MAX_LAYER_WEIGHTS 4

#define RNN_NO_MODEL ((size_t)-1)

/* One layer that holds weights, or one part of such a layer (a side of a
 * Bidirectional, a projection of an attention), or a model that holds such
 * layers; those follow it. */
struct rnn_layer_weights {
    const char *name;       /* of its tensors: "lstm_1", "inner/dense" */
    const char *layer_name; /* as the architecture calls it: "dense" */
    const char *class_name; /* "LSTM" */
    const char *snake_name; /* what .keras files call the class: "lstm" */
    const char *inside;     /* where the layer keeps them: "cell", or "" */
    const char *weights[RNN_MAX_LAYER_WEIGHTS]; /* "kernel", ... in order */
    size_t weight_count;
    const char *unread; /* a dataset behind these that no layer needs, of any
                           kind ("count"); or NULL */
    size_t model; /* index of the model around it; RNN_NO_MODEL: the whole */
    bool is_model;
    bool is_second;      /* of the same layer as the entry before it */
    bool may_be_private; /* its folder may begin with an underscore */
    const char *cell; /* the name of a cell among several, which then stands in
                         its names in an .h5; or NULL */
    const char *side; /* "forward_": how a part of its names in an .h5 begins;
                         "query/": what stands before the last part; NULL:
                         anyhow, and the other side has taken its own */
};

struct rnn_inventory {
    struct arena arena;
    const char *architecture; /* JSON: the text, without what depends on the
                                 run that saved it; see below */
    const struct rnn_layer_weights *layers;
    size_t layer_count;
};

/* Read an architecture: config.json of a .keras file, model_config of an .h5.
 *
 * Python writes NaN and Infinity bare, which is not JSON; they become the
 * strings "NaN", "Infinity" and "-Infinity".  `architecture` is that text in
 * its shortest form, without compile_config (of training) and
 * shared_object_id (an address in memory), so that one network saved twice is
 * one text.
 *
 * BAD_MODEL    not JSON, or not an architecture
 * UNSUPPORTED  a model or a layer of a class that is not known here
 * NO_MEMORY
 */
RNN_CHECKED enum rnn_status rnn_inventory_init(const char *text, size_t length,
                                               struct rnn_inventory *inventory,
                                               struct rnn_error *err);

/* The keras_version of metadata.json of a .keras file, into `arena`.
 * BAD_MODEL: not JSON, or without one.  NO_MEMORY. */
RNN_CHECKED enum rnn_status rnn_metadata_version(const char *text,
                                                 size_t length,
                                                 struct arena *arena,
                                                 const char **version,
                                                 struct rnn_error *err);

/* An inventory that is all zero is fine. */
void rnn_inventory_release(struct rnn_inventory *inventory);

#endif
