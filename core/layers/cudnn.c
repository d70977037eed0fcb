/* CuDNNLSTM, CuDNNGRU: LSTM and GRU (reset_after) as Keras 2 saved them when
 * they ran on a GPU.  For each gate, with d features and u units:
 *
 *     kernel[i][j] = saved kernel, its d * u numbers in a row, [j * d + i]
 *     recurrent_kernel[i][j] = saved recurrent_kernel[j][i]
 *     bias = first half of the saved bias + second half            LSTM
 *     bias = [first half, second half]                             GRU
 *
 * Keras: tf_keras/src/layers/rnn/cudnn_lstm.py, cudnn_gru.py,
 *        tf_keras/src/saving/legacy/hdf5_format.py (_convert_rnn_weights)
 */
#include "core/layers/cudnn.h"

enum rnn_status cudnn_read(struct layer *layer, struct fields *fields,
                           struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    enum rnn_status status = fields_count(fields, "units", &own->units, err);

    own->use_bias = true;
    rnn_activation_parse("tanh", fields->keras_major, &own->cell.activation);
    rnn_activation_parse("sigmoid", fields->keras_major,
                         &own->cell.recurrent_activation);
    if (!status)
        status = recurrent_read_way(fields, &own->way, err);
    return status;
}

/* How long the bias is; 0 where a cell has no such form. */
static size_t bias_of(const struct recurrent *own)
{
    bool may = own->cell.kind == F32_CELL_LSTM ||
               own->cell.kind == F32_CELL_GRU_RESET_AFTER;
    size_t columns;

    if (!may || !own->use_bias ||
        !rnn_product(2 * own->gates, own->units, &columns))
        return 0;
    return columns;
}

bool cudnn_is(const struct layer *layer, const struct plan_builder *builder)
{
    const struct rnn_shape shape = {.rank = 1, .dim = {bias_of(layer->own)}};

    if (layer->class == &layer_cudnn_lstm || layer->class == &layer_cudnn_gru)
        return true;
    return shape.dim[0] &&
           weights_have_shape(builder->weights, layer->path, "bias", &shape);
}

/* `from` [rows, gates * units]; each gate is turned from [units, rows]. */
static void turn_gates(const struct recurrent *own, size_t rows, bool in_a_row,
                       const float *from, float *to)
{
    size_t units = own->units, columns = own->gates * units;

    for (size_t g = 0; g < own->gates; g++)
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < units; j++) {
                size_t n = j * rows + i;
                size_t row = in_a_row ? n / units : j;
                size_t column = in_a_row ? n % units : i;

                to[i * columns + g * units + j] =
                    from[row * columns + g * units + column];
            }
}

static enum rnn_status take_turned(struct layer *layer,
                                   struct plan_builder *builder,
                                   const char *weight, size_t rows,
                                   bool in_a_row, const float **numbers,
                                   struct rnn_error *err)
{
    const struct recurrent *own = layer->own;
    const struct rnn_shape shape = {.rank = 2,
                                    .dim = {rows, own->gates * own->units}};
    const float *saved;
    float *turned;
    enum rnn_status status =
        layer_take(layer, builder, weight, &shape, &saved, err);

    if (status)
        return status;
    /* That many numbers are in the file: the product fits. */
    turned = arena_alloc(&builder->weights->conversions, rows * shape.dim[1],
                         sizeof(*turned), 64);
    if (!turned)
        return plan_no_memory(layer, err);
    turn_gates(own, rows, in_a_row, saved, turned);
    *numbers = turned;
    return RNN_OK;
}

/* An LSTM has half of the numbers that a CuDNNLSTM saved as its bias. */
static void count_bias_as_sum(struct layer *layer, size_t columns)
{
    if (layer->class == &layer_cudnn_lstm)
        return;
    for (struct layer *each = layer; each; each = each->wrapper)
        each->parameters -= columns;
}

static enum rnn_status take_bias(struct layer *layer,
                                 struct plan_builder *builder,
                                 const float **numbers, struct rnn_error *err)
{
    const struct recurrent *own = layer->own;
    size_t columns = own->gates * own->units;
    const struct rnn_shape shape = {.rank = 1, .dim = {2 * columns}};
    const float *saved;
    float *sum;
    enum rnn_status status =
        layer_take(layer, builder, "bias", &shape, &saved, err);

    if (status)
        return status;
    *numbers = saved;
    if (own->cell.kind != F32_CELL_LSTM)
        return RNN_OK;
    sum =
        arena_alloc(&builder->weights->conversions, columns, sizeof(*sum), 64);
    if (!sum)
        return plan_no_memory(layer, err);
    count_bias_as_sum(layer, columns);
    for (size_t i = 0; i < columns; i++)
        sum[i] = saved[i] + saved[columns + i];
    *numbers = sum;
    return RNN_OK;
}

enum rnn_status cudnn_take(struct layer *layer, struct plan_builder *builder,
                           struct recurrent_weights *weights,
                           struct rnn_error *err)
{
    const struct recurrent *own = layer->own;
    enum rnn_status status = take_turned(
        layer, builder, "kernel", own->features, true, &weights->kernel, err);

    if (!status)
        status = take_turned(layer, builder, "recurrent_kernel", own->units,
                             false, &weights->recurrent_kernel, err);
    if (!status)
        status = take_bias(layer, builder, &weights->bias, err);
    return status;
}
