/* model_builder.h: models for tests, made from a short description.
 *
 *     struct model_builder b;
 *
 *     model_builder_init(&b, 10, 3);
 *     model_builder_add(&b, &(struct model_layer){.class_name = "SimpleRNN",
 *                                                 .units = 5});
 *     model_builder_add(&b, &(struct model_layer){.class_name = "Dense",
 *                                                 .units = 2});
 *     model_builder_finish(&b);      -> b.bytes, b.size: a safetensors file
 *     model_builder_write(&b, path);
 *     model_builder_release(&b);
 *
 * Weights are random but follow from b.seed.  Every failure aborts: this is
 * for tests.  What a test wants broken it breaks between the calls: b.config
 * is the text of the architecture, b.tensors the weights.
 *
 * Ownership  The caller holds the struct; everything in it is released by
 *            model_builder_release().
 */
#ifndef TESTS_SUPPORT_MODEL_BUILDER_H
#define TESTS_SUPPORT_MODEL_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_MAX_LAYERS  16
#define MODEL_MAX_TENSORS 64

/* How the architecture is spelt. */
enum model_spelling {
    MODEL_KERAS_3,      /* InputLayer with batch_shape, dtype policies */
    MODEL_KERAS_2,      /* InputLayer with batch_input_shape */
    MODEL_KERAS_2_OLD,  /* batch_input_shape at the first layer */
    MODEL_KERAS_2_LIST, /* the same, and config is a list */
};

struct model_layer {
    const char *class_name; /* "LSTM" */
    const char *name;       /* NULL: "lstm", "lstm_1", ... */
    size_t units;
    const char *activation;           /* NULL: Keras' default */
    const char *recurrent_activation; /* NULL: "sigmoid" */
    bool return_sequences, no_bias, reset_after;
    bool bare;        /* no fields but units and `more` */
    const char *more; /* further fields: "\"go_backwards\": true" */
};

struct model_tensor {
    char name[128];
    size_t rank, shape[4], count;
    float *data;
};

struct model_builder {
    /* may be changed after init */
    enum model_spelling spelling;
    const char *keras_version; /* "3.15.1"; NULL: none in the file */
    const char *source_format; /* NULL: none in the file */
    const char *input_name;    /* "input_layer" */
    uint64_t seed;
    double scale; /* weights are uniform in +-scale/sqrt(rows) */

    size_t timesteps, features; /* of the input; timesteps 0: free */
    struct model_layer layers[MODEL_MAX_LAYERS];
    char names[MODEL_MAX_LAYERS][64];
    size_t widths[MODEL_MAX_LAYERS]; /* features of each layer's output */
    size_t layer_count;
    bool has_time; /* of the last output so far */
    struct model_tensor tensors[MODEL_MAX_TENSORS];
    size_t tensor_count;

    char *config; /* the architecture; made by model_builder_describe() */
    unsigned char *bytes;
    size_t size;
};

/* A model of [timesteps, features]; timesteps 0 leaves them free. */
void model_builder_init(struct model_builder *builder, size_t timesteps,
                        size_t features);
void model_builder_release(struct model_builder *builder);

void model_builder_add(struct model_builder *builder,
                       const struct model_layer *layer);

/* Make b.config anew. */
void model_builder_describe(struct model_builder *builder);

/* Put `to` in the place of the first `from` in b.config (made if need be). */
void model_builder_replace(struct model_builder *builder, const char *from,
                           const char *to);

/* Make b.bytes from b.config (made if need be) and b.tensors. */
void model_builder_finish(struct model_builder *builder);

/* The same, into a file. */
void model_builder_write(struct model_builder *builder, const char *path);

/* The tensor called `name`; aborts when there is none. */
struct model_tensor *model_builder_tensor(struct model_builder *builder,
                                          const char *name);

/* Add one more tensor of random numbers. */
struct model_tensor *model_builder_add_tensor(struct model_builder *builder,
                                              const char *name, size_t rank,
                                              const size_t *shape,
                                              double scale);

/* Any header and data as the bytes of a file; free() them. */
unsigned char *model_file(const char *header, const void *data,
                          size_t data_bytes, size_t *size);

/* The next number of a random sequence, and one in [-scale, scale]. */
uint64_t model_random(uint64_t *seed);
float model_random_float(uint64_t *seed, double scale);

#endif
