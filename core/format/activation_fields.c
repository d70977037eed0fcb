#include "core/format/activation_fields.h"

#include <math.h>
#include <string.h>

#include "core/format/json.h"

/* A number from 0 on, as a float. */
static enum rnn_status read_float(struct fields *fields, const char *key,
                                  float if_absent, float *value,
                                  struct rnn_error *err)
{
    double number = 0;
    enum rnn_status status =
        fields_number(fields, key, if_absent, &number, err);

    if (status)
        return status;
    if (number < 0)
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "a number from 0 was expected", err);
    *value = (float)number;
    return RNN_OK;
}

static enum rnn_status read_relu(struct fields *fields,
                                 struct rnn_activation *value,
                                 struct rnn_error *err)
{
    enum rnn_status status =
        read_float(fields, "max_value", INFINITY, &value->a, err);

    value->kind = RNN_ACT_RELU;
    if (!status)
        status = read_float(fields, "negative_slope", 0, &value->b, err);
    if (!status)
        status = read_float(fields, "threshold", 0, &value->c, err);
    return status;
}

/* Keras 2 says alpha, Keras 3 negative_slope. */
static enum rnn_status read_leaky_relu(struct fields *fields,
                                       struct rnn_activation *value,
                                       struct rnn_error *err)
{
    const char *key = rnn_json_member(fields->object, "negative_slope")
                          ? "negative_slope"
                          : "alpha";

    value->kind = RNN_ACT_LEAKY_RELU;
    return read_float(fields, key, 0.3f, &value->a, err);
}

static enum rnn_status read_elu(struct fields *fields,
                                struct rnn_activation *value,
                                struct rnn_error *err)
{
    double alpha = 1;
    enum rnn_status status = fields_number(fields, "alpha", 1, &alpha, err);

    value->kind = RNN_ACT_ELU;
    value->a = (float)alpha;
    return status;
}

static enum rnn_status read_thresholded_relu(struct fields *fields,
                                             struct rnn_activation *value,
                                             struct rnn_error *err)
{
    value->kind = RNN_ACT_RELU;
    value->a = INFINITY;
    return read_float(fields, "theta", 1, &value->c, err);
}

/* robust_masking, what a mask does, is for whoever takes a mask. */
static enum rnn_status read_softmax(struct fields *fields,
                                    struct rnn_activation *value, long *axis,
                                    struct rnn_error *err)
{
    static const char *const inert[] = {"robust_masking", NULL};

    value->kind = RNN_ACT_SOFTMAX;
    fields_inert(fields, inert);
    return fields_axis(fields, "axis", axis, err);
}

enum rnn_status fields_activation_class(struct fields *fields,
                                        struct rnn_activation *value,
                                        long *axis, struct rnn_error *err)
{
    struct rnn_activation made = {0};
    long along = -1;
    enum rnn_status status;

    if (!strcmp(fields->class_name, "ReLU"))
        status = read_relu(fields, &made, err);
    else if (!strcmp(fields->class_name, "LeakyReLU"))
        status = read_leaky_relu(fields, &made, err);
    else if (!strcmp(fields->class_name, "ELU"))
        status = read_elu(fields, &made, err);
    else if (!strcmp(fields->class_name, "Softmax"))
        status = read_softmax(fields, &made, &along, err);
    else if (!strcmp(fields->class_name, "ThresholdedReLU"))
        status = read_thresholded_relu(fields, &made, err);
    else
        status = rnn_fail(err, RNN_UNSUPPORTED,
                          "layer \"%.100s\": the class %.60s cannot stand for "
                          "an activation; give it a layer of its own",
                          fields->name, fields->class_name);
    if (status)
        return status;
    *value = made;
    *axis = along;
    return RNN_OK;
}

enum rnn_status fields_activation_object(struct fields *fields,
                                         const char *key,
                                         struct rnn_activation *value,
                                         struct rnn_error *err)
{
    static const char *const common[] = {"name", "trainable",
                                         "batch_input_shape", NULL};
    const struct rnn_json *object = fields_get(fields, key);
    const struct rnn_json *config = rnn_json_member(object, "config");
    const char *class_name =
        rnn_json_text(rnn_json_member(object, "class_name"));
    struct rnn_activation made = {0};
    struct fields inner;
    enum rnn_status status;
    long axis = -1;

    if (!class_name || !rnn_json_is_object(config) ||
        !fields_are_keras(object))
        return fields_refuse(fields, RNN_UNSUPPORTED, key,
                             "which is no activation of Keras' own; custom "
                             "functions cannot be run",
                             err);
    status = fields_init(&inner, config, fields->name, class_name,
                         fields->keras_major, err);
    if (status)
        return status;
    fields_inert(&inner, common);
    status = fields_dtype(&inner, err);
    if (!status)
        status = fields_activation_class(&inner, &made, &axis, err);
    if (!status)
        status = fields_finish(&inner, err);
    if (status)
        return status;
    if (axis != -1)
        return fields_refuse(&inner, RNN_UNSUPPORTED, "axis",
                             "only the last axis, -1, is supported", err);
    *value = made;
    return RNN_OK;
}
