#include <stdio.h>
#include <string.h>

#include "server/json/json_writer.h"
#include "server/routes/predict.h"

static const char *const media_names[] = {
    [HTTP_MEDIA_JSON] = "application/json",
    [HTTP_MEDIA_BINARY] = "application/octet-stream",
    [HTTP_MEDIA_SAFETENSORS] = "application/x-safetensors",
};

/* Does the answer have one entry for each sequence ("outputs")? */
static bool is_batch(const struct predict *p)
{
    if (p->in == HTTP_MEDIA_BINARY)
        return p->batch > 0;
    return p->body.form == PREDICT_SEQUENCES ||
           p->body.form == PREDICT_INPUTS_LIST;
}

static bool is_window(const struct predict *p)
{
    return p->base && p->base->plan.mode == SESSION_WINDOW;
}

static size_t output_shape(const struct predict *p, size_t sequence,
                           size_t output, size_t shape[RNN_MAX_RANK])
{
    return rnn_output_shape_of(p->model->model, output,
                               &p->sequences[sequence], p->every_step, shape);
}

/* ---- JSON --------------------------------------------------------------- */

static void write_output(const struct predict *p, struct json_writer *writer,
                         size_t sequence, size_t output)
{
    const struct rnn_sequence *call = &p->sequences[sequence];
    size_t shape[RNN_MAX_RANK];
    size_t rank = output_shape(p, sequence, output, shape);

    json_write_tensor(writer, call->outputs[output], rank, shape);
}

/* One output of a window session's call: a window's, or with every_step one
 * for each new row, null while the window fills. */
static void write_windows(const struct predict *p, struct json_writer *writer,
                          size_t output)
{
    size_t missing = p->new_rows - p->count;

    if (!p->body.every_step) {
        if (p->count)
            write_output(p, writer, 0, output);
        else
            json_write_raw(writer, "null");
        return;
    }
    json_write_raw(writer, "[");
    for (size_t t = 0; t < p->new_rows; t++) {
        if (t)
            json_write_raw(writer, ",");
        if (t < missing)
            json_write_raw(writer, "null");
        else
            write_output(p, writer, t - missing, output);
    }
    json_write_raw(writer, "]");
}

/* A tensor, or an object of them where the model has several outputs. */
static void write_outputs(const struct predict *p, struct json_writer *writer,
                          size_t sequence)
{
    const struct rnn_model_info *info = p->model->info;
    bool is_object = info->output_count > 1 &&
                     (!is_window(p) || p->count || p->body.every_step);

    if (is_object)
        json_write_raw(writer, "{");
    for (size_t o = 0; o < (is_object ? info->output_count : 1); o++) {
        if (is_object)
            json_write_key(writer, info->outputs[o].name);
        if (is_window(p))
            write_windows(p, writer, o);
        else
            write_output(p, writer, sequence, o);
    }
    if (is_object)
        json_write_raw(writer, "}");
}

static void write_session(const struct predict *p, struct json_writer *writer)
{
    json_write_key(writer, "session");
    json_write_raw(writer, "{");
    json_write_key(writer, "id");
    json_write_string(writer, p->body.session);
    json_write_key(writer, "step");
    json_write_uint(writer, p->step);
    if (is_window(p)) {
        json_write_key(writer, "window");
        json_write_uint(writer, p->base->plan.window);
        json_write_key(writer, "window_filled");
        json_write_uint(writer, p->filled);
    }
    json_write_raw(writer, "}");
}

static bool answer_json(struct predict *p, struct problem *problem)
{
    struct json_writer writer;

    json_writer_init(&writer, p->request->arena);
    json_write_raw(&writer, is_batch(p) ? "{\"outputs\":" : "{\"output\":");
    if (is_batch(p)) {
        json_write_raw(&writer, "[");
        for (size_t s = 0; s < p->count; s++) {
            if (s)
                json_write_raw(&writer, ",");
            write_outputs(p, &writer, s);
        }
        json_write_raw(&writer, "]");
    } else {
        write_outputs(p, &writer, 0);
    }
    if (p->base)
        write_session(p, &writer);
    json_write_raw(&writer, "}");
    if (writer.failed)
        return predict_no_memory(problem);
    p->reply.body = writer.text;
    p->reply.length = writer.length;
    return true;
}

/* ---- binary ------------------------------------------------------------- */

static bool refuse_unequal(const struct predict *p, size_t sequence,
                           struct problem *problem)
{
    return problem_set(problem, PROBLEM_SHAPE_MISMATCH,
                       "sequences 0 and %zu have %zu and %zu timesteps: "
                       "their outputs are no one array, ask for "
                       "application/json",
                       sequence, p->sequences[0].timesteps,
                       p->sequences[sequence].timesteps);
}

/* "10,2": a count before the shape, where there is one. */
static const char *shape_text(const struct predict *p, size_t count,
                              size_t rank, const size_t *shape)
{
    size_t size = (rank + 1) * 21, length = 0;
    char *text = arena_alloc(p->request->arena, size, 1, 1);

    if (!text)
        return NULL;
    text[0] = '\0';
    if (count)
        length = (size_t)snprintf(text, size, "%zu", count);
    for (size_t a = 0; a < rank; a++)
        length += (size_t)snprintf(text + length, size - length, "%s%zu",
                                   length ? "," : "", shape[a]);
    return text;
}

static bool answer_binary(struct predict *p, struct problem *problem)
{
    bool counts = is_batch(p) || (is_window(p) && p->body.every_step);
    size_t shape[RNN_MAX_RANK];
    size_t rank, size = sizeof(float);

    if (!p->count) {
        p->reply.status = 204;
        return true;
    }
    rank = output_shape(p, 0, 0, shape);
    for (size_t s = 1; s < p->count; s++) {
        size_t other[RNN_MAX_RANK];

        output_shape(p, s, 0, other);
        if (memcmp(shape, other, rank * sizeof(shape[0])) != 0)
            return refuse_unequal(p, s, problem);
    }
    p->reply.shape = shape_text(p, counts ? p->count : 0, rank, shape);
    if (!p->reply.shape)
        return predict_no_memory(problem);
    for (size_t a = 0; a < rank; a++)
        size *= shape[a];
    p->reply.body = p->sequences[0].outputs[0];
    p->reply.length = p->count * size;
    return true;
}

bool predict_answer(struct predict *p, struct problem *problem)
{
    const struct rnn_model_info *info = p->model->info;

    p->reply = (struct predict_reply){.status = 200,
                                      .media = p->out,
                                      .shape = "",
                                      .has_session = p->base != NULL,
                                      .step = p->step,
                                      .has_window = is_window(p),
                                      .window_filled = p->filled};
    if (p->out == HTTP_MEDIA_JSON)
        return answer_json(p, problem);
    if (info->output_count != 1)
        return problem_set(problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                           "the model \"%s\" has %zu outputs; "
                           "application/octet-stream holds one, ask for "
                           "application/json",
                           p->model->name, info->output_count);
    return answer_binary(p, problem);
}

/* A number in decimal, as a header's value; NULL: the arena is out. */
static const char *number_text(const struct predict *p, uint64_t number)
{
    char text[21];
    int length =
        snprintf(text, sizeof(text), "%llu", (unsigned long long)number);

    return arena_copy_text(p->request->arena, text, (size_t)length);
}

bool predict_respond(const struct predict *p, struct http_response *response,
                     struct problem *problem)
{
    const struct predict_reply *reply = &p->reply;
    const char *step = NULL, *filled = NULL;

    response->status = reply->status;
    if (reply->body) {
        response->content_type = media_names[reply->media];
        response->body = reply->body;
        response->body_length = reply->length;
    }
    if (reply->media != HTTP_MEDIA_BINARY)
        return true;
    if (reply->has_session)
        step = number_text(p, reply->step);
    if (reply->has_window)
        filled = number_text(p, reply->window_filled);
    if ((reply->has_session && !step) || (reply->has_window && !filled))
        return predict_no_memory(problem);
    if (reply->shape[0])
        http_response_header(response, "X-Shape", reply->shape);
    if (step)
        http_response_header(response, "X-Session-Step", step);
    if (filled)
        http_response_header(response, "X-Window-Filled", filled);
    return true;
}
