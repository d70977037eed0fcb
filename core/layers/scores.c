#include "core/layers/scores.h"

#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "core/layers/operator.h"

extern const struct layer_class operator_matmul, operator_einsum, operator_add,
    operator_subtract, operator_multiply, operator_divide, operator_softmax,
    operator_identity;

/* ---- who takes them ------------------------------------------------------*/

enum rnn_status scores_may_enter(const struct layer *layer,
                                 const struct value *x, struct rnn_error *err)
{
    static const struct layer_class *const classes[] = {
        &layer_dot, &operator_matmul, &operator_einsum,
        /* of scores */
        &layer_activation, &layer_softmax, &operator_softmax, &operator_add,
        &operator_subtract, &operator_multiply, &operator_divide,
        &layer_dropout, &layer_identity, &operator_identity};
    size_t count = x->turned ? 3 : sizeof(classes) / sizeof(classes[0]);

    if (!x->turned && !x->scores)
        return RNN_OK;
    for (size_t i = 0; i < count; i++)
        if (layer->class == classes[i])
            return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s) is called on what is as wide as "
                    "there are timesteps, the number of which is left open; "
                    "only a softmax, constants and a product with a sequence "
                    "may follow there",
                    layer->name, layer->class->name);
}

enum rnn_status scores_may_leave(const struct value *value, const char *name,
                                 struct rnn_error *err)
{
    if (!value->scores && !value->turned)
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "the output \"%.100s\" is as wide as there are timesteps, "
                    "the number of which is left open; save the model with a "
                    "known number, or without this output",
                    name);
}

/* ---- when a model is loaded ----------------------------------------------*/

/* Output 0: `rows` by what is left open. */
static enum rnn_status make_wide(struct plan_builder *builder,
                                 struct node *node, size_t rows,
                                 struct rnn_error *err)
{
    struct rnn_shape shape = {.rank = 2, .dim = {rows, 1}};
    enum rnn_status status =
        plan_make_output(builder, node, 0, &shape, true, err);

    if (!status)
        node->outputs[0]->shape.dim[1] = RNN_FREE;
    return status;
}

static enum rnn_status make_scores(struct plan_builder *builder,
                                   struct node *node,
                                   const struct scores *like,
                                   struct rnn_error *err)
{
    struct scores *scores = arena_zalloc(builder->arena, 1, sizeof(*scores),
                                         alignof(struct scores));
    enum rnn_status status;

    if (!scores)
        return plan_no_memory(node->layer, err);
    *scores = *like;
    scores->ukernels = rnn_ukernels_find(builder->isa, SIZE_MAX);
    status = make_wide(builder, node, scores->a->shape.dim[0], err);
    if (status)
        return status;
    plan_take_steps(node, 0, scores->a);
    node->outputs[0]->scores = scores;
    plan_need_whole(node);
    return RNN_OK;
}

enum rnn_status scores_go_on(struct plan_builder *builder, struct node *node,
                             struct scores_step step, struct rnn_error *err)
{
    struct scores scores = *node->inputs[0]->scores;

    if (scores.step_count == SCORES_STEPS)
        return operator_refuse(
            node, "too much is done with scores before they are used", err);
    scores.steps[scores.step_count++] = step;
    return make_scores(builder, node, &scores, err);
}

enum rnn_status scores_softmax(struct plan_builder *builder, struct node *node,
                               bool is_one, struct rnn_error *err)
{
    const struct scores_step step = {.kind = SCORES_SOFTMAX};

    if (is_one)
        return scores_go_on(builder, node, step, err);
    return operator_refuse(node,
                           "of what is as wide as there are timesteps, the "
                           "number of which is left open, only a softmax "
                           "along the last axis is supported",
                           err);
}

enum rnn_status scores_turn(struct plan_builder *builder, struct node *node,
                            struct rnn_error *err)
{
    struct value *x = node->inputs[0];
    enum rnn_status status = make_wide(builder, node, x->features, err);

    if (status)
        return status;
    plan_fix_steps(builder, node, 0, x->features);
    node->outputs[0]->turned = x;
    plan_need_whole(node);
    return RNN_OK;
}

static bool is_sequence(const struct value *x)
{
    return x && x->has_time && x->shape.rank == 2 && !x->scores;
}

bool scores_begin_here(const struct einsum *einsum)
{
    const char *y = einsum->labels;
    bool swapped = einsum->operands[0].labels[0] != y[0];
    const struct einsum_operand *a = &einsum->operands[swapped];
    const struct einsum_operand *b = &einsum->operands[!swapped];

    return strlen(y) == 2 && is_sequence(a->value) && is_sequence(b->value) &&
           a->labels[0] == y[0] && b->labels[0] == y[1] &&
           a->labels[1] == b->labels[1] && b->value->shape.dim[0] == RNN_FREE;
}

enum rnn_status scores_begin(const struct einsum *einsum,
                             struct plan_builder *builder, struct node *node,
                             struct rnn_error *err)
{
    bool swapped = einsum->operands[0].labels[0] != einsum->labels[0];
    struct scores scores = {
        .a = node->inputs[0], .b = node->inputs[0], .least = einsum->least};

    /* Inputs are the operands; a value is called on itself once. */
    for (size_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == einsum->operands[swapped].value)
            scores.a = node->inputs[i];
        if (node->inputs[i] == einsum->operands[!swapped].value)
            scores.b = node->inputs[i];
    }
    return make_scores(builder, node, &scores, err);
}

enum rnn_status scores_end(struct einsum *einsum, struct plan_builder *builder,
                           struct node *node, struct rnn_error *err)
{
    const struct value *first = einsum->operands[0].value;
    bool second = !first || !first->scores;
    const struct einsum_operand *s = &einsum->operands[second];
    const struct einsum_operand *v = &einsum->operands[!second];
    const char *y = einsum->labels;
    struct value **inputs = arena_zalloc(builder->arena, 3, sizeof(*inputs),
                                         alignof(struct value *));
    struct rnn_shape shape = {.rank = 2};
    enum rnn_status status;

    if (!inputs)
        return plan_no_memory(node->layer, err);
    if (!is_sequence(v->value) || strlen(y) != 2 || einsum->least > 0 ||
        strlen(s->labels) != 2 || y[0] != s->labels[0] ||
        v->labels[0] != s->labels[1] || y[1] != v->labels[1] ||
        !plan_same_time(v->value, s->value->scores->b))
        return operator_refuse(
            node,
            "scores as wide as there are timesteps, the number of which is "
            "left open, can only weigh the sequence whose timesteps they are "
            "of",
            err);
    einsum->scores = s->value->scores;
    inputs[0] = einsum->scores->a;
    inputs[1] = einsum->scores->b;
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i] == v->value)
            inputs[2] = node->inputs[i];
    node->inputs = inputs;
    node->input_count = 3;
    shape.dim[0] = inputs[0]->shape.dim[0];
    shape.dim[1] = v->value->features;
    plan_need_whole(node);
    node->square_cost = inputs[0]->features + v->value->features;
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (!status)
        plan_take_steps(node, 0, inputs[0]);
    return status;
}

/* ---- when it runs --------------------------------------------------------*/

size_t scores_scratch(const struct node *node, size_t items)
{
    /* Sums in float64, and a row. */
    return plan_sum(plan_stride(2 * node->outputs[0]->features), items, 1);
}

static float score(const struct scores *scores, const float *a, const float *b)
{
    double sum = 0, squares[2] = {0};

    for (size_t z = 0; z < scores->a->features; z++) {
        sum += (double)a[z] * b[z];
        squares[0] += (double)a[z] * a[z];
        squares[1] += (double)b[z] * b[z];
    }
    if (scores->least > 0)
        sum /= sqrt(fmax(squares[0], scores->least)) *
               sqrt(fmax(squares[1], scores->least));
    return (float)sum;
}

static void take_step(const struct scores *scores, size_t index, float *row,
                      size_t width)
{
    static const struct rnn_activation softmax = {.kind = RNN_ACT_SOFTMAX};
    const struct scores_step *step = &scores->steps[index];
    float c = step->by;

    if (step->kind == SCORES_SOFTMAX) {
        scores->ukernels->activate_rows(&softmax, 1, width, row, width);
        return;
    }
    for (size_t u = 0; u < width; u++)
        row[u] = step->kind == SCORES_ADD        ? row[u] + c
                 : step->kind == SCORES_SUBTRACT ? row[u] - c
                 : step->kind == SCORES_MULTIPLY ? row[u] * c
                                                 : row[u] / c;
}

/* Timestep `t` of y, of sequence `r`. */
static void run_step(const struct scores *scores, const struct node *node,
                     struct run *run, size_t r, size_t t)
{
    struct view a = run_view(run, scores->a), b = run_view(run, scores->b);
    struct view v = run_view(run, node->inputs[2]);
    struct view y = run_view(run, node->outputs[0]);
    size_t width = run_steps(run, scores->b);
    size_t features = node->inputs[2]->features;
    size_t item = r * run_steps(run, scores->a) + t;
    double *sums = (double *)(void *)run->scratch;
    float *row = run->scratch + plan_stride(2 * features);

    for (size_t u = 0; u < width; u++)
        row[u] = score(scores, a.data + item * a.stride,
                       b.data + (r * width + u) * b.stride);
    for (size_t i = 0; i < scores->step_count; i++)
        take_step(scores, i, row, width);
    memset(sums, 0, features * sizeof(*sums));
    for (size_t u = 0; u < width; u++)
        for (size_t f = 0; f < features; f++)
            sums[f] += (double)row[u] * v.data[(r * width + u) * v.stride + f];
    for (size_t f = 0; f < features; f++)
        y.data[item * y.stride + f] = (float)sums[f];
}

bool scores_run(const struct scores *scores, const struct node *node,
                struct run *run)
{
    size_t steps = run_steps(run, scores->a);
    uint64_t work = node->square_cost * run_steps(run, scores->b);

    for (size_t r = 0; r < run->rows; r++)
        for (size_t t = 0; t < steps; t++) {
            if (!run_may_go_on(run, run_work(work, 1)))
                return false;
            run_step(scores, node, run, r, t);
        }
    return true;
}
