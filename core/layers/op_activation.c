/* Activations as operators: ops.relu(x), tf.nn.softmax(x, axis=1)
 *
 *     y = act(x)
 *
 * The functions are those of the layer Activation; Softmax and LogSoftmax work
 * along `axis`, one or several.
 *
 * Keras: keras/src/ops/nn.py, keras/src/ops/numpy.py; tf.nn, tf.math
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/lanes.h"
#include "core/layers/operator.h"
#include "core/layers/scores.h"

struct function {
    const char *name;      /* of Keras' activation, with its parameters */
    const char *setting;   /* that stands for parameter a; NULL: none */
    const char *setting_2; /* its name in Keras 2; NULL: the same */
    double if_absent;
};

struct function_call {
    struct rnn_activation activation;
    const struct rnn_ukernels *ukernels;
    bool by_lanes;
    struct lanes lanes;
};

static enum rnn_status read_settings(const struct function *function,
                                     const struct node *node,
                                     struct plan_builder *builder,
                                     struct rnn_activation *activation,
                                     struct rnn_error *err)
{
    bool old = builder->keras_major == 2, approximate = !old;
    double a = 0;
    enum rnn_status status = RNN_OK;

    if (!rnn_activation_parse(function->name, 3, activation))
        return operator_refuse(node, "an activation that is not known", err);
    if (function->setting) {
        const char *key = old && function->setting_2 ? function->setting_2
                                                     : function->setting;

        status = operator_number(node, key, function->if_absent, &a, err);
        activation->a = (float)a;
    }
    if (activation->kind == RNN_ACT_GELU) {
        if (operator_setting(node, "approximate", NULL))
            status = operator_bool(node, "approximate", &approximate, err);
        if (approximate)
            activation->kind = RNN_ACT_GELU_TANH;
    }
    return status;
}

static enum rnn_status read_lanes(struct node *node,
                                  struct function_call *call,
                                  struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    const struct value *x = node->inputs[0];
    size_t last = x->shape.rank - 1;
    struct lanes *lanes = &call->lanes;
    enum rnn_status status = RNN_OK;

    if (json)
        status = lanes_read(lanes, node, json, err);
    else
        status = lanes_init(lanes, node->layer, x, &(long){-1}, 1, err);
    if (status)
        return status;
    call->by_lanes = lanes->count > 1 || !lanes->along[last] || lanes->whole;
    if (lanes->whole)
        plan_need_whole(node);
    return RNN_OK;
}

/* Of what is as wide as there are timesteps. */
static enum rnn_status connect_scores(struct node *node,
                                      const struct rnn_activation *activation,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    size_t axis = 1;
    enum rnn_status status =
        json ? operator_axis(node, json, 2, &axis, err) : RNN_OK;

    return status ? status
                  : scores_activate(builder, node, activation, axis == 1, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct function_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                              alignof(struct function_call));
    struct value *x = NULL;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!call)
        return plan_no_memory(layer, err);
    if (!status)
        status = read_settings(layer->class->detail, node, builder,
                               &call->activation, err);
    if (!status && x->scores)
        return connect_scores(node, &call->activation, builder, err);
    if (!status && rnn_activation_takes_rows(&call->activation))
        status = read_lanes(node, call, err);
    if (status)
        return status;
    call->ukernels = rnn_ukernels_find(builder->isa, x->features);
    node->own = call;
    node->cost = 16 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct function_call *call = node->own;

    (void)rows;
    return call && call->by_lanes
               ? lanes_scratch(&call->lanes, node->inputs[0], items)
               : 0;
}

static void run_lane(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    const struct function_call *call = node->own;

    (void)index;
    memcpy(y, x, width * sizeof(float));
    call->ukernels->activate_rows(&call->activation, 1, width, y, width);
}

static bool run(const struct node *node, struct run *run)
{
    const struct function_call *call = node->own;
    const struct value *input = node->inputs[0];
    size_t units = input->features;

    if (node->outputs[0]->scores)
        return true;
    if (call->by_lanes)
        return lanes_run(&call->lanes, node, run, run_lane);
    if (rnn_activation_takes_rows(&call->activation))
        units = input->shape.dim[input->shape.rank - 1];
    return run_activate_input(run, call->ukernels, &call->activation, units,
                              node);
}

static const char *const words_plain[] = {"name", NULL};
static const char *const words_axis[] = {"axis", "name", NULL};
static const char *const words_leaky_relu[] = {"negative_slope", "alpha",
                                               "name", NULL};
static const char *const words_elu[] = {"alpha", "name", NULL};
static const char *const words_shrink[] = {"threshold", "name", NULL};
static const char *const words_squareplus[] = {"b", "name", NULL};
static const char *const words_gelu[] = {"approximate", "name", NULL};

#define FUNCTION(label, keras, words, ...)                                    \
    static const struct function function_##label = {__VA_ARGS__};            \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, &function_##label),                     \
        .takes_scores = true,                                                 \
        .takes_bare = true,                                                   \
        .connect = connect,                                                   \
        .scratch = scratch,                                                   \
        .run = run}
#define PLAIN(label, keras, keras_name)                                       \
    FUNCTION(label, keras, words_plain, .name = (keras_name))

PLAIN(exp, "Exp", "exponential");
PLAIN(tanh, "Tanh", "tanh");
PLAIN(sigmoid, "Sigmoid", "sigmoid");
PLAIN(relu, "Relu", "relu");
PLAIN(relu6, "Relu6", "relu6");
PLAIN(softplus, "Softplus", "softplus");
PLAIN(softsign, "Softsign", "softsign");
PLAIN(silu, "Silu", "silu");
PLAIN(log_sigmoid, "LogSigmoid", "log_sigmoid");
PLAIN(hard_sigmoid, "HardSigmoid", "hard_sigmoid");
PLAIN(selu, "Selu", "selu");
FUNCTION(leaky_relu, "LeakyRelu", words_leaky_relu, .name = "leaky_relu",
         .setting = "negative_slope", .setting_2 = "alpha", .if_absent = 0.2);
FUNCTION(elu, "Elu", words_elu, .name = "elu", .setting = "alpha",
         .if_absent = 1);
FUNCTION(gelu, "Gelu", words_gelu, .name = "gelu");
PLAIN(hard_silu, "HardSilu", "hard_silu");
PLAIN(hard_tanh, "HardTanh", "hard_tanh");
PLAIN(tanh_shrink, "TanhShrink", "tanh_shrink");
PLAIN(sparse_plus, "SparsePlus", "sparse_plus");
PLAIN(sparse_sigmoid, "SparseSigmoid", "sparse_sigmoid");
FUNCTION(celu, "Celu", words_elu, .name = "celu", .setting = "alpha",
         .if_absent = 1);
FUNCTION(soft_shrink, "SoftShrink", words_shrink, .name = "soft_shrink",
         .setting = "threshold", .if_absent = 0.5);
FUNCTION(hard_shrink, "HardShrink", words_shrink, .name = "hard_shrink",
         .setting = "threshold", .if_absent = 0.5);
FUNCTION(squareplus, "Squareplus", words_squareplus, .name = "squareplus",
         .setting = "b", .if_absent = 4);
FUNCTION(sparsemax, "Sparsemax", words_axis, .name = "sparsemax");
FUNCTION(softmax, "Softmax", words_axis, .name = "softmax");
FUNCTION(log_softmax, "LogSoftmax", words_axis, .name = "log_softmax");
