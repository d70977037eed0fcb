/* Sort, Argsort, TopK
 *
 *     y_i = the i-th of the numbers along one axis        Sort
 *     y_i = where that one stands                         Argsort
 *     y_0, y_1 = the k largest, and where they stand      TopK
 *
 * Equal numbers stay in the order in which they lie.  TopK goes along the last
 * axis; Keras leaves its order open where `sorted` is false.  Along time the
 * whole sequence is needed.
 *
 * Keras: keras/src/ops/numpy.py, keras/src/ops/math.py; tf.sort, tf.argsort,
 *        tf.math.top_k
 */
#include <stdalign.h>
#include <string.h>
#include <strings.h>

#include "core/format/json.h"
#include "core/layers/lanes.h"
#include "core/layers/operator.h"
#include "core/layers/sort.h"

struct sort_call {
    struct lanes lanes; /* first */
    bool descending;
};

/* ---- when a model is loaded ----------------------------------------------*/

static struct sort_call *make_call(struct node *node,
                                   struct plan_builder *builder)
{
    struct sort_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                          alignof(struct sort_call));

    node->own = call;
    return call;
}

static enum rnn_status read_direction(const struct node *node,
                                      bool *descending, struct rnn_error *err)
{
    const char *text =
        rnn_json_text(operator_setting(node, "direction", NULL));

    *descending = text && !strcasecmp(text, "descending");
    if (text && !*descending && strcasecmp(text, "ascending") != 0)
        return operator_refuse(
            node, "direction is neither ASCENDING nor DESCENDING", err);
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    struct sort_call *call = make_call(node, builder);
    struct value *x = NULL;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!call)
        return plan_no_memory(layer, err);
    if (!status && !json && builder->keras_major == 2)
        status = lanes_init(&call->lanes, layer, x, &(long){-1}, 1, err);
    else if (!status)
        status = lanes_read_one(&call->lanes, node, json, err);
    if (!status)
        status = read_direction(node, &call->descending, err);
    if (status)
        return status;
    if (call->lanes.whole)
        plan_need_whole(node);
    node->cost = 16 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static enum rnn_status read_k(const struct node *node, long *k,
                              struct rnn_error *err)
{
    const struct rnn_json *sorted = operator_setting(node, "sorted", NULL);
    const struct rnn_json *json = operator_setting(node, "k", NULL);
    bool in_order = true;
    enum rnn_status status =
        json ? operator_integer(node, json, k, err) : RNN_OK;

    if (!status && sorted)
        status = operator_bool(node, "sorted", &in_order, err);
    if (!status && *k < 1)
        status = operator_refuse(node, "k is less than 1", err);
    if (!status && !in_order && *k > 1)
        status = operator_refuse(
            node, "sorted is false, so that Keras leaves the order open", err);
    return status;
}

static enum rnn_status connect_top_k(struct layer *layer, struct node *node,
                                     struct plan_builder *builder,
                                     struct rnn_error *err)
{
    struct sort_call *call = make_call(node, builder);
    struct value *x = NULL;
    long k = 1;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!call)
        return plan_no_memory(layer, err);
    if (!status)
        status = read_k(node, &k, err);
    if (!status)
        status = lanes_init(&call->lanes, layer, x, &(long){-1}, 1, err);
    if (!status)
        status = plan_reserve_outputs(builder, node, 2, err);
    for (size_t i = 0; i < 2 && !status; i++)
        status =
            lanes_make_output(&call->lanes, node, i, (size_t)k, builder, err);
    call->descending = true;
    node->cost = status ? 0 : 16 * (uint64_t)x->features;
    return status;
}

/* ---- when it runs --------------------------------------------------------*/

static void find_places(const struct node *node, const float *x, float *y,
                        size_t width, size_t index)
{
    const struct sort_call *call = node->own;

    (void)index;
    sort_places(x, width, call->descending, y);
}

static void find_numbers(const struct node *node, const float *x, float *y,
                         size_t width, size_t index)
{
    find_places(node, x, y, width, index);
    for (size_t i = 0; i < width; i++)
        y[i] = x[(size_t)y[i]];
}

static bool run_sort(const struct node *node, struct run *run)
{
    const struct sort_call *call = node->own;

    return lanes_run(&call->lanes, node, run, find_numbers);
}

static bool run_argsort(const struct node *node, struct run *run)
{
    const struct sort_call *call = node->own;

    return lanes_run(&call->lanes, node, run, find_places);
}

static bool run_top_k(const struct node *node, struct run *run)
{
    const struct sort_call *call = node->own;
    struct lanes places = call->lanes;

    places.output = 1;
    return run_sort(node, run) && lanes_run(&places, node, run, find_places);
}

static const char *const words[] = {"axis", "direction", "stable", "name",
                                    NULL};
static const char *const words_top_k[] = {"k", "sorted", "index_type", "name",
                                          NULL};

#define SORT(label, keras, words, connector)                                  \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, NULL),                                  \
        .connect = (connector),                                               \
        .scratch = lanes_own_scratch,                                         \
        .run = run_##label,                                                   \
    }

SORT(sort, "Sort", words, connect);
SORT(argsort, "Argsort", words, connect);
SORT(top_k, "TopK", words_top_k, connect_top_k);
