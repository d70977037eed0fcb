/* class_weights.h: the classes of Keras that an importer knows, and what their
 * weights are called.
 *
 * Threads    All of it is constant.
 */
#ifndef CORE_FORMAT_CLASS_WEIGHTS_H
#define CORE_FORMAT_CLASS_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/format/inventory.h"
#include "core/format/json.h"

/* How a class keeps its weights.  A weight with a field is there only when
 * that field of the configuration is not false; with "a|b" or "|b", when a or
 * b is set (an absent b is not); with "a!c" or "!c", only while c is not set;
 * with "a=text", when a is that text. `unread` is a dataset behind them that
 * Keras writes and nobody needs. */
struct class_weights {
    const char *class_name;
    const char *snake_name;
    const char *inside;
    struct {
        const char *name, *field;
    } weights[RNN_MAX_LAYER_WEIGHTS];
    const char *unread;
};

/* Layers around a layer: each part is an entry. */
struct class_wrapper {
    const char *class_name, *snake_name;
    struct {
        const char *name, *field, *or_field, *side;
    } parts[2];
};

#define CLASS_COMPOUND_PARTS 5

/* Layers that are made of smaller ones, each of which is an entry: `kernel`,
 * and `bias` unless `use_bias` is false.  `folder` is where .keras files keep
 * it, and a part with a `field` is there only when that is set. */
struct class_compound {
    const char *class_name, *snake_name;
    struct {
        const char *name, *folder, *side, *field;
    } parts[CLASS_COMPOUND_PARTS + 1];
};

/* The layer that Keras calls `name`; NULL: there is none, or it is a wrapper
 * or a model. */
const struct class_weights *class_weights_find(const char *name);

/* What else an .h5 may call `weight`: Keras 3 calls the depthwise_kernel of
 * DepthwiseConv1D its kernel.  NULL: nothing. */
const char *class_weights_also(const char *weight);

const struct class_wrapper *class_wrapper_find(const char *name);

const struct class_compound *class_compound_find(const char *name);

/* Any of the three, or a model: its name and what .keras files make of it. */
bool class_names_find(const char *name, const char **class_name,
                      const char **snake_name);

/* A model as a layer, also as "Model", the name until Keras 2.3. */
const struct class_weights *class_weights_of_model(const char *name);

/* The weights that a layer with this configuration has. */
void class_weights_fill(const struct class_weights *known,
                        const struct rnn_json *config,
                        struct rnn_layer_weights *layer);

/* The same for part `index` of a compound, which may have none. */
void class_compound_fill(const struct class_compound *compound, size_t index,
                         const struct rnn_json *config,
                         struct rnn_layer_weights *part);

#endif
