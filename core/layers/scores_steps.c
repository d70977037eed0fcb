/* Scores, number by number: what is done with them before they are used. */
#include <string.h>

#include "core/layers/attention.h"
#include "core/layers/operator.h"
#include "core/layers/scores.h"

/* ---- when a model is loaded ----------------------------------------------*/

bool scores_are_met(const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->scores || node->inputs[i]->turned)
            return true;
    return false;
}

static enum rnn_status refuse(const struct node *node, struct rnn_error *err)
{
    return operator_refuse(
        node,
        "what stands beside scores as wide as there are timesteps, the number "
        "of which is left open, is neither a number, nor one for each of the "
        "timesteps of either axis, nor scores of the same timesteps",
        err);
}

static bool is_column(const struct value *x)
{
    return x->has_time && x->shape.rank == 2 && x->features == 1 &&
           !x->turned && !x->scores;
}

/* What `operand` is beside `scores`. */
static enum rnn_status find_kind(const struct node *node,
                                 const struct scores *scores,
                                 const struct value *base,
                                 struct scores_operand *operand,
                                 struct rnn_error *err)
{
    const struct value *x = operand->value;

    if (operand->kind != SCORES_VALUE)
        return RNN_OK;
    if (x->scores && base && x->scores == base->scores) {
        operand->kind = SCORES_ROW;
    } else if (x->scores && plan_same_time(x->scores->a, scores->a) &&
               plan_same_time(x->scores->b, scores->b)) {
        operand->kind = SCORES_OTHER;
        operand->other = x->scores;
    } else if (x->turned && plan_same_time(x->turned, scores->b)) {
        operand->kind = SCORES_LINE;
        operand->value = x->turned;
    } else if (is_column(x) && plan_same_time(x, scores->a)) {
        operand->kind = SCORES_COLUMN;
    } else {
        return refuse(node, err);
    }
    return RNN_OK;
}

/* Scores to go on from: those among the operands or, if there are none, what
 * a column and a line make. */
static enum rnn_status find_base(const struct node *node,
                                 const struct scores_operand *operands,
                                 size_t count, const struct value **base,
                                 struct scores *scores, struct rnn_error *err)
{
    *base = NULL;
    for (size_t i = 0; i < count && !*base; i++)
        if (operands[i].value && operands[i].value->scores)
            *base = operands[i].value;
    *scores = *base ? *(*base)->scores : (struct scores){0};
    for (size_t i = 0; i < count && !*base; i++) {
        struct value *x = operands[i].value;

        if (x && x->turned)
            scores->b = x->turned;
        else if (x && is_column(x))
            scores->a = x;
    }
    return scores->a && scores->b ? RNN_OK : refuse(node, err);
}

static enum rnn_status add_step(const struct node *node, struct scores *scores,
                                const struct scores_step *step,
                                struct rnn_error *err)
{
    scores->size++;
    for (size_t k = 0; k < step->count; k++)
        if (step->operands[k].other)
            scores->size += 1 + step->operands[k].other->size;
    if (scores->step_count == SCORES_STEPS || scores->size > SCORES_SIZE)
        return operator_refuse(
            node, "too much is done with scores before they are used", err);
    scores->steps[scores->step_count++] = *step;
    return RNN_OK;
}

static enum rnn_status add_elements(const struct node *node,
                                    const struct value *base,
                                    struct scores_step *step,
                                    struct scores *scores,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < step->count && !status; i++)
        status = find_kind(node, scores, base, &step->operands[i], err);
    return status ? status : add_step(node, scores, step, err);
}

enum rnn_status scores_elements(struct plan_builder *builder,
                                struct node *node,
                                const struct element *element,
                                const struct scores_operand *operands,
                                size_t count, const float *settings,
                                struct rnn_error *err)
{
    struct scores_step step = {.element = element, .count = count};
    const struct value *base = NULL;
    struct scores scores;
    enum rnn_status status =
        find_base(node, operands, count, &base, &scores, err);

    memcpy(step.operands, operands, count * sizeof(operands[0]));
    memcpy(step.settings, settings, sizeof(step.settings));
    if (!status)
        status = add_elements(node, base, &step, &scores, err);
    return status ? status : scores_make(builder, node, &scores, err);
}

/* y = f(y, x_i) */
static enum rnn_status merge_next(const struct node *node, size_t i,
                                  const struct element *element,
                                  struct scores *scores, struct rnn_error *err)
{
    struct scores_step step = {
        .element = element,
        .operands = {{.kind = SCORES_ROW}, {.value = node->inputs[i]}},
        .count = 2};

    return add_elements(node, NULL, &step, scores, err);
}

enum rnn_status scores_merge(struct plan_builder *builder, struct node *node,
                             const struct element *element,
                             const struct element *mean, struct rnn_error *err)
{
    struct scores_step first = {
        .element = element,
        .operands = {{.value = node->inputs[0]},
                     {.value = node->inputs[node->input_count > 1]}},
        .count = 2};
    struct scores_step last = {
        .element = mean,
        .operands = {{.kind = SCORES_ROW},
                     {.kind = SCORES_NUMBER,
                      .number = (float)node->input_count}},
        .count = 2};
    const struct value *base = NULL;
    struct scores scores;
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < node->input_count && !status; i++)
        if (node->inputs[i]->mask || node->input_count < 2)
            status = refuse(node, err);
    if (!status)
        status = find_base(node, first.operands, 2, &base, &scores, err);
    if (!status)
        status = add_elements(node, base, &first, &scores, err);
    for (size_t i = 2; i < node->input_count && !status; i++)
        status = merge_next(node, i, element, &scores, err);
    if (!status && mean)
        status = add_step(node, &scores, &last, err);
    return status ? status : scores_make(builder, node, &scores, err);
}

enum rnn_status scores_activate(struct plan_builder *builder,
                                struct node *node,
                                const struct rnn_activation *activation,
                                bool along_last, struct rnn_error *err)
{
    const struct scores_step step = {.activation = *activation};
    struct scores scores = *node->inputs[0]->scores;
    enum rnn_status status;

    if (rnn_activation_takes_rows(activation) && !along_last)
        return operator_refuse(node,
                               "of what is as wide as there are timesteps, "
                               "the number of which is left open, only a "
                               "softmax along the last axis is supported",
                               err);
    status = add_step(node, &scores, &step, err);
    return status ? status : scores_make(builder, node, &scores, err);
}

/* ---- what they are made of -----------------------------------------------*/

/* Scores in scores: as deep as the graph.  So are those below. */
static void each_value(const struct scores *scores,
                       void (*take)(void *arg, struct value *value), void *arg)
{
    take(arg, scores->a);
    take(arg, scores->b);
    for (size_t i = 0; i < scores->step_count; i++)
        for (size_t k = 0; k < scores->steps[i].count; k++) {
            const struct scores_operand *operand =
                &scores->steps[i].operands[k];

            if (operand->kind == SCORES_OTHER)
                each_value(operand->other, take, arg);
            else if (operand->kind == SCORES_COLUMN ||
                     operand->kind == SCORES_LINE)
                take(arg, operand->value);
        }
}

void scores_each_value(const struct value *value,
                       void (*take)(void *arg, struct value *value), void *arg)
{
    if (value->scores)
        each_value(value->scores, take, arg);
    else if (value->turned)
        take(arg, value->turned);
}

/* Rows that are at work at once. */
static size_t rows_at_once(const struct scores *scores)
{
    size_t most = 1;

    for (size_t i = 0; i < scores->step_count; i++) {
        size_t before = 1;

        for (size_t k = 0; k < scores->steps[i].count; k++) {
            const struct scores *other = scores->steps[i].operands[k].other;
            size_t rows = other ? before + rows_at_once(other) : 0;

            most = rows > most ? rows : most;
            before += other != NULL;
        }
    }
    return most;
}

size_t scores_rows_scratch(const struct scores *scores, size_t items)
{
    size_t more = scores->attention
                      ? attention_row_scratch(scores->attention, items)
                      : 0;

    return plan_sum(more, rows_at_once(scores), plan_stride(items));
}

uint64_t scores_cost(const struct scores *scores)
{
    uint64_t cost =
        scores->is_product || scores->attention ? scores->a->features : 1;

    for (size_t i = 0; i < scores->step_count; i++) {
        cost = plan_add_cost(cost, scores->steps[i].element ? 4 : 16, 1);
        for (size_t k = 0; k < scores->steps[i].count; k++)
            if (scores->steps[i].operands[k].other)
                cost = plan_add_cost(
                    cost, scores_cost(scores->steps[i].operands[k].other), 1);
    }
    return cost;
}
