/* call.h: what a layer is called on: the arguments of one call, as the file
 * has them.
 *
 * An argument is given by position or by a keyword.  It is one tensor, a list
 * of tensors, or a constant; nothing else is read (no list of both).  The
 * tensors of all arguments are the call's inputs, in the order in which they
 * stand: those of a layer that takes nothing but tensors by position, which
 * most are, are simply its inputs.
 *
 * Keywords that hold nothing, and `training`, are not among the arguments.
 * plan_call() refuses a keyword that the class does not list, and a constant
 * by position unless the class takes constants.
 *
 * Memory   In the model's arena; the JSON is there while the graph is built.
 */
#ifndef CORE_LAYERS_CALL_H
#define CORE_LAYERS_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

struct layer;
struct rnn_json;
struct value;

struct call_argument {
    const char *keyword; /* NULL: by position */
    bool is_list;
    bool is_truth;               /* a tensor that the file calls one of bool */
    size_t first, count;         /* its tensors among the inputs */
    uint64_t places;             /* of a list: bit i: item i is no null */
    const struct rnn_json *json; /* of a constant; NULL: tensors */
};

struct call {
    struct value *const *inputs; /* [input_count] */
    size_t input_count;
    const struct call_argument *arguments; /* [argument_count] */
    size_t argument_count;                 /* 0: inputs by position */
};

/* The argument with this keyword; NULL. */
const struct call_argument *call_keyword(const struct call *call,
                                         const char *keyword);

/* The argument in this position; NULL. */
const struct call_argument *call_position(const struct call *call,
                                          size_t index);

/* Inputs that are given by position: they come before the others. */
size_t call_positional_inputs(const struct call *call);

/* Are all keywords among `keywords` (NULL at the end, or NULL: none), and no
 * argument a constant by position unless `constants`?
 *
 * UNSUPPORTED  a sentence that names the argument
 */
RNN_CHECKED enum rnn_status call_check(const struct call *call,
                                       const char *name,
                                       const char *const *keywords,
                                       bool constants, struct rnn_error *err);

#endif
