/* GlobalMaxPooling1D, GlobalAveragePooling1D
 *
 *     y = max over t of x_t
 *     y = (sum over t of x_t) / T
 *
 * Both go on from what has come so far: the maximum, or the sum in float64,
 * and how many timesteps there were.  Under a mask the average is one of the
 * steps that count, and NaN while there is none, as 0 / 0 is in Keras; the
 * maximum does not look at masks.
 *
 * With channels_first it is the features of each timestep that they run
 * over: y_t = max over k of x_tk.  What comes out is, for Keras, a row of T
 * features, or with keepdims a sequence of one feature.  A mask of timesteps
 * is then, to Keras, one of features, an axis of one repeated:
 *
 *     y_t = (sum over k of x_tk where m_k) / (sum of m)
 *
 * With keepdims an axis of one stays where the other one was.
 *
 * Keras: keras/src/layers/pooling/global_max_pooling1d.py,
 *        global_average_pooling1d.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/mask.h"

struct pooling {
    bool keepdims, channels_first;
};

/* One call. */
struct pool {
    bool folds;           /* over timesteps; else over numbers of one item */
    size_t result, count; /* where the fold lies at work, in bytes */
    bool over_rows;       /* an item is [rows][width] */
    size_t rows, width;
    bool joins; /* the items of a row are one item of y */
    bool masks_features;
};

static const char *const inert[] = {NULL};

static bool is_max(const struct layer *layer)
{
    return layer->class == &layer_global_max_pooling1d;
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct pooling *own = layer->own;
    const char *format = rnn_json_text(fields_get(fields, "data_format"));
    enum rnn_status status =
        fields_bool(fields, "keepdims", false, &own->keepdims, err);

    own->channels_first = format && !strcmp(format, "channels_first");
    if (!status && !own->channels_first)
        status = fields_channels_last(fields, err);
    return status;
}

static enum rnn_status keep(struct layer *layer, struct node *node,
                            struct plan_builder *builder, struct pool *pool,
                            struct rnn_error *err)
{
    bool max = is_max(layer);
    struct rnn_state_entry result = {.dtype = max ? RNN_F32 : RNN_F64,
                                     .rank = 1,
                                     .shape = {node->inputs[0]->features}};
    struct rnn_state_entry count = {.dtype = RNN_I64, .rank = 1, .shape = {1}};
    enum rnn_status status = plan_keep(builder, node, max ? "max" : "sum",
                                       &result, &pool->result, err);

    if (!status)
        status = plan_keep(builder, node, "count", &count, &pool->count, err);
    return status;
}

/* Are there as many timesteps as features, as far as Keras sees? */
static bool masks_features(const struct value *x)
{
    size_t steps = x->shape.dim[0], features = x->shape.dim[1];

    return steps == features || steps == 1 || features == 1;
}

static enum rnn_status check_input(const struct layer *layer,
                                   const struct value *x,
                                   struct rnn_error *err)
{
    const struct pooling *own = layer->own;
    const struct value *mask = NULL;
    char text[RNN_SHAPE_TEXT];

    if (x->shape.rank != 2)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) takes [timesteps, features], "
                        "it is given %s%s",
                        layer->name, layer->class->name,
                        rnn_shape_print(&x->shape, text),
                        x->has_time ? "" : " without time");
    if (is_max(layer) || !x->mask)
        return RNN_OK;
    if (own->channels_first && !masks_features(x))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) is given %s with a mask of "
                        "timesteps and runs over features (data_format is "
                        "channels_first): Keras takes the mask for one of "
                        "features, and raises unless they are as many; drop "
                        "the mask before it, save the model with as many "
                        "timesteps as features, or use channels_last",
                        layer->name, layer->class->name,
                        rnn_shape_print(&x->shape, text));
    return x->has_time ? mask_of_steps(layer, x, &mask, err) : RNN_OK;
}

/* The shape of y, and how it comes out of x. */
static void find_shape(const struct pooling *own, const struct value *x,
                       struct pool *pool, struct rnn_shape *shape,
                       bool *has_time)
{
    size_t first = x->shape.dim[0], second = x->shape.dim[1];

    *pool = (struct pool){
        .folds = x->has_time && !own->channels_first,
        .over_rows = !own->channels_first,
        .rows = x->has_time ? 1 : first,
        .width = second,
    };
    *has_time = x->has_time && own->channels_first;
    if (own->keepdims)
        *shape = (struct rnn_shape){
            .rank = 2,
            .dim = {own->channels_first ? first : 1,
                    own->channels_first ? 1 : second},
        };
    else
        *shape = (struct rnn_shape){
            .rank = 1,
            .dim = {own->channels_first ? first : second},
        };
    /* The steps become features if their number is known. */
    pool->joins = *has_time && !own->keepdims && first != RNN_FREE;
    *has_time = *has_time && !pool->joins;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct pool *pool =
        arena_zalloc(builder->arena, 1, sizeof(*pool), alignof(struct pool));
    struct value *x = NULL;
    struct rnn_shape shape;
    bool has_time;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!pool)
        return plan_no_memory(layer, err);
    if (!status)
        status = check_input(layer, x, err);
    if (status)
        return status;
    find_shape(layer->own, x, pool, &shape, &has_time);
    node->own = pool;
    node->cost = x->features;
    pool->masks_features =
        x->mask && !is_max(layer) && !pool->folds && !pool->over_rows;
    if (pool->joins || (pool->masks_features && x->has_time))
        plan_need_whole(node);
    if (pool->folds)
        status = keep(layer, node, builder, pool, err);
    if (!status)
        status = plan_make_output(builder, node, 0, &shape, has_time, err);
    return status;
}

static void fold_step(bool max, size_t features, const float *x, void *result,
                      int64_t *count)
{
    float *most = result;
    double *sum = result;

    if (max)
        for (size_t i = 0; i < features; i++)
            most[i] = !*count || most[i] < x[i] ? x[i] : most[i];
    else
        for (size_t i = 0; i < features; i++)
            sum[i] += (double)x[i];
    ++*count;
}

static void write_result(bool max, size_t features, const void *result,
                         int64_t count, float *y)
{
    const double *sum = result;

    if (max)
        memcpy(y, result, features * sizeof(float));
    else
        for (size_t i = 0; i < features; i++)
            y[i] = (float)(sum[i] / (double)count);
}

static void fold(const struct node *node, const struct run *run)
{
    const struct pool *pool = node->own;
    const struct value *input = node->inputs[0];
    bool max = is_max(node->layer);
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    struct view mask = {0};
    size_t steps = run_steps(run, input), features = input->features;

    if (!max)
        mask = mask_view(run, input);
    for (size_t r = 0; r < run->rows; r++) {
        void *result = run->state[r] + pool->result;
        int64_t *count = (int64_t *)(void *)(run->state[r] + pool->count);

        for (size_t t = 0; t < steps; t++) {
            size_t item = r * steps + t;

            if (mask_counts(mask, item))
                fold_step(max, features, x.data + item * x.stride, result,
                          count);
            if (run->every_step)
                write_result(max, features, result, *count,
                             y.data + item * y.stride);
        }
    }
    for (size_t i = 0; !run->every_step && i < run->ending_count; i++) {
        unsigned char *state = run->state[run->ending[i]];

        write_result(max, features, state + pool->result,
                     *(int64_t *)(void *)(state + pool->count),
                     y.data + i * y.stride);
    }
}

/* One of `count` numbers, `stride` floats apart; those whose `mask` is 0 are
 * left out. */
static float reduce(bool max, const float *x, size_t count, size_t stride,
                    const float *mask)
{
    double sum = 0;
    float most = 0;
    int64_t seen = 0;

    for (size_t i = 0; i < count; i++)
        if (!mask || mask[i] != 0)
            fold_step(max, 1, x + i * stride, max ? (void *)&most : &sum,
                      &seen);
    write_result(max, 1, max ? (const void *)&most : &sum, seen, &most);
    return most;
}

/* The numbers of `x` where the mask of its sequence counts, over how many do;
 * the shorter of the two, of one number, is repeated. */
static float reduce_by(const float *x, size_t width, struct view mask,
                       size_t length)
{
    size_t most = width > length ? width : length;
    double sum = 0;
    int64_t seen = 0;

    for (size_t i = 0; i < length; i++)
        seen += mask_counts(mask, i);
    for (size_t i = 0; i < most; i++)
        if (mask_counts(mask, length > 1 ? i : 0))
            sum += (double)x[width > 1 ? i : 0];
    return (float)(sum / (double)seen);
}

static void reduce_item(const struct node *node, const float *x,
                        const float *mask, float *y)
{
    const struct pool *pool = node->own;
    bool max = is_max(node->layer);

    if (pool->over_rows)
        for (size_t k = 0; k < pool->width; k++)
            y[k] = reduce(max, x + k, pool->rows, pool->width, mask);
    else
        for (size_t i = 0; i < pool->rows; i++)
            y[i] = reduce(max, x + i * pool->width, pool->width, 1, NULL);
}

/* Item `index` of x, whose rows are features under the mask of all steps. */
static void reduce_features(const struct node *node, const struct run *run,
                            size_t index, float *y)
{
    const struct pool *pool = node->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), mask = mask_view(run, input);
    size_t steps = input->has_time ? run_steps(run, input) : 1;
    const float *item = x.data + index * x.stride;

    mask.data += index / steps * steps * mask.stride;
    if (!input->has_time) {
        steps = pool->rows;
        mask.stride = 1;
    }
    for (size_t i = 0; i < pool->rows; i++)
        y[i] = reduce_by(item + i * pool->width, pool->width, mask, steps);
}

static void reduce_all(const struct node *node, const struct run *run)
{
    const struct pool *pool = node->own;
    const struct value *input = node->inputs[0];
    size_t items = run_items(run, input);
    size_t steps = pool->joins ? run_steps(run, input) : 1;
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    struct view mask = {0};

    if (!is_max(node->layer))
        mask = mask_view(run, input);
    for (size_t i = 0; i < items; i++) {
        float *to = y.data + i / steps * y.stride + i % steps;

        if (pool->masks_features)
            reduce_features(node, run, i, to);
        else
            reduce_item(node, x.data + i * x.stride,
                        mask.data ? mask.data + i * mask.stride : NULL, to);
    }
}

static bool run(const struct node *node, struct run *run)
{
    const struct pool *pool = node->own;
    size_t items = run_items(run, node->inputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    if (pool->folds)
        fold(node, run);
    else
        reduce_all(node, run);
    return true;
}

#define POOLING(label, keras)                                                 \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_FOLDS,                                            \
        .masking = MASK_DROPPED,                                              \
        .own_bytes = sizeof(struct pooling),                                  \
        .read = read,                                                         \
        .connect = connect,                                                   \
        .run = run,                                                           \
    }

POOLING(global_max_pooling1d, "GlobalMaxPooling1D");
POOLING(global_average_pooling1d, "GlobalAveragePooling1D");
