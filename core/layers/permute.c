/* Permute
 *
 *     axis i of y is axis dims_i of x, counted from the batch, which is 0
 *
 * Keras: keras/src/layers/reshaping/permute.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/move.h"

struct permute {
    long dims[RNN_MAX_RANK + 1]; /* the batch, 0, before them */
    size_t count;
};

static const char *const inert[] = {NULL};

static enum rnn_status read_permute(struct layer *layer, struct fields *fields,
                                    struct rnn_error *err)
{
    struct permute *own = layer->own;
    const struct rnn_json *dims = fields_get(fields, "dims");
    const struct rnn_json *dim =
        rnn_json_is_array(dims) ? rnn_json_first(dims) : NULL;

    own->count = 1;
    for (; dim; dim = rnn_json_next(dim)) {
        size_t number;

        if (!rnn_json_size(dim, &number) || !number ||
            own->count > RNN_MAX_RANK)
            return fields_refuse(fields, RNN_BAD_MODEL, "dims",
                                 "axes from 1 were expected", err);
        own->dims[own->count++] = (long)number;
    }
    return RNN_OK;
}

static enum rnn_status connect_permute(struct layer *layer, struct node *node,
                                       struct plan_builder *builder,
                                       struct rnn_error *err)
{
    const struct permute *permute = layer->own;
    struct move *move =
        arena_zalloc(builder->arena, 1, sizeof(*move), alignof(struct move));
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (status)
        return status;
    if (!move)
        return plan_no_memory(layer, err);
    *move = move_nothing(x);
    node->own = move;
    status = move_order(move, node, permute->dims, permute->count, err);
    return status ? status : move_connect(move, node, 0, builder, err);
}

static bool run(const struct node *node, struct run *run)
{
    return move_run(node->own, 1, node, run);
}

const struct layer_class layer_permute = {
    .name = "Permute",
    .inert = inert,
    .takes_plain = true,
    .streaming = STREAM_WHOLE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct permute),
    .read = read_permute,
    .connect = connect_permute,
    .run = run,
};
