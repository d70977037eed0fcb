#include <math.h>
#include <stdio.h>
#include <string.h>

#include "server/routes/predict.h"

/* "T x 3 numbers" for [free, 3]. */
static void shape_text(const struct rnn_io *io, char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t a = 0; a < io->rank && length < size; a++) {
        const char *times = a ? " x " : "";
        int written;

        if (io->shape[a] == RNN_FREE)
            written = snprintf(text + length, size - length, "%sT", times);
        else
            written = snprintf(text + length, size - length, "%s%zu", times,
                               io->shape[a]);
        length += (size_t)written;
    }
    if (length < size)
        snprintf(text + length, size - length, " %s",
                 io->vocabulary ? "token ids" : "numbers");
}

/* The tensor that stands at a place. */
struct seen {
    const struct predict *p;
    const struct rnn_io *io;
    const struct json_tensor *tensor;
    size_t sample;
};

static bool refuse_rank(const struct seen *seen, struct problem *problem)
{
    struct predict_place place;
    char shape[80];

    predict_place(seen->p, seen->sample, seen->tensor->name, &place);
    shape_text(seen->io, shape, sizeof(shape));
    return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, place.pointer,
                          "%s is %zu arrays deep, the model \"%s\" takes %s",
                          place.text, seen->tensor->rank, seen->p->model->name,
                          shape);
}

static bool refuse_axis(const struct seen *seen, size_t axis, size_t got,
                        struct problem *problem)
{
    const struct rnn_io *io = seen->io;
    struct predict_place place;
    bool is_last = axis + 1 == io->rank;

    predict_place(seen->p, seen->sample, seen->tensor->name, &place);
    for (size_t a = 0; a < axis; a++)
        predict_place_index(&place, 0);
    return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, place.pointer,
                          "%s has %zu %s, the model \"%s\" takes %zu %s",
                          place.text, got, is_last ? "numbers" : "arrays",
                          seen->p->model->name, io->shape[axis],
                          is_last ? "features" : "arrays");
}

static bool refuse_time(const struct seen *seen, size_t timesteps,
                        struct problem *problem)
{
    struct predict_place place;

    predict_place(seen->p, seen->sample, seen->tensor->name, &place);
    return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, place.pointer,
                          "%s has %zu timestep%s, the model \"%s\" takes %zu",
                          place.text, timesteps, timesteps == 1 ? "" : "s",
                          seen->p->model->name, seen->io->shape[0]);
}

static bool refuse_short(const struct seen *seen, size_t timesteps,
                         struct problem *problem)
{
    struct predict_place place;

    predict_place(seen->p, seen->sample, seen->tensor->name, &place);
    return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, place.pointer,
                          "%s has %zu timestep%s, the layer \"%.100s\" of "
                          "the model \"%s\" needs %zu or more",
                          place.text, timesteps, timesteps == 1 ? "" : "s",
                          seen->io->least_because, seen->p->model->name,
                          seen->io->least_timesteps);
}

static bool refuse_other_time(const struct seen *seen, size_t timesteps,
                              size_t other, struct problem *problem)
{
    struct predict_place place;

    predict_place(seen->p, seen->sample, seen->tensor->name, &place);
    return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, place.pointer,
                          "%s has %zu timestep%s, the inputs before it have "
                          "%zu",
                          place.text, timesteps, timesteps == 1 ? "" : "s",
                          other);
}

/* Every id a whole number of the vocabulary. */
static bool check_ids(const struct seen *seen, struct problem *problem)
{
    const struct json_tensor *tensor = seen->tensor;
    size_t vocabulary = seen->io->vocabulary;
    struct predict_place place;
    size_t i = 0, inner = tensor->count;

    while (i < tensor->count && tensor->data[i] >= 0 &&
           tensor->data[i] < (double)vocabulary &&
           tensor->data[i] == floorf(tensor->data[i]))
        i++;
    if (i == tensor->count)
        return true;
    predict_place(seen->p, seen->sample, tensor->name, &place);
    for (size_t a = 0; a < tensor->rank; a++) {
        inner /= tensor->shape[a];
        predict_place_index(&place, i / inner % tensor->shape[a]);
    }
    return problem_set_at(problem, PROBLEM_NUMBER_OUT_OF_RANGE, place.pointer,
                          "%s is %.9g, a token id of the model \"%s\" is a "
                          "whole number from 0 to %zu",
                          place.text, (double)tensor->data[i],
                          seen->p->model->name, vocabulary - 1);
}

/* May a sequence have any number of timesteps, whatever T the model was
 * saved with? */
static bool takes_any_time(const struct predict *p)
{
    return p->base ||
           (p->app->config->any_timesteps && p->model->info->streams);
}

/* Shape and numbers of one tensor.  `*timesteps` is set when it has time. */
static bool check_tensor(const struct seen *seen, size_t *timesteps,
                         struct problem *problem)
{
    const struct json_tensor *tensor = seen->tensor;
    const struct rnn_io *io = seen->io;
    size_t shape[RNN_MAX_RANK + 2] = {0};
    size_t rank = tensor->rank;
    size_t first = io->has_time ? 1 : 0;

    memcpy(shape, tensor->shape, rank * sizeof(shape[0]));
    /* One feature may be written without its own brackets. */
    if (rank + 1 == io->rank && io->shape[rank] == 1)
        shape[rank++] = 1;
    if (rank != io->rank)
        return refuse_rank(seen, problem);
    for (size_t a = first; a < rank; a++)
        if (io->shape[a] != RNN_FREE && io->shape[a] != shape[a])
            return refuse_axis(seen, a, shape[a], problem);
    if (io->has_time) {
        if (io->shape[0] != RNN_FREE && io->shape[0] != shape[0] &&
            !takes_any_time(seen->p))
            return refuse_time(seen, shape[0], problem);
        if (shape[0] < io->least_timesteps && !seen->p->base)
            return refuse_short(seen, shape[0], problem);
        *timesteps = shape[0];
    }
    return !io->vocabulary || check_ids(seen, problem);
}

/* The model's input that `tensor` is for; NULL: there is none. */
static const struct rnn_io *find_input(const struct predict *p, size_t sample,
                                       const struct json_tensor *tensor,
                                       struct problem *problem)
{
    const struct rnn_model_info *info = p->model->info;
    struct predict_place place;

    if (!tensor->name && info->input_count == 1)
        return &info->inputs[0];
    for (size_t i = 0; tensor->name && i < info->input_count; i++)
        if (!strcmp(info->inputs[i].name, tensor->name))
            return &info->inputs[i];
    predict_place(p, sample, tensor->name, &place);
    if (tensor->name)
        problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, place.pointer,
                       "the model \"%s\" has no input \"%s\"%s%s%s",
                       p->model->name, tensor->name,
                       info->input_count == 1 ? ", its input is \"" : "",
                       info->input_count == 1 ? info->inputs[0].name : "",
                       info->input_count == 1 ? "\"" : "");
    else
        problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, place.pointer,
                       "the model \"%s\" has %zu inputs, they are given by "
                       "name in \"inputs\"",
                       p->model->name, info->input_count);
    return NULL;
}

static bool refuse_missing(const struct predict *p, size_t sample,
                           const char *name, struct problem *problem)
{
    struct predict_place place;

    predict_place(p, sample, NULL, &place);
    return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, place.pointer,
                          "%s: the input \"%s\" of the model \"%s\" is "
                          "missing",
                          place.text, name, p->model->name);
}

/* Inputs of one clock have the same timesteps; in a session and for every
 * step, where all of them advance together, all have.  `timesteps` has those
 * of the inputs that came before, 0 where none did. */
static bool check_other_times(const struct seen *seen, size_t own,
                              const size_t *timesteps, struct problem *problem)
{
    const struct rnn_model_info *info = seen->p->model->info;

    for (size_t i = 0; i < info->input_count; i++)
        if (timesteps[i] && timesteps[i] != own &&
            (seen->p->base || seen->p->body.every_step ||
             info->inputs[i].clock == seen->io->clock))
            return refuse_other_time(seen, own, timesteps[i], problem);
    return true;
}

/* The longest input decides what a sequence is called; where others differ,
 * the engine is told all of them. */
static void set_timesteps(struct rnn_sequence *sequence,
                          const struct rnn_model_info *info,
                          const size_t *timesteps)
{
    sequence->timesteps = 1;
    for (size_t i = 0; i < info->input_count; i++)
        if (timesteps[i] > sequence->timesteps)
            sequence->timesteps = timesteps[i];
    for (size_t i = 0; i < info->input_count; i++)
        if (timesteps[i] && timesteps[i] != sequence->timesteps)
            sequence->input_timesteps = timesteps;
}

/* All the inputs of one sample. */
static bool bind_sample(const struct predict *p, size_t sample,
                        const float **inputs, size_t *timesteps,
                        struct problem *problem)
{
    const struct json_sample *given = &p->body.samples[sample];
    const struct rnn_model_info *info = p->model->info;

    for (size_t i = 0; i < info->input_count; i++)
        inputs[i] = NULL;
    for (size_t k = 0; k < given->tensor_count; k++) {
        struct seen seen = {
            .p = p, .tensor = &given->tensors[k], .sample = sample};
        size_t own = 0;

        seen.io = find_input(p, sample, seen.tensor, problem);
        if (!seen.io || !check_tensor(&seen, &own, problem))
            return false;
        if (own && !check_other_times(&seen, own, timesteps, problem))
            return false;
        timesteps[seen.io - info->inputs] = own;
        inputs[seen.io - info->inputs] = seen.tensor->data;
    }
    for (size_t i = 0; i < info->input_count; i++)
        if (!inputs[i])
            return refuse_missing(p, sample, info->inputs[i].name, problem);
    return true;
}

static bool bind_json(struct predict *p, const float **inputs,
                      size_t *timesteps, struct problem *problem)
{
    size_t per_sample = p->model->info->input_count;

    for (size_t s = 0; s < p->count; s++) {
        p->sequences[s].inputs = inputs;
        if (!bind_sample(p, s, inputs, timesteps, problem))
            return false;
        set_timesteps(&p->sequences[s], p->model->info, timesteps);
        inputs += per_sample;
        timesteps += per_sample;
    }
    return true;
}

bool predict_bind(struct predict *p, struct problem *problem)
{
    struct arena *arena = p->request->arena;
    size_t per_sample = p->model->info->input_count;
    const float **inputs;
    size_t *timesteps;

    if (p->in == HTTP_MEDIA_BINARY && !predict_read_binary(p, problem))
        return false;
    p->count = p->body.sample_count;
    p->sequences = arena_zalloc(arena, p->count, sizeof(*p->sequences),
                                _Alignof(struct rnn_sequence));
    inputs = arena_alloc(arena, p->count, per_sample * sizeof(*inputs),
                         _Alignof(const float *));
    timesteps = arena_zalloc(arena, p->count, per_sample * sizeof(*timesteps),
                             _Alignof(size_t));
    if (!p->sequences || !inputs || !timesteps)
        return predict_no_memory(problem);
    return bind_json(p, inputs, timesteps, problem);
}
