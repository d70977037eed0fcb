/* EinsumDense
 *
 *     y = act(sum of x * kernel over the letters that y lacks + bias)
 *
 * `equation` names the axes: ab,bc->ac, with "..." for axes in front or behind
 * of which there may be any number.  The bias has the axes of y from the first
 * of `bias_axes` on, of one where they are not among them.  The sum is float64
 * and rounded once (einsum.h), the bias is added in float32.
 *
 * Keras: keras/src/layers/core/einsum_dense.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/einsum.h"

#define LETTERS (2 * ND_AXES)

struct einsum_dense {
    const struct rnn_json *output_shape; /* until the first call */
    const char *bias_axes;               /* NULL: no bias; the same */
    const char *equation;                /* until the last call */
    char x[LETTERS + 1], kernel[LETTERS + 1], y[LETTERS + 1];
    struct rnn_activation activation;
    const struct rnn_ukernels *ukernels;
    struct rnn_shape kernel_shape;
    float *numbers; /* of the kernel */
    struct rnn_shape bias_shape;
    float *bias;
};

static const char *const inert[] = {
    "kernel_initializer", "bias_initializer",     "kernel_regularizer",
    "bias_regularizer",   "kernel_constraint",    "bias_constraint",
    "lora_alpha",         "activity_regularizer", NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct einsum_dense *own = layer->own;
    const struct rnn_json *bias = fields_get(fields, "bias_axes");

    own->equation = rnn_json_text(fields_get(fields, "equation"));
    own->output_shape = fields_get(fields, "output_shape");
    own->bias_axes = rnn_json_text(bias);
    if (!own->equation)
        return fields_refuse(fields, RNN_BAD_MODEL, "equation",
                             "a text was expected", err);
    if (bias && (!own->bias_axes || !*own->bias_axes))
        return fields_refuse(fields, RNN_BAD_MODEL, "bias_axes",
                             "letters were expected", err);
    return fields_activation(fields, "activation", "linear", &own->activation,
                             err);
}

/* ---- the equation --------------------------------------------------------*/

static enum rnn_status refuse(const struct layer *layer, const char *why,
                              struct rnn_error *err)
{
    const struct einsum_dense *own = layer->own;

    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (EinsumDense): its equation, %.60s, %s",
                    layer->name, own->equation, why);
}

/* One of the three terms: letters, and where "..." stands (0: nowhere). */
struct term {
    char letters[LETTERS + 1];
    enum { NOWHERE, LEFT, RIGHT } dots;
};

static const char *read_term(const char *text, struct term *term)
{
    size_t length = 0;

    *term = (struct term){.dots = NOWHERE};
    for (;; text++) {
        if (!strncmp(text, "...", 3) && !term->dots) {
            term->dots = length ? RIGHT : LEFT;
            text += 2;
        } else if ((*text | 32) >= 'a' && (*text | 32) <= 'z' &&
                   length < RNN_MAX_RANK + 1 && term->dots != RIGHT) {
            term->letters[length++] = *text;
        } else {
            return length ? text : NULL;
        }
    }
}

static bool read_terms(const char *text, struct term terms[3])
{
    static const char *const ends[] = {",", "->", ""};

    for (size_t i = 0; i < 3 && text; i++) {
        text = read_term(text, &terms[i]);
        if (!text || strncmp(text, ends[i], strlen(ends[i])))
            return false;
        text += strlen(ends[i]);
    }
    return text && !*text && terms[0].dots == terms[2].dots && !terms[1].dots;
}

/* Digits for the axes that "..." stands for: they are none of the letters. */
static void expand(const struct term *term, size_t elided, char *letters)
{
    size_t length = strlen(term->letters);
    size_t first = term->dots == LEFT ? elided : 0;

    memcpy(letters + first, term->letters, length);
    for (size_t i = 0; i < elided; i++)
        letters[term->dots == LEFT ? i : length + i] = (char)('0' + i);
    letters[length + elided] = '\0';
}

/* The letters without the batch, which comes first in x and y. */
static enum rnn_status parse(struct layer *layer, const struct value *x,
                             struct rnn_error *err)
{
    struct einsum_dense *own = layer->own;
    char all[2][LETTERS + 1] = {""};
    struct term terms[3];
    size_t axes = x->shape.rank + 1, elided;

    if (!read_terms(own->equation, terms))
        return refuse(layer, "is not of the form ab,bc->ac", err);
    if (strlen(terms[0].letters) > axes)
        return refuse(layer, "has more axes than its input", err);
    elided = axes - strlen(terms[0].letters);
    if (!terms[0].dots && elided)
        return refuse(layer, "has fewer axes than its input", err);
    expand(&terms[0], elided, all[0]);
    expand(&terms[2], elided, all[1]);
    if (all[0][0] != all[1][0] || strchr(terms[1].letters, all[0][0]))
        return refuse(layer, "mixes the sequences of a batch", err);
    memcpy(own->x, all[0] + 1, LETTERS);
    memcpy(own->kernel, terms[1].letters, LETTERS);
    memcpy(own->y, all[1] + 1, LETTERS);
    return RNN_OK;
}

/* ---- weights -------------------------------------------------------------*/

/* output_shape is that of y without the batch and without what "..." stands
 * for; its null is what the input says. */
static bool output_size(const struct einsum_dense *own, char letter,
                        size_t *size)
{
    const struct rnn_json *json = own->output_shape;

    if (!rnn_json_is_array(json))
        return strlen(own->y) - strspn(own->y, "0123456789") == 1 &&
               rnn_json_size(json, size);
    json = rnn_json_first(json);
    for (const char *y = own->y; *y && json; y++) {
        if (*y >= '0' && *y <= '9')
            continue;
        if (*y == letter)
            return rnn_json_size(json, size) && *size;
        json = rnn_json_next(json);
    }
    return false;
}

static enum rnn_status find_kernel_shape(struct layer *layer,
                                         const struct value *x,
                                         struct rnn_error *err)
{
    struct einsum_dense *own = layer->own;

    own->kernel_shape.rank = strlen(own->kernel);
    if (own->kernel_shape.rank > RNN_MAX_RANK)
        return refuse(layer, "has too many axes", err);
    for (size_t i = 0; i < own->kernel_shape.rank; i++) {
        const char *in_x = strchr(own->x, own->kernel[i]);
        size_t *size = &own->kernel_shape.dim[i];

        *size = in_x ? x->shape.dim[in_x - own->x] : 0;
        if (in_x ? !*size : !output_size(own, own->kernel[i], size))
            return refuse(layer,
                          "gives its kernel an axis whose size is not known",
                          err);
    }
    return RNN_OK;
}

/* `shape` of the axes of y from the first that has a bias on. */
static enum rnn_status find_bias_shape(struct layer *layer,
                                       const struct rnn_shape *y,
                                       struct rnn_error *err)
{
    struct einsum_dense *own = layer->own;
    size_t first = strcspn(own->y, own->bias_axes);

    if (!own->y[first] ||
        strspn(own->bias_axes, own->y) != strlen(own->bias_axes))
        return refuse(layer, "has none of the letters of bias_axes", err);
    for (size_t i = first; i < y->rank; i++) {
        bool there = strchr(own->bias_axes, own->y[i]);

        if (there && !y->dim[i])
            return refuse(layer, "gives each timestep a bias", err);
        own->bias_shape.dim[own->bias_shape.rank++] = there ? y->dim[i] : 1;
    }
    return RNN_OK;
}

static enum rnn_status take(struct layer *layer, const char *name,
                            const struct rnn_shape *shape,
                            struct plan_builder *builder, float **kept,
                            struct rnn_error *err)
{
    const float *numbers = NULL;
    size_t count = 0;
    enum rnn_status status =
        layer_take(layer, builder, name, shape, &numbers, err);

    if (status)
        return status;
    if (rnn_shape_count(shape, 0, &count))
        *kept =
            arena_alloc(builder->arena, count, sizeof(float), alignof(float));
    if (!*kept)
        return plan_no_memory(layer, err);
    memcpy(*kept, numbers, count * sizeof(float));
    return RNN_OK;
}

static enum rnn_status take_bias(struct layer *layer, struct node *node,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    struct einsum_dense *own = layer->own;
    const struct value *y = node->outputs[0];
    enum rnn_status status = RNN_OK;

    if (!own->bias_axes)
        return RNN_OK;
    if (!layer->calls)
        status = find_bias_shape(layer, &y->shape, err);
    if (!status && !layer->calls)
        status =
            take(layer, "bias", &own->bias_shape, builder, &own->bias, err);
    /* A bias of its own for each timestep. */
    if (!status && y->has_time && own->bias_shape.rank == y->shape.rank &&
        own->bias_shape.dim[0] > 1)
        plan_need_whole(node);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct einsum_dense *own = layer->own;
    struct einsum *einsum = arena_zalloc(builder->arena, 1, sizeof(*einsum),
                                         alignof(struct einsum));
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!einsum)
        return plan_no_memory(layer, err);
    if (!status && !layer->calls)
        status = parse(layer, x, err);
    if (!status && !layer->calls)
        status = find_kernel_shape(layer, x, err);
    if (!status && !layer->calls)
        status = take(layer, "kernel", &own->kernel_shape, builder,
                      &own->numbers, err);
    if (status)
        return status;
    einsum->operands[0] =
        (struct einsum_operand){.labels = own->x, .value = x};
    einsum->operands[1] = (struct einsum_operand){
        .labels = own->kernel,
        .numbers = nd_plain(own->numbers, own->kernel_shape.rank,
                            own->kernel_shape.dim)};
    einsum->labels = own->y;
    node->own = einsum;
    own->ukernels = rnn_ukernels_find(builder->isa, x->features);
    status = einsum_connect(einsum, node, builder, err);
    if (!status && node->outputs[0]->has_time && !own->y[1] &&
        rnn_activation_takes_rows(&own->activation))
        return refuse(layer, "leaves no axis to its activation but time", err);
    return status ? status : take_bias(layer, node, builder, err);
}

/* ---- when it runs --------------------------------------------------------*/

static void add_bias(const struct einsum_dense *own, const struct node *node,
                     const struct run *run)
{
    const struct value *output = node->outputs[0];
    size_t units = nd_units(run, output, node->whole);

    for (size_t i = 0; i < units; i++) {
        struct nd y = nd_unit(run, output, i, node->whole);
        struct nd bias =
            nd_plain(own->bias, own->bias_shape.rank, own->bias_shape.dim);
        struct nd_walk walk = {.rank = y.rank};

        if (bias.rank > y.rank)
            nd_drop(&bias, 0); /* of one, of time */
        while (bias.rank < y.rank)
            nd_insert(&bias, 0);
        for (size_t k = 0; k < bias.rank; k++)
            if (bias.dim[k] == 1)
                bias.stride[k] = 0;
        memcpy(walk.dim, y.dim, sizeof(walk.dim));
        do
            y.data[nd_offset(&y, &walk)] += bias.data[nd_offset(&bias, &walk)];
        while (nd_next(&walk));
    }
}

static bool run(const struct node *node, struct run *run)
{
    const struct einsum_dense *own = node->layer->own;
    const struct value *output = node->outputs[0];
    struct view y = run_view(run, output);
    size_t items = run_items(run, output);
    size_t units = output->shape.rank <= output->has_time
                       ? 1
                       : output->shape.dim[output->shape.rank - 1];

    if (!einsum_run(node->own, node, run))
        return false;
    if (own->bias)
        add_bias(own, node, run);
    for (size_t i = 0; i < items; i++) {
        struct view item = {y.data + i * y.stride, units};

        run_activate(own->ukernels, &own->activation, output->features / units,
                     units, item);
    }
    return true;
}

const struct layer_class layer_einsum_dense = {
    .name = "EinsumDense",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct einsum_dense),
    .read = read,
    .connect = connect,
    .run = run,
};
