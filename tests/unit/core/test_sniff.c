/* Every kind of file that people hand over, told by its bytes. */
#include "core/sniff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include <cmocka.h>

#include "tests/support/keras_writer.h"
#include "tests/support/scratch_file.h"

static void assert_kind(const void *bytes, size_t size,
                        enum rnn_file_kind expected)
{
    enum rnn_file_kind kind;
    struct rnn_error err;

    if (rnn_sniff(bytes, size, &kind, &err))
        fail_msg("%s", err.message);
    assert_int_equal(kind, expected);
}

static void assert_refused_as(const void *bytes, size_t size,
                              const char *words)
{
    enum rnn_file_kind kind;
    struct rnn_error err;

    assert_int_not_equal(rnn_sniff(bytes, size, &kind, &err), RNN_OK);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

#define ASSERT_TEXT_REFUSED_AS(text, words)                                   \
    assert_refused_as(text, sizeof(text) - 1, words)

static void safetensors_are_known_by_length_and_brace(void **state)
{
    static const char file[] = "\x10\0\0\0\0\0\0\0{\"a\":1}         ";

    (void)state;
    assert_kind(file, sizeof(file) - 1, RNN_FILE_SAFETENSORS);
}

/* 0x280 bytes of header begin like a pickle of protocol 2. */
static void safetensors_that_begin_like_a_pickle_are_safetensors(void **state)
{
    static const char file[] = "\x80\x02\0\0\0\0\0\0{\"a\":1}";

    (void)state;
    assert_kind(file, sizeof(file) - 1, RNN_FILE_SAFETENSORS);
}

static void keras_archive_is_a_zip_with_a_config(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    size_t size;
    unsigned char *bytes;

    (void)state;
    scratch_file("", 0, path);
    keras_write_sample(path);
    bytes = keras_read_file(path, &size);
    assert_kind(bytes, size, RNN_FILE_KERAS);
    assert_refused_as(bytes, size - 1, "cut short or damaged");
    assert_refused_as(bytes, size / 2, "cut short or damaged");
    assert_refused_as(bytes, 4, "cut short or damaged");
    free(bytes);
    scratch_file_remove(path);
}

static void assert_member_refused_as(const char *member, const char *words)
{
    char path[SCRATCH_PATH_BYTES];
    size_t size;
    unsigned char *bytes;
    zip_t *archive;

    scratch_file("", 0, path);
    archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(archive);
    assert_true(zip_file_add(archive, member,
                             zip_source_buffer(archive, "x", 1, 0), 0) >= 0);
    assert_int_equal(zip_close(archive), 0);
    bytes = keras_read_file(path, &size);
    assert_refused_as(bytes, size, words);
    free(bytes);
    scratch_file_remove(path);
}

static void other_zips_are_named_by_what_they_hold(void **state)
{
    (void)state;
    assert_member_refused_as("model/data.pkl", "a PyTorch file");
    assert_member_refused_as("arr_0.npy", "a NumPy .npz");
    assert_member_refused_as("model/config.json", "inside a folder");
    assert_member_refused_as("model.weights.h5", "weights only");
    assert_member_refused_as("readme.txt", "a zip without config.json");
}

static void hdf5_is_found_at_every_place_it_may_begin(void **state)
{
    static unsigned char file[5000];

    (void)state;
    for (size_t at = 0; at < 4096; at = at ? 2 * at : 512) {
        memset(file, 0, sizeof(file));
        memcpy(file + at, "\x89HDF\r\n\x1a\n", 8);
        assert_kind(file, sizeof(file), RNN_FILE_HDF5);
    }
    memset(file, 0, sizeof(file));
    memcpy(file + 700, "\x89HDF\r\n\x1a\n", 8);
    assert_refused_as(file, sizeof(file), "no model format");
}

static void what_people_hand_over_is_named(void **state)
{
    (void)state;
    ASSERT_TEXT_REFUSED_AS("version https://git-lfs.github.com/spec/v1\n"
                           "oid sha256:0\nsize 1\n",
                           "Git LFS pointer");
    ASSERT_TEXT_REFUSED_AS("\x80\x04\x95\x10.", "a Python pickle");
    ASSERT_TEXT_REFUSED_AS("\x08\x07\x12\x07pytorch\x1a\x05"
                           "2.0.1:",
                           "ONNX");
    ASSERT_TEXT_REFUSED_AS("\x1c\0\0\0TFL3\0\0\0\0", "TensorFlow Lite");
    ASSERT_TEXT_REFUSED_AS("\x93NUMPY\1\0", "one NumPy array");
    ASSERT_TEXT_REFUSED_AS("\x1f\x8b\x08\0", "gzip");
    ASSERT_TEXT_REFUSED_AS("GGUF\3\0\0\0", "GGUF");
    ASSERT_TEXT_REFUSED_AS("<!DOCTYPE html><html>", "a web page");
    ASSERT_TEXT_REFUSED_AS("{\"class_name\": \"Sequential\"}", "JSON text");
    ASSERT_TEXT_REFUSED_AS("dear reader", "a text");
    ASSERT_TEXT_REFUSED_AS("\xff\xd8\xff\xe0\0\x10JFIF", "no model format");
}

static void tar_is_known_by_its_magic(void **state)
{
    char file[512] = "model/";

    (void)state;
    memcpy(file + 257, "ustar", 5);
    assert_refused_as(file, sizeof(file), "a tar archive");
}

/* Nothing may be read behind the end: the sanitizer watches. */
static void every_short_file_gets_a_sentence(void **state)
{
    static const char *const starts[] = {
        "PK\3\4",       "\x89HDF\r\n\x1a\n",
        "\x80\x02",     "version https://git-lfs",
        "\x08\x07\x12", "{"};

    (void)state;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        size_t length = strlen(starts[i]);

        for (size_t size = 1; size <= length; size++) {
            char *exact = malloc(size);
            enum rnn_file_kind kind;
            struct rnn_error err;

            memcpy(exact, starts[i], size);
            if (rnn_sniff(exact, size, &kind, &err))
                assert_true(strlen(err.message) > 10);
            free(exact);
        }
    }
}

static void zip_directories_that_lie_are_refused(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    size_t size;
    unsigned char *bytes;
    enum rnn_file_kind kind;

    (void)state;
    scratch_file("", 0, path);
    keras_write_sample(path);
    bytes = keras_read_file(path, &size);
    for (size_t back = 1; back <= 22 + 200 && back <= size; back++) {
        unsigned char was = bytes[size - back];

        bytes[size - back] = 0xff;
        /* whichever way, it must not read outside */
        if (rnn_sniff(bytes, size, &kind, NULL) == RNN_OK)
            assert_int_equal(kind, RNN_FILE_KERAS);
        bytes[size - back] = was;
    }
    free(bytes);
    scratch_file_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_are_known_by_length_and_brace),
        cmocka_unit_test(safetensors_that_begin_like_a_pickle_are_safetensors),
        cmocka_unit_test(keras_archive_is_a_zip_with_a_config),
        cmocka_unit_test(other_zips_are_named_by_what_they_hold),
        cmocka_unit_test(hdf5_is_found_at_every_place_it_may_begin),
        cmocka_unit_test(what_people_hand_over_is_named),
        cmocka_unit_test(tar_is_known_by_its_magic),
        cmocka_unit_test(every_short_file_gets_a_sentence),
        cmocka_unit_test(zip_directories_that_lie_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
