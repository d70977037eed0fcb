#include "core/format/fields.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/format/activation_fields.h"
#include "core/format/class_weights.h"
#include "core/format/json.h"
#include "core/format/numbers.h"

#define VALUE_TEXT 100

static_assert(FIELDS_MAX <= 64, "one bit of `understood` for each field");

enum rnn_status fields_init(struct fields *fields,
                            const struct rnn_json *object, const char *name,
                            const char *class_name, unsigned keras_major,
                            struct rnn_error *err)
{
    *fields = (struct fields){
        .object = object,
        .name = name,
        .class_name = class_name,
        .keras_major = keras_major,
    };
    if (!rnn_json_is_object(object))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "\"%.100s\" (%.60s) has a config that is no object",
                        name, class_name);
    if (rnn_json_count(object) > FIELDS_MAX)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "\"%.100s\" (%.60s) has a config of %zu fields, at "
                        "most %d are read",
                        name, class_name, rnn_json_count(object), FIELDS_MAX);
    return RNN_OK;
}

const struct rnn_json *fields_get(struct fields *fields, const char *key)
{
    size_t index = 0;

    for (const struct rnn_json *field = rnn_json_first(fields->object); field;
         field = rnn_json_next(field), index++) {
        if (strcmp(rnn_json_key(field), key))
            continue;
        fields->understood |= (uint64_t)1 << index;
        return rnn_json_is_null(field) ? NULL : field;
    }
    return NULL;
}

enum rnn_status fields_refuse(const struct fields *fields,
                              enum rnn_status status, const char *key,
                              const char *why, struct rnn_error *err)
{
    const struct rnn_json *value = rnn_json_member(fields->object, key);
    char text[VALUE_TEXT];

    if (!value)
        return rnn_fail(err, status,
                        "layer \"%.100s\" (%.60s): %s is absent, "
                        "%s",
                        fields->name, fields->class_name, key, why);
    return rnn_fail(err, status, "layer \"%.100s\" (%.60s): %.60s is %s, %s",
                    fields->name, fields->class_name, key,
                    rnn_json_print(value, text, sizeof(text)), why);
}

enum rnn_status fields_count(struct fields *fields, const char *key,
                             size_t *value, struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    size_t count;

    if (!rnn_json_size(field, &count) || !count)
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "a whole number from 1 was expected", err);
    *value = count;
    return RNN_OK;
}

enum rnn_status fields_one_count(struct fields *fields, const char *key,
                                 size_t if_absent, size_t *value,
                                 struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    size_t count = if_absent;

    if (rnn_json_is_array(field))
        field = rnn_json_count(field) == 1 ? rnn_json_first(field) : field;
    if ((field && !rnn_json_size(field, &count)) || !count)
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "a whole number from 1, or a list of one, was "
                             "expected",
                             err);
    *value = count;
    return RNN_OK;
}

enum rnn_status fields_both_sides(struct fields *fields, const char *key,
                                  size_t *first, size_t *second,
                                  struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    const struct rnn_json *other = field;
    size_t a = 1, b = 1;

    if (rnn_json_is_array(field) && rnn_json_count(field) == 2) {
        field = rnn_json_first(field);
        other = rnn_json_next(field);
    }
    if (field && (!rnn_json_size(field, &a) || !rnn_json_size(other, &b)))
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "a whole number from 0, or a list of two, was "
                             "expected",
                             err);
    *first = a;
    *second = b;
    return RNN_OK;
}

enum rnn_status fields_integer(struct fields *fields, const char *key,
                               long if_absent, long *value,
                               struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    double number = (double)if_absent;

    if (field && (!rnn_json_number(field, &number) || number != rint(number) ||
                  fabs(number) > 1e9))
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "a whole number was expected", err);
    *value = (long)number;
    return RNN_OK;
}

enum rnn_status fields_channels_last(struct fields *fields,
                                     struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, "data_format");
    const char *name = rnn_json_text(field);

    if (!field || (name && !strcmp(name, "channels_last")))
        return RNN_OK;
    return fields_refuse(fields, RNN_UNSUPPORTED, "data_format",
                         "only channels_last can be run", err);
}

enum rnn_status fields_channels(struct fields *fields, bool *channels_first,
                                struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, "data_format");
    const char *name = rnn_json_text(field);
    bool first = name && !strcmp(name, "channels_first");

    if (!first && field && (!name || strcmp(name, "channels_last")))
        return fields_refuse(fields, RNN_UNSUPPORTED, "data_format",
                             "channels_last or channels_first was expected",
                             err);
    *channels_first = first;
    return RNN_OK;
}

enum rnn_status fields_bool(struct fields *fields, const char *key,
                            bool if_absent, bool *value, struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);

    if (!field)
        *value = if_absent;
    else if (!rnn_json_bool(field, value))
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "true or false was expected", err);
    return RNN_OK;
}

enum rnn_status fields_number(struct fields *fields, const char *key,
                              double if_absent, double *value,
                              struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    size_t count = 0;

    if (!field)
        *value = if_absent;
    else if (!rnn_numbers_count(field, &count) || count != 1)
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "a number was expected", err);
    else
        rnn_numbers_read(field, value);
    return RNN_OK;
}

static bool read_axis(const struct rnn_json *json, long *axis)
{
    double number;

    if (!rnn_json_number(json, &number) || !(number >= -RNN_JSON_DEPTH) ||
        number > RNN_JSON_DEPTH || number != (double)(long)number)
        return false;
    *axis = (long)number;
    return true;
}

enum rnn_status fields_axes(struct fields *fields, const char *key,
                            size_t capacity, long *axes, size_t *count,
                            struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    const struct rnn_json *item =
        rnn_json_is_array(field) ? rnn_json_first(field) : field;

    *count = field ? 0 : 1;
    axes[0] = -1;
    for (; item; item = item == field ? NULL : rnn_json_next(item)) {
        if (*count == capacity || !read_axis(item, &axes[*count]))
            return fields_refuse(fields, RNN_BAD_MODEL, key,
                                 "numbers of axes were expected", err);
        ++*count;
    }
    if (!*count)
        return fields_refuse(fields, RNN_UNSUPPORTED, key,
                             "at least one axis was expected", err);
    return RNN_OK;
}

enum rnn_status fields_axis(struct fields *fields, const char *key, long *axis,
                            struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    size_t count = 0;

    if (rnn_json_is_array(field) && rnn_json_count(field) != 1)
        return fields_refuse(fields, RNN_UNSUPPORTED, key,
                             "only one axis, the last, is supported", err);
    return fields_axes(fields, key, 1, axis, &count, err);
}

static bool starts_with(const char *text, const char *start)
{
    return !strncmp(text, start, strlen(start));
}

bool fields_are_keras(const struct rnn_json *description)
{
    const char *module = rnn_json_text(rnn_json_member(description, "module"));
    const char *registered =
        rnn_json_text(rnn_json_member(description, "registered_name"));
    const char *class_name =
        rnn_json_text(rnn_json_member(description, "class_name"));

    if (registered && (!class_name || strcmp(registered, class_name)))
        return false;
    return !module || starts_with(module, "keras") ||
           starts_with(module, "tf_keras") ||
           starts_with(module, "tensorflow");
}

bool fields_are_lambda(const struct rnn_json *description)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(description, "class_name"));

    return class_name && (!strcmp(class_name, "TFOpLambda") ||
                          !strcmp(class_name, "SlicingOpLambda"));
}

/* Keras 3 leaves the module out of .h5 files.  What calls by objects there
 * (nobody else does) and says nothing of training is no layer; but layers that
 * prepare data, and SpatialDropout1D, say only what dtype they have. */
static bool is_no_layer(const struct rnn_json *description)
{
    const struct rnn_json *calls =
        rnn_json_member(description, "inbound_nodes");
    const struct rnn_json *config = rnn_json_member(description, "config");
    const char *class_name =
        rnn_json_text(rnn_json_member(description, "class_name"));

    return rnn_json_is_array(calls) && rnn_json_count(calls) &&
           rnn_json_is_object(rnn_json_first(calls)) &&
           rnn_json_is_object(config) &&
           !rnn_json_member(config, "trainable") &&
           !(rnn_json_member(config, "dtype") && class_name &&
             class_weights_find(class_name));
}

bool fields_are_operator(const struct rnn_json *description)
{
    const char *module = rnn_json_text(rnn_json_member(description, "module"));

    if (module)
        return strstr(module, ".ops") || fields_are_lambda(description);
    return fields_are_lambda(description) || is_no_layer(description);
}

enum rnn_status fields_activation(struct fields *fields, const char *key,
                                  const char *if_absent,
                                  struct rnn_activation *value,
                                  struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    bool is_null = !field && rnn_json_member(fields->object, key);
    const char *name = field     ? rnn_json_text(field)
                       : is_null ? "linear"
                                 : if_absent;
    struct rnn_activation parsed;

    if (rnn_json_is_object(field))
        return fields_activation_object(fields, key, value, err);
    if (!name)
        return fields_refuse(fields, RNN_UNSUPPORTED, key,
                             "which is no activation of Keras' own; custom "
                             "functions cannot be run",
                             err);
    if (!rnn_activation_parse(name, fields->keras_major, &parsed))
        return fields_refuse(fields, RNN_UNSUPPORTED, key,
                             "an activation that this version does not know",
                             err);
    if (!fields->keras_major && (parsed.kind == RNN_ACT_HARD_SIGMOID ||
                                 parsed.kind == RNN_ACT_HARD_SIGMOID_2))
        return fields_refuse(fields, RNN_UNSUPPORTED, key,
                             "which Keras 2 and Keras 3 compute differently, "
                             "and the file has no keras_version",
                             err);
    *value = parsed;
    return RNN_OK;
}

enum rnn_status fields_only_false(struct fields *fields, const char *key,
                                  const char *why, struct rnn_error *err)
{
    bool value;
    enum rnn_status status = fields_bool(fields, key, false, &value, err);

    if (status)
        return status;
    if (value)
        return fields_refuse(fields, RNN_UNSUPPORTED, key, why, err);
    return RNN_OK;
}

/* Of one dtype throughout: its weights are numbers of float32, or become such
 * as the file is read. */
static const char *find_pure(const char *dtype)
{
    static const char *const pure[] = {"float32", "float64", "float16",
                                       "bfloat16"};

    for (size_t i = 0; i < sizeof(pure) / sizeof(pure[0]); i++)
        if (!strcmp(dtype, pure[i]))
            return pure[i];
    return NULL;
}

enum rnn_status fields_find_dtype(struct fields *fields, const char **name,
                                  struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, "dtype");
    const char *text = rnn_json_text(field);
    const char *policy = rnn_json_text(rnn_json_member(field, "class_name"));

    *name = NULL;
    if (!field)
        return RNN_OK;
    if (policy &&
        (!strcmp(policy, "DTypePolicy") || !strcmp(policy, "Policy")))
        text = rnn_json_text(
            rnn_json_member(rnn_json_member(field, "config"), "name"));
    *name = text ? find_pure(text) : NULL;
    if (*name)
        return RNN_OK;
    return fields_refuse(fields, RNN_UNSUPPORTED, "dtype",
                         "only float32 is computed; save the model again with "
                         "that policy",
                         err);
}

enum rnn_status fields_dtype(struct fields *fields, struct rnn_error *err)
{
    const char *name;

    return fields_find_dtype(fields, &name, err);
}

void fields_inert(struct fields *fields, const char *const *keys)
{
    for (; *keys; keys++)
        fields_get(fields, *keys);
}

enum rnn_status fields_finish(const struct fields *fields,
                              struct rnn_error *err)
{
    size_t index = 0;

    for (const struct rnn_json *field = rnn_json_first(fields->object); field;
         field = rnn_json_next(field), index++)
        if (!(fields->understood >> index & 1) && !rnn_json_is_nothing(field))
            return fields_refuse(fields, RNN_UNSUPPORTED, rnn_json_key(field),
                                 "a field that this version does not "
                                 "understand",
                                 err);
    return RNN_OK;
}
