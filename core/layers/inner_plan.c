#include "core/layers/inner_plan.h"

#include <string.h>

void inner_plan_begin(struct inner_plan *made,
                      const struct plan_builder *builder,
                      struct plan_builder *inner)
{
    plan_begin(inner, &made->plan, builder->arena, builder->weights);
    inner->keras_major = builder->keras_major;
    inner->keras_minor = builder->keras_minor;
    inner->dtype = builder->dtype;
    inner->dtypes_differ = builder->dtypes_differ;
    inner->isa = builder->isa;
    inner->calls = builder->calls;
}

enum rnn_status inner_plan_inputs(const struct node *node,
                                  struct plan_builder *inner,
                                  struct value **values, struct rnn_error *err)
{
    enum rnn_status status =
        plan_reserve(inner, node->input_count, PLAN_MAX_INPUTS + 1, err);

    for (size_t i = 0; i < node->input_count && !status; i++) {
        struct rnn_shape shape = node->inputs[i]->shape;

        shape.rank--;
        memmove(shape.dim, shape.dim + 1, shape.rank * sizeof(shape.dim[0]));
        status =
            plan_add_input(inner, node->layer->name, &shape, &values[i], err);
    }
    return status;
}

/* What counts ids has got time by now, so the inputs are looked at after
 * everything has been called. */
static size_t count_timesteps(const struct plan *plan)
{
    for (size_t i = 0; i < plan->input_count; i++)
        if (plan->inputs[i].has_time)
            return plan->inputs[i].shape[0];
    return 1;
}

/* All inputs of the inner plan have the same. */
static enum rnn_status check_timesteps(const struct layer *layer,
                                       const struct plan *plan,
                                       struct rnn_error *err)
{
    size_t timesteps = count_timesteps(plan);

    for (size_t i = 0; i < plan->input_count; i++)
        if (plan->inputs[i].has_time && plan->inputs[i].shape[0] != timesteps)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s) runs a model on inputs of "
                            "%zu and %zu timesteps; only inputs of as many "
                            "are supported in it",
                            layer->name, layer->class->name, timesteps,
                            plan->inputs[i].shape[0]);
    return RNN_OK;
}

/* Ids that an inner Embedding reads are ids of the model's input. */
static void pass_vocabulary(const struct plan *inner, const struct node *node,
                            struct plan *plan)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];
        size_t has = inner->inputs[i].vocabulary, *vocabulary;

        if (!x->is_input || !has)
            continue;
        vocabulary = &plan->inputs[x->input].vocabulary;
        if (!*vocabulary || *vocabulary > has)
            *vocabulary = has;
    }
}

/* The outputs of one timestep, with the axis of time before theirs.  The
 * last may be the mask of the first. */
static enum rnn_status make_outputs(struct node *node,
                                    struct plan_builder *builder,
                                    const struct plan *inner, bool makes_mask,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    if (inner->output_count != 1)
        status = plan_reserve_outputs(builder, node, inner->output_count, err);
    for (size_t i = 0; i < inner->output_count && !status; i++) {
        const struct value *y = inner->outputs[i].value;
        struct rnn_shape shape = {.rank = y->shape.rank + 1};

        if (shape.rank > RNN_MAX_RANK)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s): its output has more than "
                            "%d axes",
                            node->layer->name, node->layer->class->name,
                            RNN_MAX_RANK);
        shape.dim[0] = node->inputs[0]->shape.dim[0];
        memcpy(shape.dim + 1, y->shape.dim,
               y->shape.rank * sizeof(shape.dim[0]));
        status = plan_make_output(builder, node, i, &shape, true, err);
    }
    if (!status && makes_mask)
        node->mask = node->outputs[--node->output_count];
    return status;
}

enum rnn_status inner_plan_finish(struct node *node, struct inner_plan *made,
                                  struct plan_builder *builder,
                                  struct plan_builder *inner,
                                  const struct inner_outputs *outputs,
                                  struct rnn_error *err)
{
    const struct plan *plan = &made->plan;
    enum rnn_status status;

    builder->calls = inner->calls;
    if (outputs->count > PLAN_MAX_INPUTS)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) has %zu outputs, at most %d "
                        "are made",
                        node->layer->name, node->layer->class->name,
                        outputs->count, PLAN_MAX_INPUTS);
    for (size_t i = 0; i < outputs->count; i++)
        plan_add_output(inner, outputs->values[i], node->layer->name);
    if (outputs->mask)
        plan_add_output(inner, outputs->mask, node->layer->name);
    status = plan_settle(inner, err);
    if (!status)
        status = check_timesteps(node->layer, plan, err);
    if (status)
        return status;
    made->timesteps = count_timesteps(plan);
    pass_vocabulary(plan, node, builder->plan);
    node->own = made;
    node->cost = plan_cost(plan, made->timesteps);
    return make_outputs(node, builder, plan, outputs->mask, err);
}

/* Timesteps that run together as sequences of the inner plan, and where what
 * they need lies in the scratch, in bytes. */
struct group {
    size_t items, inputs, outputs, scratch, total;
};

static size_t align(size_t bytes)
{
    return bytes > SIZE_MAX - PLAN_ALIGN
               ? SIZE_MAX
               : (bytes + PLAN_ALIGN - 1) & ~(PLAN_ALIGN - 1);
}

static struct group lay_out(const struct node *node, size_t items)
{
    const struct inner_plan *inner = node->own;
    size_t rows = inner->plan.block_rows;
    struct group group = {.items = items < rows ? items : rows};

    group.inputs = align(group.items * sizeof(struct rnn_sequence));
    group.outputs = align(group.inputs +
                          group.items * node->input_count * sizeof(float *));
    group.scratch =
        align(group.outputs +
              group.items * inner->plan.output_count * sizeof(float *));
    group.total = align(
        plan_sum(group.scratch, 1,
                 plan_scratch(&inner->plan, group.items, inner->timesteps)));
    return group;
}

size_t inner_plan_scratch(const struct node *node, size_t rows, size_t items)
{
    size_t total;

    (void)rows;
    total = lay_out(node, items).total;
    return total == SIZE_MAX ? SIZE_MAX : total / sizeof(float);
}

/* Items from `first` on are the sequences of the inner plan. */
static void view_items(const struct node *node, struct run *run,
                       const struct group *group, size_t first, size_t count)
{
    const struct inner_plan *inner = node->own;
    unsigned char *scratch = (unsigned char *)run->scratch;
    struct rnn_sequence *sequences = (void *)scratch;
    const float **inputs = (void *)(scratch + group->inputs);
    float **outputs = (void *)(scratch + group->outputs);

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < node->input_count; k++) {
            struct view x = run_view(run, node->inputs[k]);

            inputs[k] = x.data + (first + i) * x.stride;
        }
        for (size_t k = 0; k < inner->plan.output_count; k++) {
            struct view y = run_view(
                run, k < node->output_count ? node->outputs[k] : node->mask);

            outputs[k] = y.data + (first + i) * y.stride;
        }
        sequences[i] = (struct rnn_sequence){.timesteps = inner->timesteps,
                                             .inputs = inputs,
                                             .outputs = outputs};
        inputs += node->input_count;
        outputs += inner->plan.output_count;
    }
}

bool inner_plan_run(const struct node *node, struct run *run)
{
    const struct inner_plan *inner = node->own;
    size_t items = run_items(run, node->inputs[0]);
    struct run like = {.keep_going = run->keep_going,
                       .arg = run->arg,
                       .work = run->work,
                       .work_limit = run->work_limit,
                       .team = run->team};
    struct group group;
    bool gone_on = true;

    group = lay_out(node, items);
    for (size_t i = 0; i < items && gone_on; i += group.items) {
        size_t left = items - i;
        size_t count = left < group.items ? left : group.items;

        view_items(node, run, &group, i, count);
        gone_on = plan_run(&inner->plan, (void *)run->scratch, count, &like,
                           (unsigned char *)run->scratch + group.scratch);
    }
    run->work = like.work;
    run->team = like.team;
    return gone_on;
}
