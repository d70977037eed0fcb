/* Damaged files, through the real importer: whatever is cut off or flipped,
 * the daemon's side ends soon, with one sentence or a sound model. */
#include "server/model_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/import/sandbox.h"
#include "tests/support/keras_writer.h"
#include "tests/support/model_builder.h"
#include "tests/support/program_path.h"
#include "tests/support/scratch_file.h"

/* What runs in circles is ended after a second of CPU time (the limit counts
 * whole ones).  On the clock that may be long, as the machine may be busy. */
#define SOON_CPU_MS 5000
#define PATIENCE_MS 300000

/* A sanitizer makes the importer start ten times as slowly. */
#define TRIES (sandbox_memory_is_unlimited() ? 15u : 80u)

static char importer[PROGRAM_PATH_BYTES];

/* A file of each kind: its bytes whole, and where to put damaged ones. */
struct subject {
    unsigned char *bytes;
    size_t size;
    char path[SCRATCH_PATH_BYTES];
};

static struct subject subject_of(void (*write)(const char *path))
{
    struct subject subject;

    scratch_file("", 0, subject.path);
    write(subject.path);
    subject.bytes = keras_read_file(subject.path, &subject.size);
    return subject;
}

static void subject_release(struct subject *subject)
{
    scratch_file_remove(subject->path);
    free(subject->bytes);
}

static void write_h5_2(const char *path)
{
    keras_write_h5(path, 2);
}

static void write_h5_3(const char *path)
{
    keras_write_h5(path, 3);
}

static void write_native(const char *path)
{
    struct model_builder builder;

    model_builder_init(&builder, 3, 2);
    model_builder_add(&builder,
                      &(struct model_layer){.class_name = "GRU", .units = 2});
    model_builder_write(&builder, path);
    model_builder_release(&builder);
}

static void (*const writers[])(const char *path) = {
    keras_write_sample, write_h5_2, write_h5_3, write_native};

#define WRITERS (sizeof(writers) / sizeof(writers[0]))

/* Of this process, and of its importers that have ended. */
static uint64_t cpu_ms(void)
{
    struct rusage children;

    assert_int_equal(getrusage(RUSAGE_CHILDREN, &children), 0);
    return (uint64_t)clock() * 1000 / CLOCKS_PER_SEC +
           (uint64_t)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) *
               1000 +
           (uint64_t)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) /
               1000;
}

/* Load the first `size` bytes.  True: it is a sound model. */
static bool try_bytes(const struct subject *subject, size_t size,
                      const char *what, size_t where)
{
    struct model_file_options options = {.importer = importer,
                                         .import_memory = (size_t)1 << 30,
                                         .import_timeout_ms = PATIENCE_MS};
    struct rnn_model *model = NULL;
    struct rnn_error err = {.message = ""};
    uint64_t began = cpu_ms();
    FILE *file = fopen(subject->path, "wb");
    enum rnn_status status;

    assert_non_null(file);
    assert_int_equal(fwrite(subject->bytes, 1, size, file), size);
    fclose(file);
    status = model_file_load(subject->path, &options, &model, &err);
    rnn_model_free(model);
    if (cpu_ms() - began > SOON_CPU_MS)
        fail_msg("%s at %zu: took too long", what, where);
    if (status &&
        (strncmp(err.message, subject->path, strlen(subject->path)) != 0 ||
         strchr(err.message, '\n')))
        fail_msg("%s at %zu: \"%s\"", what, where, err.message);
    return status == RNN_OK;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < WRITERS; i++) {
        struct subject subject = subject_of(writers[i]);
        size_t step = subject.size / TRIES + 1;

        assert_true(try_bytes(&subject, subject.size, "nothing", 0));
        for (size_t size = 0; size < subject.size; size += step) {
            if (try_bytes(&subject, size, "cut", size))
                fail_msg("file %zu cut at %zu of %zu loads", i, size,
                         subject.size);
        }
        assert_false(try_bytes(&subject, subject.size - 1, "cut", 1));
        subject_release(&subject);
    }
}

/* A flip may hit what nobody reads, or a weight; it may never do more than
 * that. */
static void flipped_bits_end_in_a_sentence_or_a_model(void **state)
{
    uint64_t seed = 20260131;

    (void)state;
    for (size_t i = 0; i < WRITERS; i++) {
        struct subject subject = subject_of(writers[i]);
        size_t refused = 0;

        for (size_t n = 0; n < TRIES; n++) {
            size_t at = model_random(&seed) % subject.size;
            unsigned char bit = (unsigned char)(1u << model_random(&seed) % 8);

            subject.bytes[at] ^= bit;
            refused += !try_bytes(&subject, subject.size, "flip", at);
            subject.bytes[at] ^= bit;
        }
        assert_true(refused > 0);
        subject_release(&subject);
    }
}

/* Blocks of 64 bytes turned to 0xff or 0: sizes and addresses that lie. */
static void overwritten_blocks_end_in_a_sentence_or_a_model(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (size_t i = 0; i < WRITERS; i++) {
        struct subject subject = subject_of(writers[i]);

        for (size_t n = 0; n < TRIES / 2; n++) {
            size_t at = model_random(&seed) % (subject.size - 64);
            unsigned char was[64];

            memcpy(was, subject.bytes + at, sizeof(was));
            memset(subject.bytes + at, n % 2 ? 0xff : 0, sizeof(was));
            try_bytes(&subject, subject.size, "block", at);
            memcpy(subject.bytes + at, was, sizeof(was));
        }
        subject_release(&subject);
    }
}

/* The strings of an .h5 lie in a "global heap", whose objects say their size:
 * libhdf5 1.10.8 never gets past one of size 0. */
static void structure_without_an_end_is_said_to_have_none(void **state)
{
    struct model_file_options options = {.importer = importer,
                                         .import_memory = (size_t)1 << 30,
                                         .import_timeout_ms = PATIENCE_MS};
    struct subject subject = subject_of(write_h5_3);
    unsigned char *heap = memmem(subject.bytes, subject.size, "GCOL", 4);
    struct rnn_model *model = NULL;
    struct rnn_error err = {.message = ""};
    FILE *file;

    (void)state;
    assert_non_null(heap);
    memset(heap + 16, 0, 64);
    file = fopen(subject.path, "wb");
    assert_non_null(file);
    fwrite(subject.bytes, 1, subject.size, file);
    fclose(file);
    assert_int_not_equal(model_file_load(subject.path, &options, &model, &err),
                         RNN_OK);
    assert_null(strstr(err.message, "import_timeout"));
    subject_release(&subject);
}

static int set_up(void **state)
{
    (void)state;
    program_path("rnn-import", importer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flipped_bits_end_in_a_sentence_or_a_model),
        cmocka_unit_test(overwritten_blocks_end_in_a_sentence_or_a_model),
        cmocka_unit_test(structure_without_an_end_is_said_to_have_none),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
