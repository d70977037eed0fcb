#include "server/gather.h"

#include <string.h>

#include "server/clock.h"

/* A part of fewer sequences or of less work costs more than it saves: each
 * reads the weights anew, and to wake a thread takes some ten microseconds. */
#define PARTS_MOST     ((size_t)16)
#define PART_SEQUENCES ((size_t)8)
#define PART_COST      ((uint64_t)2000000)

/* Jobs of one model, as one call. */
struct call {
    struct gather_job *jobs[GATHER_MOST];
    size_t job_count, count;
    const struct rnn_sequence *sequences;
};

void gather_add(struct gather *gather, struct gather_job *job)
{
    job->next = gather->jobs;
    gather->jobs = job;
    gather->count++;
}

/* The sequences of all jobs in one array, in the arena of the first. */
static bool join(struct call *call)
{
    struct rnn_sequence *sequences, *next;

    call->sequences = call->jobs[0]->sequences;
    if (call->job_count == 1)
        return true;
    sequences = arena_alloc(call->jobs[0]->arena, call->count,
                            sizeof(*sequences), _Alignof(struct rnn_sequence));
    if (!sequences)
        return false;
    next = sequences;
    for (size_t i = 0; i < call->job_count; i++) {
        memcpy(next, call->jobs[i]->sequences,
               call->jobs[i]->count * sizeof(*next));
        next += call->jobs[i]->count;
    }
    call->sequences = sequences;
    return true;
}

/* It goes on as long as somebody waits for it. */
static const struct gather_job *most_patient(const struct call *call)
{
    const struct gather_job *most = call->jobs[0];

    for (size_t i = 1; i < call->job_count; i++)
        if (call->jobs[i]->deadline_ms > most->deadline_ms)
            most = call->jobs[i];
    return most;
}

/* Some sequences of a call, on whatever thread. */
struct part {
    struct rnn_team_part offered;
    const struct rnn_model *model;
    const struct rnn_infer_options *options;
    const struct rnn_sequence *sequences;
    size_t count;
    void *scratch;
    enum rnn_status status;
    struct rnn_error err;
};

static void run_part(void *arg)
{
    struct part *part = arg;

    part->status = rnn_infer(part->model, part->sequences, part->count,
                             part->options, part->scratch, &part->err);
}

/* In how many parts a call is made. */
static size_t count_parts(const struct call *call,
                          const struct rnn_model *model)
{
    const uint64_t enough = PARTS_MOST * PART_COST;
    struct rnn_team *team = call->jobs[0]->team;
    size_t most = call->count / PART_SEQUENCES, idle;
    uint64_t cost = 0;

    if (!team || most < 2)
        return 1;
    for (size_t i = 0; i < call->count && cost < enough; i++) {
        uint64_t one = rnn_infer_cost(model, call->sequences[i].timesteps);

        cost = one < enough - cost ? cost + one : enough;
    }
    if (most > cost / PART_COST)
        most = (size_t)(cost / PART_COST);
    if (most < 2)
        return 1;
    idle = team->idle(team);
    return most > idle ? idle + 1 : most;
}

/* Cut `call` into `count` parts of about as many sequences. */
static bool cut(const struct call *call, const struct rnn_model *model,
                const struct rnn_infer_options *options, struct part *parts,
                size_t count)
{
    size_t first = 0;

    for (size_t i = 0; i < count; i++) {
        struct part *part = &parts[i];

        part->offered = (struct rnn_team_part){.run = run_part, .arg = part};
        part->model = model;
        part->options = options;
        part->sequences = call->sequences + first;
        part->count = (call->count - first) / (count - i);
        part->scratch = arena_alloc(
            call->jobs[0]->arena,
            rnn_scratch_size_for(model, part->sequences, part->count), 1, 64);
        if (!part->scratch)
            return false;
        first += part->count;
    }
    return true;
}

static enum rnn_status run_parts(struct part *parts, size_t count,
                                 struct rnn_team *team, struct rnn_error *err)
{
    for (size_t i = 1; i < count; i++)
        team->offer(team, &parts[i].offered);
    run_part(&parts[0]);
    for (size_t i = 1; i < count; i++)
        if (team->take_back(team, &parts[i].offered))
            run_part(&parts[i]);
    for (size_t i = 0; i < count; i++)
        if (parts[i].status) {
            *err = parts[i].err;
            return parts[i].status;
        }
    return RNN_OK;
}

static enum rnn_status infer(struct call *call, struct rnn_error *err)
{
    const struct gather_job *most = most_patient(call);
    struct rnn_infer_options options = {.every_step = most->every_step,
                                        .keep_going = most->keep_going,
                                        .arg = most->arg};
    const struct rnn_model *model = most->model->model;
    struct part parts[PARTS_MOST];
    size_t count = 0;

    if (join(call))
        count = count_parts(call, model);
    if (count == 1) /* whose steps may be cut instead */
        options.team = call->jobs[0]->team;
    if (!count || !cut(call, model, &options, parts, count))
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for this request");
    return run_parts(parts, count, call->jobs[0]->team, err);
}

static void make(struct call *call, struct metrics *metrics)
{
    uint64_t began_ns = clock_monotonic_ns(), end_ns;
    size_t timesteps = 0;
    struct rnn_error err;
    enum rnn_status status = infer(call, &err);

    /* Who spoils a call spoils his own alone: nothing has been touched. */
    if (status && status != RNN_CANCELLED && call->job_count > 1) {
        for (size_t i = 0; i < call->job_count; i++)
            gather_run_job(call->jobs[i], metrics);
        return;
    }
    end_ns = clock_monotonic_ns();
    for (size_t i = 0; i < call->job_count; i++) {
        struct gather_job *job = call->jobs[i];

        job->status = status;
        if (status)
            job->err = err;
        if (!status && call->job_count > 1 &&
            end_ns / 1000000u >= job->deadline_ms)
            job->status = RNN_CANCELLED;
    }
    if (status)
        return;
    for (size_t s = 0; s < call->count; s++)
        timesteps += call->sequences[s].timesteps;
    metrics_compute(metrics, call->jobs[0]->tally, call->jobs[0]->model->index,
                    call->count, timesteps, end_ns - began_ns);
}

/* Move the jobs that are like the first into a call. */
static void take(struct gather *gather, struct call *call)
{
    struct gather_job **link = &gather->jobs;
    const struct gather_job *first = gather->jobs;

    call->job_count = call->count = 0;
    while (*link && call->job_count < GATHER_MOST) {
        struct gather_job *job = *link;

        if (job->model != first->model ||
            job->every_step != first->every_step) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        call->jobs[call->job_count++] = job;
        call->count += job->count;
    }
}

void gather_run(struct gather *gather, struct metrics *metrics)
{
    struct call call;

    while (gather->jobs) {
        take(gather, &call);
        make(&call, metrics);
    }
    gather->count = 0;
}

void gather_run_job(struct gather_job *job, struct metrics *metrics)
{
    struct call call = {.jobs = {job}, .job_count = 1, .count = job->count};

    make(&call, metrics);
}
