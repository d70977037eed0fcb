#include <math.h>
#include <string.h>

#include "server/routes/predict.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "binary tensors are little-endian, as they are used");

static bool refuse_io(const struct predict *p, size_t count, const char *what,
                      struct problem *problem)
{
    return problem_set(problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                       "the model \"%s\" has %zu %s; "
                       "application/octet-stream holds one, use "
                       "application/json",
                       p->model->name, count, what);
}

/* How many numbers each of the equal sequences has. */
static bool measure(const struct predict *p, const struct rnn_io *io,
                    size_t batch, size_t *count, struct problem *problem)
{
    const struct config *config = p->app->config;
    size_t length = p->request->body_length;
    size_t unit = io->features * sizeof(float);
    size_t timesteps = length / unit / batch;

    if (batch > config->max_batch)
        return problem_set(problem, PROBLEM_TOO_LARGE,
                           "batch is %zu, max_batch is %zu", batch,
                           config->max_batch);
    if (length / sizeof(float) > config->max_elements)
        return problem_set(problem, PROBLEM_TOO_LARGE,
                           "the body has %zu numbers, max_elements is %zu",
                           length / sizeof(float), config->max_elements);
    if (!timesteps || length != timesteps * unit * batch ||
        (!io->has_time && timesteps != 1))
        return problem_set(problem, PROBLEM_SHAPE_MISMATCH,
                           "the body has %zu bytes, %s of the model \"%s\" "
                           "has %zu, for %zu sequence%s",
                           length, io->has_time ? "a timestep" : "an input",
                           p->model->name, unit, batch, batch == 1 ? "" : "s");
    if (timesteps > config->max_timesteps)
        return problem_set(problem, PROBLEM_TOO_LARGE,
                           "the body has %zu timesteps, max_timesteps is %zu",
                           timesteps, config->max_timesteps);
    *count = timesteps * io->features;
    return true;
}

/* The body's numbers as floats: where they are, unless they are integers or
 * stand at an odd address.  NULL: the arena is out. */
static float *body_floats(const struct predict *p, bool is_ids, size_t count)
{
    const unsigned char *body = p->request->body;
    float *floats;

    if (!is_ids && (uintptr_t)body % _Alignof(float) == 0)
        return (float *)(void *)body; /* read only, as all of it */
    floats = arena_alloc(p->request->arena, count, sizeof(*floats), 64);
    if (!floats)
        return NULL;
    memcpy(floats, body, count * sizeof(*floats));
    for (size_t i = 0; is_ids && i < count; i++) {
        int32_t id;

        memcpy(&id, &floats[i], sizeof(id));
        floats[i] = (float)id;
    }
    return floats;
}

static bool check_finite(const float *floats, size_t count,
                         struct problem *problem)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(floats[i]))
            return problem_set(problem, PROBLEM_NOT_FINITE,
                               "number %zu of the body (from 0) is %s", i,
                               isnan(floats[i]) ? "NaN" : "infinite");
    return true;
}

bool predict_read_binary(struct predict *p, struct problem *problem)
{
    const struct rnn_model_info *info = p->model->info;
    const struct rnn_io *io = &info->inputs[0];
    size_t batch = p->batch ? p->batch : 1;
    struct json_tensor *tensors;
    size_t count = 0;
    float *floats;

    if (info->input_count != 1)
        return refuse_io(p, info->input_count, "inputs", problem);
    if (!measure(p, io, batch, &count, problem))
        return false;
    floats = body_floats(p, io->vocabulary > 0, count * batch);
    tensors = arena_zalloc(p->request->arena, batch, sizeof(*tensors),
                           _Alignof(struct json_tensor));
    p->body.samples =
        arena_zalloc(p->request->arena, batch, sizeof(*p->body.samples),
                     _Alignof(struct json_sample));
    if (!floats || !tensors || !p->body.samples)
        return predict_no_memory(problem);
    if (!io->vocabulary && !check_finite(floats, count * batch, problem))
        return false;
    for (size_t s = 0; s < batch; s++) {
        tensors[s] = (struct json_tensor){
            .rank = io->rank, .data = floats + s * count, .count = count};
        memcpy(tensors[s].shape, io->shape, sizeof(io->shape));
        if (io->has_time)
            tensors[s].shape[0] = count / io->features;
        p->body.samples[s] =
            (struct json_sample){.tensors = &tensors[s], .tensor_count = 1};
    }
    p->body.sample_count = batch;
    return true;
}
