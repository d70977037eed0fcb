#include "core/layers/run.h"

bool run_may_go_on(struct run *run, uint64_t multiply_adds)
{
    run->work += multiply_adds;
    if (run->work < run->work_limit || !run->keep_going)
        return true;
    run->work = 0;
    return run->keep_going(run->arg);
}

bool run_product(struct run *run, const struct rnn_ukernels *ukernels,
                 const struct f32_product *product, size_t items,
                 struct view x, struct view y)
{
    uint64_t cost = (uint64_t)product->inputs * product->stride + 1;
    size_t at_once = items;

    if (items * cost > run->work_limit)
        at_once = cost < run->work_limit ? (size_t)(run->work_limit / cost)
                                         : 1;
    for (size_t i = 0; i < items; i += at_once) {
        size_t rows = items - i < at_once ? items - i : at_once;

        if (!run_may_go_on(run, rows * cost))
            return false;
        ukernels->product(product, rows, x.data + i * x.stride, x.stride,
                          y.data + i * y.stride, y.stride);
    }
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
