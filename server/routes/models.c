/* GET /models and GET /models/{model}: what is served, in every detail that a
 * client needs to form a request (docs/api.md, section 3). */
#include <stdbool.h>
#include <string.h>

#include "server/app.h"
#include "server/json/json_writer.h"
#include "server/model_registry.h"
#include "server/routes/routes.h"

static void write_text(struct json_writer *writer, const char *key,
                       const char *text)
{
    json_write_key(writer, key);
    json_write_string(writer, text);
}

static void write_uint(struct json_writer *writer, const char *key,
                       uint64_t number)
{
    json_write_key(writer, key);
    json_write_uint(writer, number);
}

static void write_bool(struct json_writer *writer, const char *key, bool value)
{
    json_write_key(writer, key);
    json_write_bool(writer, value);
}

/* Without the batch axis; null where the model leaves an axis open. */
static void write_shape(struct json_writer *writer, const char *key,
                        size_t rank, const size_t *shape)
{
    json_write_key(writer, key);
    json_write_raw(writer, "[");
    for (size_t axis = 0; axis < rank; axis++) {
        if (axis > 0)
            json_write_raw(writer, ",");
        if (shape[axis] == RNN_FREE)
            json_write_raw(writer, "null");
        else
            json_write_uint(writer, shape[axis]);
    }
    json_write_raw(writer, "]");
}

static void write_ios(struct json_writer *writer, const char *key,
                      const struct rnn_io *ios, size_t count)
{
    json_write_key(writer, key);
    json_write_raw(writer, "[");
    for (size_t i = 0; i < count; i++) {
        json_write_raw(writer, i ? ",{" : "{");
        write_text(writer, "name", ios[i].name);
        write_shape(writer, "shape", ios[i].rank, ios[i].shape);
        write_text(writer, "dtype", ios[i].vocabulary ? "int32" : "float32");
        json_write_raw(writer, "}");
    }
    json_write_raw(writer, "]");
}

static void write_layers(struct json_writer *writer,
                         const struct rnn_model_info *info)
{
    json_write_key(writer, "layers");
    json_write_raw(writer, "[");
    for (size_t i = 0; i < info->layer_count; i++) {
        const struct rnn_layer_info *layer = &info->layers[i];

        json_write_raw(writer, i ? ",{" : "{");
        write_text(writer, "name", layer->name);
        write_text(writer, "class", layer->class_name);
        write_shape(writer, "output_shape", layer->rank, layer->shape);
        write_uint(writer, "parameters", layer->parameters);
        write_bool(writer, "streams", layer->streams);
        write_uint(writer, "state_bytes", layer->state_bytes);
        json_write_raw(writer, "}");
    }
    json_write_raw(writer, "]");
}

/* Every option called max_..., as options.def lists them: a new one is here
 * without being asked. */
#define LIMIT_COUNT(name) write_limit(writer, #name, config->name)
#define LIMIT_SIZE(name)  write_limit(writer, #name, config->name)
#define LIMIT_TIME(name)
#define LIMIT_BOOL(name)
#define LIMIT_TEXT(name)
#define LIMIT_LIST(name)
#define LIMIT_CHOICE(name)

static void write_limit(struct json_writer *writer, const char *name,
                        uint64_t value)
{
    if (strncmp(name, "max_", 4) == 0)
        write_uint(writer, name, value);
}

static void write_limits(struct json_writer *writer,
                         const struct config *config)
{
    json_write_key(writer, "limits");
    json_write_raw(writer, "{");
#define OPTION(type, name, initial, min, max, meaning) LIMIT_##type(name);
#include "config/options.def"
#undef OPTION
    json_write_raw(writer, "}");
}

static void write_model(struct json_writer *writer,
                        const struct config *config,
                        const struct served_model *served)
{
    const struct rnn_model_info *info = served->info;

    json_write_raw(writer, "{");
    write_text(writer, "name", served->name);
    write_text(writer, "fingerprint", served->fingerprint);
    write_text(writer, "format", info->format);
    write_text(writer, "keras_version",
               *info->keras_version ? info->keras_version : NULL);
    write_ios(writer, "inputs", info->inputs, info->input_count);
    write_ios(writer, "outputs", info->outputs, info->output_count);
    write_uint(writer, "parameters", info->parameters);
    write_bool(writer, "streams", info->streams);
    write_text(writer, "cannot_stream_because", info->cannot_stream_because);
    write_uint(writer, "state_bytes", info->state_bytes);
    write_layers(writer, info);
    write_limits(writer, config);
    json_write_raw(writer, "}");
}

static enum route_result reply(const struct json_writer *writer,
                               struct http_response *response,
                               struct problem *problem)
{
    if (writer->failed) {
        problem_set(problem, PROBLEM_OVERLOADED,
                    "no memory is left to describe the models");
        return ROUTE_PROBLEM;
    }
    response->content_type = "application/json";
    response->body = writer->text;
    response->body_length = writer->length;
    return ROUTE_REPLY;
}

enum route_result route_model_list(struct app *app,
                                   struct http_request *request,
                                   struct http_response *response,
                                   struct problem *problem)
{
    struct json_writer writer;

    json_writer_init(&writer, request->arena);
    json_write_raw(&writer, "{");
    json_write_key(&writer, "models");
    json_write_raw(&writer, "[");
    for (size_t i = 0; i < model_registry_count(app->models); i++) {
        if (i > 0)
            json_write_raw(&writer, ",");
        write_model(&writer, app->config, model_registry_at(app->models, i));
    }
    json_write_raw(&writer, "]}");
    return reply(&writer, response, problem);
}

enum route_result route_model_get(struct app *app,
                                  struct http_request *request,
                                  struct http_response *response,
                                  struct problem *problem)
{
    const struct served_model *served =
        model_registry_find(app->models, request->params[0]);
    struct json_writer writer;

    if (!served) {
        problem_set(problem, PROBLEM_NO_SUCH_MODEL,
                    "no model is called \"%.200s\"", request->params[0]);
        return ROUTE_PROBLEM;
    }
    json_writer_init(&writer, request->arena);
    write_model(&writer, app->config, served);
    return reply(&writer, response, problem);
}
