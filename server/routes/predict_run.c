#include <string.h>

#include "server/routes/predict.h"

/* Writing one number as text costs about as much as this many
 * multiply-adds. */
#define NUMBER_COST ((uint64_t)128)
/* To be set aside and taken up again costs some eight microseconds and saves
 * half the work, so that must be some thirty; a call that is a batch by itself
 * has nothing to gain. */
#define GATHER_COST      ((uint64_t)1000000)
#define GATHER_SEQUENCES ((size_t)4)

static bool is_window(const struct predict *p)
{
    return p->base && p->base->plan.mode == SESSION_WINDOW;
}

bool predict_no_memory(struct problem *problem)
{
    return problem_set(problem, PROBLEM_OVERLOADED,
                       "out of memory for this request");
}

/* ---- how much work it is, before anything is borrowed ------------------- */

static size_t given_timesteps(const struct predict *p,
                              const struct served_model *model, size_t sample)
{
    const struct json_sample *given = &p->body.samples[sample];
    size_t longest = 1;

    if (p->in == HTTP_MEDIA_BINARY)
        return p->request->body_length / sizeof(float) /
               model->info->inputs[0].features / (p->batch ? p->batch : 1);
    for (size_t k = 0; k < given->tensor_count; k++)
        if (given->tensors[k].shape[0] > longest)
            longest = given->tensors[k].shape[0];
    return longest;
}

static size_t output_size(const struct rnn_model *model, size_t output,
                          const struct rnn_sequence *sequence, bool every_step)
{
    size_t shape[RNN_MAX_RANK];
    size_t rank =
        rnn_output_shape_of(model, output, sequence, every_step, shape);
    size_t size = 1;

    for (size_t a = 0; a < rank; a++)
        size *= shape[a];
    return size;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t multiply_saturated(uint64_t a, uint64_t b)
{
    return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t run_cost(const struct served_model *model, size_t timesteps,
                         bool every_step, size_t times)
{
    const struct rnn_sequence sequence = {.timesteps = timesteps};
    uint64_t cost = rnn_infer_cost(model->model, timesteps);

    for (size_t o = 0; o < model->info->output_count; o++)
        cost = add_saturated(
            cost,
            NUMBER_COST * output_size(model->model, o, &sequence, every_step));
    return multiply_saturated(cost, times);
}

uint64_t predict_cost(const struct predict *p,
                      const struct served_model *model,
                      const struct session_plan *plan)
{
    size_t samples = p->in == HTTP_MEDIA_BINARY ? 1 : p->body.sample_count;
    bool every_step = p->body.every_step && model->info->streams;
    uint64_t cost = 0;

    if (plan && plan->mode == SESSION_WINDOW)
        return run_cost(model, plan->window, false,
                        p->body.every_step ? given_timesteps(p, model, 0) : 1);
    for (size_t s = 0; s < samples; s++)
        cost =
            add_saturated(cost, run_cost(model, given_timesteps(p, model, s),
                                         every_step, p->batch ? p->batch : 1));
    return cost;
}

/* ---- the run ------------------------------------------------------------ */

/* Numbers of output `output` of sequence `sequence`. */
static size_t output_of(const struct predict *p, size_t sequence,
                        size_t output)
{
    return output_size(p->model->model, output, &p->sequences[sequence],
                       p->every_step);
}

/* Outputs as wide as there are timesteps grow with their square. */
static bool refuse_wide(const struct predict *p, struct problem *problem)
{
    const struct rnn_model_info *info = p->model->info;
    size_t most = p->app->config->max_elements;

    for (size_t o = 0; o < info->output_count; o++) {
        size_t numbers = 0;

        if (info->outputs[o].features != RNN_FREE)
            continue;
        for (size_t s = 0; s < p->count && numbers <= most; s++)
            numbers += output_of(p, s, o);
        if (numbers > most)
            return problem_set(problem, PROBLEM_TOO_LARGE,
                               "output \"%s\" of the model \"%s\" has %zu "
                               "numbers or more, max_elements is %zu",
                               info->outputs[o].name, p->model->name, numbers,
                               most);
    }
    return true;
}

/* Memory for the outputs of all sequences, in their order, in one piece. */
static bool place_outputs(struct predict *p, struct problem *problem)
{
    size_t output_count = p->model->info->output_count;
    struct arena *arena = p->request->arena;
    float **outputs = arena_alloc(
        arena, p->count, output_count * sizeof(float *), _Alignof(float *));
    size_t size = 0;
    float *next;

    if (!refuse_wide(p, problem))
        return false;
    for (size_t s = 0; s < p->count; s++)
        for (size_t o = 0; o < output_count; o++)
            size += output_of(p, s, o);
    next = arena_alloc(arena, size, sizeof(*next), 64);
    if (!outputs || !next)
        return predict_no_memory(problem);
    p->output_floats = size;
    for (size_t s = 0; s < p->count; s++) {
        p->sequences[s].outputs = outputs + s * output_count;
        for (size_t o = 0; o < output_count; o++) {
            outputs[s * output_count + o] = next;
            /* The last, often the only one, has none behind it. */
            if (s + 1 < p->count || o + 1 < output_count)
                next += output_of(p, s, o);
        }
    }
    return true;
}

/* All at once, in a form that compilers vectorize. */
static bool are_finite(const float *floats, size_t count)
{
    uint32_t found = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, &floats[i], sizeof(bits));
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !found;
}

static bool refuse_output(const struct predict *p, struct problem *problem)
{
    const struct rnn_model_info *info = p->model->info;

    for (size_t s = 0; s < p->count; s++)
        for (size_t o = 0; o < info->output_count; o++)
            if (!are_finite(p->sequences[s].outputs[o], output_of(p, s, o)))
                return problem_set(
                    problem, PROBLEM_NOT_FINITE,
                    "output \"%s\" of the model \"%s\" for %s %zu (from 0) "
                    "is not finite",
                    info->outputs[o].name, p->model->name,
                    is_window(p) ? "window" : "sequence", s);
    return true;
}

static bool infer_failed(const struct predict *p, struct problem *problem)
{
    if (p->job.status == RNN_NO_MEMORY)
        return predict_no_memory(problem);
    if (p->job.status == RNN_CANCELLED)
        return problem_set(
            problem, PROBLEM_COMPUTE_TIMEOUT,
            "the answer was not ready within "
            "request_timeout = %llu ms",
            (unsigned long long)p->app->config->request_timeout);
    return problem_set(problem, PROBLEM_INTERNAL, "the model \"%s\": %s",
                       p->model->name, p->job.err.message);
}

/* In a `carry` session the engine advances a copy of the state. */
static bool copy_state(struct predict *p, struct problem *problem)
{
    struct rnn_sequence *call = &p->sequences[0];

    p->after = arena_alloc(p->request->arena, p->base->state_bytes, 1, 64);
    if (!p->after)
        return predict_no_memory(problem);
    memcpy(p->after, p->base->before, p->base->state_bytes);
    call->state = p->after;
    p->new_rows = call->timesteps;
    p->step = p->base->step + call->timesteps;
    return true;
}

static bool check_every_step(const struct predict *p, struct problem *problem)
{
    const struct rnn_model_info *info = p->model->info;

    if (!p->every_step || info->streams)
        return true;
    return problem_set_at(problem, PROBLEM_CANNOT_STREAM, "/every_step",
                          "every_step needs a model that streams: %s",
                          info->cannot_stream_because);
}

/* Everything that the engine needs, up to the memory for its outputs. */
static bool prepare(struct predict *p, struct problem *problem)
{
    bool is_carry = p->base && !is_window(p);

    p->every_step = p->body.every_step && !is_window(p);
    if (!check_every_step(p, problem))
        return false;
    if (is_window(p) && !predict_window(p, problem))
        return false;
    if (is_carry && !copy_state(p, problem))
        return false;
    if (p->count && !place_outputs(p, problem))
        return false;
    p->job.model = p->model;
    p->job.sequences = p->sequences;
    p->job.count = p->count;
    p->job.every_step = p->every_step;
    p->job.deadline_ms = p->request->deadline_ms;
    p->job.keep_going = http_keep_going;
    p->job.arg = p->request;
    p->job.arena = p->request->arena;
    p->job.team = p->request->team;
    p->job.tally = p->request->tally;
    return true;
}

/* Nothing but finite numbers leaves or is kept. */
static bool check_outputs(const struct predict *p, struct problem *problem)
{
    if (!p->count)
        return true;
    if (p->job.status)
        return infer_failed(p, problem);
    if (!are_finite(p->sequences[0].outputs[0], p->output_floats))
        return refuse_output(p, problem);
    if (p->base && !is_window(p) &&
        !rnn_state_is_finite(p->model->model, p->after))
        return problem_set(problem, PROBLEM_NOT_FINITE,
                           "the new state of the session is not finite");
    return true;
}

/* Is it so much work that waiting for others to come along pays, and so few
 * sequences that it gains? */
static bool is_worth_gathering(const struct predict *p)
{
    uint64_t cost;

    if (!p->request->gather || !p->count || p->count > GATHER_SEQUENCES)
        return false;
    cost = rnn_infer_cost(p->model->model, p->sequences[0].timesteps);
    return cost >= GATHER_COST;
}

bool predict_run(struct predict *p, struct problem *problem)
{
    if (!prepare(p, problem))
        return false;
    if (p->count)
        gather_run_job(&p->job, p->app->metrics);
    return check_outputs(p, problem);
}

enum route_result predict_compute(struct predict *p, struct problem *problem)
{
    if (!p->is_gathered) {
        if (!prepare(p, problem))
            return ROUTE_PROBLEM;
        if (is_worth_gathering(p)) {
            p->is_gathered = true;
            gather_add(p->request->gather, &p->job);
            return ROUTE_GATHER;
        }
        if (p->count)
            gather_run_job(&p->job, p->app->metrics);
    }
    return check_outputs(p, problem) ? ROUTE_REPLY : ROUTE_PROBLEM;
}
