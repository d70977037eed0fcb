/* ConvLSTM1D
 *
 *     z = conv(x_t, kernel) + bias + conv(h_t-1, recurrent_kernel)
 *     i, f, o = ract(z_i), ract(z_f), ract(z_o)             gates i f c o
 *     c_t = f * c_t-1 + i * act(z_c)
 *     h_t = o * act(c_t)
 *
 * for each place of a timestep [rows, channels].  The first convolution has
 * the layer's strides, padding and dilation_rate; the second has padding
 * "same" and neither.
 *
 *     conv(x, w)[p] = sum over tap k: x[p stride + k dilation - left] . w[k]
 *
 * A convolution at one place is a product with the window that it sees, so
 * that each place is a step of an LSTM cell whose h is that window.
 *
 * A mask is of timesteps, or of the places of each, which hold their h and c
 * then, each for itself.
 *
 * Keras: keras/src/layers/rnn/conv_lstm.py, conv_lstm1d.py
 */
#include "core/layers/conv_lstm1d.h"

#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/mask.h"

#define GATES 4

/* Further than any network, and small enough to compute with. */
#define MOST ((size_t)1 << 24)

/* ---- the config ----------------------------------------------------------*/

/* A number >= 1, or a list of one. */
static enum rnn_status read_size(struct fields *fields, const char *key,
                                 size_t if_absent, size_t *value,
                                 struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);

    if (rnn_json_is_array(field))
        field = rnn_json_count(field) == 1 ? rnn_json_first(field) : NULL;
    else if (!field && if_absent) {
        *value = if_absent;
        return RNN_OK;
    }
    if (!rnn_json_size(field, value) || !*value || *value > MOST)
        return fields_refuse(fields, RNN_BAD_MODEL, key,
                             "one whole number from 1 was expected", err);
    return RNN_OK;
}

/* One of two words; `if_absent` when there is none. */
static enum rnn_status read_word(struct fields *fields, const char *key,
                                 const char *no, const char *yes, bool *value,
                                 struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, key);
    const char *word = rnn_json_text(field);

    if (!field || (word && !strcmp(word, no)))
        *value = false;
    else if (word && !strcmp(word, yes))
        *value = true;
    else
        return fields_refuse(fields, RNN_UNSUPPORTED, key,
                             "which Keras cannot run here", err);
    return RNN_OK;
}

static enum rnn_status read_sizes(struct conv_lstm *own, struct fields *fields,
                                  struct rnn_error *err)
{
    enum rnn_status status =
        fields_count(fields, "filters", &own->filters, err);

    if (!status)
        status = read_size(fields, "kernel_size", 0, &own->taps, err);
    if (!status)
        status = read_size(fields, "strides", 1, &own->stride, err);
    if (!status)
        status = read_size(fields, "dilation_rate", 1, &own->dilation, err);
    if (!status)
        status =
            read_word(fields, "padding", "valid", "same", &own->same, err);
    if (!status)
        status = read_word(fields, "data_format", "channels_last",
                           "channels_first", &own->channels_first, err);
    if (!status && own->filters > MOST)
        status = fields_refuse(fields, RNN_BAD_MODEL, "filters",
                               "which are too many", err);
    /* A product of few columns and many inputs is summed in lanes, which a
     * cell is not. */
    if (!status &&
        rnn_sum_chains(own->taps * own->filters, GATES * own->filters) > 4)
        status = fields_refuse(fields, RNN_UNSUPPORTED, "kernel_size",
                               "more than 31 with one filter is not supported",
                               err);
    return status;
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct conv_lstm *own = layer->own;
    enum rnn_status status = read_sizes(own, fields, err);

    own->cell.kind = F32_CELL_LSTM;
    if (!status)
        status = fields_activation(fields, "activation", "tanh",
                                   &own->cell.activation, err);
    if (!status)
        status = fields_activation(fields, "recurrent_activation",
                                   fields->keras_major >= 3 ? "sigmoid"
                                                            : "hard_sigmoid",
                                   &own->cell.recurrent_activation, err);
    if (!status)
        status = fields_bool(fields, "use_bias", true, &own->use_bias, err);
    if (!status)
        status = recurrent_read_way(fields, &own->way, err);
    if (status || !own->channels_first)
        return status;
    if (rnn_cell_takes_rows(&own->cell))
        return fields_refuse(fields, RNN_UNSUPPORTED, "data_format",
                             "with which softmax and its kin run along the "
                             "rows; only channels_last is supported then",
                             err);
    return RNN_OK;
}

/* ---- one call ------------------------------------------------------------*/

/* [places, filters], or turned. */
static struct rnn_shape state_shape(const struct conv_lstm *own)
{
    struct rnn_shape shape = {.rank = 2, .dim = {own->places, own->filters}};

    if (own->channels_first)
        shape.dim[0] = own->filters, shape.dim[1] = own->places;
    return shape;
}

/* Places of the output, and the zeros before the first row. */
static enum rnn_status find_places(const struct layer *layer,
                                   struct conv_lstm *own,
                                   struct rnn_error *err)
{
    size_t reach = own->dilation * (own->taps - 1) + 1, spread;

    if (own->same) {
        own->places = (own->rows - 1) / own->stride + 1;
        spread = (own->places - 1) * own->stride + reach;
        own->left = spread > own->rows ? (spread - own->rows) / 2 : 0;
        return RNN_OK;
    }
    if (reach > own->rows)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (ConvLSTM1D): a kernel that reaches "
                        "over %zu rows does not fit into %zu",
                        layer->name, reach, own->rows);
    own->places = (own->rows - reach) / own->stride + 1;
    return RNN_OK;
}

static enum rnn_status check_input(struct layer *layer,
                                   const struct node *node,
                                   struct rnn_error *err)
{
    struct conv_lstm *own = layer->own;
    const struct value *x = node->inputs[0];
    size_t rows = x->shape.dim[own->channels_first ? 2 : 1];
    size_t channels = x->shape.dim[own->channels_first ? 1 : 2];
    char text[RNN_SHAPE_TEXT];

    if (!x->has_time || x->shape.rank != 3)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (ConvLSTM1D) takes [timesteps, %s], "
                        "it is given %s%s",
                        layer->name,
                        own->channels_first ? "channels, rows"
                                            : "rows, channels",
                        rnn_shape_print(&x->shape, text),
                        x->has_time ? "" : " without time");
    if (layer->calls && (rows != own->rows || channels != own->channels))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (ConvLSTM1D) was built for %zu rows "
                        "of %zu channels, it is given %zu of %zu",
                        layer->name, own->rows, own->channels, rows, channels);
    if (layer->calls)
        return RNN_OK;
    own->rows = rows;
    own->channels = channels;
    return find_places(layer, own, err);
}

/* None, or h and c. */
static enum rnn_status check_states(const struct layer *layer,
                                    const struct node *node,
                                    struct rnn_error *err)
{
    const struct rnn_shape shape = state_shape(layer->own);
    char has[RNN_SHAPE_TEXT], wants[RNN_SHAPE_TEXT];
    enum rnn_status status = recurrent_check_call(layer, node, err);

    if (status)
        return status;
    if (node->input_count != 1 && node->input_count != 3)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (ConvLSTM1D) is called on %zu "
                        "tensors; it takes a sequence, alone or with 2 states",
                        layer->name, node->input_count);
    for (size_t i = 1; i < node->input_count; i++)
        if (!rnn_shape_equal(&node->inputs[i]->shape, &shape))
            return rnn_fail(
                err, RNN_BAD_MODEL,
                "layer \"%.100s\" (ConvLSTM1D): its initial state %zu should "
                "be %s, it is %s",
                layer->name, i - 1, rnn_shape_print(&shape, wants),
                rnn_shape_print(&node->inputs[i]->shape, has));
    return RNN_OK;
}

static enum rnn_status take(struct layer *layer, struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct conv_lstm *own = layer->own;
    size_t columns = GATES * own->filters;
    struct rnn_shape shape = {.rank = 3,
                              .dim = {own->taps, own->channels, columns}};
    const struct rnn_shape bias_shape = {.rank = 1, .dim = {columns}};
    const float *kernel, *recurrent, *bias = NULL;
    enum rnn_status status =
        layer_take(layer, builder, "kernel", &shape, &kernel, err);

    shape.dim[1] = own->filters;
    if (!status)
        status = layer_take(layer, builder, "recurrent_kernel", &shape,
                            &recurrent, err);
    if (!status && own->use_bias)
        status = layer_take(layer, builder, "bias", &bias_shape, &bias, err);
    if (status)
        return status;
    own->ukernels = rnn_ukernels_find(builder->isa, own->filters);
    if (!rnn_product_pack(own->ukernels, own->taps * own->channels,
                          own->filters, GATES, 0, GATES, kernel, bias,
                          builder->arena, &own->input) ||
        !rnn_product_pack(own->ukernels, own->taps * own->filters,
                          own->filters, GATES, 0, GATES, recurrent, NULL,
                          builder->arena, &own->cell.recurrent))
        return plan_no_memory(layer, err);
    own->z_stride = plan_stride(own->input.stride);
    return RNN_OK;
}

static enum rnn_status make_outputs(struct layer *layer, struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    const struct conv_lstm *own = layer->own;
    const struct rnn_shape state = state_shape(own);
    struct rnn_shape shape = state;
    enum rnn_status status = RNN_OK;

    if (own->way.return_sequences)
        shape = (struct rnn_shape){.rank = 3,
                                   .dim = {node->inputs[0]->shape.dim[0],
                                           state.dim[0], state.dim[1]}};
    if (own->way.return_state)
        status = plan_reserve_outputs(builder, node, 3, err);
    if (!status)
        status = plan_make_output(builder, node, 0, &shape,
                                  own->way.return_sequences, err);
    for (size_t i = 1; i < node->output_count && !status; i++)
        status = plan_make_output(builder, node, i, &state, false, err);
    return status;
}

/* A mask of rows is one of places only where there are as many. */
static enum rnn_status find_mask(const struct layer *layer,
                                 const struct node *node,
                                 const struct plan_builder *builder,
                                 struct conv_lstm_call *call,
                                 struct rnn_error *err)
{
    const struct conv_lstm *own = layer->own;
    const struct value *x = node->inputs[0], *mask = x->mask;
    char text[RNN_SHAPE_TEXT];

    if (!mask || (builder->keras_major >= 3 && node->input_count > 1 &&
                  !x->mask_is_given))
        return RNN_OK;
    if (!mask->has_time || !plan_same_time(mask, x) ||
        (mask->features != 1 && (mask->features != own->places ||
                                 own->channels_first || own->way.unroll)))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (ConvLSTM1D) makes %zu places of "
                        "each timestep, it is given a mask of %s: Keras "
                        "itself cannot run that",
                        layer->name, own->places,
                        rnn_shape_print(&mask->shape, text));
    call->mask = mask;
    call->zeroes = own->way.zero_output_for_mask && builder->keras_major >= 3;
    return RNN_OK;
}

static enum rnn_status keep_states(struct node *node,
                                   struct plan_builder *builder,
                                   struct rnn_error *err)
{
    const struct conv_lstm *own = node->layer->own;
    const struct rnn_state_entry entry = {
        .dtype = RNN_F32, .rank = 2, .shape = {own->places, own->filters}};
    struct conv_lstm_call *call =
        arena_zalloc(builder->arena, 1, sizeof(*call), alignof(max_align_t));
    enum rnn_status status;

    if (!call)
        return plan_no_memory(node->layer, err);
    node->own = call;
    status = find_mask(node->layer, node, builder, call, err);
    if (!status)
        status = plan_keep(builder, node, "h", &entry, &call->h, err);
    if (!status)
        status = plan_keep(builder, node, "c", &entry, &call->c, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct conv_lstm *own = layer->own;
    enum rnn_status status = check_input(layer, node, err);

    if (!status)
        status = check_states(layer, node, err);
    if (!status && !layer->calls)
        status = take(layer, builder, err);
    if (status)
        return status;
    if (own->way.go_backwards || node->input_count > 1)
        plan_need_whole(node);
    if (node->input_count > 1)
        node->whole_because = recurrent_begins_given;
    node->cost = (uint64_t)own->places * GATES * own->filters *
                 (own->taps * (own->channels + own->filters) + 16);
    status = make_outputs(layer, node, builder, err);
    if (!status)
        status = keep_states(node, builder, err);
    return status;
}

const struct layer_class layer_conv_lstm1d = {
    .name = "ConvLSTM1D",
    .inert = recurrent_inert,
    .keywords = recurrent_keywords,
    .streaming = STREAM_STEPS,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct conv_lstm),
    .read = read,
    .connect = connect,
    .scratch = conv_lstm_scratch,
    .run = conv_lstm_run,
};
