/* fuzz_import.c: our part of the importer, against anything.
 *
 * '{...'    an architecture, for the inventory
 * 'P...'    a program: its bytes are operations that spoil a sound file of
 *           Keras (links, attributes, types, shapes) before it is read
 * others    a model file: sniffed and, unless it is HDF5, imported
 *
 * What comes out is loaded, as the daemon would.
 *
 * libhdf5 itself does not survive random bytes, which is why the importer is
 * a process in a sandbox (docs/import.md); tests/unit/server/
 * test_model_damage.c shows that.  With RNND_FUZZ_HDF5 in the environment
 * HDF5 files go through here as well, to see what it does with them.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/format/inventory.h"
#include "core/import/hdf5_file.h"
#include "core/import/import.h"
#include "core/import/layouts.h"
#include "core/model.h"
#include "core/sniff.h"
#include "tests/support/keras_writer.h"

#define MAX_OUT ((size_t)16 << 20)

struct out {
    unsigned char *bytes;
    size_t size;
};

static bool keep(void *arg, const void *bytes, size_t size)
{
    struct out *out = arg;
    unsigned char *grown = realloc(out->bytes, out->size + size);

    if (!grown)
        return false;
    out->bytes = grown;
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
    return true;
}

static void load(const struct out *out, const uint8_t *origin, size_t size)
{
    struct rnn_model_options options = {
        .isa = RNN_ISA_AUTO, .origin = origin, .origin_size = size};
    struct rnn_model *model = NULL;

    if (rnn_model_load(out->bytes, out->size, &options, &model, NULL) ==
        RNN_OK)
        rnn_model_free(model);
}

static void try_import(const uint8_t *data, size_t size)
{
    struct out out = {0};
    struct byte_sink sink = {keep, &out, MAX_OUT, true};

    if (import_model(data, size, &sink, NULL, NULL) == RNN_OK)
        load(&out, data, size);
    free(out.bytes);
}

static void try_architecture(const char *text, size_t size)
{
    struct rnn_inventory inventory = {0};

    if (rnn_inventory_init(text, size, &inventory, NULL) == RNN_OK)
        rnn_inventory_release(&inventory);
}

/* ---- programs ----------------------------------------------------------- */

static const char *const paths[] = {
    "model_weights/rnn",
    "model_weights/out",
    "model_weights/rnn/rnn/simple_rnn_cell/kernel:0",
    "model_weights/out/out/bias:0",
    "model_weights/out/out",
    "model_weights",
    "model_weights/top_level_model_weights",
    "layers/simple_rnn/cell/vars/0",
    "layers/simple_rnn/cell/vars/2",
    "layers/simple_rnn",
    "layers/dense",
    "layers/dense/vars/1",
    "layers/dense_1/vars/0",
    "layers/dense_9",
    "layers",
    "_layer_checkpoint_dependencies",
    "vars/0",
    "layers/dense/vars",
    "layers/dense_99999999999999999999"};
static const char *const texts[] = {
    "rnn",         "out",
    "out/bias:0",  "out/kernel:0",
    "kernel",      "bias",
    "x/bias",      "",
    "/",           "rnn/simple_rnn_cell/kernel:0",
    "out/bias:00", "../out"};
static const char *const names[] = {"weight_names",  "layer_names",
                                    "weight_names0", "weight_names1",
                                    "name",          "layer_names0"};

#define PICK(table, byte)                                                     \
    ((table)[(byte) % (sizeof(table) / sizeof(*(table)))])

static void put_dataset(hid_t file, const char *path, uint8_t kind,
                        uint8_t shape)
{
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE,
                           H5T_STD_I32LE, H5T_NATIVE_LDOUBLE};
    const hsize_t dims[3] = {shape & 3, (shape >> 2) & 3, 1};
    const float numbers[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hid_t space = H5Screate_simple(1 + (shape >> 4) % 3, dims, NULL), set;

    H5Ldelete(file, path, H5P_DEFAULT);
    H5Pset_create_intermediate_group(links, 1);
    set = H5Dcreate2(file, path, PICK(types, kind), space, links, H5P_DEFAULT,
                     H5P_DEFAULT);
    if (set >= 0 && kind < 200)
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 numbers);
    if (set >= 0)
        H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
}

static void put_list(hid_t file, const char *path, const uint8_t *op)
{
    const char *list[3] = {PICK(texts, op[0]), PICK(texts, op[0] / 16),
                           PICK(texts, op[1] / 16)};
    hid_t object = H5Oopen(file, path, H5P_DEFAULT);

    if (object < 0)
        return;
    if (op[1] & 8)
        keras_put_text(object, PICK(names, op[2]), list[0]);
    else
        keras_put_texts(object, PICK(names, op[2]), op[1] % 4, list,
                        op[1] & 4);
    H5Oclose(object);
}

/* Four bytes: what, where, and two that depend. */
static void spoil(hid_t file, const uint8_t *op)
{
    const char *path = PICK(paths, op[1]), *other = PICK(paths, op[2]);

    switch (op[0] % 6) {
    case 0:
        H5Ldelete(file, path, H5P_DEFAULT);
        break;
    case 1:
        H5Lmove(file, path, file, other, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 2:
        put_dataset(file, path, op[2], op[3]);
        break;
    case 3:
        put_list(file, path, (const uint8_t[]){op[2], op[3], op[0] / 6});
        break;
    case 4:
        H5Lcreate_hard(file, path, file, other, H5P_DEFAULT, H5P_DEFAULT);
        break;
    default:
        H5Lcreate_soft(path, file, other, H5P_DEFAULT, H5P_DEFAULT);
        break;
    }
}

/* A sound file in memory, made anew for each program. */
static hid_t sound_file(bool is_keras)
{
    static unsigned char *bytes[2];
    static size_t sizes[2];
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), file;

    if (!bytes[is_keras]) {
        char path[] = "/tmp/rnnd-fuzz-XXXXXX";

        close(mkstemp(path));
        if (is_keras)
            keras_write_weights(path, &(struct keras_layout){.names = true});
        else
            keras_write_h5(path, 2);
        bytes[is_keras] = keras_read_file(path, &sizes[is_keras]);
        unlink(path);
    }
    H5Pset_fapl_core(access, 4096, 0);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_file_image(access, bytes[is_keras], sizes[is_keras]);
    file = H5Fopen("/dev/null/fuzz", H5F_ACC_RDWR, access);
    H5Pclose(access);
    return file;
}

static void try_program(const uint8_t *data, size_t size)
{
    bool is_keras = size > 0 && data[0] & 1;
    hid_t file = sound_file(is_keras);
    struct rnn_inventory inventory = {0};
    struct weight_list list = {0};
    struct out out = {0};
    struct byte_sink sink = {keep, &out, MAX_OUT, false};
    struct model_metadata metadata = {NULL, "3.15.1", "keras"};

    if (file < 0 ||
        rnn_inventory_init(keras_sample_config, strlen(keras_sample_config),
                           &inventory, NULL) ||
        weight_list_init(&inventory, NULL, &list, NULL))
        abort();
    for (size_t at = 1; at + 4 <= size && at < 64; at += 4)
        spoil(file, data + at);
    metadata.keras_config = inventory.architecture;
    if (!(is_keras ? layout_keras : layout_h5)(file, &inventory, &list,
                                               NULL) &&
        !safetensors_write(&metadata, &list, &sink, NULL))
        load(&out, NULL, 0);
    free(out.bytes);
    weight_list_release(&list);
    rnn_inventory_release(&inventory);
    H5Fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum rnn_file_kind kind;

    if (hdf5_start(NULL))
        abort();
    if (size > 0 && data[0] == '{')
        try_architecture((const char *)data, size);
    else if (size > 0 && data[0] == 'P' && (size < 2 || data[1] != 'K'))
        try_program(data + 1, size - 1);
    else if (rnn_sniff(data, size, &kind, NULL) == RNN_OK &&
             (kind != RNN_FILE_HDF5 || getenv("RNND_FUZZ_HDF5")))
        try_import(data, size);
    return 0;
}
