/* Members of an archive: whole and checked, or a sentence. */
#include "core/import/keras_zip.h"

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

/* An archive of one member, in memory; free() it. */
static unsigned char *archive_of(const char *name, const void *bytes,
                                 size_t size, int compression,
                                 size_t *archive_size)
{
    char path[SCRATCH_PATH_BYTES];
    unsigned char *made;
    zip_int64_t index;
    zip_t *archive;

    scratch_file("", 0, path);
    archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(archive);
    index = zip_file_add(archive, name,
                         zip_source_buffer(archive, bytes, size, 0), 0);
    assert_true(index >= 0);
    zip_set_file_compression(archive, (zip_uint64_t)index, compression, 0);
    assert_int_equal(zip_close(archive), 0);
    made = keras_read_file(path, archive_size);
    scratch_file_remove(path);
    return made;
}

static enum rnn_status read_member(const unsigned char *bytes, size_t size,
                                   const char *name, size_t max_bytes,
                                   struct keras_member *member,
                                   struct rnn_error *err)
{
    struct keras_zip zip = {0};
    enum rnn_status status = keras_zip_open(bytes, size, &zip, err);

    if (status)
        return status;
    status = keras_zip_read(&zip, name, max_bytes, member, err);
    keras_zip_close(&zip);
    return status;
}

static void stored_and_deflated_members_are_read_whole(void **state)
{
    static const int ways[] = {ZIP_CM_STORE, ZIP_CM_DEFLATE};
    static char text[100000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * i >> 7);
    for (size_t i = 0; i < 2; i++) {
        struct keras_member member = {0};
        size_t size;
        unsigned char *archive =
            archive_of("config.json", text, sizeof(text), ways[i], &size);

        assert_int_equal(read_member(archive, size, "config.json",
                                     sizeof(text), &member, NULL),
                         RNN_OK);
        assert_int_equal(member.size, sizeof(text));
        assert_memory_equal(member.bytes, text, sizeof(text));
        assert_int_equal(member.bytes[member.size], 0);
        keras_member_release(&member);
        free(archive);
    }
}

static void empty_member_is_read(void **state)
{
    struct keras_member member = {0};
    size_t size;
    unsigned char *archive =
        archive_of("config.json", "", 0, ZIP_CM_STORE, &size);

    (void)state;
    assert_int_equal(
        read_member(archive, size, "config.json", 10, &member, NULL), RNN_OK);
    assert_int_equal(member.size, 0);
    keras_member_release(&member);
    free(archive);
}

static void member_that_is_not_there_is_named(void **state)
{
    struct keras_member member = {0};
    struct keras_zip zip = {0};
    struct rnn_error err;
    size_t size;
    unsigned char *archive =
        archive_of("config.json", "{}", 2, ZIP_CM_STORE, &size);

    (void)state;
    assert_int_equal(
        read_member(archive, size, "metadata.json", 10, &member, &err),
        RNN_BAD_MODEL);
    assert_string_equal(err.message, "the zip has no metadata.json");
    assert_int_equal(keras_zip_open(archive, size, &zip, NULL), RNN_OK);
    assert_true(keras_zip_has(&zip, "config.json"));
    assert_false(keras_zip_has(&zip, "CONFIG.JSON"));
    keras_zip_close(&zip);
    keras_zip_close(&zip);
    free(archive);
}

static void member_over_the_limit_is_refused_before_it_is_read(void **state)
{
    struct keras_member member = {0};
    struct rnn_error err;
    size_t size;
    unsigned char *archive =
        archive_of("config.json", "0123456789", 10, ZIP_CM_STORE, &size);

    (void)state;
    assert_int_equal(
        read_member(archive, size, "config.json", 9, &member, &err),
        RNN_LIMIT);
    assert_non_null(strstr(err.message, "10 bytes, more than the 9"));
    assert_null(member.bytes);
    free(archive);
}

/* The directory may lie about a size; the stream and its CRC do not. */
static void sizes_that_lie_are_found_out(void **state)
{
    struct rnn_error err;
    size_t size;
    unsigned char *archive =
        archive_of("config.json", "0123456789", 10, ZIP_CM_STORE, &size);
    unsigned char *directory = memmem(archive, size, "PK\1\2", 4);

    (void)state;
    assert_non_null(directory);
    for (int wrong = 0; wrong < 20; wrong++) {
        struct keras_member member = {0};

        if (wrong == 10)
            continue;
        directory[24] = (unsigned char)wrong; /* uncompressed size */
        assert_int_equal(
            read_member(archive, size, "config.json", 100, &member, &err),
            RNN_BAD_MODEL);
        assert_null(member.bytes);
    }
    free(archive);
}

static void what_is_no_archive_is_refused(void **state)
{
    struct keras_zip zip = {0};
    struct rnn_error err;

    (void)state;
    assert_int_equal(keras_zip_open("PK\3\4 and no more", 15, &zip, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "a zip) that is damaged"));
    assert_null(zip.archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_and_deflated_members_are_read_whole),
        cmocka_unit_test(empty_member_is_read),
        cmocka_unit_test(member_that_is_not_there_is_named),
        cmocka_unit_test(member_over_the_limit_is_refused_before_it_is_read),
        cmocka_unit_test(sizes_that_lie_are_found_out),
        cmocka_unit_test(what_is_no_archive_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
