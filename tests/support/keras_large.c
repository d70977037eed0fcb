#include "tests/support/keras_large.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/keras_writer.h"
#include "tests/support/scratch_file.h"

#define MAX_LAYERS ((size_t)16)

enum { KERNEL, RECURRENT, BIAS, PARTS };

static const char *const part_names[PARTS] = {"kernel", "recurrent_kernel",
                                              "bias"};

/* Enough for a kernel, the largest; free() them. */
static float *make_numbers(size_t units)
{
    size_t count = 4 * units * units;
    float *numbers = calloc(count, sizeof(*numbers));

    if (!numbers)
        abort();
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)((i * 2654435761u) % 2001) / 1e5f - 0.01f;
    return numbers;
}

static void put_part(hid_t parent, const char *path, int part, size_t units,
                     const float *numbers)
{
    const hsize_t matrix[2] = {units, 4 * units}, vector[1] = {4 * units};

    keras_put_numbers(parent, path, H5T_IEEE_F32LE, part == BIAS ? 1 : 2,
                      part == BIAS ? vector : matrix, numbers);
}

static void put_layer(hid_t weights, const char *layer, size_t units,
                      const float *numbers)
{
    char names[PARTS][96];
    const char *list[PARTS];
    hid_t group =
        H5Gcreate2(weights, layer, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

    for (int part = 0; part < PARTS; part++) {
        snprintf(names[part], sizeof(names[part]), "%s/lstm_cell/%s", layer,
                 part_names[part]);
        list[part] = names[part];
        put_part(group, names[part], part, units, numbers);
    }
    keras_put_texts(group, "weight_names", PARTS, list, false);
    H5Gclose(group);
}

/* As Keras writes it, without what says nothing. */
static void write_config(char *text, size_t size, size_t layers, size_t units)
{
    size_t used = (size_t)snprintf(
        text, size,
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"large\", "
        "\"layers\": [{\"class_name\": \"InputLayer\", \"config\": "
        "{\"batch_shape\": [null, null, %zu], \"dtype\": \"float32\", "
        "\"name\": \"x\"}}",
        units);

    for (size_t i = 0; i < layers; i++)
        used += (size_t)snprintf(
            text + used, size - used,
            ", {\"class_name\": \"LSTM\", \"config\": {\"name\": "
            "\"lstm_%zu\", \"units\": %zu, \"activation\": \"tanh\", "
            "\"recurrent_activation\": \"sigmoid\", \"use_bias\": true, "
            "\"return_sequences\": true}}",
            i, units);
    snprintf(text + used, size - used, "]}}");
}

void keras_write_large_h5(const char *path, size_t layers, size_t units)
{
    char text[8192], names[MAX_LAYERS][32];
    const char *list[MAX_LAYERS];
    float *numbers = make_numbers(units);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t weights = H5Gcreate2(file, "model_weights", H5P_DEFAULT, H5P_DEFAULT,
                               H5P_DEFAULT);

    if (weights < 0 || layers > MAX_LAYERS)
        abort();
    for (size_t i = 0; i < layers; i++) {
        snprintf(names[i], sizeof(names[i]), "lstm_%zu", i);
        list[i] = names[i];
        put_layer(weights, names[i], units, numbers);
    }
    keras_put_texts(weights, "layer_names", layers, list, false);
    write_config(text, sizeof(text), layers, units);
    keras_put_text(file, "model_config", text);
    keras_put_text(file, "keras_version", "3.15.1");
    H5Gclose(weights);
    H5Fclose(file);
    free(numbers);
}

void keras_write_large_keras(const char *path, size_t layers, size_t units)
{
    char text[8192], name[96], numbered[32] = "", inside[SCRATCH_PATH_BYTES];
    float *numbers = make_numbers(units);
    hid_t file;

    scratch_file("", 0, inside);
    file = H5Fcreate(inside, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (file < 0 || layers > MAX_LAYERS)
        abort();
    for (size_t i = 0; i < layers; i++) {
        if (i)
            snprintf(numbered, sizeof(numbered), "_%zu", i);
        for (int part = 0; part < PARTS; part++) {
            snprintf(name, sizeof(name), "layers/lstm%s/cell/vars/%d",
                     numbered, part);
            put_part(file, name, part, units, numbers);
        }
    }
    H5Fclose(file);
    write_config(text, sizeof(text), layers, units);
    keras_write_zip(
        path, &(struct keras_parts){.config = text, .weights_path = inside});
    scratch_file_remove(inside);
    free(numbers);
}
