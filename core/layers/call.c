#include "core/layers/call.h"

#include <string.h>

#include "core/format/json.h"

const struct call_argument *call_keyword(const struct call *call,
                                         const char *keyword)
{
    for (size_t i = 0; i < call->argument_count; i++) {
        const struct call_argument *argument = &call->arguments[i];

        if (argument->keyword && !strcmp(argument->keyword, keyword))
            return argument;
    }
    return NULL;
}

const struct call_argument *call_position(const struct call *call,
                                          size_t index)
{
    /* Those by position come first. */
    if (index >= call->argument_count || call->arguments[index].keyword)
        return NULL;
    return &call->arguments[index];
}

size_t call_positional_inputs(const struct call *call)
{
    size_t count = call->input_count;

    for (size_t i = 0; i < call->argument_count; i++)
        if (call->arguments[i].keyword)
            count -= call->arguments[i].count;
    return count;
}

static bool is_among(const char *const *keywords, const char *keyword)
{
    for (; keywords && *keywords; keywords++)
        if (!strcmp(*keywords, keyword))
            return true;
    return false;
}

enum rnn_status call_check(const struct call *call, const char *name,
                           const char *const *keywords, bool constants,
                           struct rnn_error *err)
{
    char text[120];

    for (size_t i = 0; i < call->argument_count; i++) {
        const struct call_argument *argument = &call->arguments[i];

        if (argument->keyword && !is_among(keywords, argument->keyword))
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" is called with %.60s, which "
                            "this version does not support",
                            name, argument->keyword);
        if (!argument->keyword && argument->json && !constants &&
            !rnn_json_is_null(argument->json))
            return rnn_fail(
                err, RNN_UNSUPPORTED,
                "layer \"%.100s\" is called on a constant, which is no "
                "tensor: "
                "%s",
                name, rnn_json_print(argument->json, text, sizeof(text)));
    }
    return RNN_OK;
}
