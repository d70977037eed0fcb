/* fields.h: the config of one Keras object, read field by field.
 *
 * Whoever reads a config asks for each field that it understands and lists
 * those that change nothing; fields_finish() then refuses what is left,
 * unless it holds nothing (null, false, 0, "", [], {}).  That is how a field
 * of a future Keras becomes a sentence instead of a wrong number.
 *
 * Every function that fails writes a sentence with the object's name, the
 * field and its value.
 */
#ifndef CORE_FORMAT_FIELDS_H
#define CORE_FORMAT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "core/ukernels/activation.h"

struct rnn_json;

#define FIELDS_MAX 64

struct fields {
    const struct rnn_json *object; /* NULL: no field at all */
    const char *name;              /* "lstm_1" */
    const char *class_name;        /* "LSTM" */
    unsigned keras_major;          /* 0: the file does not say */
    uint64_t understood;           /* a bit for each member, in order */
};

/* BAD_MODEL  `object` is no JSON object, or of more than FIELDS_MAX fields */
RNN_CHECKED enum rnn_status fields_init(
    struct fields *fields, const struct rnn_json *object, const char *name,
    const char *class_name, unsigned keras_major, struct rnn_error *err);

/* The field's value, now understood; NULL when absent or null. */
const struct rnn_json *fields_get(struct fields *fields, const char *key);

/* A whole number >= 1 that must be there. */
RNN_CHECKED enum rnn_status fields_count(struct fields *fields,
                                         const char *key, size_t *value,
                                         struct rnn_error *err);

/* The same, alone or in a list of one; `if_absent` (0: it must be there) when
 * absent or null. */
RNN_CHECKED enum rnn_status fields_one_count(struct fields *fields,
                                             const char *key, size_t if_absent,
                                             size_t *value,
                                             struct rnn_error *err);

/* One whole number from 0 on, which counts twice, or a list of two; 1 and 1
 * when absent. */
RNN_CHECKED enum rnn_status fields_both_sides(struct fields *fields,
                                              const char *key, size_t *first,
                                              size_t *second,
                                              struct rnn_error *err);

/* Any whole number. */
RNN_CHECKED enum rnn_status fields_integer(struct fields *fields,
                                           const char *key, long if_absent,
                                           long *value, struct rnn_error *err);

/* data_format, as a text or absent: anything but channels_first. */
RNN_CHECKED enum rnn_status fields_channels_last(struct fields *fields,
                                                 struct rnn_error *err);

/* The same, where both can be run. */
RNN_CHECKED enum rnn_status fields_channels(struct fields *fields,
                                            bool *channels_first,
                                            struct rnn_error *err);

RNN_CHECKED enum rnn_status fields_bool(struct fields *fields, const char *key,
                                        bool if_absent, bool *value,
                                        struct rnn_error *err);

/* A finite number. */
RNN_CHECKED enum rnn_status fields_number(struct fields *fields,
                                          const char *key, double if_absent,
                                          double *value,
                                          struct rnn_error *err);

/* One axis, as Keras counts (-1 when absent): a whole number, or a list of
 * one.  UNSUPPORTED: a list of several or of none. */
RNN_CHECKED enum rnn_status fields_axis(struct fields *fields, const char *key,
                                        long *axis, struct rnn_error *err);

/* One axis or a list of them, at least one and up to `capacity`; one, -1, when
 * absent. */
RNN_CHECKED enum rnn_status fields_axes(struct fields *fields, const char *key,
                                        size_t capacity, long *axes,
                                        size_t *count, struct rnn_error *err);

/* Is what `description` ({"module", "class_name", "registered_name"}) names
 * one of Keras' own?  Anybody may register a class of the same name. */
bool fields_are_keras(const struct rnn_json *description);

/* Is it an operator (x + y, x[:, -1]), and no layer of that class name?  One
 * of Keras 2, which is a function of TensorFlow? */
bool fields_are_operator(const struct rnn_json *description);
bool fields_are_lambda(const struct rnn_json *description);

/* An activation by name, or a layer that is one; `if_absent` names the
 * default. */
RNN_CHECKED enum rnn_status fields_activation(struct fields *fields,
                                              const char *key,
                                              const char *if_absent,
                                              struct rnn_activation *value,
                                              struct rnn_error *err);

/* A field that may only be false, since `why` (the end of a sentence). */
RNN_CHECKED enum rnn_status fields_only_false(struct fields *fields,
                                              const char *key, const char *why,
                                              struct rnn_error *err);

/* The dtype, as a name or as a policy.  A model that is float64, float16 or
 * bfloat16 throughout is computed in float32, as all are; mixed and quantised
 * ones are refused.  `*name` is the one of these, or NULL: the file does not
 * say. */
RNN_CHECKED enum rnn_status fields_find_dtype(struct fields *fields,
                                              const char **name,
                                              struct rnn_error *err);

/* The same for whom it is all one. */
RNN_CHECKED enum rnn_status fields_dtype(struct fields *fields,
                                         struct rnn_error *err);

/* These fields, a list that ends with NULL, change nothing. */
void fields_inert(struct fields *fields, const char *const *keys);

/* UNSUPPORTED  a field that nobody asked for holds something */
RNN_CHECKED enum rnn_status fields_finish(const struct fields *fields,
                                          struct rnn_error *err);

/* Refuse `key` as it stands: "layer "lstm" (LSTM): unroll is 7, " + `why`. */
enum rnn_status fields_refuse(const struct fields *fields,
                              enum rnn_status status, const char *key,
                              const char *why, struct rnn_error *err);

#endif
