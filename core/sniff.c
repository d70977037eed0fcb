#include "core/sniff.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const unsigned char *at;
    size_t size;
};

static uint32_t u16(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const unsigned char *at)
{
    return u16(at) | u16(at + 2) << 16;
}

static bool stands_at(struct bytes file, size_t offset, const char *text,
                      size_t length)
{
    return offset <= file.size && file.size - offset >= length &&
           memcmp(file.at + offset, text, length) == 0;
}

#define BEGINS(file, text) stands_at(file, 0, text, sizeof(text) - 1)

static bool name_ends(struct bytes name, const char *end)
{
    size_t length = strlen(end);

    return name.size >= length &&
           memcmp(name.at + name.size - length, end, length) == 0;
}

static bool name_is(struct bytes name, const char *text)
{
    return name.size == strlen(text) && name_ends(name, text);
}

/* A length below 4 GiB and the brace of its header.  Asked before everything
 * else: a length of 640 begins like a pickle. */
static bool is_safetensors(struct bytes file)
{
    return file.size > 8 && u32(file.at + 4) == 0 && file.at[8] == '{';
}

/* The signature may stand at 0, 512, 1024, 2048, ... (HDF5 format
 * specification, II.A). */
static bool is_hdf5(struct bytes file)
{
    static const char signature[] = "\x89HDF\r\n\x1a\n";

    if (stands_at(file, 0, signature, 8))
        return true;
    for (size_t offset = 512; offset < file.size; offset *= 2) {
        if (stands_at(file, offset, signature, 8))
            return true;
        if (offset > SIZE_MAX / 2)
            break;
    }
    return false;
}

struct zip_contents {
    bool complete;    /* the central directory was found and walked */
    bool has_config;  /* config.json */
    bool has_inside;  /* <folder>/config.json */
    bool has_pickle;  /* <folder>/data.pkl, as PyTorch writes */
    bool has_npy;     /* *.npy */
    bool has_weights; /* model.weights.h5 */
};

static void note_member(struct zip_contents *contents, struct bytes name)
{
    if (name_is(name, "config.json"))
        contents->has_config = true;
    else if (name_ends(name, "/config.json"))
        contents->has_inside = true;
    else if (name_ends(name, "data.pkl"))
        contents->has_pickle = true;
    else if (name_ends(name, ".npy"))
        contents->has_npy = true;
    else if (name_is(name, "model.weights.h5"))
        contents->has_weights = true;
}

/* Offset of the end-of-central-directory record: the last one in the file's
 * last 64 KiB (APPNOTE 4.3.16).  SIZE_MAX if there is none. */
static size_t find_directory_end(struct bytes file)
{
    const size_t record = 22;
    size_t lowest;

    if (file.size < record)
        return SIZE_MAX;
    lowest = file.size > record + 65535 ? file.size - record - 65535 : 0;
    for (size_t at = file.size - record + 1; at-- > lowest;) {
        if (stands_at(file, at, "PK\5\6", 4))
            return at;
    }
    return SIZE_MAX;
}

static struct zip_contents walk_zip(struct bytes file)
{
    struct zip_contents contents = {0};
    size_t end = find_directory_end(file);
    size_t at, count;

    if (end == SIZE_MAX)
        return contents;
    count = u16(file.at + end + 10);
    at = u32(file.at + end + 16);
    if (at == UINT32_MAX) { /* zip64: libzip will know */
        contents.complete = contents.has_config = true;
        return contents;
    }
    for (size_t i = 0; i < count; i++) {
        struct bytes name;

        if (at > end || end - at < 46 || !stands_at(file, at, "PK\1\2", 4))
            return contents;
        name = (struct bytes){file.at + at + 46, u16(file.at + at + 28)};
        if (end - at - 46 < name.size)
            return contents;
        note_member(&contents, name);
        at += 46 + name.size + u16(file.at + at + 30) + u16(file.at + at + 32);
    }
    contents.complete = true;
    return contents;
}

static enum rnn_status sniff_zip(struct bytes file, enum rnn_file_kind *kind,
                                 struct rnn_error *err)
{
    struct zip_contents contents = walk_zip(file);

    if (contents.has_config) {
        *kind = RNN_FILE_KERAS;
        return RNN_OK;
    }
    if (contents.has_pickle)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a PyTorch file, which holds a pickle and no "
                        "architecture; build the network in Keras, copy the "
                        "weights and save it as .keras");
    if (!contents.complete)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "this looks like a .keras file (a zip) that is cut "
                        "short or damaged: its directory is not there; copy "
                        "or download it again");
    if (contents.has_npy)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a NumPy .npz of arrays without an "
                        "architecture; save the whole model with "
                        "model.save(\"model.keras\")");
    if (contents.has_inside)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a zip whose files lie inside a folder; a "
                        ".keras file has config.json at its top");
    if (contents.has_weights)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this zip has model.weights.h5 but no config.json: "
                        "weights only; save the whole model with "
                        "model.save(\"model.keras\")");
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "this is a zip without config.json, so not a .keras "
                    "file");
}

struct known_start {
    size_t offset;
    const char *text;
    size_t length;
    const char *sentence;
};

#define START(offset, text, sentence)                                         \
    {                                                                         \
        offset, text, sizeof(text) - 1, sentence                              \
    }

static const struct known_start known_starts[] = {
    START(0, "version https://git-lfs",
          "this is a Git LFS pointer, not the model itself; run `git lfs "
          "pull` where it was cloned"),
    START(4, "TFL3",
          "this is a TensorFlow Lite file; give the Keras file it was made "
          "from (.keras or .h5)"),
    START(0, "\x93NUMPY",
          "this is one NumPy array without an architecture; save the whole "
          "model with model.save(\"model.keras\")"),
    START(0, "\x1f\x8b", "this is gzip; unpack it first (gunzip)"),
    START(0, "BZh", "this is bzip2; unpack it first (bunzip2)"),
    START(0,
          "\xfd"
          "7zXZ",
          "this is xz; unpack it first (unxz)"),
    START(257, "ustar", "this is a tar archive; unpack it first (tar xf)"),
    START(0, "GGUF",
          "this is a GGUF file of a language model, which is not "
          "a Keras model"),
};

static bool is_pickle(struct bytes file)
{
    return file.size > 2 && file.at[0] == 0x80 && file.at[1] >= 2 &&
           file.at[1] <= 5;
}

/* ONNX' ModelProto: ir_version (field 1, varint), then producer_name (2),
 * opset or graph (8, 7).  A SavedModel begins with the same two fields. */
static bool is_protobuf_graph(struct bytes file)
{
    return file.size > 16 && file.at[0] == 0x08 && file.at[1] >= 1 &&
           file.at[1] <= 32 &&
           (file.at[2] == 0x12 || file.at[2] == 0x3a || file.at[2] == 0x42);
}

static bool is_text(struct bytes file)
{
    size_t count = file.size < 512 ? file.size : 512;

    for (size_t i = 0; i < count; i++) {
        unsigned char c = file.at[i];

        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum rnn_status refuse_text(struct bytes file, struct rnn_error *err)
{
    size_t at = 0;

    while (at < file.size && memchr(" \t\r\n", file.at[at], 4))
        at++;
    if (at < file.size && file.at[at] == '<')
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a web page or XML, not a model; was a link "
                        "saved instead of the file?");
    if (at < file.size && file.at[at] == '{')
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is JSON text, perhaps an architecture without "
                        "weights; save the whole model with "
                        "model.save(\"model.keras\")");
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "this is a text, not a model; name a .keras, .h5 or "
                    ".safetensors file");
}

static enum rnn_status refuse(struct bytes file, struct rnn_error *err)
{
    size_t count = sizeof(known_starts) / sizeof(known_starts[0]);

    for (size_t i = 0; i < count; i++) {
        const struct known_start *start = &known_starts[i];

        if (stands_at(file, start->offset, start->text, start->length))
            return rnn_fail(err, RNN_UNSUPPORTED, "%s", start->sentence);
    }
    if (is_pickle(file))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a Python pickle, which would have to be run "
                        "to be read; load it in Python and save the model "
                        "with model.save(\"model.keras\")");
    if (is_protobuf_graph(file))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this looks like ONNX or the saved_model.pb of a "
                        "SavedModel; give the Keras file it was made from "
                        "(.keras or .h5)");
    if (is_text(file))
        return refuse_text(file, err);
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "its first bytes are those of no model format known "
                    "here; name a .keras, .h5 or .safetensors file");
}

enum rnn_status rnn_sniff(const void *bytes, size_t size,
                          enum rnn_file_kind *kind, struct rnn_error *err)
{
    struct bytes file = {bytes, size};

    if (is_safetensors(file)) {
        *kind = RNN_FILE_SAFETENSORS;
        return RNN_OK;
    }
    if (BEGINS(file, "PK\3\4"))
        return sniff_zip(file, kind, err);
    if (is_hdf5(file)) {
        *kind = RNN_FILE_HDF5;
        return RNN_OK;
    }
    return refuse(file, err);
}
