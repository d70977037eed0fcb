#include "core/layers/run.h"

#include <string.h>

bool run_may_go_on(struct run *run, uint64_t work)
{
    if (!run->keep_going)
        return true;
    run->work += work;
    if (run->work < run->work_limit)
        return true;
    run->work = 0;
    return run->keep_going(run->arg);
}

/* `count` panels from `first` on are a product again. */
static struct f32_product some_panels(const struct f32_product *whole,
                                      size_t first, size_t count)
{
    size_t panel = whole->gates * whole->lanes;
    struct f32_product part = *whole;

    part.panels = count;
    part.units = count * whole->lanes;
    part.stride = count * panel;
    part.kernel += first * panel * whole->inputs;
    part.bias += first * panel;
    return part;
}

/* Rows that may run before the caller is asked again, at least eight: below
 * that the kernel is read again and again for little work. */
static size_t rows_at_once(const struct run *run, uint64_t floats)
{
    uint64_t kernels = run->work_limit / (floats + 1);

    return kernels > 2 ? (size_t)(8 * (kernels - 1)) : 8;
}

/* A product that takes longer than the caller may wait: groups of panels one
 * after the other, each in groups of rows. */
static bool run_long_product(struct run *run,
                             const struct rnn_ukernels *ukernels,
                             const struct f32_product *product, size_t items,
                             struct view x, struct view y)
{
    size_t panel = product->gates * product->lanes;
    uint64_t floats = (uint64_t)product->inputs * panel;
    uint64_t fit = run->work_limit / (2 * floats + 1);
    size_t panels = fit && fit < product->panels ? (size_t)fit : 1;
    size_t rows;

    /* The kernel of 16 chains is not laid out in panels (ukernels.h); it has
     * four columns at most. */
    if (product->chains > 4 || fit >= product->panels)
        panels = product->panels;
    rows = rows_at_once(run, panels * floats);
    for (size_t p = 0; p < product->panels; p += panels) {
        size_t left = product->panels - p;
        struct f32_product part =
            some_panels(product, p, left < panels ? left : panels);

        if (panels == product->panels)
            part = *product;
        for (size_t i = 0; i < items; i += rows) {
            size_t count = items - i < rows ? items - i : rows;

            if (!run_may_go_on(run, run_work(part.panels * floats, count)))
                return false;
            ukernels->product(&part, count, x.data + i * x.stride, x.stride,
                              y.data + i * y.stride + p * panel, y.stride);
        }
    }
    return true;
}

bool run_product(struct run *run, const struct rnn_ukernels *ukernels,
                 const struct f32_product *product, size_t items,
                 struct view x, struct view y)
{
    uint64_t work =
        run_work((uint64_t)product->inputs * product->stride, items);

    if (run->keep_going && work > run->work_limit)
        return run_long_product(run, ukernels, product, items, x, y);
    if (!run_may_go_on(run, work))
        return false;
    ukernels->product(product, items, x.data, x.stride, y.data, y.stride);
    return true;
}

void run_activate(const struct rnn_ukernels *ukernels,
                  const struct rnn_activation *activation, size_t items,
                  size_t units, struct view y)
{
    size_t lanes = ukernels->lanes;

    if (activation->kind == RNN_ACT_LINEAR)
        return;
    if (rnn_activation_takes_rows(activation))
        ukernels->activate_rows(activation, items, units, y.data, y.stride);
    else if (y.stride == (units + lanes - 1) / lanes * lanes)
        ukernels->activate(activation, items * y.stride, y.data);
    else
        for (size_t i = 0; i < items; i++)
            ukernels->activate(activation, units, y.data + i * y.stride);
}

bool run_activate_input(struct run *run, const struct rnn_ukernels *ukernels,
                        const struct rnn_activation *activation, size_t units,
                        const struct node *node)
{
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t items = run_items(run, input);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++) {
        struct view item = {y.data + i * y.stride, units};

        memcpy(item.data, x.data + i * x.stride,
               input->features * sizeof(float));
        run_activate(ukernels, activation, input->features / units, units,
                     item);
    }
    return true;
}
