#include "tests/support/model_builder.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- growing text --------------------------------------------------------*/

struct text {
    char *bytes;
    size_t length, capacity;
};

static void die(const char *what)
{
    fprintf(stderr, "model_builder: %s\n", what);
    abort();
}

__attribute__((format(printf, 2, 3))) static void append(struct text *text,
                                                         const char *format,
                                                         ...)
{
    for (;;) {
        size_t room = text->capacity - text->length;
        va_list args;
        int length;

        va_start(args, format);
        length = vsnprintf(text->bytes ? text->bytes + text->length : NULL,
                           room, format, args);
        va_end(args);
        if (length < 0)
            die("a format failed");
        if ((size_t)length < room) {
            text->length += (size_t)length;
            return;
        }
        text->capacity = 2 * text->capacity + (size_t)length + 1;
        text->bytes = realloc(text->bytes, text->capacity);
        if (!text->bytes)
            die("out of memory");
    }
}

static void append_quoted(struct text *text, const char *raw)
{
    append(text, "\"");
    for (; *raw; raw++) {
        if (*raw == '"' || *raw == '\\')
            append(text, "\\%c", *raw);
        else if ((unsigned char)*raw < 0x20)
            append(text, "\\u%04x", (unsigned)*raw);
        else
            append(text, "%c", *raw);
    }
    append(text, "\"");
}

/* ---- random weights ------------------------------------------------------*/

uint64_t model_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

float model_random_float(uint64_t *seed, double scale)
{
    double unit = (double)(model_random(seed) >> 11) * 0x1p-53;

    return (float)((2 * unit - 1) * scale);
}

struct model_tensor *model_builder_add_tensor(struct model_builder *builder,
                                              const char *name, size_t rank,
                                              const size_t *shape,
                                              double scale)
{
    struct model_tensor *tensor = &builder->tensors[builder->tensor_count++];

    if (builder->tensor_count > MODEL_MAX_TENSORS)
        die("too many tensors");
    *tensor = (struct model_tensor){.rank = rank, .count = 1};
    snprintf(tensor->name, sizeof(tensor->name), "%s", name);
    for (size_t i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
        tensor->count *= shape[i];
    }
    tensor->data = malloc((tensor->count + 1) * sizeof(float));
    if (!tensor->data)
        die("out of memory");
    for (size_t i = 0; i < tensor->count; i++)
        tensor->data[i] = model_random_float(&builder->seed, scale);
    return tensor;
}

static void add_weight(struct model_builder *builder, const char *layer,
                       const char *weight, size_t rank, size_t rows,
                       size_t columns)
{
    size_t matrix[] = {rows, columns}, row[] = {columns};
    char name[128];

    snprintf(name, sizeof(name), "%s/%s", layer, weight);
    model_builder_add_tensor(builder, name, rank, rank == 2 ? matrix : row,
                             builder->scale / sqrt((double)rows));
}

/* ---- layers --------------------------------------------------------------*/

static size_t gates_of(const char *class_name)
{
    if (!strcmp(class_name, "LSTM"))
        return 4;
    if (!strcmp(class_name, "GRU"))
        return 3;
    return !strcmp(class_name, "SimpleRNN");
}

void model_builder_init(struct model_builder *builder, size_t timesteps,
                        size_t features)
{
    *builder = (struct model_builder){
        .keras_version = "3.15.1",
        .input_name = "input_layer",
        .seed = 1,
        .scale = 1.5,
        .timesteps = timesteps,
        .features = features,
        .has_time = true,
    };
}

void model_builder_release(struct model_builder *builder)
{
    for (size_t i = 0; i < builder->tensor_count; i++)
        free(builder->tensors[i].data);
    free(builder->config);
    free(builder->bytes);
    *builder = (struct model_builder){0};
}

/* Keras' snake case: LSTM -> lstm, SimpleRNN -> simple_rnn. */
static void name_layer(struct model_builder *builder, size_t index)
{
    const char *class_name = builder->layers[index].class_name;
    char base[40];
    size_t used = 0, same = 0;

    for (const char *c = class_name; *c && used < sizeof(base) - 2; c++) {
        bool begins = isupper((unsigned char)*c) && c != class_name &&
                      islower((unsigned char)c[-1]);

        if (begins)
            base[used++] = '_';
        base[used++] = (char)tolower((unsigned char)*c);
    }
    base[used] = '\0';
    for (size_t i = 0; i < index; i++)
        same += !strcmp(builder->layers[i].class_name, class_name);
    if (builder->layers[index].name)
        snprintf(builder->names[index], sizeof(builder->names[index]), "%s",
                 builder->layers[index].name);
    else if (same)
        snprintf(builder->names[index], sizeof(builder->names[index]),
                 "%s_%zu", base, same);
    else
        snprintf(builder->names[index], sizeof(builder->names[index]), "%s",
                 base);
}

/* Weights of one number for each feature, of layers that are not `bare`.  A
 * variance is above 0. */
static void add_rows(struct model_builder *builder, const char *class_name,
                     const char *name, size_t features)
{
    static const char *const rows[] = {"gamma", "beta", "moving_mean",
                                       "moving_variance"};
    size_t count = !strcmp(class_name, "LayerNormalization")   ? 2
                   : !strcmp(class_name, "BatchNormalization") ? 4
                                                               : 0;

    for (size_t i = 0; i < count; i++) {
        float *data;

        add_weight(builder, name, rows[i], 1, 1, features);
        data = builder->tensors[builder->tensor_count - 1].data;
        for (size_t k = 0; i == 3 && k < features; k++)
            data[k] = 0.25f + fabsf(data[k]);
    }
}

void model_builder_add(struct model_builder *builder,
                       const struct model_layer *layer)
{
    size_t index = builder->layer_count++;
    size_t gates = gates_of(layer->class_name);
    size_t features, columns;
    const char *name = builder->names[index];

    if (index >= MODEL_MAX_LAYERS)
        die("too many layers");
    features = index ? builder->widths[index - 1] : builder->features;
    builder->layers[index] = *layer;
    builder->widths[index] = layer->units ? layer->units : features;
    name_layer(builder, index);
    if (gates)
        builder->has_time = layer->return_sequences;
    if (!gates && strcmp(layer->class_name, "Dense")) {
        if (!layer->bare)
            add_rows(builder, layer->class_name, name, features);
        return;
    }
    columns = (gates ? gates : 1) * layer->units;
    add_weight(builder, name, "kernel", 2, features, columns);
    if (gates)
        add_weight(builder, name, "recurrent_kernel", 2, layer->units,
                   columns);
    if (layer->no_bias)
        return;
    if (layer->reset_after)
        add_weight(builder, name, "bias", 2, 2, columns);
    else
        add_weight(builder, name, "bias", 1, 1, columns);
}

/* ---- the architecture ----------------------------------------------------*/

static bool is_keras_3(const struct model_builder *builder)
{
    return builder->spelling == MODEL_KERAS_3;
}

static void append_shape(const struct model_builder *builder,
                         struct text *text, const char *key)
{
    append(text, "\"%s\": [null, ", key);
    if (builder->timesteps)
        append(text, "%zu, ", builder->timesteps);
    else
        append(text, "null, ");
    append(text, "%zu], ", builder->features);
}

static void append_head(const struct model_builder *builder, struct text *text,
                        const char *class_name, const char *name)
{
    append(text, "{");
    if (is_keras_3(builder))
        append(text, "\"module\": \"keras.layers\", \"registered_name\": "
                     "null, ");
    append(text,
           "\"class_name\": \"%s\", \"config\": {\"name\": ", class_name);
    append_quoted(text, name);
    append(text, ", \"trainable\": true, ");
    if (is_keras_3(builder))
        append(text, "\"dtype\": {\"module\": \"keras\", \"class_name\": "
                     "\"DTypePolicy\", \"config\": {\"name\": \"float32\"}, "
                     "\"registered_name\": null}");
    else
        append(text, "\"dtype\": \"float32\"");
}

static void append_input(const struct model_builder *builder,
                         struct text *text)
{
    bool keras_3 = is_keras_3(builder);

    append(text, "{\"class_name\": \"InputLayer\", \"config\": {");
    append_shape(builder, text, keras_3 ? "batch_shape" : "batch_input_shape");
    append(text, "\"dtype\": \"float32\", \"sparse\": false, ");
    if (!keras_3)
        append(text, "\"ragged\": false, ");
    append(text, "\"name\": ");
    append_quoted(text, builder->input_name);
    append(text, "}}, ");
}

static void append_recurrent(const struct model_builder *builder,
                             struct text *text,
                             const struct model_layer *layer, size_t gates)
{
    append(text,
           ", \"return_sequences\": %s, \"return_state\": false, "
           "\"go_backwards\": false, \"stateful\": false, \"unroll\": "
           "false, \"recurrent_initializer\": {\"class_name\": "
           "\"Orthogonal\", \"config\": {\"gain\": 1.0, \"seed\": "
           "null}}, \"dropout\": 0.25, \"recurrent_dropout\": 0.0",
           layer->return_sequences ? "true" : "false");
    if (!is_keras_3(builder))
        append(text, ", \"time_major\": false, \"implementation\": 2");
    if (gates > 1)
        append(text, ", \"recurrent_activation\": \"%s\"",
               layer->recurrent_activation ? layer->recurrent_activation
                                           : "sigmoid");
    if (gates == 3 && layer->reset_after)
        append(text, ", \"reset_after\": true");
    if (gates == 4)
        append(text, ", \"unit_forget_bias\": true");
}

/* What Keras writes for a layer of this class. */
static void append_fields(const struct model_builder *builder,
                          struct text *text, const struct model_layer *layer)
{
    size_t gates = gates_of(layer->class_name);
    bool dense = !strcmp(layer->class_name, "Dense");
    const char *activation = layer->activation;

    if (gates || dense)
        append(text,
               ", \"use_bias\": %s, \"kernel_initializer\": "
               "{\"class_name\": \"GlorotUniform\", \"config\": "
               "{\"seed\": null}}",
               layer->no_bias ? "false" : "true");
    if (!activation && (gates || dense))
        activation = gates ? "tanh" : "linear";
    if (activation)
        append(text, ", \"activation\": \"%s\"", activation);
    if (gates)
        append_recurrent(builder, text, layer, gates);
    if (!strcmp(layer->class_name, "Dropout"))
        append(text, ", \"rate\": 0.5, \"seed\": null, \"noise_shape\": "
                     "null");
}

static void append_layer(const struct model_builder *builder,
                         struct text *text, size_t index)
{
    const struct model_layer *layer = &builder->layers[index];

    append_head(builder, text, layer->class_name, builder->names[index]);
    if (!index && builder->spelling >= MODEL_KERAS_2_OLD) {
        append(text, ", ");
        append_shape(builder, text, "batch_input_shape");
        append(text, "\"kernel_regularizer\": null");
    }
    if (layer->units)
        append(text, ", \"units\": %zu", layer->units);
    if (!layer->bare)
        append_fields(builder, text, layer);
    if (layer->more)
        append(text, ", %s", layer->more);
    append(text, "}}");
}

void model_builder_describe(struct model_builder *builder)
{
    struct text text = {0};
    bool list = builder->spelling == MODEL_KERAS_2_LIST;

    append(&text, "{\"class_name\": \"Sequential\", \"config\": ");
    if (!list)
        append(&text, "{\"name\": \"sequential\", \"layers\": ");
    append(&text, "[");
    if (builder->spelling <= MODEL_KERAS_2)
        append_input(builder, &text);
    for (size_t i = 0; i < builder->layer_count; i++) {
        if (i)
            append(&text, ", ");
        append_layer(builder, &text, i);
    }
    append(&text, "]%s}", list ? "" : "}");
    free(builder->config);
    builder->config = text.bytes;
}

void model_builder_replace(struct model_builder *builder, const char *from,
                           const char *to)
{
    struct text text = {0};
    const char *found;

    if (!builder->config)
        model_builder_describe(builder);
    found = strstr(builder->config, from);
    if (!found) {
        fprintf(stderr, "model_builder: no %s in %s\n", from, builder->config);
        abort();
    }
    append(&text, "%.*s%s%s", (int)(found - builder->config), builder->config,
           to, found + strlen(from));
    free(builder->config);
    builder->config = text.bytes;
}

/* ---- the file ------------------------------------------------------------*/

unsigned char *model_file(const char *header, const void *data,
                          size_t data_bytes, size_t *size)
{
    size_t length = strlen(header);
    size_t padded = (length + 7) & ~(size_t)7;
    unsigned char *bytes = malloc(8 + padded + data_bytes);

    if (!bytes)
        die("out of memory");
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    memset(bytes + 8, ' ', padded);
    memcpy(bytes + 8, header, length);
    if (data_bytes)
        memcpy(bytes + 8 + padded, data, data_bytes);
    *size = 8 + padded + data_bytes;
    return bytes;
}

static void append_metadata(const struct model_builder *builder,
                            struct text *text)
{
    append(text, "{\"__metadata__\": {\"keras_config\": ");
    append_quoted(text, builder->config);
    if (builder->keras_version) {
        append(text, ", \"keras_version\": ");
        append_quoted(text, builder->keras_version);
    }
    if (builder->source_format) {
        append(text, ", \"source_format\": ");
        append_quoted(text, builder->source_format);
    }
    append(text, "}");
}

static size_t append_tensors(const struct model_builder *builder,
                             struct text *text)
{
    size_t at = 0;

    for (size_t i = 0; i < builder->tensor_count; i++) {
        const struct model_tensor *tensor = &builder->tensors[i];

        append(text, ", ");
        append_quoted(text, tensor->name);
        append(text, ": {\"dtype\": \"F32\", \"shape\": [");
        for (size_t d = 0; d < tensor->rank; d++)
            append(text, "%s%zu", d ? ", " : "", tensor->shape[d]);
        append(text, "], \"data_offsets\": [%zu, %zu]}", at,
               at + tensor->count * sizeof(float));
        at += tensor->count * sizeof(float);
    }
    append(text, "}");
    return at;
}

void model_builder_finish(struct model_builder *builder)
{
    struct text header = {0};
    size_t data_bytes, at = 0;
    unsigned char *data;

    if (!builder->config)
        model_builder_describe(builder);
    append_metadata(builder, &header);
    data_bytes = append_tensors(builder, &header);
    data = malloc(data_bytes + 1);
    if (!data)
        die("out of memory");
    for (size_t i = 0; i < builder->tensor_count; i++) {
        const struct model_tensor *tensor = &builder->tensors[i];

        memcpy(data + at, tensor->data, tensor->count * sizeof(float));
        at += tensor->count * sizeof(float);
    }
    free(builder->bytes);
    builder->bytes =
        model_file(header.bytes, data, data_bytes, &builder->size);
    free(header.bytes);
    free(data);
}

void model_builder_write(struct model_builder *builder, const char *path)
{
    FILE *file = fopen(path, "wb");

    model_builder_finish(builder);
    if (!file ||
        fwrite(builder->bytes, 1, builder->size, file) != builder->size)
        die("a file could not be written");
    if (fclose(file))
        die("a file could not be written");
}

struct model_tensor *model_builder_tensor(struct model_builder *builder,
                                          const char *name)
{
    for (size_t i = 0; i < builder->tensor_count; i++)
        if (!strcmp(builder->tensors[i].name, name))
            return &builder->tensors[i];
    fprintf(stderr, "model_builder: no tensor \"%s\"\n", name);
    abort();
}
