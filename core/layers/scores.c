#include "core/layers/scores.h"

#include <stdalign.h>
#include <string.h>

#include "core/layers/attention.h"
#include "core/layers/operator.h"

extern const struct layer_class operator_matmul, operator_einsum;

/* ---- who takes them ------------------------------------------------------*/

/* A product takes the sequence instead, what works number by number a line. */
static bool takes_turned(const struct layer_class *class,
                         const struct value *x)
{
    bool is_product = class == &layer_dot || class == &operator_matmul ||
                      class == &operator_einsum;

    return is_product ? x->turned->shape.rank == 2
                      : class->takes_scores && x->shape.dim[0] == 1;
}

enum rnn_status scores_may_enter(const struct layer *layer,
                                 const struct value *x, struct rnn_error *err)
{
    if (!x->turned && !x->scores)
        return RNN_OK;
    if (x->scores && x->scores->attention)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) is called on the weights of "
                        "an attention over timesteps whose number is left "
                        "open; these can only be an output of the model",
                        layer->name, layer->class->name);
    if (x->turned ? takes_turned(layer->class, x) : layer->class->takes_scores)
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s) is called on what is as wide as "
                    "there are timesteps, the number of which is left open; "
                    "only what works number by number, an activation and a "
                    "product with a sequence may follow there",
                    layer->name, layer->class->name);
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

enum rnn_status scores_make(struct plan_builder *builder, struct node *node,
                            const struct scores *like, struct rnn_error *err)
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
    return x && x->has_time && x->shape.rank == 2 && !x->scores && !x->turned;
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
    struct scores scores = {.a = node->inputs[0],
                            .b = node->inputs[0],
                            .is_product = true,
                            .least = einsum->least};

    /* Inputs are the operands; a value is called on itself once. */
    for (size_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == einsum->operands[swapped].value)
            scores.a = node->inputs[i];
        if (node->inputs[i] == einsum->operands[!swapped].value)
            scores.b = node->inputs[i];
    }
    return scores_make(builder, node, &scores, err);
}

struct list {
    struct value **values; /* NULL: they are only counted */
    size_t count;
};

static void append(void *arg, struct value *value)
{
    struct list *list = arg;

    if (list->values)
        list->values[list->count] = value;
    list->count++;
}

/* The inputs of `node` are the sequence that is weighed, and all that makes
 * its weights. */
static enum rnn_status read_all(struct plan_builder *builder,
                                struct node *node, const struct value *scores,
                                struct value *weighed, struct rnn_error *err)
{
    struct list list = {0};

    scores_each_value(scores, append, &list);
    list.values =
        arena_zalloc(builder->arena, list.count + 1, sizeof(list.values[0]),
                     alignof(struct value *));
    if (!list.values)
        return plan_no_memory(node->layer, err);
    list.values[0] = weighed;
    list.count = 1;
    scores_each_value(scores, append, &list);
    node->inputs = list.values;
    node->input_count = list.count;
    return RNN_OK;
}

enum rnn_status scores_end(struct einsum *einsum, struct plan_builder *builder,
                           struct node *node, struct rnn_error *err)
{
    const struct value *first = einsum->operands[0].value;
    bool second = !first || !first->scores;
    const struct einsum_operand *s = &einsum->operands[second];
    const struct einsum_operand *v = &einsum->operands[!second];
    const char *y = einsum->labels;
    struct rnn_shape shape = {.rank = 2};
    struct value *weighed = NULL;
    enum rnn_status status;

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
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i] == v->value)
            weighed = node->inputs[i];
    status = read_all(builder, node, s->value, weighed, err);
    if (status)
        return status;
    shape.dim[0] = einsum->scores->a->shape.dim[0];
    shape.dim[1] = v->value->features;
    plan_need_whole(node);
    node->square_cost = scores_cost(einsum->scores) + v->value->features;
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (!status)
        plan_take_steps(node, 0, einsum->scores->a);
    return status;
}

/* ---- when it runs --------------------------------------------------------*/

/* Sums in float64, and rows. */
size_t scores_scratch(const struct scores *scores, const struct node *node,
                      size_t items)
{
    size_t rows = scores_rows_scratch(scores, items);

    return plan_sum(plan_stride(2 * node->outputs[0]->features), rows, 1);
}

/* Timestep `t` of y, of sequence `r`. */
static void run_step(const struct scores *scores, const struct node *node,
                     struct run *run, size_t r, size_t t)
{
    struct view v = run_view(run, node->inputs[0]);
    struct view y = run_view(run, node->outputs[0]);
    size_t width = run_steps(run, scores->b);
    size_t features = node->inputs[0]->features;
    size_t item = r * run_steps(run, scores->a) + t;
    double *sums = (double *)(void *)run->scratch;
    float *row = run->scratch + plan_stride(2 * features);

    scores_row(scores, run, r, t, row, row + plan_stride(width));
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

/* ---- outputs of the model ------------------------------------------------*/

static bool write_turned(const struct value *x, struct run *run, size_t r,
                         float *to)
{
    struct view view = run_view(run, x);
    size_t steps = run_steps(run, x);
    const float *from = view.data + r * steps * view.stride;

    if (!run_may_go_on(run, run_work(x->features * steps, 1)))
        return false;
    for (size_t k = 0; k < x->features; k++)
        for (size_t t = 0; t < steps; t++)
            to[k * steps + t] = from[t * view.stride + k];
    return true;
}

static bool write_row(const struct scores *scores, struct run *run, size_t r,
                      size_t t, float *row, float *spare)
{
    if (scores->attention)
        return attention_row(scores->attention, run, r, t, row, spare);
    scores_row(scores, run, r, t, row, spare);
    return true;
}

bool scores_write(const struct value *value, struct run *run, size_t r,
                  float *to)
{
    const struct scores *scores = value->scores;
    size_t steps, width;

    if (!scores)
        return write_turned(value->turned, run, r, to);
    steps = run_steps(run, scores->a);
    width = run_steps(run, scores->b);
    for (size_t t = 0; t < steps; t++) {
        if (!run_may_go_on(run, run_work(scores_cost(scores) * width, 1)))
            return false;
        if (!write_row(scores, run, r, t, run->scratch,
                       run->scratch + plan_stride(width)))
            return false;
        memcpy(to + t * width, run->scratch, width * sizeof(float));
    }
    return true;
}
