#include "server/routes/session_plan.h"

/* The T that all timed inputs are saved with: RNN_FREE when it is open.
 * false: they differ, or there is none. */
static bool fixed_timesteps(const struct served_model *model,
                            size_t *timesteps, struct problem *problem)
{
    const struct rnn_model_info *info = model->info;
    const struct rnn_io *first = NULL;

    *timesteps = RNN_FREE;
    for (size_t i = 0; i < info->input_count; i++) {
        const struct rnn_io *io = &info->inputs[i];

        if (!io->has_time)
            continue;
        if (first && *timesteps != RNN_FREE && io->shape[0] != RNN_FREE &&
            io->shape[0] != *timesteps)
            return problem_set_at(
                problem, PROBLEM_SHAPE_MISMATCH, "/mode",
                "inputs \"%s\" and \"%s\" of the model \"%s\" have %zu and "
                "%zu timesteps: there is no one window for both",
                first->name, io->name, model->name, *timesteps, io->shape[0]);
        if (!first || *timesteps == RNN_FREE) {
            *timesteps = io->shape[0];
            first = io;
        }
    }
    if (first)
        return true;
    return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, "/mode",
                          "the model \"%s\" has no input with a time axis: "
                          "there is nothing to keep in a window",
                          model->name);
}

static bool plan_window(const struct app *app, const struct session_wish *wish,
                        struct session_plan *plan, struct problem *problem)
{
    const char *name = plan->model->name;
    size_t fixed;

    if (!fixed_timesteps(plan->model, &fixed, problem))
        return false;
    plan->window = wish->has_window ? wish->window : fixed;
    if (plan->window == RNN_FREE)
        return problem_set_at(problem, PROBLEM_BAD_FIELD, "/window",
                              "the model \"%s\" leaves the number of "
                              "timesteps open: \"window\" must be given",
                              name);
    if (fixed != RNN_FREE && plan->window != fixed)
        return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, "/window",
                              "window is %zu, the model \"%s\" takes %zu "
                              "timesteps",
                              plan->window, name, fixed);
    if (plan->window < plan->model->info->least_timesteps)
        return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, "/window",
                              "window is %zu, the layer \"%.100s\" of the "
                              "model \"%s\" needs %zu timesteps or more",
                              plan->window, plan->model->info->least_because,
                              name, plan->model->info->least_timesteps);
    if (plan->window > app->config->max_timesteps)
        return problem_set_at(problem, PROBLEM_TOO_LARGE, "/window",
                              "window is %zu, max_timesteps is %zu",
                              plan->window, app->config->max_timesteps);
    return true;
}

bool session_plan_make(const struct app *app, const struct served_model *model,
                       const struct session_wish *wish,
                       struct session_plan *plan, struct problem *problem)
{
    struct session_plan made = {
        .model = model,
        .mode = wish->mode == SESSION_MODE_UNSET ? SESSION_CARRY : wish->mode,
        .ttl_ms = wish->has_ttl ? wish->ttl_ms : app->config->session_ttl};

    if (made.mode == SESSION_WINDOW) {
        if (!plan_window(app, wish, &made, problem))
            return false;
    } else if (wish->has_window) {
        return problem_set_at(problem, PROBLEM_BAD_FIELD, "/window",
                              "\"window\" needs \"mode\": \"window\"");
    } else if (!model->info->streams) {
        return problem_set_at(problem, PROBLEM_CANNOT_STREAM, "/mode",
                              "the model \"%s\" cannot carry a state from "
                              "call to call: %s",
                              model->name, model->info->cannot_stream_because);
    }
    *plan = made;
    return true;
}
