/* The little of HDF5 that is read: links, lists of datasets, strings. */
#include "core/import/hdf5_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/keras_writer.h"
#include "tests/support/scratch_file.h"

/* One file, made by `fill`, opened out of memory. */
struct bench {
    struct hdf5_file file;
    struct arena arena;
    unsigned char *bytes;
};

static void bench_init(struct bench *bench, void (*fill)(hid_t file))
{
    char path[SCRATCH_PATH_BYTES];
    size_t size;
    hid_t file;

    scratch_file("", 0, path);
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    fill(file);
    H5Fclose(file);
    memset(bench, 0, sizeof(*bench));
    arena_init(&bench->arena, 0);
    bench->bytes = keras_read_file(path, &size);
    scratch_file_remove(path);
    assert_int_equal(hdf5_start(NULL), RNN_OK);
    assert_int_equal(
        hdf5_file_open(bench->bytes, size, "the file", &bench->file, NULL),
        RNN_OK);
}

static void bench_release(struct bench *bench)
{
    hdf5_file_close(&bench->file);
    hdf5_file_close(&bench->file);
    arena_release(&bench->arena);
    free(bench->bytes);
}

static void put_one(hid_t file, const char *path)
{
    hsize_t one = 1;
    float number = 1;

    keras_put_numbers(file, path, H5T_IEEE_F32LE, 1, &one, &number);
}

static void fill_tree(hid_t file)
{
    put_one(file, "a/b/c");
    put_one(file, "a/b/d");
    put_one(file, "a/e");
    put_one(file, "f");
    H5Lcreate_soft("/a", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("/etc/passwd", "/", file, "outside", H5P_DEFAULT,
                       H5P_DEFAULT);
}

static void assert_opens_to(const struct bench *bench, const char *path,
                            enum rnn_status status, const char *words)
{
    struct rnn_error err = {.message = ""};
    hid_t object = -1;

    assert_int_equal(hdf5_open(bench->file.id, path, &object, &err), status);
    if (status == RNN_OK)
        H5Oclose(object);
    else if (!strstr(err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void paths_are_opened_part_by_part(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench, fill_tree);
    assert_opens_to(&bench, "a", RNN_OK, "");
    assert_opens_to(&bench, "a/b/c", RNN_OK, "");
    assert_opens_to(&bench, "/a//b/", RNN_OK, "");
    assert_opens_to(&bench, "a/x/c", RNN_NOT_FOUND, "\"x\" is not in");
    assert_opens_to(&bench, "f/x", RNN_NOT_FOUND, "\"x\" is not in");
    assert_opens_to(&bench, "", RNN_NOT_FOUND, "a path is empty");
    bench_release(&bench);
}

static void links_are_not_followed(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench, fill_tree);
    assert_opens_to(&bench, "soft", RNN_UNSUPPORTED, "\"soft\" is a link");
    assert_opens_to(&bench, "soft/b", RNN_UNSUPPORTED, "\"soft\" is a link");
    assert_opens_to(&bench, "outside", RNN_UNSUPPORTED,
                    "\"outside\" is a link");
    bench_release(&bench);
}

static void datasets_are_listed_with_their_paths(void **state)
{
    struct bench bench;
    struct hdf5_text_list paths;
    struct rnn_error err;
    hid_t group;

    (void)state;
    bench_init(&bench, fill_tree);
    assert_int_equal(hdf5_open(bench.file.id, "a", &group, NULL), RNN_OK);
    assert_int_equal(hdf5_list_datasets(group, &bench.arena, &paths, NULL),
                     RNN_OK);
    H5Oclose(group);
    assert_int_equal(paths.count, 3);
    assert_string_equal(paths.items[0], "b/c");
    assert_string_equal(paths.items[1], "b/d");
    assert_string_equal(paths.items[2], "e");
    assert_int_equal(
        hdf5_list_datasets(bench.file.id, &bench.arena, &paths, &err),
        RNN_UNSUPPORTED);
    assert_non_null(strstr(err.message, "is a link"));
    bench_release(&bench);
}

/* A group that holds itself goes on for ever. */
static void fill_ring(hid_t file)
{
    H5Gclose(H5Gcreate2(file, "a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_hard(file, "a", file, "a/a", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "a", file, "a/b", H5P_DEFAULT, H5P_DEFAULT);
}

static void rings_of_groups_come_to_an_end(void **state)
{
    struct bench bench;
    struct hdf5_text_list paths;
    struct rnn_error err;

    (void)state;
    bench_init(&bench, fill_ring);
    assert_int_equal(
        hdf5_list_datasets(bench.file.id, &bench.arena, &paths, &err),
        RNN_LIMIT);
    bench_release(&bench);
}

static void fill_texts(hid_t file)
{
    static const char *const names[] = {"one", "twice"};

    keras_put_text(file, "scalar", "a text");
    keras_put_texts(file, "variable", 2, names, false);
    keras_put_texts(file, "fixed", 2, names, true);
    keras_put_texts(file, "empty", 0, NULL, false);
    keras_put_texts(file, "split0", 2, names, true);
    keras_put_texts(file, "split1", 0, NULL, false);
    keras_put_texts(file, "split2", 2, names, false);
    keras_put_texts(file, "split4", 2, names, false);
}

static void strings_of_every_kind_are_read(void **state)
{
    static const char *const lists[] = {"variable", "fixed"};
    struct bench bench;
    struct hdf5_text_list list;
    const char *text = NULL;

    (void)state;
    bench_init(&bench, fill_texts);
    assert_int_equal(
        hdf5_read_text(bench.file.id, "scalar", &bench.arena, &text, NULL),
        RNN_OK);
    assert_string_equal(text, "a text");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(hdf5_read_text_list(bench.file.id, lists[i],
                                             &bench.arena, &list, NULL),
                         RNN_OK);
        assert_int_equal(list.count, 2);
        assert_string_equal(list.items[0], "one");
        assert_string_equal(list.items[1], "twice");
    }
    assert_int_equal(
        hdf5_read_text_list(bench.file.id, "empty", &bench.arena, &list, NULL),
        RNN_OK);
    assert_int_equal(list.count, 0);
    bench_release(&bench);
}

static void split_list_ends_at_its_first_gap(void **state)
{
    struct bench bench;
    struct hdf5_text_list list;

    (void)state;
    bench_init(&bench, fill_texts);
    assert_int_equal(
        hdf5_read_text_list(bench.file.id, "split", &bench.arena, &list, NULL),
        RNN_OK);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.items[3], "twice");
    bench_release(&bench);
}

static void attribute_of_another_kind_is_named(void **state)
{
    struct bench bench;
    struct hdf5_text_list list;
    const char *text = "untouched";
    struct rnn_error err;

    (void)state;
    bench_init(&bench, fill_texts);
    assert_int_equal(
        hdf5_read_text(bench.file.id, "fixed", &bench.arena, &text, &err),
        RNN_BAD_MODEL);
    assert_string_equal(err.message,
                        "the attribute fixed has 2 strings, not one");
    assert_int_equal(
        hdf5_read_text(bench.file.id, "none", &bench.arena, &text, &err),
        RNN_NOT_FOUND);
    assert_int_equal(
        hdf5_read_text_list(bench.file.id, "none", &bench.arena, &list, &err),
        RNN_NOT_FOUND);
    assert_string_equal(text, "untouched");
    bench_release(&bench);
}

static void what_is_no_hdf5_is_named(void **state)
{
    struct hdf5_file file = {0};
    struct rnn_error err;

    (void)state;
    assert_int_equal(hdf5_start(NULL), RNN_OK);
    assert_int_equal(hdf5_file_open("\x89HDF\r\n\x1a\nand no more", 19,
                                    "model.weights.h5", &file, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "model.weights.h5 is HDF5 that is "
                                        "cut short"));
    assert_null(file.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_opened_part_by_part),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(datasets_are_listed_with_their_paths),
        cmocka_unit_test(rings_of_groups_come_to_an_end),
        cmocka_unit_test(strings_of_every_kind_are_read),
        cmocka_unit_test(split_list_ends_at_its_first_gap),
        cmocka_unit_test(attribute_of_another_kind_is_named),
        cmocka_unit_test(what_is_no_hdf5_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
