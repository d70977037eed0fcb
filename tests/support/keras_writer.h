/* keras_writer.h: .keras and .h5 files as each generation of Keras lays them
 * out, written by libhdf5 and libzip, whole or with one thing wrong.
 *
 * All hold one network, SimpleRNN(2, name "rnn") and Dense(1, name "out") over
 * 3 timesteps of 2 features, and the same weights.  A test writes one, opens
 * it again with keras_reopen() and spoils what it wants.
 *
 * Every failure aborts: this is for tests.
 */
#ifndef TESTS_SUPPORT_KERAS_WRITER_H
#define TESTS_SUPPORT_KERAS_WRITER_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#define KERAS_SAMPLE_WEIGHTS 5
#define KERAS_SAMPLE_FLOATS  13

/* The architecture as Keras 3 writes it, and metadata.json. */
extern const char keras_sample_config[];
extern const char keras_sample_metadata[];

/* name and numbers of each weight, in the order of the architecture */
struct keras_sample_weight {
    const char *name; /* "rnn/kernel" */
    size_t rank;
    hsize_t shape[2];
    float numbers[4];
};
extern const struct keras_sample_weight
    keras_sample_weights[KERAS_SAMPLE_WEIGHTS];

/* model.weights.h5 of a .keras file. */
struct keras_layout {
    const char *container;   /* NULL: "layers" */
    const char *rnn, *dense; /* groups; NULL: "simple_rnn", "dense" */
    bool names;              /* each `vars` says the layer's name */
};
void keras_write_weights(const char *path, const struct keras_layout *layout);

/* .h5 of Keras 3 (vlen strings, "model/rnn/simple_rnn_cell/kernel") or of
 * Keras 2 (fixed strings, "rnn/simple_rnn_cell/kernel:0"). */
void keras_write_h5(const char *path, int keras_major);

struct keras_parts {
    const char *config;       /* NULL: keras_sample_config; "": left out */
    const char *metadata;     /* NULL: keras_sample_metadata; "": left out */
    const char *weights_path; /* NULL: left out */
    bool deflate;
};
void keras_write_zip(const char *path, const struct keras_parts *parts);

/* The whole sample: keras_write_weights() and keras_write_zip(). */
void keras_write_sample(const char *path);

/* For spoiling: the HDF5 file, open for writing; H5Fclose() it. */
hid_t keras_reopen(const char *path);

/* A dataset of `type` on disk below `parent`, groups on the way made; numbers
 * are float32. */
void keras_put_numbers(hid_t parent, const char *path, hid_t type, size_t rank,
                       const hsize_t *shape, const float *numbers);
void keras_put_text(hid_t object, const char *name, const char *text);
void keras_put_texts(hid_t object, const char *name, size_t count,
                     const char *const *texts, bool fixed);
/* Open the group at `path`, remove the attribute or link `name` in it. */
void keras_remove_attribute(hid_t file, const char *path, const char *name);
void keras_remove_link(hid_t file, const char *path);

/* A file's bytes; free() them. */
unsigned char *keras_read_file(const char *path, size_t *size);

#endif
