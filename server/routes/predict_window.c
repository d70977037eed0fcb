#include <string.h>

#include "server/routes/predict.h"

/* Rows of one input: those that were kept, then those of the call. */
struct strip {
    const float *kept, *fresh;
    size_t kept_rows, features;
};

/* Copy `rows` rows of the strip from row `from` on. */
static void copy_rows(const struct strip *strip, size_t from, size_t rows,
                      float *to)
{
    size_t old = 0;

    if (from < strip->kept_rows) {
        old = strip->kept_rows - from;
        if (old > rows)
            old = rows;
        memcpy(to, strip->kept + from * strip->features,
               old * strip->features * sizeof(*to));
        from += old;
    }
    if (old == rows)
        return;
    memcpy(to + old * strip->features,
           strip->fresh + (from - strip->kept_rows) * strip->features,
           (rows - old) * strip->features * sizeof(*to));
}

/* The rows from `from` to the end in one piece; the call's own where they
 * are enough.  NULL: the arena is out. */
static const float *one_piece(const struct predict *p,
                              const struct strip *strip, size_t from,
                              size_t rows)
{
    float *piece;

    if (from >= strip->kept_rows)
        return strip->fresh + (from - strip->kept_rows) * strip->features;
    piece = arena_alloc(p->request->arena, rows,
                        strip->features * sizeof(*piece), 64);
    if (piece)
        copy_rows(strip, from, rows, piece);
    return piece;
}

static bool check_amount(const struct predict *p, size_t rows,
                         struct problem *problem)
{
    size_t window = p->base->plan.window;
    size_t most = p->app->config->max_timesteps;

    if (!p->body.every_step || rows <= most / window)
        return true;
    return problem_set(problem, PROBLEM_TOO_LARGE,
                       "%zu new rows times a window of %zu are more than "
                       "max_timesteps = %zu",
                       rows, window, most);
}

/* Inputs of window `w`: the same rows, one further for each window. */
static void place_window(const struct predict *p, size_t w,
                         const float *const *pieces, const float **inputs)
{
    const struct rnn_model_info *info = p->model->info;

    for (size_t i = 0; i < info->input_count; i++)
        inputs[i] =
            pieces[i] +
            (info->inputs[i].has_time ? w * info->inputs[i].features : 0);
    p->sequences[w].inputs = inputs;
    p->sequences[w].timesteps = p->base->plan.window;
}

/* The windows that the call completes, as sequences over `pieces`. */
static bool place_windows(struct predict *p, const float *const *pieces,
                          size_t count, struct problem *problem)
{
    size_t input_count = p->model->info->input_count;
    const float **inputs =
        arena_alloc(p->request->arena, count, input_count * sizeof(*inputs),
                    _Alignof(const float *));

    p->sequences =
        arena_zalloc(p->request->arena, count, sizeof(*p->sequences),
                     _Alignof(struct rnn_sequence));
    p->count = count;
    if (!inputs || !p->sequences)
        return predict_no_memory(problem);
    for (size_t w = 0; w < count; w++)
        place_window(p, w, pieces, inputs + w * input_count);
    return true;
}

/* The rows that an input keeps of its strip; those that have not come yet are
 * zeros, not what another request left in the arena: they are stored. */
static void keep_rows(const struct strip *strip, size_t from, size_t filled,
                      size_t window, float *to)
{
    copy_rows(strip, from, filled, to);
    memset(to + filled * strip->features, 0,
           (window - filled) * strip->features * sizeof(*to));
}

/* Rows before the first one of interest. */
static size_t rows_before(size_t total, size_t rows)
{
    return total > rows ? total - rows : 0;
}

bool predict_window(struct predict *p, struct problem *problem)
{
    const struct rnn_model_info *info = p->model->info;
    const struct rnn_sequence call = p->sequences[0];
    size_t window = p->base->plan.window, kept = p->base->filled;
    size_t total = kept + call.timesteps;
    size_t complete = total < window ? 0 : 1;
    const float *kept_rows = p->base->before;
    const float **pieces = arena_alloc(p->request->arena, info->input_count,
                                       sizeof(*pieces), _Alignof(float *));
    float *after = arena_alloc(p->request->arena, p->base->state_bytes, 1, 64);

    if (!check_amount(p, call.timesteps, problem))
        return false;
    if (!pieces || !after)
        return predict_no_memory(problem);
    if (complete && p->body.every_step)
        complete = total - window < call.timesteps ? total - window + 1
                                                   : call.timesteps;
    p->after = after;
    p->filled = total < window ? total : window;
    p->step = p->base->step + call.timesteps;
    p->new_rows = call.timesteps;
    for (size_t i = 0; i < info->input_count; i++) {
        const struct rnn_io *io = &info->inputs[i];
        struct strip strip = {kept_rows, call.inputs[i], kept, io->features};
        size_t rows = complete ? window + complete - 1 : 0;

        pieces[i] = call.inputs[i];
        if (!io->has_time)
            continue;
        if (complete)
            pieces[i] = one_piece(p, &strip, rows_before(total, rows), rows);
        if (!pieces[i])
            return predict_no_memory(problem);
        keep_rows(&strip, rows_before(total, window), p->filled, window,
                  after);
        kept_rows += window * io->features;
        after += window * io->features;
    }
    return place_windows(p, pieces, complete, problem);
}
