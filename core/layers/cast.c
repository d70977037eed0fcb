/* Cast, and the operators that do nothing outside training
 *
 *     y = x                     Cast to float32, or to what the layers of the
 *                               model are; StopGradient, Identity
 *     y = x cut towards 0       Cast to int32 or int64
 *     y = 1 where x is not 0    Cast to bool
 *
 * Numbers of any kind are float32 here, so that a cast to it changes nothing.
 * To Keras what has a mask is of the dtype of the model's layers; tf.cast() to
 * that gives back the tensor itself, its mask with it, and to another dtype a
 * new tensor, which has none.
 *
 * Keras: keras/src/ops/core.py; tf.cast
 */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/mask.h"
#include "core/layers/operator.h"

/* Does a cast to `dtype` leave a number of the model what it is here?  A wider
 * one than the model's would be computed with as such. */
static bool changes_nothing(const struct plan_builder *builder,
                            const char *dtype)
{
    return dtype && (!strcmp(dtype, "float32") ||
                     (builder->dtype && !builder->dtypes_differ &&
                      !strcmp(dtype, builder->dtype)));
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const char *dtype = rnn_json_text(operator_setting(node, "dtype", NULL));
    bool asks = layer->class->detail && dtype && !strcmp(dtype, "bool");
    bool cuts = layer->class->detail && dtype &&
                (!strcmp(dtype, "int32") || !strcmp(dtype, "int64"));
    struct value *x = NULL;
    bool *own;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (status)
        return status;
    if (layer->class->detail && !cuts && !asks &&
        !changes_nothing(builder, dtype))
        return operator_refuse(node,
                               "only casts to float32, int32, int64, bool and "
                               "the dtype of the model's layers are supported",
                               err);
    if (!cuts && !asks) {
        status = plan_pass_input(builder, node, err);
        if (!status && layer->class->detail)
            status = mask_keep_as(builder, node, dtype, err);
        return status;
    }
    own = arena_zalloc(builder->arena, 1, sizeof(*own), alignof(bool));
    if (!own)
        return plan_no_memory(layer, err);
    *own = asks;
    node->own = own;
    node->cost = x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static bool run(const struct node *node, struct run *run)
{
    const struct value *output = node->outputs[0];
    struct view x = run_view(run, node->inputs[0]), y = run_view(run, output);
    size_t items = run_items(run, output);
    const bool *asks = node->own;

    if (output->alias)
        return true;
    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        for (size_t k = 0; k < output->features; k++)
            y.data[i * y.stride + k] = *asks
                                           ? x.data[i * x.stride + k] != 0
                                           : truncf(x.data[i * x.stride + k]);
    return true;
}

static const char *const words[] = {"dtype", "name", NULL};
static const char *const words_none[] = {"name", NULL};

const struct layer_class operator_cast = {
    OPERATOR_FIELDS("Cast", words, "Cast"), .takes_ids = true,
    .takes_bare = true, .connect = connect, .run = run};

const struct layer_class operator_identity = {
    OPERATOR_FIELDS("StopGradient", words_none, NULL), .takes_scores = true,
    .takes_bare = true, .connect = connect, .run = run};
