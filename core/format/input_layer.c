#include "core/format/input_layer.h"

#include <string.h>

#include "core/format/fields.h"
#include "core/format/json.h"

bool keras_is_input_layer(const struct rnn_json *description)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(description, "class_name"));

    return class_name && !strcmp(class_name, "InputLayer");
}

const struct rnn_json *keras_shape_of(const struct rnn_json *description)
{
    const struct rnn_json *config = rnn_json_member(description, "config");
    const struct rnn_json *shape = rnn_json_member(config, "batch_shape");

    if (rnn_json_is_null(shape))
        shape = rnn_json_member(config, "batch_input_shape");
    return rnn_json_is_null(shape) ? NULL : shape;
}

/* [batch, ...] with null for what is left open. */
enum rnn_status keras_read_shape(const struct rnn_json *array,
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

/* An InputLayer's dtype is that of the data, which arrives as float32; of
 * bool (a mask) 0 is false. */
static enum rnn_status check_input_dtype(struct fields *fields,
                                         struct rnn_error *err)
{
    static const char *const taken[] = {
        "float32", "float64", "float16", "bfloat16", "int32", "int64", "bool"};
    const struct rnn_json *field = fields_get(fields, "dtype");
    const char *name = rnn_json_text(field);

    for (size_t i = 0; name && i < sizeof(taken) / sizeof(taken[0]); i++)
        if (!strcmp(name, taken[i]))
            return RNN_OK;
    if (name)
        return fields_refuse(fields, RNN_UNSUPPORTED, "dtype",
                             "inputs arrive as float32", err);
    return fields_dtype(fields, err);
}

enum rnn_status keras_check_input_layer(const struct plan_builder *builder,
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

enum rnn_status keras_check_name(const char *name, struct rnn_error *err)
{
    if (!name || !name[0])
        return rnn_fail(err, RNN_BAD_MODEL, "a layer has no name");
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "the name of a layer holds a control character");
    return RNN_OK;
}
