/* Embedding
 *
 *     y = embeddings[x]        for each id x
 *     m = x != 0               the mask of y, with mask_zero
 *
 * An id is a whole number from 0 to input_dim - 1.  Where the ids are an
 * input of the model, whoever calls checks them (rnn_io.vocabulary).  An id
 * out of range, or one that is no number, makes a row of NaN: there is
 * nothing that it could mean, and no memory is read for it.
 *
 * An input of the shape [T] that is read here is a sequence of T ids, unless
 * it stands beside other sequences; then it is T ids that come at once.
 *
 * Keras: keras/src/layers/core/embedding.py
 */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "core/layers/mask.h"

/* Beyond it float32 has no name for each whole number. */
#define MOST_IDS ((size_t)1 << 24)

struct embedding {
    size_t ids, units;
    bool mask_zero;
    float *table; /* [ids, units] */
};

static const char *const inert[] = {"embeddings_initializer",
                                    "embeddings_regularizer",
                                    "embeddings_constraint",
                                    "activity_regularizer",
                                    "input_length",
                                    "batch_size",
                                    NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct embedding *own = layer->own;
    enum rnn_status status = fields_count(fields, "input_dim", &own->ids, err);

    if (!status)
        status = fields_count(fields, "output_dim", &own->units, err);
    if (!status)
        status = fields_bool(fields, "mask_zero", false, &own->mask_zero, err);
    if (!status && own->ids > MOST_IDS)
        status = fields_refuse(fields, RNN_UNSUPPORTED, "input_dim",
                               "more ids than float32 can tell apart", err);
    return status;
}

static enum rnn_status take(struct layer *layer, struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct embedding *own = layer->own;
    struct rnn_shape shape = {.rank = 2, .dim = {own->ids, own->units}};
    const float *numbers = NULL;
    size_t count = 0;
    enum rnn_status status =
        layer_take(layer, builder, "embeddings", &shape, &numbers, err);

    if (status)
        return status;
    if (rnn_shape_count(&shape, 0, &count))
        own->table =
            arena_alloc(builder->arena, count, sizeof(float), alignof(float));
    if (!own->table)
        return plan_no_memory(layer, err);
    memcpy(own->table, numbers, count * sizeof(float));
    return RNN_OK;
}

/* The fewest ids of all layers that read the input. */
static void note_vocabulary(const struct embedding *own, const struct value *x,
                            struct plan *plan)
{
    size_t *vocabulary = &plan->inputs[x->input].vocabulary;

    if (!*vocabulary || *vocabulary > own->ids)
        *vocabulary = own->ids;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct embedding *own = layer->own;
    struct value *x = NULL;
    struct rnn_shape shape;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status)
        plan_read_ids(builder->plan, x);
    if (!status && x->shape.rank == RNN_MAX_RANK)
        status = rnn_fail(err, RNN_UNSUPPORTED,
                          "layer \"%.100s\" (Embedding): its output has more "
                          "than %d axes",
                          layer->name, RNN_MAX_RANK);
    if (!status && !layer->calls)
        status = take(layer, builder, err);
    if (status)
        return status;
    if (x->is_input)
        note_vocabulary(own, x, builder->plan);
    node->has_time = x->has_time;
    shape = x->shape;
    shape.dim[shape.rank++] = own->units;
    node->cost = (uint64_t)x->features * own->units;
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (!status && !x->has_time) {
        plan_need_whole(node);
        plan_fix_steps(builder, node, 0, x->features);
    }
    if (status || !own->mask_zero)
        return status;
    status = plan_make_mask(builder, node, node->outputs[0], err);
    node->outputs[0]->mask = node->mask;
    return status;
}

static void look_up(const struct embedding *own, float id, float *y)
{
    if (id > -1 && id < (float)own->ids)
        memcpy(y, own->table + (size_t)(long)id * own->units,
               own->units * sizeof(float));
    else
        for (size_t k = 0; k < own->units; k++)
            y[k] = NAN;
}

/* Where id `k` of item `i` of the input goes.  Without time each of the ids is
 * an item of what comes out. */
static float *place_of(const struct value *input, struct view y, size_t i,
                       size_t k, size_t units)
{
    if (input->has_time)
        return y.data + i * y.stride + k * units;
    return y.data + (i * input->features + k) * y.stride;
}

static bool run(const struct node *node, struct run *run)
{
    const struct embedding *own = node->layer->own;
    const struct value *input = node->inputs[0];
    size_t items = run_items(run, input);
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        for (size_t k = 0; k < input->features; k++) {
            float id = x.data[i * x.stride + k];

            look_up(own, id, place_of(input, y, i, k, own->units));
            if (node->mask)
                *place_of(input, run_view(run, node->mask), i, k, 1) = id != 0;
        }
    return true;
}

const struct layer_class layer_embedding = {
    .name = "Embedding",
    .inert = inert,
    .takes_ids = true,
    .takes_plain = true,
    .streaming = STREAM_ALONE,
    .masking = MASK_OWN,
    .own_bytes = sizeof(struct embedding),
    .read = read,
    .connect = connect,
    .run = run,
};
