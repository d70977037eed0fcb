#include "core/layers/window.h"

#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"

/* Beyond any network, and small enough for every sum below. */
#define MOST ((size_t)1 << 20)

static enum rnn_status read_padding(struct fields *fields,
                                    struct window *window,
                                    struct rnn_error *err)
{
    static const char *const names[] = {"valid", "same", "causal"};
    const struct rnn_json *field = fields_get(fields, "padding");
    const char *name = field ? rnn_json_text(field) : "valid";

    for (int i = 0; name && i < 3; i++)
        if (!strcmp(name, names[i])) {
            window->padding = i == 0   ? WINDOW_VALID
                              : i == 1 ? WINDOW_SAME
                                       : WINDOW_CAUSAL;
            return RNN_OK;
        }
    return fields_refuse(fields, RNN_UNSUPPORTED, "padding",
                         "valid, same or causal was expected", err);
}

enum rnn_status window_read(struct fields *fields, const char *size_key,
                            size_t if_absent, struct window *window,
                            struct rnn_error *err)
{
    struct window read = {0};
    const char *wrong = NULL;
    enum rnn_status status =
        fields_one_count(fields, size_key, 0, &read.size, err);

    if (!status)
        status = fields_one_count(fields, "strides",
                                  if_absent ? if_absent : read.size,
                                  &read.stride, err);
    if (!status)
        status =
            fields_one_count(fields, "dilation_rate", 1, &read.dilation, err);
    if (!status)
        status = read_padding(fields, &read, err);
    if (status)
        return status;
    if (read.size > MOST)
        wrong = size_key;
    else if (read.stride > MOST)
        wrong = "strides";
    else if (read.dilation > MOST)
        wrong = "dilation_rate";
    if (wrong)
        return fields_refuse(fields, RNN_UNSUPPORTED, wrong, "too many", err);
    *window = read;
    return RNN_OK;
}

size_t window_reach(const struct window *window)
{
    return (window->size - 1) * window->dilation + 1;
}

struct pace window_pace(const struct window *window)
{
    int64_t stride = (int64_t)window->stride;
    int64_t missing =
        window->padding == WINDOW_VALID ? (int64_t)window_reach(window) : 1;

    return (struct pace){.up = 1, .add = stride - missing, .down = stride};
}

size_t window_before(const struct window *window, size_t steps)
{
    size_t reach = window_reach(window), last;

    if (window->padding == WINDOW_VALID)
        return 0;
    if (window->padding == WINDOW_CAUSAL)
        return reach - 1;
    last = (steps - 1) / window->stride * window->stride;
    return last + reach > steps ? (last + reach - steps) / 2 : 0;
}

bool window_streams(const struct window *window)
{
    return window->stride == 1 &&
           (window->size == 1 || window->padding == WINDOW_CAUSAL);
}

static enum rnn_status keep(struct plan_builder *builder, struct node *node,
                            const struct window *window, struct rnn_error *err)
{
    struct rnn_state_entry entry = {
        .dtype = RNN_F32,
        .rank = 2,
        .shape = {window_reach(window) - 1, node->inputs[0]->features}};
    size_t *past =
        arena_zalloc(builder->arena, 1, sizeof(*past), alignof(size_t));

    if (!past)
        return plan_no_memory(node->layer, err);
    node->own = past;
    return plan_keep(builder, node, "past", &entry, past, err);
}

enum rnn_status window_output(struct plan_builder *builder, struct node *node,
                              const struct pace *pace, size_t features,
                              bool channels_first, struct rnn_error *err)
{
    struct rnn_shape shape = {.rank = 2, .dim = {RNN_FREE, features}};
    size_t steps = node->inputs[0]->shape.dim[1];
    enum rnn_status status;

    if (channels_first) {
        shape.dim[0] = features;
        shape.dim[1] = pace_steps(pace, steps);
        if (!shape.dim[1])
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (%s) needs %zu timesteps or "
                            "more, it is given %zu",
                            node->layer->name, node->layer->class->name,
                            pace_least(pace), steps);
    }
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (status)
        return status;
    if (!channels_first)
        return plan_change_steps(builder, node, 0, pace, err);
    plan_fix_steps(builder, node, 0, features);
    return RNN_OK;
}

enum rnn_status window_connect(struct plan_builder *builder, struct node *node,
                               const struct window *window, size_t features,
                               bool channels_first, struct rnn_error *err)
{
    struct pace pace = window_pace(window);
    bool streams = window_streams(window) && !channels_first;
    enum rnn_status status =
        window_output(builder, node, &pace, features, channels_first, err);

    if (!streams)
        plan_need_whole(node);
    if (!status && streams && window->size > 1)
        status = keep(builder, node, window, err);
    return status;
}

static enum rnn_status check_features(const struct layer *layer,
                                      size_t features, size_t known,
                                      struct rnn_error *err)
{
    if (features == RNN_FREE)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s): with channels_first the "
                        "number of features is left open",
                        layer->name, layer->class->name);
    if (known && known != features)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) has weights for %zu features, "
                        "it is given %zu",
                        layer->name, layer->class->name, known, features);
    return RNN_OK;
}

enum rnn_status window_input(const struct layer *layer,
                             const struct node *node, bool channels_first,
                             size_t *features, struct rnn_error *err)
{
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);
    char text[RNN_SHAPE_TEXT];
    size_t given;

    if (status)
        return status;
    if (!x->has_time || x->shape.rank != 2)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) takes [timesteps, features], "
                        "it is given %s%s",
                        layer->name, layer->class->name,
                        rnn_shape_print(&x->shape, text),
                        x->has_time ? "" : " without time");
    given = x->shape.dim[channels_first ? 0 : 1];
    status = check_features(layer, given, *features, err);
    if (!status)
        *features = given;
    return status;
}

void window_remember(const struct node *node, struct run *run,
                     const struct window *window)
{
    const size_t *past = node->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input);
    size_t steps = run_steps(run, input), width = input->features;
    size_t kept = window_reach(window) - 1;
    size_t moved = steps < kept ? steps : kept;

    for (size_t r = 0; past && r < run->rows; r++) {
        float *to = (float *)(void *)(run->state[r] + *past);

        memmove(to, to + moved * width,
                (kept - moved) * width * sizeof(float));
        to += (kept - moved) * width;
        for (size_t i = steps - moved; i < steps; i++, to += width)
            memcpy(to, x.data + (r * steps + i) * x.stride,
                   width * sizeof(float));
    }
}
