/* RNN over cells: SimpleRNNCell, LSTMCell, GRUCell, or several of them
 *
 *     y = cell(x)                          over time, as the layer of that
 * cell y = cell_n(... cell_1(cell_0(x)))    StackedRNNCells
 *
 * A stack makes each timestep through all its cells; that is the same as one
 * layer for each cell, of which all but the last return their sequences.  A
 * stack in a stack stands for its cells.  The cells are nodes of their own.
 * States, given and returned, are those of the
 * first cell, then those of the next.
 *
 * Keras: keras/src/layers/rnn/rnn.py, stacked_rnn_cells.py
 */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/recurrent.h"

struct rnn {
    struct recurrent_way way;
    const struct rnn_json *cell;
    struct layer **cells; /* [cell_count] */
    size_t cell_count, state_count;
    bool reversed; /* reverse_state_order */
};

static const char *const inert[] = {"stateful", "activity_regularizer", NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct rnn *own = layer->own;

    own->cell = fields_get(fields, "cell");
    if (!own->cell)
        return fields_refuse(fields, RNN_BAD_MODEL, "cell",
                             "the cell that it runs", err);
    return recurrent_read_way(fields, &own->way, err);
}

/* ---- the cells -----------------------------------------------------------*/

static bool is_stack(const struct rnn_json *description)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(description, "class_name"));

    return class_name && !strcmp(class_name, "StackedRNNCells") &&
           fields_are_keras(description);
}

/* The list of cells of a stack. */
static enum rnn_status read_stack(struct layer *layer,
                                  const struct plan_builder *builder,
                                  const struct rnn_json *stack,
                                  const struct rnn_json **cells,
                                  struct rnn_error *err)
{
    static const char *const known[] = {"name", "trainable", NULL};
    struct rnn *own = layer->own;
    struct fields fields;
    bool reversed = false;
    enum rnn_status status =
        fields_init(&fields, rnn_json_member(stack, "config"), layer->name,
                    "StackedRNNCells", builder->keras_major, err);

    if (status)
        return status;
    fields_inert(&fields, known);
    *cells = fields_get(&fields, "cells");
    if (!rnn_json_is_array(*cells) || !rnn_json_count(*cells))
        return fields_refuse(&fields, RNN_BAD_MODEL, "cells",
                             "a list of cells was expected", err);
    status = fields_dtype(&fields, err);
    if (!status)
        status =
            fields_bool(&fields, "reverse_state_order", false, &reversed, err);
    own->reversed = own->reversed || reversed;
    if (!status)
        status = fields_finish(&fields, err);
    return status;
}

static enum rnn_status add_cell(struct layer *layer,
                                struct plan_builder *builder,
                                const struct rnn_json *description,
                                const char *name, struct rnn_error *err)
{
    struct rnn *own = layer->own;
    struct layer *cell;
    enum rnn_status status =
        plan_add_inner(builder, description, layer, name, &cell, err);

    if (status)
        return status;
    if (!recurrent_is_cell(cell))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (RNN) runs a %.60s; SimpleRNNCell, "
                        "LSTMCell, GRUCell and StackedRNNCells can be run",
                        layer->name, cell->class->name);
    own->cells[own->cell_count++] = cell;
    own->state_count += recurrent_states(cell->own);
    return RNN_OK;
}

/* One way for all: the first cell meets the sequence, the last one makes the
 * output. */
static void set_ways(const struct rnn *own)
{
    for (size_t i = 0; i < own->cell_count; i++) {
        struct recurrent *cell = own->cells[i]->own;
        bool is_last = i + 1 == own->cell_count;

        cell->way.return_sequences = !is_last || own->way.return_sequences;
        cell->way.return_state = own->way.return_state;
        cell->way.go_backwards = !i && own->way.go_backwards;
        /* What a mask makes zero is the output, not what cells see. */
        cell->way.zero_output_for_mask =
            is_last && own->way.zero_output_for_mask;
        cell->way.unroll = own->way.unroll;
        cell->mask_is_turned = i && own->way.go_backwards;
        cell->in_stack = own->cell_count > 1;
    }
}

/* Cells in a cell or a stack.  Depth of the recursion, as of the next: that
 * of the JSON. */
static size_t count_cells(const struct rnn_json *cell)
{
    const struct rnn_json *list =
        rnn_json_member(rnn_json_member(cell, "config"), "cells");
    size_t count = 0;

    if (!is_stack(cell) || !rnn_json_is_array(list))
        return 1;
    for (const struct rnn_json *item = rnn_json_first(list); item;
         item = rnn_json_next(item))
        count += count_cells(item);
    return count;
}

static enum rnn_status add_stack(struct layer *layer,
                                 struct plan_builder *builder,
                                 const struct rnn_json *stack,
                                 struct rnn_error *err)
{
    const struct rnn *own = layer->own;
    const struct rnn_json *list = NULL;
    enum rnn_status status = read_stack(layer, builder, stack, &list, err);
    char name[32];

    for (const struct rnn_json *item = rnn_json_first(list); item && !status;
         item = rnn_json_next(item)) {
        snprintf(name, sizeof(name), "cell_%zu", own->cell_count);
        status = is_stack(item) ? add_stack(layer, builder, item, err)
                                : add_cell(layer, builder, item, name, err);
    }
    return status;
}

static enum rnn_status add_cells(struct layer *layer,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    struct rnn *own = layer->own;
    enum rnn_status status;

    own->cells = arena_zalloc(builder->arena, count_cells(own->cell) + 1,
                              sizeof(own->cells[0]), alignof(struct layer *));
    if (!own->cells)
        return plan_no_memory(layer, err);
    status = is_stack(own->cell)
                 ? add_stack(layer, builder, own->cell, err)
                 : add_cell(layer, builder, own->cell, "cell", err);
    set_ways(own);
    return status;
}

/* ---- one call ------------------------------------------------------------*/

static enum rnn_status check_states(const struct layer *layer,
                                    const struct node *node,
                                    struct rnn_error *err)
{
    const struct rnn *own = layer->own;
    bool given = node->input_count > 1;
    enum rnn_status status = recurrent_check_call(layer, node, err);

    if (status)
        return status;
    if (given && node->input_count != 1 + own->state_count)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (RNN) is called on %zu tensors; it "
                        "takes a sequence, alone or with %zu state%s",
                        layer->name, node->input_count, own->state_count,
                        own->state_count == 1 ? "" : "s");
    if (own->reversed && (given || own->way.return_state))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (RNN): the states of its cells are "
                        "given or returned with reverse_state_order, whose "
                        "order differs from one Keras to the next; build the "
                        "model without it and give it the same weights",
                        layer->name);
    return RNN_OK;
}

/* Each cell on what the one before it made and on its states. */
static enum rnn_status call_cells(struct layer *layer, struct node *node,
                                  struct plan_builder *builder,
                                  struct node **made, struct rnn_error *err)
{
    const struct rnn *own = layer->own;
    struct value *inputs[3] = {node->inputs[0]};
    size_t next = 1;
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < own->cell_count && !status; i++) {
        size_t states =
            node->input_count > 1 ? recurrent_states(own->cells[i]->own) : 0;

        memcpy(inputs + 1, node->inputs + next, states * sizeof(inputs[0]));
        next += states;
        status = plan_call(builder, own->cells[i], inputs, 1 + states,
                           &made[i], err);
        if (status)
            return status;
        if (made[i]->whole)
            plan_need_whole(node);
        inputs[0] = made[i]->outputs[0];
        inputs[0]->mask_is_given = node->inputs[0]->mask_is_given;
    }
    return status;
}

static enum rnn_status pass_outputs(struct layer *layer, struct node *node,
                                    struct plan_builder *builder,
                                    struct node *const *made,
                                    struct rnn_error *err)
{
    const struct rnn *own = layer->own;
    size_t next = 1;
    enum rnn_status status = plan_reserve_outputs(
        builder, node, 1 + (own->way.return_state ? own->state_count : 0),
        err);

    if (!status)
        status = plan_pass(builder, node, 0, node->inputs[0], err);
    for (size_t i = 0; i < own->cell_count; i++)
        for (size_t s = 1; s < made[i]->output_count && !status; s++)
            status =
                plan_pass(builder, node, next++, made[i]->outputs[s], err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct rnn *own = layer->own;
    enum rnn_status status = RNN_OK;
    struct node **made;

    if (!layer->calls)
        status = add_cells(layer, builder, err);
    if (!status)
        status = check_states(layer, node, err);
    if (status)
        return status;
    made = arena_zalloc(builder->arena, own->cell_count, sizeof(made[0]),
                        alignof(struct node *));
    if (!made)
        return plan_no_memory(layer, err);
    status = call_cells(layer, node, builder, made, err);
    if (status)
        return status;
    node->inputs[0] = made[own->cell_count - 1]->outputs[0];
    node->input_count = 1;
    return pass_outputs(layer, node, builder, made, err);
}

const struct layer_class layer_rnn = {
    .name = "RNN",
    .inert = inert,
    .keywords = recurrent_keywords,
    .streaming = STREAM_STEPS,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct rnn),
    .read = read,
    .connect = connect,
};
