/* The keyword `mask` of a call.
 *
 * Keras 3 writes it for every layer whose call() has such an argument, also
 * where the mask has come with the input; Keras 2 where the user wrote it.
 * What the call is given goes before what comes with the inputs.
 *
 * Keras: Layer.__call__, part 6, in keras/src/layers/layer.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/mask.h"

static enum rnn_status no_memory(const char *name, struct rnn_error *err)
{
    return rnn_fail(err, RNN_NO_MEMORY, "out of memory at layer \"%.100s\"",
                    name);
}

/* Arguments and inputs without those of `mask`, in new arrays. */
static enum rnn_status cut_out(struct plan_builder *builder, const char *name,
                               const struct call *given,
                               const struct call_argument *mask,
                               struct call *rest, struct rnn_error *err)
{
    size_t end = mask->first + mask->count, kept = 0;
    struct value **inputs =
        arena_zalloc(builder->arena, given->input_count, sizeof(inputs[0]),
                     alignof(struct value *));
    struct call_argument *arguments =
        arena_zalloc(builder->arena, given->argument_count,
                     sizeof(arguments[0]), alignof(struct call_argument));

    if (!inputs || !arguments)
        return no_memory(name, err);
    memcpy(inputs, given->inputs, mask->first * sizeof(inputs[0]));
    if (end < given->input_count)
        memcpy(inputs + mask->first, given->inputs + end,
               (given->input_count - end) * sizeof(inputs[0]));
    for (size_t i = 0; i < given->argument_count; i++) {
        if (&given->arguments[i] == mask)
            continue;
        arguments[kept] = given->arguments[i];
        if (arguments[kept].first >= end)
            arguments[kept].first -= mask->count;
        kept++;
    }
    *rest = (struct call){inputs, given->input_count - mask->count, arguments,
                          kept};
    return RNN_OK;
}

enum rnn_status mask_take_keyword(struct plan_builder *builder,
                                  const char *name, bool is_model,
                                  const struct call *given, struct call *rest,
                                  struct rnn_error *err)
{
    const struct call_argument *mask = call_keyword(given, "mask");
    uint64_t places;
    struct value **inputs;
    enum rnn_status status;

    *rest = *given;
    /* A constant is left to call_check(), but for a list of nulls. */
    if (!mask || (!mask->count && (!mask->is_list || mask->places)))
        return RNN_OK;
    status = cut_out(builder, name, given, mask, rest, err);
    if (status)
        return status;
    inputs = (struct value **)rest->inputs; /* made by cut_out() */
    places = mask->is_list ? mask->places : 1;
    for (size_t i = 0, next = mask->first; places; i++, places >>= 1) {
        struct value *own;

        if (!(places & 1))
            continue;
        if (i >= call_positional_inputs(rest))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" is called with more masks than "
                            "tensors",
                            name);
        own = inputs[i]->mask;
        inputs[i] = plan_with_mask(builder, inputs[i], given->inputs[next++]);
        if (!inputs[i])
            return no_memory(name, err);
        inputs[i]->mask_is_given = !is_model;
        inputs[i]->own_mask = own;
    }
    return RNN_OK;
}
