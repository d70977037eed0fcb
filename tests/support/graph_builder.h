/* graph_builder.h: the architecture of Functional models, for tests.
 *
 *     graph_begin(&b, "3.15.1");
 *     graph_input(&b, "x", "null, 4");
 *     graph_dense(&b, "a", 4, 3);         weights "a/kernel", "a/bias"
 *     graph_layer(&b, "Dense", "a", "\"units\": 3", "x,0,0");
 *     graph_end(&b, "x,0,0", "a,0,0");    -> b.config
 *
 * References are "layer,call,tensor", several with a blank between; several
 * calls of a layer are parted by " | ".  The version decides the spelling.
 * Every failure aborts.
 */
#ifndef TESTS_SUPPORT_GRAPH_BUILDER_H
#define TESTS_SUPPORT_GRAPH_BUILDER_H

#include "tests/support/model_builder.h"

#define GRAPH_TEXT ((size_t)1 << 15)

void graph_begin(struct model_builder *builder, const char *keras_version);

/* `shape` without batch: "null, 4". */
void graph_input(struct model_builder *builder, const char *name,
                 const char *shape);

/* `fields` follow the name in the config: "\"units\": 3". */
void graph_layer(struct model_builder *builder, const char *class_name,
                 const char *name, const char *fields, const char *calls);

/* An operator of Keras 3, keras.ops.<class_name>.  `arguments` are as in the
 * file, where $x stands for the tensor that layer x makes: "$x, 0.5". */
void graph_operator(struct model_builder *builder, const char *class_name,
                    const char *name, const char *fields,
                    const char *arguments);

/* A model as a layer: what is added up to graph_end() is inside it. */
void graph_begin_nested(struct model_builder *builder, const char *class_name,
                        const char *name);
/* `inputs` NULL: a Sequential.  `calls` NULL: the whole model. */
void graph_end(struct model_builder *builder, const char *inputs,
               const char *outputs, const char *calls);

/* Put a mask into the only call whose only input is `input`: a tensor, or a
 * list of them and null. */
void graph_give_mask(struct model_builder *builder, const char *input,
                     const char *mask);

/* What layer `name` makes, as text of an argument; until the next call. */
const char *graph_tensor(const struct model_builder *builder,
                         const char *name);

/* Random weights of a layer whose tensors are called `path`/... */
void graph_dense(struct model_builder *builder, const char *path,
                 size_t features, size_t units);
void graph_recurrent(struct model_builder *builder, const char *path,
                     size_t gates, size_t features, size_t units);

#endif
