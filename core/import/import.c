#include "core/import/import.h"

#include <stdio.h>
#include <string.h>

#include "core/import/hdf5_file.h"
#include "core/import/keras_zip.h"
#include "core/import/layouts.h"
#include "core/sniff.h"

#define MAX_JSON_BYTES ((size_t)64 << 20)

/* What the steps hand to one another. */
struct import {
    struct byte_sink sink;
    const struct import_notes *notes;
    struct arena texts;
    struct rnn_inventory inventory;
    struct weight_list weights;
    struct model_metadata metadata;
};

static void note(const struct import *import, const char *sentence)
{
    if (import->notes && import->notes->note)
        import->notes->note(import->notes->arg, sentence);
}

static void note_rounding(const struct import *import)
{
    size_t wide = 0, half = 0, brain = 0;
    char sentence[160];

    for (size_t i = 0; i < import->weights.count; i++) {
        const struct weight *weight = &import->weights.items[i];

        wide += weight->bits == 64;
        half += weight->bits == 16 && weight->kind == WEIGHT_FLOAT;
        brain += weight->kind == WEIGHT_BFLOAT16;
    }
    if (wide) {
        snprintf(sentence, sizeof(sentence),
                 "%zu of %zu weights are float64 and are rounded to float32",
                 wide, import->weights.count);
        note(import, sentence);
    }
    if (half || brain) {
        snprintf(sentence, sizeof(sentence),
                 "%zu of %zu weights are %s and are widened to float32",
                 half + brain, import->weights.count,
                 !brain  ? "float16"
                 : !half ? "bfloat16"
                         : "float16 or bfloat16");
        note(import, sentence);
    }
}

/* Keras 1 has other names for everything. */
static enum rnn_status check_version(const char *version,
                                     struct rnn_error *err)
{
    if (version[0] >= '2' && version[0] <= '9' && version[1] == '.')
        return RNN_OK;
    if (!*version)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "it does not say its version, as files of Keras 1 "
                        "do not; load it in Keras 2 and save it again");
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "it was written by Keras %.32s; Keras 2 and 3 can be "
                    "read: load it in Keras 2 and save it again",
                    version);
}

static enum rnn_status write_out(struct import *import, struct rnn_error *err)
{
    import->metadata.keras_config = import->inventory.architecture;
    note_rounding(import);
    return safetensors_write(&import->metadata, &import->weights,
                             &import->sink, err);
}

/* ---- .keras ------------------------------------------------------------- */

static enum rnn_status read_version(const struct keras_zip *zip,
                                    struct import *import,
                                    struct rnn_error *err)
{
    struct keras_member metadata = {0};
    enum rnn_status status =
        keras_zip_read(zip, "metadata.json", MAX_JSON_BYTES, &metadata, err);

    if (!status)
        status = rnn_metadata_version((const char *)metadata.bytes,
                                      metadata.size, &import->texts,
                                      &import->metadata.keras_version, err);
    if (!status)
        status = check_version(import->metadata.keras_version, err);
    keras_member_release(&metadata);
    return status;
}

static enum rnn_status read_config(const struct keras_zip *zip,
                                   struct import *import,
                                   struct rnn_error *err)
{
    struct keras_member config = {0};
    enum rnn_status status =
        keras_zip_read(zip, "config.json", MAX_JSON_BYTES, &config, err);

    if (!status)
        status = rnn_inventory_init((const char *)config.bytes, config.size,
                                    &import->inventory, err);
    keras_member_release(&config);
    return status;
}

static enum rnn_status read_weights(const struct keras_member *member,
                                    struct import *import,
                                    struct rnn_error *err)
{
    struct hdf5_file file = {0};
    enum rnn_status status =
        hdf5_file_open(member->bytes, member->size,
                       "model.weights.h5 in the zip", &file, err);

    if (!status)
        status = weight_list_init(&import->inventory, file.image,
                                  &import->weights, err);
    if (!status)
        status =
            layout_keras(file.id, &import->inventory, &import->weights, err);
    if (!status)
        status = write_out(import, err);
    weight_list_release(&import->weights);
    hdf5_file_close(&file);
    return status;
}

static enum rnn_status import_keras(const void *bytes, size_t size,
                                    struct import *import,
                                    struct rnn_error *err)
{
    struct keras_zip zip = {0};
    struct keras_member member = {0};
    enum rnn_status status = keras_zip_open(bytes, size, &zip, err);

    if (status)
        return status;
    import->metadata.source_format = "keras";
    import->sink.has_origin = false; /* what is read is a member's copy */
    status = read_version(&zip, import, err);
    if (!status)
        status = read_config(&zip, import, err);
    if (!status && keras_zip_has(&zip, "model.weights.npz"))
        status = rnn_fail(err, RNN_UNSUPPORTED,
                          "its weights are a NumPy archive "
                          "(model.weights.npz); save it again with h5py "
                          "installed");
    if (!status)
        status = keras_zip_read(&zip, "model.weights.h5",
                                import->sink.max_bytes, &member, err);
    keras_zip_close(&zip);
    if (!status)
        status = read_weights(&member, import, err);
    keras_member_release(&member);
    return status;
}

/* ---- .h5 ---------------------------------------------------------------- */

static bool has_link(hid_t file, const char *name)
{
    return H5Lexists(file, name, H5P_DEFAULT) > 0;
}

static enum rnn_status refuse_hdf5(hid_t file, struct rnn_error *err)
{
    if (hdf5_has_attribute(file, "layer_names") ||
        hdf5_has_attribute(file, "layer_names0") || has_link(file, "layers") ||
        has_link(file, "_layer_checkpoint_dependencies") ||
        has_link(file, "top_level_model_weights"))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this file holds weights only, without the "
                        "architecture (model.save_weights() writes such); "
                        "save the whole model with model.save(\"x.keras\")");
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "this is an HDF5 file without model_config, so not a "
                    "model saved by Keras");
}

/* The version stands on the file and on model_weights; old files have one of
 * the two, Keras 1 neither. */
static enum rnn_status read_h5_version(hid_t file, struct import *import,
                                       struct rnn_error *err)
{
    const char *version = "";
    struct arena *arena = &import->texts;
    enum rnn_status status = RNN_OK;
    hid_t weights;

    if (hdf5_has_attribute(file, "keras_version")) {
        status = hdf5_read_text(file, "keras_version", arena, &version, err);
    } else if (!hdf5_open(file, "model_weights", &weights, NULL)) {
        if (hdf5_has_attribute(weights, "keras_version"))
            status =
                hdf5_read_text(weights, "keras_version", arena, &version, err);
        H5Oclose(weights);
    }
    if (!status)
        status = check_version(version, err);
    import->metadata.keras_version = version;
    return status;
}

static enum rnn_status read_h5(const struct hdf5_file *h5,
                               struct import *import, struct rnn_error *err)
{
    const char *config = NULL;
    hid_t file = h5->id;
    enum rnn_status status;

    if (!hdf5_has_attribute(file, "model_config"))
        return refuse_hdf5(file, err);
    status = read_h5_version(file, import, err);
    if (!status)
        status =
            hdf5_read_text(file, "model_config", &import->texts, &config, err);
    if (!status)
        status = rnn_inventory_init(config, strlen(config), &import->inventory,
                                    err);
    if (!status)
        status = weight_list_init(&import->inventory, h5->image,
                                  &import->weights, err);
    if (!status)
        status = layout_h5(file, &import->inventory, &import->weights, err);
    if (!status)
        status = write_out(import, err);
    weight_list_release(&import->weights);
    return status;
}

static enum rnn_status import_h5(const void *bytes, size_t size,
                                 struct import *import, struct rnn_error *err)
{
    struct hdf5_file file = {0};
    enum rnn_status status =
        hdf5_file_open(bytes, size, "the file", &file, err);

    if (status)
        return status;
    import->metadata.source_format = "h5";
    status = read_h5(&file, import, err);
    hdf5_file_close(&file);
    return status;
}

enum rnn_status import_model(const void *bytes, size_t size,
                             const struct byte_sink *sink,
                             const struct import_notes *notes,
                             struct rnn_error *err)
{
    struct import import = {.sink = *sink, .notes = notes};
    enum rnn_file_kind kind;
    enum rnn_status status = rnn_sniff(bytes, size, &kind, err);

    if (status)
        return status;
    arena_init(&import.texts, 0);
    switch (kind) {
    case RNN_FILE_SAFETENSORS:
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a safetensors file already; rnnd serves it "
                        "as it is");
    case RNN_FILE_KERAS:
        status = import_keras(bytes, size, &import, err);
        break;
    case RNN_FILE_HDF5:
        status = import_h5(bytes, size, &import, err);
        break;
    }
    rnn_inventory_release(&import.inventory);
    arena_release(&import.texts);
    return status;
}
