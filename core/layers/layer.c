#include "core/layers/layer.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/operator.h"

#define PATH_BYTES 512

static const struct layer_class *const classes[] = {
#define XX(name) &layer_##name,
    LAYER_CLASS_MAP(XX)
#undef XX
};

#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

const struct layer_class *layer_class_find(const char *name)
{
    for (size_t i = 0; i < CLASS_COUNT; i++)
        if (!strcmp(classes[i]->name, name))
            return classes[i];
    return NULL;
}

static enum rnn_status check_name(const char *name, struct rnn_error *err)
{
    if (!name || !name[0])
        return rnn_fail(err, RNN_BAD_MODEL, "a layer has no name");
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "the name of a layer holds a control character");
    return RNN_OK;
}

/* Is it one of Keras' own?  Anybody may register a class of the same name. */
static enum rnn_status check_origin(const struct rnn_json *description,
                                    const char *name, const char *class_name,
                                    struct rnn_error *err)
{
    const char *registered =
        rnn_json_text(rnn_json_member(description, "registered_name"));

    if (!fields_are_keras(description))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" is of the custom class \"%.100s\": "
                        "only layers of Keras itself can be run",
                        name, registered ? registered : class_name);
    return RNN_OK;
}

static enum rnn_status refuse_class(const char *name, const char *class_name,
                                    struct rnn_error *err)
{
    if (!strcmp(class_name, "Lambda"))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" is a Lambda: its Python code cannot "
                        "be run; replace it by layers of Keras",
                        name);
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" has the class \"%.100s\", which this "
                    "version does not support; docs/layers.md lists those "
                    "that it does",
                    name, class_name);
}

static enum rnn_status make_layer(struct plan_builder *builder,
                                  const struct layer_class *class,
                                  const char *name, const char *prefix,
                                  struct layer **layer, struct rnn_error *err)
{
    struct layer *made =
        arena_zalloc(builder->arena, 1, sizeof(*made), alignof(max_align_t));
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof(path), "%s%s", prefix, name);

    if (length < 0 || (size_t)length >= sizeof(path))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s...\": the name is too long", name);
    if (made) {
        made->class = class;
        made->path = arena_copy_text(builder->arena, path, (size_t)length);
        made->own = arena_zalloc(builder->arena, 1, class->own_bytes,
                                 alignof(max_align_t));
    }
    if (!made || !made->path || !made->own)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "out of memory at layer \"%.100s\"", name);
    made->name = made->path + strlen(prefix);
    made->depth = builder->depth;
    *layer = made;
    return RNN_OK;
}

/* Keras 2 wrote the dtype of the ids where that of the layer stands now. */
static bool are_ids(const struct rnn_json *config)
{
    const char *dtype = rnn_json_text(rnn_json_member(config, "dtype"));

    return dtype && (!strcmp(dtype, "int32") || !strcmp(dtype, "int64"));
}

/* Is the dtype what comes out, and not what is computed in?  So it is for an
 * operator that has a word for it. */
static bool is_setting(const struct layer_class *class)
{
    for (size_t i = 0; class->keywords && class->keywords[i]; i++)
        if (!strcmp(class->keywords[i], "dtype"))
            return true;
    return false;
}

static enum rnn_status read_dtype(struct plan_builder *builder,
                                  struct fields *fields, struct rnn_error *err)
{
    const char *dtype = NULL;
    enum rnn_status status = fields_find_dtype(fields, &dtype, err);

    if (!dtype)
        return status;
    if (builder->dtype && strcmp(builder->dtype, dtype) != 0)
        builder->dtypes_differ = true;
    builder->dtype = dtype;
    return status;
}

static enum rnn_status read_config(struct plan_builder *builder,
                                   const struct rnn_json *config,
                                   struct layer *layer, struct rnn_error *err)
{
    /* Where the shape of a Sequential's first layer stands; read there. */
    static const char *const common[] = {"name", "batch_input_shape",
                                         "batch_shape", NULL};
    struct fields fields;
    enum rnn_status status;

    assert(layer);
    status = fields_init(&fields, config, layer->name, layer->class->name,
                         builder->keras_major, err);
    if (status)
        return status;
    fields_inert(&fields, common);
    fields_inert(&fields, layer->class->inert);
    if (is_setting(layer->class) ||
        (layer->class->takes_ids && are_ids(config)))
        fields_get(&fields, "dtype");
    else
        status = read_dtype(builder, &fields, err);
    if (!status)
        status =
            fields_bool(&fields, "trainable", true, &layer->trainable, err);
    if (!status)
        status = layer->class->read(layer, &fields, err);
    if (!status)
        status = fields_finish(&fields, err);
    return status;
}

static enum rnn_status check_unique(const struct plan *plan,
                                    const struct layer *layer,
                                    struct rnn_error *err)
{
    for (const struct layer *other = plan->layers; other; other = other->next)
        if (!strcmp(other->path, layer->path))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "two layers are called \"%.200s\"", layer->path);
    return RNN_OK;
}

static void append_layer(struct plan_builder *builder, struct layer *layer)
{
    builder->plan->layer_count++;
    *builder->last_layer = layer;
    builder->last_layer = &layer->next;
}

static enum rnn_status refuse_operator(const struct rnn_json *description,
                                       const char *name, struct rnn_error *err)
{
    char text[160];

    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" is the operator %s, which this version "
                    "does not support; docs/layers.md lists those that it "
                    "does",
                    name, operator_name(description, text, sizeof(text)));
}

/* The class of what `description` describes; `name` is for the sentence. */
static enum rnn_status find_class(const struct rnn_json *description,
                                  const char *name,
                                  const struct layer_class **class,
                                  struct rnn_error *err)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(description, "class_name"));
    enum rnn_status status;

    if (!class_name)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" has no class_name", name);
    status = check_origin(description, name, class_name, err);
    if (status)
        return status;
    if (fields_are_operator(description)) {
        *class = operator_find(description);
        return *class ? RNN_OK : refuse_operator(description, name, err);
    }
    *class = layer_class_find(class_name);
    return *class ? RNN_OK : refuse_class(name, class_name, err);
}

enum rnn_status plan_add_inner(struct plan_builder *builder,
                               const struct rnn_json *description,
                               struct layer *wrapper, const char *name,
                               struct layer **layer, struct rnn_error *err)
{
    const struct layer_class *class;
    char path[PATH_BYTES];
    int length;
    struct layer *made = NULL;
    enum rnn_status status =
        find_class(description, wrapper->name, &class, err);

    if (status)
        return status;
    length = snprintf(path, sizeof(path), "%s/%s", wrapper->path, name);
    if (length < 0 || (size_t)length >= sizeof(path))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s...\": the name is too long",
                        wrapper->path);
    status = make_layer(builder, class, path, "", &made, err);
    if (status)
        return status;
    made->wrapper = wrapper;
    status = read_config(builder, rnn_json_member(description, "config"), made,
                         err);
    if (!status)
        *layer = made;
    return status;
}

enum rnn_status plan_add_layer(struct plan_builder *builder,
                               const struct rnn_json *description,
                               const char *prefix, struct layer **layer,
                               struct rnn_error *err)
{
    const struct rnn_json *config = rnn_json_member(description, "config");
    const char *name = rnn_json_text(rnn_json_member(config, "name"));
    const struct layer_class *class;
    struct layer *made = NULL;
    enum rnn_status status;

    /* Keras 3.0 names its operators beside the config. */
    if (!name)
        name = rnn_json_text(rnn_json_member(description, "name"));
    status = check_name(name, err);
    if (!status)
        status = find_class(description, name, &class, err);
    if (status)
        return status;
    status = make_layer(builder, class, name, prefix, &made, err);
    if (!status)
        status = read_config(builder, config, made, err);
    if (!status)
        status = check_unique(builder->plan, made, err);
    if (status)
        return status;
    append_layer(builder, made);
    *layer = made;
    return RNN_OK;
}

enum rnn_status plan_add_model(struct plan_builder *builder,
                               const char *class_name, const char *name,
                               const char *prefix, struct layer **layer,
                               struct rnn_error *err)
{
    static const struct layer_class sequential = {.name = "Sequential"};
    static const struct layer_class functional = {.name = "Functional"};
    struct layer *made = NULL;
    enum rnn_status status = make_layer(
        builder,
        strcmp(class_name, sequential.name) ? &functional : &sequential, name,
        prefix, &made, err);

    if (!status)
        status = check_unique(builder->plan, made, err);
    if (status)
        return status;
    append_layer(builder, made);
    *layer = made;
    return RNN_OK;
}

enum rnn_status layer_only_input(const struct layer *layer,
                                 const struct node *node, struct value **value,
                                 struct rnn_error *err)
{
    if (node->input_count != 1)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) takes 1 input, it is given %zu",
                        layer->name, layer->class->name, node->input_count);
    *value = node->inputs[0];
    return RNN_OK;
}

enum rnn_status layer_last_axis(const struct layer *layer,
                                const struct value *x, long axis, size_t known,
                                size_t *size, struct rnn_error *err)
{
    long rank = (long)x->shape.rank;
    size_t last = x->shape.dim[x->shape.rank - 1];

    if (axis != -1 && axis != rank)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) works along axis %ld; only the "
                        "last, %ld, is supported",
                        layer->name, layer->class->name, axis, rank);
    if (known && known != last)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) has weights for %zu features, "
                        "it is given %zu",
                        layer->name, layer->class->name, known, last);
    *size = last;
    return RNN_OK;
}

enum rnn_status layer_take(struct layer *layer, struct plan_builder *builder,
                           const char *weight, const struct rnn_shape *shape,
                           const float **numbers, struct rnn_error *err)
{
    enum rnn_status status = weights_take(builder->weights, layer->path,
                                          weight, shape, numbers, err);
    size_t count;

    /* The shape is that of a tensor in the file: its product fits. */
    if (!status && rnn_shape_count(shape, 0, &count)) {
        for (struct layer *each = layer; each; each = each->wrapper)
            each->parameters += count;
    }
    return status;
}
