/* How a row of scores is made. */
#include <math.h>
#include <stddef.h>

#include "core/layers/scores.h"

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

static void multiply(const struct scores *scores, const struct run *run,
                     size_t r, size_t t, float *row)
{
    struct view a = run_view(run, scores->a), b = run_view(run, scores->b);
    size_t width = run_steps(run, scores->b);
    const float *x = a.data + (r * run_steps(run, scores->a) + t) * a.stride;

    for (size_t u = 0; u < width; u++)
        row[u] = score(scores, x, b.data + (r * width + u) * b.stride);
}

/* Where a row stands. */
struct place {
    const struct run *run;
    size_t r, t, width;
    float *row, *spare;
};

/* The numbers of an operand along the row, `*stride` floats apart. */
static const float *numbers_of(const struct scores_operand *operand,
                               struct place *at, ptrdiff_t *stride)
{
    struct view view;
    size_t steps;
    float *row = at->spare;

    *stride = operand->kind != SCORES_NUMBER && operand->kind != SCORES_COLUMN;
    if (operand->kind == SCORES_NUMBER)
        return &operand->number;
    if (operand->kind == SCORES_OTHER) {
        at->spare += plan_stride(at->width);
        scores_row(operand->other, at->run, at->r, at->t, row, at->spare);
        return row;
    }
    if (operand->kind != SCORES_COLUMN && operand->kind != SCORES_LINE)
        return at->row;
    view = run_view(at->run, operand->value);
    steps = run_steps(at->run, operand->value);
    if (operand->kind == SCORES_COLUMN)
        return view.data + (at->r * steps + at->t) * view.stride;
    *stride = (ptrdiff_t)view.stride;
    return view.data + at->r * steps * view.stride;
}

static void take_elements(const struct scores_step *step, struct place at)
{
    /* Those that there are not, nobody looks at. */
    const float *numbers[ELEMENT_OPERANDS] = {at.row, at.row, at.row};
    ptrdiff_t strides[ELEMENT_OPERANDS] = {1, 1, 1};

    for (size_t k = 0; k < step->count; k++)
        numbers[k] = numbers_of(&step->operands[k], &at, &strides[k]);
    step->element->run(&(const struct row){
        .count = at.width,
        .a = numbers[0],
        .b = numbers[1],
        .c = numbers[2],
        .y = at.row,
        .a_stride = strides[0],
        .b_stride = strides[1],
        .c_stride = strides[2],
        .y_stride = 1,
        .settings = step->settings,
    });
}

void scores_row(const struct scores *scores, const struct run *run, size_t r,
                size_t t, float *row, float *spare)
{
    const struct rnn_ukernels *ukernels = scores->ukernels;
    const struct place at = {run, r, t, run_steps(run, scores->b), row, spare};

    if (scores->is_product)
        multiply(scores, run, r, t, row);
    for (size_t i = 0; i < scores->step_count; i++) {
        const struct scores_step *step = &scores->steps[i];

        if (step->element)
            take_elements(step, at);
        else if (rnn_activation_takes_rows(&step->activation))
            ukernels->activate_rows(&step->activation, 1, at.width, row,
                                    at.width);
        else
            ukernels->activate(&step->activation, at.width, row);
    }
}
