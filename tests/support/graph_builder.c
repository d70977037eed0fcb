#include "tests/support/graph_builder.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void append(
    struct model_builder *builder, const char *format, ...)
{
    size_t used = strlen(builder->config);
    va_list args;
    int length;

    /* model_builder_replace() may have given it another size. */
    builder->config = realloc(builder->config, GRAPH_TEXT);
    if (!builder->config)
        abort();
    va_start(args, format);
    length =
        vsnprintf(builder->config + used, GRAPH_TEXT - used, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= GRAPH_TEXT - used) {
        fprintf(stderr, "graph_builder: the model is too long\n");
        abort();
    }
}

static bool is_keras_3(const struct model_builder *builder)
{
    return builder->keras_version[0] == '3';
}

/* A comma, unless it is the first of a list. */
static void part(struct model_builder *builder)
{
    if (builder->config[strlen(builder->config) - 1] != '[')
        append(builder, ", ");
}

void graph_begin(struct model_builder *builder, const char *keras_version)
{
    model_builder_init(builder, 0, 1);
    builder->keras_version = keras_version;
    builder->config = calloc(1, GRAPH_TEXT);
    if (!builder->config)
        abort();
    append(builder,
           "{\"class_name\": \"%s\", \"config\": {\"name\": "
           "\"whole\", \"layers\": [",
           is_keras_3(builder) ? "Functional" : "Model");
}

void graph_input(struct model_builder *builder, const char *name,
                 const char *shape)
{
    part(builder);
    append(builder,
           "{\"class_name\": \"InputLayer\", \"name\": \"%s\", \"config\": "
           "{\"name\": \"%s\", \"dtype\": \"float32\", \"sparse\": false, "
           "\"%s\": [null, %s]}, \"inbound_nodes\": []}",
           name, name,
           is_keras_3(builder) ? "batch_shape" : "batch_input_shape", shape);
}

/* "x,0,0" in the spelling of the version; a call with keywords has 4 parts,
 * of which input_layers and output_layers know nothing. */
static void reference(struct model_builder *builder, const char *text,
                      bool is_call)
{
    char name[64];
    unsigned node, tensor;

    if (sscanf(text, "%63[^,],%u,%u", name, &node, &tensor) != 3) {
        fprintf(stderr, "graph_builder: no reference: %s\n", text);
        abort();
    }
    if (is_call && is_keras_3(builder))
        append(builder,
               "{\"class_name\": \"__keras_tensor__\", \"config\": "
               "{\"shape\": [null], \"dtype\": \"float32\", "
               "\"keras_history\": [\"%s\", %u, %u]}}",
               name, node, tensor);
    else
        append(builder, "[\"%s\", %u, %u%s]", name, node, tensor,
               is_call ? ", {}" : "");
}

static size_t references(struct model_builder *builder, const char *text,
                         size_t length, bool is_call)
{
    char copy[512], *rest = NULL;
    size_t count = 0;

    snprintf(copy, sizeof(copy), "%.*s", (int)length, text);
    for (char *ref = strtok_r(copy, " ", &rest); ref;
         ref = strtok_r(NULL, " ", &rest)) {
        part(builder);
        reference(builder, ref, is_call);
        count++;
    }
    return count;
}

static void append_calls(struct model_builder *builder, const char *calls)
{
    append(builder, ", \"inbound_nodes\": [");
    while (*calls) {
        size_t length = strcspn(calls, "|");
        /* Layers with several inputs take a list of them. */
        bool list =
            memchr(calls, ' ', length) && strcspn(calls, " ") + 1 < length;

        part(builder);
        if (is_keras_3(builder))
            append(builder, "{\"args\": [%s", list ? "[" : "");
        else
            append(builder, "[");
        references(builder, calls, length, true);
        if (is_keras_3(builder))
            append(builder, "%s], \"kwargs\": {\"training\": null}}",
                   list ? "]" : "");
        else
            append(builder, "]");
        calls += length;
        calls += *calls == '|';
    }
    append(builder, "]");
}

void graph_layer(struct model_builder *builder, const char *class_name,
                 const char *name, const char *fields, const char *calls)
{
    part(builder);
    append(builder,
           "{\"class_name\": \"%s\", \"name\": \"%s\", \"config\": {\"name\": "
           "\"%s\", \"trainable\": true%s%s}",
           class_name, name, name, *fields ? ", " : "", fields);
    if (calls)
        append_calls(builder, calls);
    append(builder, "}");
}

void graph_operator(struct model_builder *builder, const char *class_name,
                    const char *name, const char *fields,
                    const char *arguments)
{
    part(builder);
    append(builder,
           "{\"module\": \"keras.src.ops.numpy\", \"class_name\": \"%s\", "
           "\"registered_name\": \"%s\", \"name\": \"%s\", \"config\": "
           "{\"name\": \"%s\"%s%s}, \"inbound_nodes\": [{\"args\": [",
           class_name, class_name, name, name, *fields ? ", " : "", fields);
    while (*arguments) {
        size_t length = strcspn(arguments, "$");

        append(builder, "%.*s", (int)length, arguments);
        arguments += length;
        if (!*arguments)
            break;
        length = strcspn(++arguments, ", ]");
        append(builder,
               "{\"class_name\": \"__keras_tensor__\", \"config\": "
               "{\"shape\": [null], \"dtype\": \"float32\", "
               "\"keras_history\": [\"%.*s\", 0, 0]}}",
               (int)length, arguments);
        arguments += length;
    }
    append(builder, "], \"kwargs\": {}}]}");
}

void graph_begin_nested(struct model_builder *builder, const char *class_name,
                        const char *name)
{
    part(builder);
    append(builder,
           "{\"class_name\": \"%s\", \"name\": \"%s\", \"config\": {\"name\": "
           "\"%s\", \"layers\": [",
           class_name, name, name);
}

void graph_end(struct model_builder *builder, const char *inputs,
               const char *outputs, const char *calls)
{
    append(builder, "]");
    if (inputs) {
        append(builder, ", \"input_layers\": [");
        references(builder, inputs, strlen(inputs), false);
        append(builder, "], \"output_layers\": [");
        references(builder, outputs, strlen(outputs), false);
        append(builder, "]");
    }
    append(builder, "}");
    if (calls)
        append_calls(builder, calls);
    append(builder, "}");
}

static void add(struct model_builder *builder, const char *path,
                const char *weight, size_t rank, size_t rows, size_t columns)
{
    size_t matrix[] = {rows, columns}, row[] = {columns};
    char name[128];

    snprintf(name, sizeof(name), "%s/%s", path, weight);
    model_builder_add_tensor(builder, name, rank, rank == 2 ? matrix : row,
                             1 / sqrt((double)rows));
}

void graph_dense(struct model_builder *builder, const char *path,
                 size_t features, size_t units)
{
    add(builder, path, "kernel", 2, features, units);
    add(builder, path, "bias", 1, 1, units);
}

void graph_recurrent(struct model_builder *builder, const char *path,
                     size_t gates, size_t features, size_t units)
{
    add(builder, path, "kernel", 2, features, gates * units);
    add(builder, path, "recurrent_kernel", 2, units, gates * units);
    add(builder, path, "bias", 1, 1, gates * units);
}

void graph_give_mask(struct model_builder *b, const char *input,
                     const char *mask)
{
    bool is_3 = b->keras_version[0] == '3';
    char from[300], to[800];

    if (is_3)
        snprintf(from, sizeof(from),
                 "\"keras_history\": [\"%s\", 0, 0]}}], \"kwargs\": "
                 "{\"training\": null}",
                 input);
    else
        snprintf(from, sizeof(from), "[\"%s\", 0, 0, {}]", input);
    if (is_3)
        snprintf(to, sizeof(to),
                 "\"keras_history\": [\"%s\", 0, 0]}}], \"kwargs\": "
                 "{\"mask\": %s}",
                 input, mask);
    else
        snprintf(to, sizeof(to), "[\"%s\", 0, 0, {\"mask\": %s}]", input,
                 mask);
    model_builder_replace(b, from, to);
}

const char *graph_tensor(const struct model_builder *b, const char *name)
{
    static char text[200];

    if (b->keras_version[0] == '3')
        snprintf(text, sizeof(text),
                 "{\"class_name\": \"__keras_tensor__\", \"config\": "
                 "{\"shape\": [null], \"dtype\": \"bool\", "
                 "\"keras_history\": [\"%s\", 0, 0]}}",
                 name);
    else
        snprintf(text, sizeof(text), "[\"%s\", 0, 0]", name);
    return text;
}
