#include "config/model_list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"

/* Bytes of the character at `p`, 0 if it is not UTF-8 (RFC 3629: no overlong
 * forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *p)
{
    unsigned low = 0x80, high = 0xbf; /* of the second byte */
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (length == 1)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static bool is_name(const char *name)
{
    const unsigned char *p = (const unsigned char *)name;

    if (!*p || strlen(name) > MODEL_NAME_BYTES || !strcmp(name, ".") ||
        !strcmp(name, ".."))
        return false;
    while (*p) {
        size_t length = utf8_length(p);

        if (!length || *p < 0x20 || *p == 0x7f || *p == '/')
            return false;
        p += length;
    }
    return true;
}

/* models/seed.v2.keras -> seed.v2 */
static char *copy_stem(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');

    return strndup(base,
                   dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

static enum rnn_status check(const struct config *config,
                             const struct config_model *model,
                             struct rnn_error *err)
{
    char quoted[OPTION_QUOTED_BYTES];

    if (!*model->path)
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "a model is named \"%s\" but has no file",
                        option_quote(model->name, quoted));
    if (!is_name(model->name))
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "\"%s\" cannot be the name of a model; give it "
                        "another one as NAME=FILE",
                        option_quote(model->name, quoted));
    for (size_t i = 0; i < config->model_count; i++)
        if (!strcmp(config->models[i].name, model->name))
            return rnn_fail(err, RNN_INVALID_ARGUMENT,
                            "two models are named \"%s\"; give one of them "
                            "another name as NAME=FILE",
                            option_quote(model->name, quoted));
    return RNN_OK;
}

enum rnn_status model_list_add(const char *argument, struct config *config,
                               struct rnn_error *err)
{
    const char *equals = strchr(argument, '=');
    bool named = equals && !memchr(argument, '/', (size_t)(equals - argument));
    const char *path = named ? equals + 1 : argument;
    struct config_model model, *models;
    enum rnn_status status = RNN_NO_MEMORY;

    model.path = strdup(path);
    model.name = named ? strndup(argument, (size_t)(equals - argument))
                       : copy_stem(path);
    models =
        reallocarray(config->models, config->model_count + 1, sizeof(*models));
    if (models)
        config->models = models;
    if (!models || !model.path || !model.name)
        rnn_fail(err, status, "out of memory");
    else
        status = check(config, &model, err);
    if (status) {
        free(model.path);
        free(model.name);
        return status;
    }
    models[config->model_count++] = model;
    return RNN_OK;
}

void model_list_clear(struct config *config)
{
    for (size_t i = 0; i < config->model_count; i++) {
        free(config->models[i].name);
        free(config->models[i].path);
    }
    free(config->models);
    config->models = NULL;
    config->model_count = 0;
}
