#include "core/format/keras.h"

#include <stdlib.h>
#include <string.h>

#include "core/format/json.h"

enum rnn_status keras_read_version(const char *version, unsigned *major,
                                   struct rnn_error *err)
{
    unsigned long number;
    char *end;

    if (!version || !version[0]) {
        *major = 0;
        return RNN_OK;
    }
    number = strtoul(version, &end, 10);
    if (version[0] < '0' || version[0] > '9' || (*end && *end != '.') ||
        number > 1000)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "keras_version is \"%.40s\", no version", version);
    if (number < 2)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "the model was saved by Keras %.40s; load and save it "
                        "with Keras 2 first",
                        version);
    *major = (unsigned)number;
    return RNN_OK;
}

unsigned keras_minor(const char *version)
{
    const char *dot = version ? strchr(version, '.') : NULL;
    unsigned long number = dot ? strtoul(dot + 1, NULL, 10) : 0;

    return number > 1000 ? 1000 : (unsigned)number;
}

enum rnn_status keras_read_model(struct plan_builder *builder,
                                 const struct rnn_json *architecture,
                                 struct rnn_error *err)
{
    const struct rnn_json *config = rnn_json_member(architecture, "config");
    const char *class_name =
        rnn_json_text(rnn_json_member(architecture, "class_name"));

    if (!class_name || !config)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "keras_config describes no model: class_name or "
                        "config is missing");
    if (!strcmp(class_name, "Sequential"))
        return keras_read_sequential(builder, architecture, err);
    return keras_read_functional(builder, architecture, err);
}
