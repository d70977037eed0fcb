/* The fields of MultiHeadAttention and GroupQueryAttention. */
#include "core/format/json.h"
#include "core/layers/multi_head.h"

/* A whole number, or nothing: `if_absent`. */
static enum rnn_status read_optional(struct fields *fields, const char *key,
                                     size_t if_absent, size_t *value,
                                     struct rnn_error *err)
{
    if (fields_get(fields, key))
        return fields_count(fields, key, value, err);
    *value = if_absent;
    return RNN_OK;
}

/* A number, or a list of them. */
static enum rnn_status read_output(struct fields *fields,
                                   struct rnn_shape *output,
                                   struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, "output_shape");
    bool list = rnn_json_is_array(field);

    *output = (struct rnn_shape){0};
    for (const struct rnn_json *item = list ? rnn_json_first(field) : field;
         item; item = list ? rnn_json_next(item) : NULL) {
        size_t size = 0;

        if (output->rank + 1 >= RNN_MAX_RANK || !rnn_json_size(item, &size) ||
            !size)
            return fields_refuse(fields, RNN_UNSUPPORTED, "output_shape",
                                 "which is no short list of sizes", err);
        output->dim[output->rank++] = size;
    }
    return RNN_OK;
}

/* The axis of time, where there is no other: 1, counted from the end -2. */
static enum rnn_status read_axes(struct fields *fields, struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, "attention_axes");
    const struct rnn_json *axis =
        rnn_json_is_array(field) ? rnn_json_first(field) : field;
    double number = 1;

    if (!field ||
        (rnn_json_number(axis, &number) && (number == 1 || number == -2) &&
         (axis == field || !rnn_json_next(axis))))
        return RNN_OK;
    return fields_refuse(fields, RNN_UNSUPPORTED, "attention_axes",
                         "but only the axis of time, 1, is supported", err);
}

static enum rnn_status read_multi(struct multi_head *own,
                                  struct fields *fields, struct rnn_error *err)
{
    enum rnn_status status =
        fields_count(fields, "num_heads", &own->heads, err);

    own->kv_heads = own->heads;
    if (!status)
        status = fields_count(fields, "key_dim", &own->key_dim, err);
    if (!status)
        status = read_optional(fields, "value_dim", own->key_dim,
                               &own->value_dim, err);
    if (!status)
        status = read_output(fields, &own->output, err);
    if (!status)
        status = read_axes(fields, err);
    if (!status)
        status = fields_bool(fields, "softmax_robust_masking", false,
                             &own->robust, err);
    return status;
}

static enum rnn_status read_grouped(struct multi_head *own,
                                    struct fields *fields,
                                    struct rnn_error *err)
{
    enum rnn_status status =
        fields_count(fields, "num_query_heads", &own->heads, err);

    if (!status)
        status =
            fields_count(fields, "num_key_value_heads", &own->kv_heads, err);
    if (!status)
        status = fields_count(fields, "head_dim", &own->key_dim, err);
    if (status)
        return status;
    own->value_dim = own->key_dim;
    if (own->heads % own->kv_heads)
        return fields_refuse(fields, RNN_BAD_MODEL, "num_key_value_heads",
                             "which does not divide num_query_heads", err);
    return RNN_OK;
}

enum rnn_status multi_head_read(struct layer *layer, struct fields *fields,
                                struct rnn_error *err)
{
    struct multi_head *own = layer->own;
    enum rnn_status status = layer->class == &layer_multi_head_attention
                                 ? read_multi(own, fields, err)
                                 : read_grouped(own, fields, err);

    if (!status)
        status = fields_bool(fields, "use_bias", true, &own->use_bias, err);
    if (!status)
        status = fields_bool(fields, "use_gate", false, &own->use_gate, err);
    if (!status)
        status = fields_number(fields, "dropout", 0, &own->dropout, err);
    if (!status)
        status = read_optional(fields, "sliding_window", 0, &own->window, err);
    return status;
}
