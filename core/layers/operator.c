#include "core/layers/operator.h"

#include <stdio.h>
#include <string.h>

#include "core/format/json.h"
#include "core/format/numbers.h"

const char *const operator_inert[] = {"function", NULL};

/* ---- what there is -------------------------------------------------------*/

extern const struct layer_class operator_add, operator_subtract,
    operator_multiply, operator_divide, operator_maximum, operator_minimum,
    operator_power, operator_negative, operator_absolute, operator_square,
    operator_sqrt, operator_rsqrt, operator_reciprocal, operator_log,
    operator_clip, operator_get_item, operator_equal, operator_not_equal,
    operator_greater, operator_greater_equal, operator_less,
    operator_less_equal, operator_logical_and, operator_logical_or,
    operator_logical_xor, operator_logical_not, operator_zeros_like,
    operator_ones_like, operator_any, operator_all, operator_convert_to_tensor,
    operator_transpose, operator_swapaxes, operator_squeeze,
    operator_expand_dims, operator_flip, operator_unstack, operator_split,
    operator_reshape, operator_sum, operator_mean, operator_max, operator_min,
    operator_prod, operator_var, operator_std, operator_exp, operator_tanh,
    operator_sigmoid, operator_relu, operator_relu6, operator_softplus,
    operator_softsign, operator_silu, operator_log_sigmoid,
    operator_hard_sigmoid, operator_selu, operator_leaky_relu, operator_elu,
    operator_gelu, operator_softmax, operator_log_softmax,
    operator_concatenate, operator_matmul, operator_einsum, operator_cast,
    operator_identity, operator_normalize;

struct known {
    const char *keras_3; /* class_name; NULL: none */
    const char *keras_2; /* "function" of a TFOpLambda; NULL: none */
    const struct layer_class *class;
};

static const struct known known[] = {
    {"GetItem", "__operators__.getitem", &operator_get_item},
    {"Add", "__operators__.add", &operator_add},
    {NULL, "math.add", &operator_add},
    {"Subtract", "math.subtract", &operator_subtract},
    {"Multiply", "math.multiply", &operator_multiply},
    {"TrueDivide", "math.truediv", &operator_divide},
    {"Divide", "math.divide", &operator_divide},
    {"Maximum", "math.maximum", &operator_maximum},
    {"Minimum", "math.minimum", &operator_minimum},
    {"Power", "math.pow", &operator_power},
    {"Negative", "math.negative", &operator_negative},
    {"Absolute", "math.abs", &operator_absolute},
    {"Abs", NULL, &operator_absolute},
    {"Square", "math.square", &operator_square},
    {"Sqrt", "math.sqrt", &operator_sqrt},
    {"Rsqrt", "math.rsqrt", &operator_rsqrt},
    {"Reciprocal", "math.reciprocal", &operator_reciprocal},
    {"Log", "math.log", &operator_log},
    {"Clip", "clip_by_value", &operator_clip},
    {"Equal", "math.equal", &operator_equal},
    {"NotEqual", "math.not_equal", &operator_not_equal},
    {"Greater", "math.greater", &operator_greater},
    {"GreaterEqual", "math.greater_equal", &operator_greater_equal},
    {"Less", "math.less", &operator_less},
    {"LessEqual", "math.less_equal", &operator_less_equal},
    {"LogicalAnd", "math.logical_and", &operator_logical_and},
    {"LogicalOr", "math.logical_or", &operator_logical_or},
    {"LogicalXor", "math.logical_xor", &operator_logical_xor},
    {"LogicalNot", "math.logical_not", &operator_logical_not},
    {"ZerosLike", "zeros_like", &operator_zeros_like},
    {"OnesLike", "ones_like", &operator_ones_like},
    {"ConvertToTensor", NULL, &operator_convert_to_tensor},
    {"Any", "math.reduce_any", &operator_any},
    {"All", "math.reduce_all", &operator_all},
    {"Transpose", "compat.v1.transpose", &operator_transpose},
    {NULL, "transpose", &operator_transpose},
    {"Swapaxes", NULL, &operator_swapaxes},
    {"Squeeze", "compat.v1.squeeze", &operator_squeeze},
    {NULL, "squeeze", &operator_squeeze},
    {"ExpandDims", "expand_dims", &operator_expand_dims},
    {"Flip", "reverse", &operator_flip},
    {"Unstack", "unstack", &operator_unstack},
    {"Split", "split", &operator_split},
    {"Reshape", "reshape", &operator_reshape},
    {"Sum", "math.reduce_sum", &operator_sum},
    {"Mean", "math.reduce_mean", &operator_mean},
    {"Max", "math.reduce_max", &operator_max},
    {"Amax", NULL, &operator_max},
    {"Min", "math.reduce_min", &operator_min},
    {"Amin", NULL, &operator_min},
    {"Prod", "math.reduce_prod", &operator_prod},
    {"Var", "math.reduce_variance", &operator_var},
    {"Std", "math.reduce_std", &operator_std},
    {"Exp", "math.exp", &operator_exp},
    {"Tanh", "math.tanh", &operator_tanh},
    {NULL, "nn.tanh", &operator_tanh},
    {"Sigmoid", "math.sigmoid", &operator_sigmoid},
    {NULL, "nn.sigmoid", &operator_sigmoid},
    {"Relu", "nn.relu", &operator_relu},
    {"Relu6", "nn.relu6", &operator_relu6},
    {"Softplus", "math.softplus", &operator_softplus},
    {NULL, "nn.softplus", &operator_softplus},
    {"Softsign", "nn.softsign", &operator_softsign},
    {"Silu", "nn.silu", &operator_silu},
    {"LogSigmoid", "math.log_sigmoid", &operator_log_sigmoid},
    {"HardSigmoid", NULL, &operator_hard_sigmoid},
    {"Selu", "nn.selu", &operator_selu},
    {"LeakyRelu", "nn.leaky_relu", &operator_leaky_relu},
    {"Elu", "nn.elu", &operator_elu},
    {"Gelu", "nn.gelu", &operator_gelu},
    {"Softmax", "nn.softmax", &operator_softmax},
    {"Concatenate", "concat", &operator_concatenate},
    {"Stack", "stack", &operator_stack},
    {"Matmul", "linalg.matmul", &operator_matmul},
    {"Einsum", NULL, &operator_einsum},
    {"Normalize", "math.l2_normalize", &operator_normalize},
    {"Cast", "cast", &operator_cast},
    {"StopGradient", "stop_gradient", &operator_identity},
    {NULL, "identity", &operator_identity},
    {"LogSoftmax", "nn.log_softmax", &operator_log_softmax},
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

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

    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        const char *other = lambda ? known[i].keras_2 : known[i].keras_3;

        if (other && !strcmp(other, name))
            return known[i].class;
    }
    return NULL;
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

enum rnn_status operator_only_input(const struct node *node, struct value **x,
                                    struct rnn_error *err)
{
    const struct call_argument *first = call_position(node->given, 0);
    const struct call_argument *second = call_position(node->given, 1);

    if (node->input_count != 1 || (first && first->is_list) ||
        !call_positional_inputs(node->given) ||
        (second && !rnn_json_is_null(second->json)))
        return operator_refuse(node, "it takes one tensor", err);
    *x = node->inputs[0];
    return RNN_OK;
}
