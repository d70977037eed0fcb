/* Digitize, IsIn
 *
 *     y = how many of the edges are not above x      Digitize
 *     y = is x one of some numbers                   IsIn; with `invert`, none
 *
 * The second argument is a constant: edges from below, or numbers.
 *
 * Keras: keras/src/ops/numpy.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/constant.h"
#include "core/format/json.h"
#include "core/layers/operator.h"

struct bins {
    struct constant edges;
    bool asks;   /* is x among them? */
    bool invert; /* is it not? */
};

/* ---- when a model is loaded ----------------------------------------------*/

/* One row of numbers, none of which is below the one before. */
static enum rnn_status check_edges(const struct node *node,
                                   const struct constant *edges,
                                   struct rnn_error *err)
{
    bool fit = edges->shape.rank == 1;

    for (size_t i = 1; i < edges->count && fit; i++)
        fit = edges->numbers[i] >= edges->numbers[i - 1];
    return fit ? RNN_OK
               : operator_refuse(
                     node, "its edges are no row of numbers from below", err);
}

static enum rnn_status read_edges(const struct node *node, struct bins *own,
                                  struct plan_builder *builder,
                                  struct rnn_error *err)
{
    const struct call_argument *second = call_position(node->given, 1);
    struct value *x = NULL;
    enum rnn_status status = operator_first_input(node, 2, &x, err);

    if (status)
        return status;
    if (!second || !second->json)
        return operator_refuse(node, "its numbers are no constants", err);
    status = constant_read(second->json, node->layer->name, builder->arena,
                           &own->edges, err);
    if (!status && !own->asks)
        status = check_edges(node, &own->edges, err);
    if (!status)
        status = operator_bool(node, "invert", &own->invert, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const bool *asks = layer->class->detail;
    struct bins *own =
        arena_zalloc(builder->arena, 1, sizeof(*own), alignof(struct bins));
    const struct value *x;
    enum rnn_status status;

    if (!own)
        return plan_no_memory(layer, err);
    own->asks = *asks;
    node->own = own;
    status = read_edges(node, own, builder, err);
    if (status)
        return status;
    x = node->inputs[0];
    node->cost = own->edges.count * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

/* ---- when it runs --------------------------------------------------------*/

static float find(const struct bins *own, float x)
{
    size_t not_above = 0;
    bool among = false;

    for (size_t i = 0; i < own->edges.count; i++) {
        not_above += own->edges.numbers[i] <= x;
        among = among || own->edges.numbers[i] == x;
    }
    return own->asks ? among != own->invert : (float)not_above;
}

static bool run(const struct node *node, struct run *run)
{
    const struct value *output = node->outputs[0];
    struct view x = run_view(run, node->inputs[0]), y = run_view(run, output);
    size_t items = run_items(run, output);

    for (size_t i = 0; i < items; i++) {
        if (!run_may_go_on(run, run_work(node->cost, 1)))
            return false;
        for (size_t k = 0; k < output->features; k++)
            y.data[i * y.stride + k] =
                find(node->own, x.data[i * x.stride + k]);
    }
    return true;
}

static const char *const words[] = {"assume_unique", "invert", NULL};

#define BINS(label, keras, asking)                                            \
    static const bool asks_##label = (asking);                                \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, &asks_##label),                         \
        .connect = connect,                                                   \
        .run = run,                                                           \
    }

BINS(digitize, "Digitize", false);
BINS(isin, "IsIn", true);
