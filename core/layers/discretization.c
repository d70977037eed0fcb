/* Discretization
 *
 *     n = how many of bin_boundaries are <= x
 *     y = n                                       output_mode int
 *     y = 1 at place n, 0 elsewhere               one_hot, for each number
 *     y = 1 at each n, or how often it came       multi_hot, count, of a row
 *
 * An axis of one is replaced by the places of one_hot.  Keras sees boundaries
 * as float32.
 *
 * Keras: keras/src/layers/preprocessing/discretization.py and
 * keras/src/utils/numerical_utils.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/constant.h"
#include "core/format/json.h"
#include "core/layers/layer.h"

struct discretization {
    enum { INT, ONE_HOT, MULTI_HOT, COUNT } mode;
    bool old; /* Keras 2 */
    const struct rnn_json *json;
    struct constant boundaries;
};

static const char *const inert[] = {"num_bins", "epsilon", "sparse", NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    static const char *const names[] = {"int", "one_hot", "multi_hot",
                                        "count"};
    struct discretization *own = layer->own;
    const char *mode = rnn_json_text(fields_get(fields, "output_mode"));
    const struct rnn_json *boundaries = fields_get(fields, "bin_boundaries");
    size_t i = 0;

    while (i < 4 && strcmp(names[i], mode ? mode : "int"))
        i++;
    if (i == 4)
        return fields_refuse(fields, RNN_UNSUPPORTED, "output_mode",
                             "int, one_hot, multi_hot or count was expected",
                             err);
    if (!boundaries)
        return fields_refuse(fields, RNN_UNSUPPORTED, "bin_boundaries",
                             "those that adapt() found are not in the "
                             "architecture; Keras 3 writes them there",
                             err);
    own->mode = i;
    own->old = fields->keras_major < 3;
    own->json = boundaries;
    return fields_only_false(fields, "sparse",
                             "sparse tensors are not supported", err);
}

static enum rnn_status read_boundaries(struct layer *layer,
                                       struct plan_builder *builder,
                                       struct rnn_error *err)
{
    struct discretization *own = layer->own;
    enum rnn_status status = constant_read(
        own->json, layer->name, builder->arena, &own->boundaries, err);

    own->json = NULL;
    if (status)
        return status;
    for (size_t i = 1; i < own->boundaries.count; i++)
        if (!(own->boundaries.numbers[i - 1] < own->boundaries.numbers[i]))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (Discretization): number %zu of "
                            "bin_boundaries is not above the one before",
                            layer->name, i + 1);
    return RNN_OK;
}

/* In Keras 2 what is not an id may have two axes at most; in both what is
 * gathered over a row gathers axis 1, which must not be time. */
static enum rnn_status find_shape(const struct layer *layer,
                                  const struct value *x,
                                  struct rnn_shape *shape,
                                  struct rnn_error *err)
{
    const struct discretization *own = layer->own;
    size_t depth = own->boundaries.count + 1, last = x->shape.rank - 1;
    bool replaces = own->mode != ONE_HOT || x->shape.dim[last] == 1;

    *shape = x->shape;
    if (own->mode == INT)
        return RNN_OK;
    if (x->has_time ? own->mode != ONE_HOT || own->old ||
                          (!replaces && x->shape.rank == RNN_MAX_RANK)
                    : !replaces)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Discretization): this output_mode "
                        "is not supported for an input of such axes",
                        layer->name);
    if (!replaces)
        last = shape->rank++;
    shape->dim[last] = depth;
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct value *x = NULL;
    struct rnn_shape shape;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status && !layer->calls)
        status = read_boundaries(layer, builder, err);
    if (!status)
        status = find_shape(layer, x, &shape, err);
    if (status)
        return status;
    node->cost = 8 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &shape, x->has_time, err);
}

/* The first boundary above x; none is above what is no number. */
static size_t find_bin(const struct discretization *own, float x)
{
    size_t low = 0, high = own->boundaries.count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (x < own->boundaries.numbers[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void run_item(const struct discretization *own, size_t count,
                     const float *x, size_t width, float *y)
{
    size_t depth = own->boundaries.count + 1;

    if (own->mode != INT)
        memset(y, 0, width * sizeof(float));
    for (size_t k = 0; k < count; k++) {
        size_t bin = find_bin(own, x[k]);

        switch (own->mode) {
        case INT:
            y[k] = (float)bin;
            break;
        case ONE_HOT:
            y[k * depth + bin] = 1;
            break;
        case MULTI_HOT:
            y[bin] = 1;
            break;
        case COUNT:
            y[bin]++;
            break;
        }
    }
}

static bool run(const struct node *node, struct run *run)
{
    const struct value *input = node->inputs[0], *output = node->outputs[0];
    size_t items = run_items(run, input);
    struct view x = run_view(run, input), y = run_view(run, output);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        run_item(node->layer->own, input->features, x.data + i * x.stride,
                 output->features, y.data + i * y.stride);
    return true;
}

const struct layer_class layer_discretization = {
    .name = "Discretization",
    .inert = inert,
    .takes_ids = true,
    .streaming = STREAM_ALONE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct discretization),
    .read = read,
    .connect = connect,
    .run = run,
};
