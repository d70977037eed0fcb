/* GRU, GRUCell
 *
 *     z, r = ract(x_t . kernel + bias + h_t-1 . recurrent_kernel)
 *
 * with reset_after (a bias of two rows, the second for the recurrent half):
 *
 *     hh = act(x_t . kernel_h + bias_0h
 *              + r * (h_t-1 . recurrent_kernel_h + bias_1h))
 *
 * and without:
 *
 *     hh = act(x_t . kernel_h + bias_h + (r * h_t-1) . recurrent_kernel_h)
 *
 *     h_t = z * h_t-1 + (1 - z) * hh
 *
 * Keras: keras/src/layers/rnn/gru.py
 */
#include "core/layers/cudnn.h"

#include <string.h>

#define GATES 3 /* z r h */

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    bool reset_after;
    enum rnn_status status;

    /* Keras before 2.1.5 did not write the field and knew no other way. */
    status = fields_bool(fields, "reset_after", false, &reset_after, err);
    if (status)
        return status;
    own->gates = GATES;
    own->cell.kind =
        reset_after ? F32_CELL_GRU_RESET_AFTER : F32_CELL_GRU_RESET_BEFORE;
    return recurrent_read(layer, fields, true, err);
}

/* The rows of a bias [2, 3u] can be added beforehand but for the candidate's,
 * whose second half is multiplied by r. */
static enum rnn_status split_bias(struct layer *layer,
                                  struct plan_builder *builder,
                                  const float *bias, const float **input,
                                  const float **recurrent,
                                  struct rnn_error *err)
{
    const struct recurrent *own = layer->own;
    size_t columns = GATES * own->units, gates_zr = 2 * own->units;
    float *split = arena_zalloc(&builder->weights->conversions, 2 * columns,
                                sizeof(*split), 64);

    if (!split)
        return plan_no_memory(layer, err);
    for (size_t j = 0; j < gates_zr; j++)
        split[j] = bias[j] + bias[columns + j];
    memcpy(split + gates_zr, bias + gates_zr, own->units * sizeof(*split));
    memcpy(split + columns + gates_zr, bias + columns + gates_zr,
           own->units * sizeof(*split));
    *input = split;
    *recurrent = split + columns;
    return RNN_OK;
}

static enum rnn_status pack(struct layer *layer, struct plan_builder *builder,
                            const struct recurrent_weights *weights,
                            struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    bool reset_after = own->cell.kind == F32_CELL_GRU_RESET_AFTER;
    const float *bias = weights->bias, *recurrent_bias = NULL;
    enum rnn_status status = RNN_OK;

    if (bias && reset_after)
        status = split_bias(layer, builder, bias, &bias, &recurrent_bias, err);
    if (!status)
        status = recurrent_pack(layer, builder, own->features, 0, GATES,
                                weights->kernel, bias, &own->input, err);
    if (!status)
        status =
            recurrent_pack(layer, builder, own->units, 0,
                           reset_after ? GATES : 2, weights->recurrent_kernel,
                           recurrent_bias, &own->cell.recurrent, err);
    if (!status && !reset_after)
        status = recurrent_pack(layer, builder, own->units, 2, 1,
                                weights->recurrent_kernel, NULL,
                                &own->cell.candidate, err);
    return status;
}

static enum rnn_status read_cudnn(struct layer *layer, struct fields *fields,
                                  struct rnn_error *err)
{
    struct recurrent *own = layer->own;

    own->gates = GATES;
    own->cell.kind = F32_CELL_GRU_RESET_AFTER;
    return cudnn_read(layer, fields, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    size_t bias_rows = own->cell.kind == F32_CELL_GRU_RESET_AFTER ? 2 : 1;
    struct recurrent_weights weights;
    enum rnn_status status =
        recurrent_take(layer, node, builder, bias_rows, &weights, err);

    if (!status && !layer->calls)
        status = pack(layer, builder, &weights, err);
    if (!status)
        status = recurrent_join(layer, node, builder, err);
    return status;
}

RECURRENT(gru, "GRU", read, connect, MASK_PASSED);
RECURRENT(gru_cell, "GRUCell", read, connect, MASK_PASSED);
/* Keras does not run it under a mask. */
RECURRENT(cudnn_gru, "CuDNNGRU", read_cudnn, connect, MASK_REFUSED);
