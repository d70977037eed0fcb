/* A Sequential model: each layer reads what the one before it made.
 *
 * Where the shape of its input stands has changed over the years: in an
 * InputLayer (batch_shape in Keras 3, batch_input_shape in Keras 2), at the
 * first layer itself (batch_input_shape), or beside the layers
 * (build_input_shape).
 */
#include <stdio.h>
#include <string.h>

#include "core/format/fields.h"
#include "core/format/json.h"
#include "core/format/keras.h"
#include "core/layers/layer.h"

#define NAME_BYTES 400

static bool is_input_layer(const struct rnn_json *description)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(description, "class_name"));

    return class_name && !strcmp(class_name, "InputLayer");
}

static const struct rnn_json *shape_of(const struct rnn_json *description)
{
    const struct rnn_json *config = rnn_json_member(description, "config");
    const struct rnn_json *shape = rnn_json_member(config, "batch_shape");

    if (rnn_json_is_null(shape))
        shape = rnn_json_member(config, "batch_input_shape");
    return rnn_json_is_null(shape) ? NULL : shape;
}

/* [batch, ...] with null for what is left open. */
static enum rnn_status read_shape(const struct rnn_json *array,
                                  const char *name, struct rnn_shape *shape,
                                  struct rnn_error *err)
{
    const struct rnn_json *dim = rnn_json_first(array);
    char text[100];

    *shape = (struct rnn_shape){0};
    if (!rnn_json_is_array(array) || !dim ||
        rnn_json_count(array) > RNN_MAX_RANK)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "input \"%.100s\": its shape is %s, a list of 2 to %d "
                        "sizes was expected",
                        name, rnn_json_print(array, text, sizeof(text)),
                        RNN_MAX_RANK);
    for (dim = rnn_json_next(dim); dim; dim = rnn_json_next(dim)) {
        size_t *size = &shape->dim[shape->rank++];

        if (!rnn_json_is_null(dim) && (!rnn_json_size(dim, size) || !*size))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "input \"%.100s\": its shape is %s, whole numbers "
                            "from 1 or null were expected",
                            name, rnn_json_print(array, text, sizeof(text)));
    }
    return RNN_OK;
}

/* An InputLayer's dtype is that of the data, which arrives as float32. */
static enum rnn_status check_input_dtype(struct fields *fields,
                                         struct rnn_error *err)
{
    static const char *const taken[] = {"float32", "float64", "int32",
                                        "int64"};
    const struct rnn_json *field = fields_get(fields, "dtype");
    const char *name = rnn_json_text(field);

    for (size_t i = 0; name && i < sizeof(taken) / sizeof(taken[0]); i++)
        if (!strcmp(name, taken[i]))
            return RNN_OK;
    if (name)
        return fields_refuse(fields, RNN_UNSUPPORTED, "dtype",
                             "inputs arrive as float32", err);
    return fields_float32(fields, err);
}

static enum rnn_status check_input_layer(const struct plan_builder *builder,
                                         const struct rnn_json *description,
                                         const char *name,
                                         struct rnn_error *err)
{
    static const char *const inert[] = {
        "name", "batch_shape", "batch_input_shape", "trainable", NULL};
    static const char *const only_false[] = {"sparse", "ragged", "optional"};
    struct fields fields;
    enum rnn_status status =
        fields_init(&fields, rnn_json_member(description, "config"), name,
                    "InputLayer", builder->keras_major, err);

    if (status)
        return status;
    fields_inert(&fields, inert);
    status = check_input_dtype(&fields, err);
    for (size_t i = 0; !status && i < 3; i++)
        status = fields_only_false(&fields, only_false[i],
                                   "which this version does not support", err);
    if (!status)
        status = fields_finish(&fields, err);
    return status;
}

/* What Keras calls the input: an InputLayer's own name, else that of the
 * InputLayer which it puts before the first layer. */
static enum rnn_status name_input(const struct rnn_json *first, char *name,
                                  struct rnn_error *err)
{
    const char *text = rnn_json_text(
        rnn_json_member(rnn_json_member(first, "config"), "name"));
    int length;

    if (!text || !text[0])
        return rnn_fail(err, RNN_BAD_MODEL, "the first layer has no name");
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "the name of a layer holds a control character");
    length = snprintf(name, NAME_BYTES, "%s%s", text,
                      is_input_layer(first) ? "" : "_input");
    if (length < 0 || length >= NAME_BYTES)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s...\": the name is too long", text);
    return RNN_OK;
}

static enum rnn_status add_input(struct plan_builder *builder,
                                 const struct rnn_json *first,
                                 const struct rnn_json *build_shape,
                                 struct value **value, struct rnn_error *err)
{
    const struct rnn_json *array = shape_of(first);
    struct rnn_shape shape;
    char name[NAME_BYTES];
    enum rnn_status status = name_input(first, name, err);

    if (!status && is_input_layer(first))
        status = check_input_layer(builder, first, name, err);
    if (status)
        return status;
    if (!array)
        array = build_shape;
    if (!array)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the shape of the input is not in the file; build the "
                        "model (model.build or a first call) before saving");
    status = read_shape(array, name, &shape, err);
    if (!status)
        status = plan_add_input(builder, name, &shape, value, err);
    return status;
}

static enum rnn_status check_rest(const struct plan_builder *builder,
                                  const struct rnn_json *config,
                                  struct rnn_error *err)
{
    static const char *const inert[] = {"name", "layers", "trainable",
                                        "build_input_shape", NULL};
    const char *name = rnn_json_text(rnn_json_member(config, "name"));
    struct fields fields;
    enum rnn_status status =
        fields_init(&fields, config, name ? name : "sequential", "Sequential",
                    builder->keras_major, err);

    if (status)
        return status;
    fields_inert(&fields, inert);
    status = fields_float32(&fields, err);
    if (!status)
        status = fields_finish(&fields, err);
    return status;
}

static enum rnn_status add_layers(struct plan_builder *builder,
                                  const struct rnn_json *first,
                                  struct value *value, struct rnn_error *err)
{
    const struct rnn_json *description =
        is_input_layer(first) ? rnn_json_next(first) : first;
    struct layer *layer = NULL;
    struct node *node = NULL;

    if (!description)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the Sequential model has no layers");
    for (; description; description = rnn_json_next(description)) {
        enum rnn_status status =
            plan_add_layer(builder, description, "", &layer, err);

        if (!status)
            status = plan_call(builder, layer, &value, 1, &node, err);
        if (status)
            return status;
        value = node->outputs[0];
    }
    plan_add_output(builder, value, layer->name);
    return RNN_OK;
}

enum rnn_status keras_read_sequential(struct plan_builder *builder,
                                      const struct rnn_json *config,
                                      struct rnn_error *err)
{
    const struct rnn_json *layers = config;
    const struct rnn_json *first;
    struct value *value = NULL;
    enum rnn_status status = RNN_OK;

    if (rnn_json_is_object(config)) {
        layers = rnn_json_member(config, "layers");
        status = check_rest(builder, config, err);
    }
    if (status)
        return status;
    first = rnn_json_is_array(layers) ? rnn_json_first(layers) : NULL;
    if (!first)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the Sequential model has no layers");
    status = plan_reserve(builder, 1, 1, err);
    if (!status)
        status = add_input(builder, first,
                           rnn_json_member(config, "build_input_shape"),
                           &value, err);
    if (!status)
        status = add_layers(builder, first, value, err);
    return status;
}
