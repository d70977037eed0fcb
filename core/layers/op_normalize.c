/* Normalize, which Keras 2 calls tf.math.l2_normalize
 *
 *     y = x / max(sqrt(sum x^2), least)        along one axis or several
 *
 * least is `epsilon`, 1e-7 unless said, in Keras 3; in Keras 2 its square is,
 * 1e-12 unless said.  Sums are float64, y is rounded once.
 *
 * Keras: keras/src/ops/nn.py; tf.math.l2_normalize
 */
#include <math.h>
#include <stdalign.h>

#include "core/format/json.h"
#include "core/layers/lanes.h"
#include "core/layers/operator.h"

struct normalize {
    struct lanes lanes; /* first */
    double least_square;
};

static enum rnn_status read_settings(const struct node *node, bool old,
                                     struct normalize *own,
                                     struct rnn_error *err)
{
    const struct rnn_json *axis = operator_setting(node, "axis", NULL);
    double order = 2, epsilon = old ? 1e-12 : 1e-7;
    enum rnn_status status;

    status = lanes_read(&own->lanes, node, axis, err);
    if (!status)
        status = operator_number(node, "order", 2, &order, err);
    if (!status)
        status = operator_number(node, "epsilon", epsilon, &epsilon, err);
    if (!status && order != 2)
        status = operator_refuse(node, "only order 2 is supported", err);
    own->least_square = old ? epsilon : epsilon * epsilon;
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct normalize *own = arena_zalloc(builder->arena, 1, sizeof(*own),
                                         alignof(struct normalize));
    struct value *x = NULL;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!own)
        return plan_no_memory(layer, err);
    if (!status)
        status = read_settings(node, builder->keras_major == 2, own, err);
    if (status)
        return status;
    if (own->lanes.whole)
        plan_need_whole(node);
    node->own = own;
    node->cost = 4 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static void run_lane(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    const struct normalize *own = node->own;
    double sum = 0, r;

    (void)index;
    for (size_t i = 0; i < width; i++)
        sum += (double)x[i] * x[i];
    r = 1 / sqrt(fmax(sum, own->least_square));
    for (size_t i = 0; i < width; i++)
        y[i] = (float)(x[i] * r);
}

static bool run(const struct node *node, struct run *run)
{
    const struct normalize *own = node->own;

    return lanes_run(&own->lanes, node, run, run_lane);
}

static const char *const words[] = {"axis", "order", "epsilon", "name", NULL};

const struct layer_class operator_normalize = {
    OPERATOR_FIELDS("Normalize", words, NULL),
    .connect = connect,
    .scratch = lanes_own_scratch,
    .run = run,
};
