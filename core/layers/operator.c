#include "core/layers/operator.h"

#include <stdio.h>
#include <string.h>

#include "core/format/json.h"
#include "core/format/numbers.h"

const char *const operator_inert[] = {"function", NULL};

static const char *text_of(const struct rnn_json *object, const char *key)
{
    const char *text = rnn_json_text(rnn_json_member(object, key));

    return text ? text : "";
}

const struct layer_class *operator_find(const struct rnn_json *description)
{
    bool lambda = fields_are_lambda(description);
    const char *name =
        lambda ? text_of(rnn_json_member(description, "config"), "function")
               : text_of(description, "class_name");

    return operator_called(name, lambda);
}

const char *operator_name(const struct rnn_json *description, char *text,
                          size_t capacity)
{
    if (fields_are_lambda(description))
        snprintf(text, capacity, "tf.%.80s",
                 text_of(rnn_json_member(description, "config"), "function"));
    else
        snprintf(text, capacity, "%.80s.%.60s", text_of(description, "module"),
                 text_of(description, "class_name"));
    return text;
}

/* ---- settings ------------------------------------------------------------*/

enum rnn_status operator_read(struct layer *layer, struct fields *fields,
                              struct rnn_error *err)
{
    struct operation *own = layer->own;

    (void)err;
    own->config = fields->object;
    fields_inert(fields, layer->class->keywords);
    return RNN_OK;
}

enum rnn_status operator_refuse(const struct node *node, const char *why,
                                struct rnn_error *err)
{
    return rnn_fail(err, RNN_UNSUPPORTED, "layer \"%.100s\" (%s): %s",
                    node->layer->name, node->layer->class->name, why);
}

static enum rnn_status refuse_setting(const struct node *node,
                                      const struct rnn_json *json,
                                      const char *wanted,
                                      struct rnn_error *err)
{
    char text[120];

    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s): %s where %s was expected",
                    node->layer->name, node->layer->class->name,
                    rnn_json_print(json, text, sizeof(text)), wanted);
}

static const struct rnn_json *setting(const struct node *node, const char *key)
{
    const struct operation *own = node->layer->own;
    const struct call_argument *argument = call_keyword(node->given, key);
    const struct rnn_json *json =
        argument ? argument->json : rnn_json_member(own->config, key);

    return rnn_json_is_null(json) ? NULL : json;
}

const struct rnn_json *operator_setting(const struct node *node,
                                        const char *key, const char *other)
{
    const struct rnn_json *json = setting(node, key);

    return json || !other ? json : setting(node, other);
}

enum rnn_status operator_bool(const struct node *node, const char *key,
                              bool *value, struct rnn_error *err)
{
    const struct rnn_json *json = setting(node, key);

    *value = false;
    if (json && !rnn_json_bool(json, value))
        return refuse_setting(node, json, "true or false", err);
    return RNN_OK;
}

enum rnn_status operator_number(const struct node *node, const char *key,
                                double if_absent, double *value,
                                struct rnn_error *err)
{
    const struct rnn_json *json = setting(node, key);

    *value = if_absent;
    if (json && !rnn_json_number(json, value))
        return refuse_setting(node, json, "a number", err);
    return RNN_OK;
}

enum rnn_status operator_integer(const struct node *node,
                                 const struct rnn_json *json, long *value,
                                 struct rnn_error *err)
{
    double number = 0;

    if (!rnn_json_number(json, &number) || !(number >= -(double)UINT32_MAX) ||
        number > (double)UINT32_MAX || number != (double)(long)number)
        return refuse_setting(node, json, "a whole number", err);
    *value = (long)number;
    return RNN_OK;
}

enum rnn_status operator_axis(const struct node *node,
                              const struct rnn_json *json, size_t rank,
                              size_t *axis, struct rnn_error *err)
{
    long number = 0, count = (long)rank + 1;
    enum rnn_status status = operator_integer(node, json, &number, err);

    if (status)
        return status;
    if (number < 0)
        number += count;
    if (number == 0)
        return operator_refuse(
            node, "it works along axis 0, the batch; sequences are not mixed",
            err);
    if (number < 0 || number >= count)
        return refuse_setting(node, json, "an axis of what it is called on",
                              err);
    *axis = (size_t)number - 1;
    return RNN_OK;
}

enum rnn_status operator_axes(const struct node *node,
                              const struct rnn_json *json, size_t rank,
                              bool *axes, struct rnn_error *err)
{
    const struct rnn_json *item =
        rnn_json_is_array(json) ? rnn_json_first(json) : json;
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < rank; i++)
        axes[i] = false;
    for (; item && !status; item = rnn_json_next(item)) {
        size_t axis = 0;

        status = operator_axis(node, item, rank, &axis, err);
        if (!status && axes[axis])
            status = refuse_setting(node, json, "each axis once", err);
        axes[axis] = true;
        if (item == json)
            break;
    }
    return status;
}

enum rnn_status operator_list(const struct node *node,
                              const struct rnn_json *json, size_t capacity,
                              long *numbers, size_t *count,
                              struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    json = rnn_numbers_unwrap(json);
    if (!rnn_json_is_array(json) || rnn_json_count(json) > capacity)
        return refuse_setting(node, json, "a list of whole numbers", err);
    *count = 0;
    for (const struct rnn_json *item = rnn_json_first(json); item && !status;
         item = rnn_json_next(item))
        status = operator_integer(node, item, &numbers[(*count)++], err);
    return status;
}

enum rnn_status operator_first_input(const struct node *node, size_t most,
                                     struct value **x, struct rnn_error *err)
{
    const struct call_argument *first = call_position(node->given, 0);
    const struct call_argument *more = call_position(node->given, most);

    if (node->input_count != 1 || (first && (first->is_list || first->json)) ||
        !call_positional_inputs(node->given) ||
        (more && !rnn_json_is_null(more->json)))
        return operator_refuse(node,
                               most > 1 ? "it takes one tensor, and constants"
                                        : "it takes one tensor",
                               err);
    *x = node->inputs[0];
    return RNN_OK;
}

enum rnn_status operator_only_input(const struct node *node, struct value **x,
                                    struct rnn_error *err)
{
    return operator_first_input(node, 1, x, err);
}
