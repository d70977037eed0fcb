#include "tests/support/keras_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#define RNN_FIELDS                                                            \
    "\"trainable\": true, \"dtype\": {\"module\": \"keras\", "                \
    "\"class_name\": \"DTypePolicy\", \"config\": {\"name\": \"float32\"}, "  \
    "\"registered_name\": null, \"shared_object_id\": 140634301971536}, "

const char keras_sample_config[] =
    "{\"module\": \"keras\", \"class_name\": \"Sequential\", \"config\": "
    "{\"name\": \"model\", \"trainable\": true, \"layers\": ["
    "{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", "
    "\"config\": {\"batch_shape\": [null, 3, 2], \"dtype\": \"float32\", "
    "\"sparse\": false, \"name\": \"in\"}, \"registered_name\": null}, "
    "{\"module\": \"keras.layers\", \"class_name\": \"SimpleRNN\", "
    "\"config\": {\"name\": \"rnn\", " RNN_FIELDS
    "\"return_sequences\": false, \"return_state\": false, "
    "\"go_backwards\": false, \"stateful\": false, \"unroll\": false, "
    "\"units\": 2, \"activation\": \"tanh\", \"use_bias\": true, "
    "\"dropout\": 0.0, \"recurrent_dropout\": 0.0}, "
    "\"registered_name\": null}, "
    "{\"module\": \"keras.layers\", \"class_name\": \"Dense\", \"config\": "
    "{\"name\": \"out\", " RNN_FIELDS
    "\"units\": 1, \"activation\": \"linear\", \"use_bias\": true}, "
    "\"registered_name\": null}], \"build_input_shape\": [null, 3, 2]}, "
    "\"registered_name\": null, \"compile_config\": {\"loss\": NaN}}";

const char keras_sample_metadata[] =
    "{\"keras_version\": \"3.15.1\", \"date_saved\": \"2026-01-01@00:00:00\"}";

const struct keras_sample_weight keras_sample_weights[] = {
    {"rnn/kernel", 2, {2, 2}, {0.5f, -0.25f, 0.125f, 0.75f}},
    {"rnn/recurrent_kernel", 2, {2, 2}, {0.1f, 0.2f, 0.3f, 0.4f}},
    {"rnn/bias", 1, {2}, {0.01f, -0.02f}},
    {"out/kernel", 2, {2, 1}, {1.5f, -2.5f}},
    {"out/bias", 1, {1}, {0.625f}},
};

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "keras_writer: %s failed\n", what);
    abort();
}

/* ---- pieces ------------------------------------------------------------- */

void keras_put_numbers(hid_t parent, const char *path, hid_t type, size_t rank,
                       const hsize_t *shape, const float *numbers)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hid_t space = H5Screate_simple((int)rank, shape, NULL);
    hid_t set;

    H5Pset_create_intermediate_group(links, 1);
    set =
        H5Dcreate2(parent, path, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    check(set >= 0, path);
    check(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                   numbers) >= 0,
          path);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
}

static void put_weight(hid_t parent, const char *path, size_t index)
{
    const struct keras_sample_weight *weight = &keras_sample_weights[index];

    keras_put_numbers(parent, path, H5T_IEEE_F32LE, weight->rank,
                      weight->shape, weight->numbers);
}

static hid_t make_group(hid_t parent, const char *path)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE), group;

    if (H5Lexists(parent, path, H5P_DEFAULT) > 0) {
        group = H5Gopen2(parent, path, H5P_DEFAULT);
    } else {
        H5Pset_create_intermediate_group(links, 1);
        group = H5Gcreate2(parent, path, links, H5P_DEFAULT, H5P_DEFAULT);
    }
    check(group >= 0, path);
    H5Pclose(links);
    return group;
}

static void put_attribute(hid_t object, const char *name, hid_t type,
                          hid_t space, const void *value)
{
    hid_t attribute;

    if (H5Aexists(object, name) > 0)
        H5Adelete(object, name);
    attribute =
        H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    check(attribute >= 0, name);
    if (value)
        check(H5Awrite(attribute, type, value) >= 0, name);
    H5Aclose(attribute);
}

void keras_put_text(hid_t object, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);

    H5Tset_size(type, H5T_VARIABLE);
    put_attribute(object, name, type, space, &text);
    H5Tclose(type);
    H5Sclose(space);
}

static void put_fixed(hid_t object, const char *name, hid_t space,
                      size_t count, const char *const *texts)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    size_t size = 1;
    char *all;

    for (size_t i = 0; i < count; i++)
        size = strlen(texts[i]) > size ? strlen(texts[i]) : size;
    all = calloc(count, size);
    check(all != NULL, name);
    for (size_t i = 0; i < count; i++)
        memcpy(all + i * size, texts[i], strlen(texts[i]));
    H5Tset_size(type, size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    put_attribute(object, name, type, space, all);
    free(all);
    H5Tclose(type);
}

void keras_put_texts(hid_t object, const char *name, size_t count,
                     const char *const *texts, bool fixed)
{
    hsize_t length = count;
    hid_t space = H5Screate_simple(1, &length, NULL);

    if (count == 0) { /* as h5py writes an empty list */
        put_attribute(object, name, H5T_IEEE_F64LE, space, NULL);
    } else if (fixed) {
        put_fixed(object, name, space, count, texts);
    } else {
        hid_t type = H5Tcopy(H5T_C_S1);

        H5Tset_size(type, H5T_VARIABLE);
        put_attribute(object, name, type, space, texts);
        H5Tclose(type);
    }
    H5Sclose(space);
}

static hid_t create(const char *path)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);

    check(file >= 0, path);
    return file;
}

hid_t keras_reopen(const char *path)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);

    check(file >= 0, path);
    return file;
}

void keras_remove_attribute(hid_t file, const char *path, const char *name)
{
    hid_t object = H5Oopen(file, path, H5P_DEFAULT);

    check(object >= 0 && H5Adelete(object, name) >= 0, name);
    H5Oclose(object);
}

void keras_remove_link(hid_t file, const char *path)
{
    check(H5Ldelete(file, path, H5P_DEFAULT) >= 0, path);
}

/* ---- .keras ------------------------------------------------------------- */

static void put_vars(hid_t container, const char *folder, const char *name)
{
    char path[256];
    hid_t group;

    snprintf(path, sizeof(path), "%s/vars", folder);
    group = make_group(container, path);
    if (name)
        keras_put_text(group, "name", name);
    H5Gclose(group);
}

void keras_write_weights(const char *path, const struct keras_layout *layout)
{
    const char *rnn = layout->rnn ? layout->rnn : "simple_rnn";
    const char *dense = layout->dense ? layout->dense : "dense";
    hid_t file = create(path);
    hid_t container =
        make_group(file, layout->container ? layout->container : "layers");
    char dataset[256];

    for (size_t i = 0; i < KERAS_SAMPLE_WEIGHTS; i++) {
        if (i < 3)
            snprintf(dataset, sizeof(dataset), "%s/cell/vars/%zu", rnn, i);
        else
            snprintf(dataset, sizeof(dataset), "%s/vars/%zu", dense, i - 3);
        put_weight(container, dataset, i);
    }
    put_vars(container, rnn, layout->names ? "rnn" : NULL);
    put_vars(container, dense, layout->names ? "out" : NULL);
    put_vars(file, ".", layout->names ? "model" : NULL);
    H5Gclose(container);
    H5Fclose(file);
}

static void add_member(zip_t *archive, const char *name, const void *bytes,
                       size_t size, bool deflate)
{
    zip_source_t *source = zip_source_buffer(archive, bytes, size, 0);
    zip_int64_t index = zip_file_add(archive, name, source, 0);

    check(source && index >= 0, name);
    zip_set_file_compression(archive, (zip_uint64_t)index,
                             deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
}

void keras_write_zip(const char *path, const struct keras_parts *parts)
{
    const char *config = parts->config ? parts->config : keras_sample_config;
    const char *metadata =
        parts->metadata ? parts->metadata : keras_sample_metadata;
    zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    unsigned char *weights = NULL;
    size_t size = 0;

    check(archive != NULL, path);
    if (*metadata)
        add_member(archive, "metadata.json", metadata, strlen(metadata),
                   parts->deflate);
    if (*config)
        add_member(archive, "config.json", config, strlen(config),
                   parts->deflate);
    if (parts->weights_path) {
        weights = keras_read_file(parts->weights_path, &size);
        add_member(archive, "model.weights.h5", weights, size, parts->deflate);
    }
    check(zip_close(archive) == 0, path);
    free(weights);
}

void keras_write_sample(const char *path)
{
    char weights[256];

    snprintf(weights, sizeof(weights), "%.200s.weights", path);
    keras_write_weights(weights, &(struct keras_layout){.names = true});
    keras_write_zip(path, &(struct keras_parts){.weights_path = weights});
    unlink(weights);
}

/* ---- .h5 ---------------------------------------------------------------- */

static void write_layer(hid_t weights, const char *layer, size_t first,
                        size_t count, int keras_major)
{
    char paths[3][96];
    const char *list[3];
    hid_t group = make_group(weights, layer);

    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(keras_sample_weights[first + i].name, '/');

        snprintf(paths[i], sizeof(paths[i]), "%s%s%s%s%s",
                 keras_major == 3 ? "model/" : "", layer,
                 count == 3 ? "/simple_rnn_cell" : "", slash,
                 keras_major == 3 ? "" : ":0");
        list[i] = paths[i];
        put_weight(group, paths[i], first + i);
    }
    keras_put_texts(group, "weight_names", count, list, keras_major == 2);
    H5Gclose(group);
}

void keras_write_h5(const char *path, int keras_major)
{
    static const char *const layers[] = {"rnn", "out"};
    hid_t file = create(path), weights = make_group(file, "model_weights");
    hid_t top = make_group(weights, "top_level_model_weights");
    const char *version = keras_major == 3 ? "3.15.1" : "2.15.0";

    keras_put_text(file, "model_config", keras_sample_config);
    keras_put_text(file, "keras_version", version);
    keras_put_text(weights, "keras_version", version);
    keras_put_texts(weights, "layer_names", 2, layers, keras_major == 2);
    keras_put_texts(top, "weight_names", 0, NULL, false);
    write_layer(weights, "rnn", 0, 3, keras_major);
    write_layer(weights, "out", 3, 2, keras_major);
    H5Gclose(top);
    H5Gclose(weights);
    H5Fclose(file);
}

unsigned char *keras_read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes;
    long length;

    check(file && fseek(file, 0, SEEK_END) == 0, path);
    length = ftell(file);
    rewind(file);
    bytes = malloc((size_t)length + 1);
    check(length >= 0 && bytes, path);
    *size = fread(bytes, 1, (size_t)length, file);
    check(*size == (size_t)length, path);
    fclose(file);
    return bytes;
}
