#include "core/layers/recurrent.h"

#include <stdalign.h>
#include <string.h>

#include "core/layers/cudnn.h"
#include "core/layers/long_steps.h"

const char *const recurrent_inert[] = {
    /* only for training */
    "kernel_initializer", "recurrent_initializer", "bias_initializer",
    "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer",
    "bias_regularizer", "activity_regularizer", "kernel_constraint",
    "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout",
    "seed",
    /* only how Keras goes about it */
    "implementation", "use_cudnn",
    /* a session is what `stateful` means */
    "stateful", NULL};

enum rnn_status recurrent_read_way(struct fields *fields,
                                   struct recurrent_way *way,
                                   struct rnn_error *err)
{
    enum rnn_status status = fields_bool(fields, "return_sequences", false,
                                         &way->return_sequences, err);

    if (!status)
        status = fields_bool(fields, "return_state", false, &way->return_state,
                             err);
    if (!status)
        status = fields_bool(fields, "go_backwards", false, &way->go_backwards,
                             err);
    if (!status)
        status = fields_bool(fields, "zero_output_for_mask", false,
                             &way->zero_output_for_mask, err);
    if (!status)
        status = fields_bool(fields, "unroll", false, &way->unroll, err);
    if (!status)
        status = fields_only_false(
            fields, "time_major",
            "which puts time before the batch; build the model with "
            "time_major=False and give it the same weights",
            err);
    return status;
}

bool recurrent_is_cell(const struct layer *layer)
{
    return layer->class == &layer_simple_rnn_cell ||
           layer->class == &layer_lstm_cell || layer->class == &layer_gru_cell;
}

/* A cell makes one step of a sequence; only an RNN has one for it. */
static enum rnn_status check_cell(const struct layer *layer,
                                  struct rnn_error *err)
{
    if (layer->wrapper && layer->wrapper->class == &layer_rnn)
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" is the cell %s by itself; cells are run "
                    "inside an RNN layer only",
                    layer->name, layer->class->name);
}

enum rnn_status recurrent_read(struct layer *layer, struct fields *fields,
                               bool gated, struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    enum rnn_status status = fields_count(fields, "units", &own->units, err);

    if (!status)
        status = fields_activation(fields, "activation", "tanh",
                                   &own->cell.activation, err);
    if (!status && gated)
        status = fields_activation(fields, "recurrent_activation",
                                   fields->keras_major >= 3 ? "sigmoid"
                                                            : "hard_sigmoid",
                                   &own->cell.recurrent_activation, err);
    if (!status)
        status = fields_bool(fields, "use_bias", true, &own->use_bias, err);
    if (!status && recurrent_is_cell(layer))
        return check_cell(layer, err);
    if (!status)
        status = recurrent_read_way(fields, &own->way, err);
    return status;
}

static enum rnn_status check_input(const struct layer *layer,
                                   const struct node *node, size_t *features,
                                   struct rnn_error *err)
{
    const struct recurrent *own = layer->own;
    const struct value *x = node->inputs[0];
    char text[RNN_SHAPE_TEXT];

    if (!x->has_time || x->shape.rank != 2)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) takes [timesteps, features], "
                        "it is given %s%s",
                        layer->name, layer->class->name,
                        rnn_shape_print(&x->shape, text),
                        x->has_time ? "" : " without time");
    if (layer->calls && x->features != own->features)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) has weights for %zu features, "
                        "it is given %zu",
                        layer->name, layer->class->name, own->features,
                        x->features);
    *features = x->features;
    return recurrent_check_states(layer, node, err);
}

enum rnn_status recurrent_take(struct layer *layer, struct node *node,
                               struct plan_builder *builder, size_t bias_rows,
                               struct recurrent_weights *weights,
                               struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    struct rnn_shape shape = {.rank = 2};
    size_t features = 0;
    enum rnn_status status = check_input(layer, node, &features, err);

    if (status || layer->calls)
        return status;
    if (!rnn_product(own->gates, own->units, &shape.dim[1]))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s): %zu units are too many",
                        layer->name, layer->class->name, own->units);
    own->features = features;
    own->ukernels = rnn_ukernels_find(builder->isa, own->units);
    if (cudnn_is(layer, builder))
        return cudnn_take(layer, builder, weights, err);
    shape.dim[0] = features;
    status =
        layer_take(layer, builder, "kernel", &shape, &weights->kernel, err);
    shape.dim[0] = own->units;
    if (!status)
        status = layer_take(layer, builder, "recurrent_kernel", &shape,
                            &weights->recurrent_kernel, err);
    weights->bias = NULL;
    if (status || !own->use_bias)
        return status;
    shape.dim[0] = bias_rows;
    if (bias_rows == 1)
        shape = (struct rnn_shape){.rank = 1, .dim = {shape.dim[1]}};
    return layer_take(layer, builder, "bias", &shape, &weights->bias, err);
}

enum rnn_status recurrent_pack(struct layer *layer,
                               struct plan_builder *builder, size_t inputs,
                               size_t first, size_t count, const float *kernel,
                               const float *bias, struct f32_product *product,
                               struct rnn_error *err)
{
    const struct recurrent *own = layer->own;

    if (!rnn_product_pack(own->ukernels, inputs, own->units, own->gates, first,
                          count, kernel, bias, builder->arena, product))
        return plan_no_memory(layer, err);
    return RNN_OK;
}

enum rnn_status recurrent_join(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    struct recurrent_call *call =
        arena_zalloc(builder->arena, 1, sizeof(*call), alignof(max_align_t));
    struct rnn_shape shape = {.rank = 1, .dim = {own->units}};
    enum rnn_status status = RNN_OK;

    if (!call)
        return plan_no_memory(layer, err);
    node->own = call;
    status = recurrent_find_mask(layer, node, builder, &call->mask, err);
    if (status)
        return status;
    if (own->way.return_sequences)
        shape = (struct rnn_shape){
            .rank = 2,
            .dim = {node->inputs[0]->shape.dim[0], own->units},
        };
    /* What a sequence begins with must be there before its first step. */
    if (own->way.go_backwards || node->input_count > 1)
        plan_need_whole(node);
    if (node->input_count > 1)
        node->whole_because = recurrent_begins_given;
    own->z_stride = plan_stride(own->input.stride);
    node->cost =
        (uint64_t)own->gates * own->units * (own->features + own->units + 16);
    if (own->way.return_state)
        status = recurrent_make_states(layer, node, builder, err);
    if (!status)
        status = plan_make_output(builder, node, 0, &shape,
                                  own->way.return_sequences, err);
    if (!status)
        status =
            plan_keep_floats(builder, node, "h", own->units, &call->h, err);
    if (!status && own->has_c)
        status =
            plan_keep_floats(builder, node, "c", own->units, &call->c, err);
    return status;
}

/* z of all items, the cell's own, a place for the h of one step, and what a
 * mask takes. */
size_t recurrent_scratch(const struct node *node, size_t rows, size_t items)
{
    const struct recurrent *own = node->layer->own;

    return plan_sum(rows * plan_stride(own->units) +
                        rnn_cell_scratch_floats(&own->cell, rows) +
                        recurrent_masked_scratch(node, rows),
                    items, own->z_stride);
}

enum rnn_status recurrent_connect(struct layer *layer, struct node *node,
                                  struct plan_builder *builder,
                                  struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    struct recurrent_weights weights;
    enum rnn_status status =
        recurrent_take(layer, node, builder, 1, &weights, err);

    if (!status && !layer->calls)
        status =
            recurrent_pack(layer, builder, own->features, 0, own->gates,
                           weights.kernel, weights.bias, &own->input, err);
    if (!status && !layer->calls)
        status = recurrent_pack(layer, builder, own->units, 0, own->gates,
                                weights.recurrent_kernel, NULL,
                                &own->cell.recurrent, err);
    if (!status)
        status = recurrent_join(layer, node, builder, err);
    return status;
}

struct recurrent_way *recurrent_way_of(const struct layer *layer)
{
    return layer->class == &layer_rnn || layer->class == &layer_conv_lstm1d ||
                   (layer->class->scratch == recurrent_scratch &&
                    !recurrent_is_cell(layer))
               ? layer->own
               : NULL;
}

/* The next `steps` are behind all rows. */
static void advance(const struct node *node, struct run *run, size_t rows,
                    size_t steps)
{
    const struct recurrent *own = node->layer->own;

    for (size_t r = 0; r < rows; r++) {
        struct f32_cell_row *row = &run->cell_rows[r];

        row->z += steps * own->z_stride;
        if (row->y)
            row->y += steps * node->outputs[0]->stride;
    }
}

/* Timesteps that one call of the cell may take before the caller is asked
 * again. */
static size_t steps_at_once(const struct run *run, size_t steps,
                            uint64_t step_work)
{
    if (!run->keep_going || steps <= run->work_limit / step_work)
        return steps;
    return (size_t)(run->work_limit / step_work);
}

bool recurrent_run_cell(const struct node *node, struct run *run, size_t rows,
                        size_t steps, float *scratch)
{
    const struct recurrent *own = node->layer->own;
    /* 64: what a row costs however small it is */
    uint64_t step_work =
        run_work((uint64_t)own->gates * own->units * (own->units + 16), rows) +
        64 * rows;
    const struct long_cell cell = {
        .ukernels = own->ukernels,
        .cell = &own->cell,
        .rows = rows,
        .z_stride = own->z_stride,
        .y_stride = node->outputs[0]->stride,
        .next = scratch,
        .scratch = scratch + rows * plan_stride(own->units),
    };
    size_t at_once;

    if (long_steps_pay(&own->cell, run, rows, steps, step_work))
        return long_steps_run(&cell, run, steps, step_work);
    at_once = steps_at_once(run, steps, step_work);
    for (size_t t = 0, count; t < steps; t += count) {
        count = steps - t < at_once ? steps - t : at_once;
        if (!run_may_go_on(run, count * step_work))
            return false;
        own->ukernels->cell(&own->cell, rows, count, run->cell_rows,
                            cell.z_stride, cell.y_stride, scratch);
        advance(node, run, rows, count);
    }
    return true;
}

/* The last timestep of each row first. */
static void turn_around(struct view z, size_t rows, size_t steps)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t t = 0; t < steps / 2; t++) {
            float *early = z.data + (r * steps + t) * z.stride;
            float *late = z.data + (r * steps + steps - 1 - t) * z.stride;

            for (size_t i = 0; i < z.stride; i++) {
                float kept = early[i];

                early[i] = late[i];
                late[i] = kept;
            }
        }
}

struct f32_cell_row recurrent_row(const struct node *node,
                                  const struct run *run, struct view z,
                                  size_t row, size_t t)
{
    const struct recurrent *own = node->layer->own;
    const struct recurrent_call *call = node->own;
    struct view y = run_view(run, node->outputs[0]);
    size_t item = row * run_steps(run, node->inputs[0]) + t;
    bool timed = run_is_timed(run, node->outputs[0]);

    return (struct f32_cell_row){
        .z = z.data + item * z.stride,
        .h = (float *)(void *)(run->state[row] + call->h),
        .c = own->has_c ? (float *)(void *)(run->state[row] + call->c) : NULL,
        .y = timed ? y.data + item * y.stride : NULL,
    };
}

static bool run_steps_of_all(const struct node *node, struct run *run,
                             struct view z)
{
    size_t steps = run_steps(run, node->inputs[0]);
    size_t at_once = recurrent_returns_each(node, run) ? 1 : steps;

    for (size_t t = 0; t < steps; t += at_once) {
        for (size_t r = 0; r < run->rows; r++)
            run->cell_rows[r] = recurrent_row(node, run, z, r, t);
        if (!recurrent_run_cell(node, run, run->rows, at_once,
                                z.data + run->rows * steps * z.stride))
            return false;
        recurrent_return_each(node, run, t);
    }
    return true;
}

/* One sequence through a cell that makes z beside its steps; false: not such
 * a cell, or call. */
static bool run_sequence(const struct node *node, struct run *run)
{
    const struct recurrent *own = node->layer->own;
    const struct recurrent_call *call = node->own;
    const struct view x = run_view(run, node->inputs[0]);
    const size_t steps = run_steps(run, node->inputs[0]);
    const struct view z = {.data = run->scratch, .stride = own->z_stride};
    const struct f32_cell_row row = recurrent_row(node, run, z, 0, 0);
    const struct f32_sequence sequence = {
        .input = &own->input,
        .steps = steps,
        .x = x.data,
        .x_stride = x.stride,
        .row = &row,
        .y_stride = node->outputs[0]->stride,
    };
    const uint64_t work = run_work(node->cost, steps);

    if (run->rows != 1 || call->mask || own->way.go_backwards ||
        recurrent_returns_each(node, run) ||
        (run->keep_going && work > run->work_limit / 2))
        return false;
    return own->ukernels->sequence(&own->cell, &sequence, run->scratch);
}

/* All sequences from their inputs on, step by step; false: stopped. */
static bool run_batch(const struct node *node, struct run *run)
{
    const struct recurrent *own = node->layer->own;
    const struct view x = run_view(run, node->inputs[0]);
    const size_t steps = run_steps(run, node->inputs[0]);
    const uint64_t work = run_work(node->cost, run->rows);
    const size_t fit = steps_at_once(run, steps, work);
    const size_t most = recurrent_returns_each(node, run) || !fit ? 1 : fit;
    struct f32_batch batch = {
        .input = &own->input,
        .rows = run->rows,
        .row = run->cell_rows,
        .x_stride = x.stride,
        .y_stride = node->outputs[0]->stride,
    };

    for (size_t t = 0; t < steps; t += batch.steps) {
        batch.steps = steps - t < most ? steps - t : most;
        if (!run_may_go_on(run, batch.steps * work))
            return false;
        for (size_t r = 0; r < run->rows; r++)
            run->cell_rows[r] = recurrent_row(node, run, x, r, t);
        own->ukernels->batch(&own->cell, &batch, run->scratch);
        recurrent_return_each(node, run, t);
    }
    return true;
}

/* Does a batch go so?  One step of it is not cut: so many sequences compute
 * for a quarter of the time that their work stands for. */
static bool takes_batch(const struct node *node, const struct run *run)
{
    const struct recurrent *own = node->layer->own;
    const struct recurrent_call *call = node->own;

    return !call->mask && !own->way.go_backwards &&
           rnn_cell_takes_batch(&own->cell, &own->input, run->rows) &&
           (!run->keep_going ||
            run_work(node->cost, run->rows) <= 2 * run->work_limit);
}

/* z of all steps, then the steps; false: stopped. */
static bool run_all(const struct node *node, struct run *run)
{
    const struct recurrent *own = node->layer->own;
    const struct recurrent_call *call = node->own;
    const struct view z = {.data = run->scratch, .stride = own->z_stride};
    const size_t steps = run_steps(run, node->inputs[0]);

    if (!run_product(run, own->ukernels, &own->input, run->rows * steps,
                     run_view(run, node->inputs[0]), z))
        return false;
    if (own->way.go_backwards)
        turn_around(z, run->rows, steps);
    return call->mask ? recurrent_run_masked(node, run, z)
                      : run_steps_of_all(node, run, z);
}

/* In the way that suits the cell and the call; false: stopped. */
static bool run_chunk(const struct node *node, struct run *run)
{
    if (takes_batch(node, run))
        return run_batch(node, run);
    return run_sequence(node, run) || run_all(node, run);
}

bool recurrent_run(const struct node *node, struct run *run)
{
    const struct recurrent *own = node->layer->own;
    const struct recurrent_call *call = node->own;
    const struct value *output = node->outputs[0];
    struct view y = run_view(run, output);
    bool timed = run_is_timed(run, output);

    recurrent_begin(node, run);
    if (!run_chunk(node, run))
        return false;
    for (size_t i = 0; !timed && i < run->ending_count; i++)
        memcpy(y.data + i * y.stride, run->state[run->ending[i]] + call->h,
               own->units * sizeof(float));
    recurrent_return_last(node, run);
    if (call->mask)
        recurrent_blank(node, run);
    return true;
}
