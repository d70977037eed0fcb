#include "core/layers/affine.h"

#include <stdalign.h>

enum rnn_status affine_init(struct affine *affine, size_t width,
                            const struct layer *layer,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    double *scale =
        arena_zalloc(builder->arena, width, sizeof(*scale), alignof(double));
    double *shift =
        arena_zalloc(builder->arena, width, sizeof(*shift), alignof(double));

    if (!scale || !shift)
        return plan_no_memory(layer, err);
    *affine = (struct affine){width, scale, shift};
    return RNN_OK;
}

enum rnn_status affine_connect(struct node *node, struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct value *x = node->inputs[0];

    node->cost = 4 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

bool affine_run(const struct affine *affine, const struct node *node,
                struct run *run)
{
    const struct value *input = node->inputs[0];
    size_t items = run_items(run, input), width = affine->width;
    size_t inner = input->features / width;
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++)
        for (size_t r = 0; r < inner; r++) {
            const float *from = x.data + i * x.stride + r * width;
            float *to = y.data + i * y.stride + r * width;

            for (size_t k = 0; k < width; k++)
                to[k] = (float)(from[k] * affine->scale[k] + affine->shift[k]);
        }
    return true;
}
