#include "core/layers/affine.h"

#include <stdalign.h>
#include <string.h>

#include "core/layers/lanes.h"

#define MOST_PLACES ((size_t)1 << 26)

/* What goes where, if not number k of scale to place k of the last axis. */
struct affine_map {
    bool timed;     /* `place` has an entry for each timestep */
    size_t place[]; /* of each number of an item, or of a sequence */
};

enum rnn_status affine_init(struct affine *affine, size_t width,
                            const struct layer *layer,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    double *scale =
        arena_zalloc(builder->arena, width, sizeof(*scale), alignof(double));
    double *shift =
        arena_zalloc(builder->arena, width, sizeof(*shift), alignof(double));

    if (!scale || !shift)
        return plan_no_memory(layer, err);
    *affine = (struct affine){width, scale, shift};
    return RNN_OK;
}

/* Row by row of `shape` from axis `first` on. */
static void fill_places(const struct lanes *lanes,
                        const struct rnn_shape *shape, size_t first,
                        size_t *places)
{
    struct nd_walk walk = {.rank = shape->rank - first};
    size_t k = 0;

    memcpy(walk.dim, shape->dim + first, walk.rank * sizeof(walk.dim[0]));
    do {
        size_t place = 0;

        for (size_t i = 0; i < walk.rank; i++)
            if (lanes->along[i + first])
                place = place * walk.dim[i] + walk.at[i];
        places[k++] = place;
    } while (nd_next(&walk));
}

enum rnn_status affine_axes(const struct affine *affine, struct node *node,
                            const long *axes, size_t count, size_t *width,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    const struct layer *layer = node->layer;
    const struct value *x = node->inputs[0];
    struct affine_map *map;
    struct lanes lanes;
    size_t places;
    enum rnn_status status = lanes_init(&lanes, layer, x, axes, count, err);

    if (status)
        return status;
    *width = lanes_known_width(&lanes, &x->shape);
    if (!*width)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) has numbers for each timestep, "
                        "how many is left open",
                        layer->name, layer->class->name);
    if (affine->width && affine->width != *width)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) has weights for %zu features, "
                        "it is given %zu",
                        layer->name, layer->class->name, affine->width,
                        *width);
    if (count == 1 && lanes.along[x->shape.rank - 1] && !lanes.whole)
        return RNN_OK;
    places = plan_sum(0, x->features, lanes.whole ? x->shape.dim[0] : 1);
    if (places > MOST_PLACES)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s): its input is too large for "
                        "axes other than the last",
                        layer->name, layer->class->name);
    map = arena_zalloc(builder->arena, 1,
                       plan_sum(sizeof(*map), places, sizeof(map->place[0])),
                       alignof(struct affine_map));
    if (!map)
        return plan_no_memory(layer, err);
    map->timed = lanes.whole;
    fill_places(&lanes, &x->shape, x->has_time && !lanes.whole, map->place);
    if (lanes.whole)
        plan_need_whole(node);
    node->own = map;
    return RNN_OK;
}

enum rnn_status affine_connect(struct node *node, struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct value *x = node->inputs[0];

    node->cost = 4 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static void run_item(const struct affine *affine, const size_t *places,
                     size_t count, const float *x, float *y)
{
    for (size_t k = 0; k < count; k++)
        y[k] = (float)(x[k] * affine->scale[places[k]] +
                       affine->shift[places[k]]);
}

static void run_mapped(const struct affine *affine, const struct node *node,
                       struct run *run)
{
    const struct affine_map *map = node->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t items = run_items(run, input), features = input->features;
    size_t steps = map->timed ? run_steps(run, input) : 1;

    for (size_t i = 0; i < items; i++)
        run_item(affine, map->place + i % steps * features, features,
                 x.data + i * x.stride, y.data + i * y.stride);
}

bool affine_run(const struct node *node, struct run *run)
{
    const struct affine *affine = node->layer->own;
    const struct value *input = node->inputs[0];
    size_t items = run_items(run, input), width = affine->width;
    size_t inner = input->features / width;
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    if (node->own) {
        run_mapped(affine, node, run);
        return true;
    }
    for (size_t i = 0; i < items; i++)
        for (size_t r = 0; r < inner; r++) {
            const float *from = x.data + i * x.stride + r * width;
            float *to = y.data + i * y.stride + r * width;

            for (size_t k = 0; k < width; k++)
                to[k] = (float)(from[k] * affine->scale[k] + affine->shift[k]);
        }
    return true;
}
