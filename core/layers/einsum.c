#include "core/layers/einsum.h"

#include <math.h>
#include <string.h>

#include "core/layers/scores.h"

/* ---- when a model is loaded ----------------------------------------------*/

static size_t size_of(const struct einsum_operand *operand, size_t axis)
{
    return operand->value ? operand->value->shape.dim[axis]
                          : operand->numbers.dim[axis];
}

static size_t rank_of(const struct einsum_operand *operand)
{
    return operand->value ? operand->value->shape.rank : operand->numbers.rank;
}

/* The axis is time, with as many timesteps as the sequence has. */
static bool is_time(const struct einsum_operand *operand, size_t axis)
{
    return operand->value && operand->value->has_time && !axis;
}

static enum rnn_status refuse(const struct einsum *einsum,
                              const struct node *node, enum rnn_status status,
                              const char *why, struct rnn_error *err)
{
    return rnn_fail(err, status, "layer \"%.100s\" (%s): %s,%s->%s %s",
                    node->layer->name, node->layer->class->name,
                    einsum->operands[0].labels, einsum->operands[1].labels,
                    einsum->labels, why);
}

static enum rnn_status check_labels(const struct einsum *einsum,
                                    const struct node *node,
                                    struct rnn_error *err)
{
    for (size_t o = 0; o < 2; o++) {
        const struct einsum_operand *operand = &einsum->operands[o];
        const char *labels = operand->labels;

        if (strlen(labels) != rank_of(operand))
            return refuse(einsum, node, RNN_BAD_MODEL,
                          "has other axes than what it is called on", err);
        for (size_t i = 0; labels[i]; i++)
            if (strchr(labels + i + 1, labels[i]))
                return refuse(einsum, node, RNN_UNSUPPORTED,
                              "takes a diagonal, which is not supported", err);
    }
    for (const char *label = einsum->labels; *label; label++)
        if (strchr(label + 1, *label) ||
            (!strchr(einsum->operands[0].labels, *label) &&
             !strchr(einsum->operands[1].labels, *label)))
            return refuse(einsum, node, RNN_BAD_MODEL,
                          "names an axis twice, or one that is not there",
                          err);
    return RNN_OK;
}

/* A label that stands in both has the same size in both. */
static enum rnn_status check_sizes(const struct einsum *einsum,
                                   const struct node *node,
                                   struct rnn_error *err)
{
    const struct einsum_operand *a = &einsum->operands[0];
    const struct einsum_operand *b = &einsum->operands[1];

    for (size_t i = 0; a->labels[i]; i++) {
        const char *found = strchr(b->labels, a->labels[i]);
        size_t k = found ? (size_t)(found - b->labels) : 0;
        bool fit;

        if (!found)
            continue;
        if (is_time(a, i) && is_time(b, k))
            fit = plan_same_time(a->value, b->value);
        else
            fit = size_of(a, i) == size_of(b, k) && size_of(a, i);
        if (!fit)
            return refuse(einsum, node, RNN_BAD_MODEL,
                          "has axes of different sizes under one letter", err);
    }
    return RNN_OK;
}

/* The operand whose time the first axis of y is; NULL. */
static const struct value *time_of(const struct einsum *einsum)
{
    for (size_t o = 0; o < 2; o++) {
        const struct einsum_operand *operand = &einsum->operands[o];

        if (is_time(operand, 0) && einsum->labels[0] &&
            operand->labels[0] == einsum->labels[0])
            return operand->value;
    }
    return NULL;
}

static enum rnn_status find_shape(const struct einsum *einsum,
                                  const struct node *node,
                                  struct rnn_shape *shape,
                                  struct rnn_error *err)
{
    *shape = (struct rnn_shape){0};
    for (const char *label = einsum->labels; *label; label++) {
        const struct einsum_operand *from = &einsum->operands[0];

        if (shape->rank == RNN_MAX_RANK)
            return refuse(einsum, node, RNN_UNSUPPORTED, "has too many axes",
                          err);
        if (!strchr(from->labels, *label))
            from = &einsum->operands[1];
        shape->dim[shape->rank] = size_of(
            from, (size_t)(strchr(from->labels, *label) - from->labels));
        if (!shape->dim[shape->rank] && shape->rank)
            return refuse(einsum, node, RNN_UNSUPPORTED,
                          "makes an output as wide as there are timesteps, "
                          "the number of which is left open",
                          err);
        shape->rank++;
    }
    if (!shape->rank && node->layer->class == &layer_dot)
        shape->dim[shape->rank++] = 1;
    return RNN_OK;
}

/* Is each item of y made of one item of each operand? */
static bool goes_by_items(const struct einsum *einsum,
                          const struct value *timed)
{
    for (size_t o = 0; o < 2; o++) {
        const struct einsum_operand *operand = &einsum->operands[o];

        if (timed && operand->value
                ? !is_time(operand, 0) ||
                      operand->labels[0] != einsum->labels[0] ||
                      !plan_same_time(operand->value, timed)
            : operand->value
                ? operand->value->has_time
                : timed && strchr(operand->labels, einsum->labels[0]))
            return false;
    }
    return true;
}

/* Products, for as much as is known of the timesteps. */
static uint64_t find_cost(const struct einsum *einsum, bool whole)
{
    uint64_t cost = 1;

    for (size_t o = 0; o < 2; o++) {
        const struct einsum_operand *operand = &einsum->operands[o];

        for (size_t i = 0; operand->labels[i]; i++) {
            size_t size = size_of(operand, i);

            if ((o &&
                 strchr(einsum->operands[0].labels, operand->labels[i])) ||
                (!whole && is_time(operand, i)))
                continue;
            if (size && __builtin_mul_overflow(cost, size, &cost))
                return UINT64_MAX;
        }
    }
    return cost;
}

enum rnn_status einsum_connect(struct einsum *einsum, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct value *timed = time_of(einsum);
    struct rnn_shape shape;
    bool has_time;
    enum rnn_status status = check_labels(einsum, node, err);

    for (size_t o = 0; o < 2 && !status; o++)
        if (einsum->operands[o].value && einsum->operands[o].value->scores)
            return scores_end(einsum, builder, node, err);
    if (!status)
        status = check_sizes(einsum, node, err);
    if (!status && scores_begin_here(einsum))
        return scores_begin(einsum, builder, node, err);
    if (!status)
        status = find_shape(einsum, node, &shape, err);
    if (status)
        return status;
    has_time = timed || shape.rank > 1;
    if (!goes_by_items(einsum, timed) || (has_time && !timed))
        plan_need_whole(node);
    status = plan_make_output(builder, node, 0, &shape, has_time, err);
    if (status)
        return status;
    node->cost = find_cost(einsum, node->whole);
    if (timed)
        plan_take_steps(node, 0, timed);
    else if (has_time)
        plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

/* The labels of a sum with what they mean in both operands. */
struct walks {
    struct nd_walk out, sum;
    struct nd out_places[2], sum_places[2]; /* strides by label of a walk */
    size_t inner;                           /* the last label of the sum */
    ptrdiff_t inner_stride[2];
};

static void add_label(struct nd_walk *walk, struct nd places[2], char label,
                      const char *const labels[2], const struct nd in[2])
{
    for (size_t o = 0; o < 2; o++) {
        const char *found = strchr(labels[o], label);
        size_t axis = found ? (size_t)(found - labels[o]) : 0;

        places[o].stride[walk->rank] = found ? in[o].stride[axis] : 0;
        if (found)
            walk->dim[walk->rank] = in[o].dim[axis];
    }
    walk->rank++;
}

static struct walks make_walks(const char *const labels[2], const char *y,
                               const struct nd in[2])
{
    struct walks walks = {.inner = 1};

    for (; *y; y++)
        add_label(&walks.out, walks.out_places, *y, labels, in);
    y -= walks.out.rank;
    for (size_t o = 0; o < 2; o++)
        for (const char *label = labels[o]; *label; label++)
            if (!strchr(y, *label) && (!o || !strchr(labels[0], *label)))
                add_label(&walks.sum, walks.sum_places, *label, labels, in);
    if (!walks.sum.rank)
        return walks;
    walks.sum.rank--;
    walks.inner = walks.sum.dim[walks.sum.rank];
    for (size_t o = 0; o < 2; o++)
        walks.inner_stride[o] = walks.sum_places[o].stride[walks.sum.rank];
    return walks;
}

/* One number of y: the sum from places a and b on. */
static float sum_up(struct walks *walks, const float *a, const float *b,
                    double least)
{
    double sum = 0, squares[2] = {0};

    do {
        const float *x = a + nd_offset(&walks->sum_places[0], &walks->sum);
        const float *w = b + nd_offset(&walks->sum_places[1], &walks->sum);

        for (size_t k = 0; k < walks->inner; k++) {
            sum += (double)*x * *w;
            if (least > 0) {
                squares[0] += (double)*x * *x;
                squares[1] += (double)*w * *w;
            }
            x += walks->inner_stride[0];
            w += walks->inner_stride[1];
        }
    } while (nd_next(&walks->sum));
    if (least > 0)
        sum /= sqrt(fmax(squares[0], least)) * sqrt(fmax(squares[1], least));
    return (float)sum;
}

static void run_unit(const struct einsum *einsum, const char *const labels[2],
                     const char *y_labels, const struct nd in[2],
                     const struct nd *y)
{
    struct walks walks = make_walks(labels, y_labels, in);

    do {
        ptrdiff_t a = nd_offset(&walks.out_places[0], &walks.out);
        ptrdiff_t b = nd_offset(&walks.out_places[1], &walks.out);

        y->data[nd_offset(y, &walks.out)] =
            sum_up(&walks, in[0].data + a, in[1].data + b, einsum->least);
    } while (nd_next(&walks.out));
}

size_t einsum_scratch(const struct einsum *einsum, const struct node *node,
                      size_t items)
{
    return einsum->scores ? scores_scratch(einsum->scores, node, items) : 0;
}

bool einsum_run(const struct einsum *einsum, const struct node *node,
                struct run *run)
{
    const struct value *output = node->outputs[0];
    size_t units = nd_units(run, output, node->whole);

    if (output->scores)
        return true;
    if (einsum->scores)
        return scores_run(einsum->scores, node, run);
    for (size_t i = 0; i < units; i++) {
        struct nd in[2], y = nd_unit(run, output, i, node->whole);
        const char *labels[2], *y_labels = einsum->labels;

        if (!run_may_go_on(run, run_work(node->cost, 1)))
            return false;
        if (!node->whole && output->has_time)
            y_labels++;
        for (size_t o = 0; o < 2; o++) {
            const struct einsum_operand *operand = &einsum->operands[o];
            const struct value *x = operand->value;

            labels[o] = operand->labels + (x && x->has_time && !node->whole);
            in[o] = x ? nd_unit(run, x, i, node->whole) : operand->numbers;
        }
        run_unit(einsum, labels, y_labels, in, &y);
    }
    return true;
}
