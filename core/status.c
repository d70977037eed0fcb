#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const status_names[] = {
#define XX(name, text) #name,
    RNN_STATUS_MAP(XX)
#undef XX
};

static const char *const status_texts[] = {
#define XX(name, text) text,
    RNN_STATUS_MAP(XX)
#undef XX
};

const char *rnn_status_name(enum rnn_status status)
{
    return status_names[status];
}

const char *rnn_status_text(enum rnn_status status)
{
    return status_texts[status];
}

enum rnn_status(rnn_fail)(struct rnn_error *err, enum rnn_status status,
                          const char *format, ...)
{
    va_list args;

    if (!err)
        return status;
    err->status = status;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return status;
}
