/* A fingerprint is the same wherever it is made. */
#include "server/fingerprint_thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_builder.h"

/* A model of a small file, or of one that is worth a thread. */
static void build(struct model_builder *b, size_t units)
{
    model_builder_init(b, units, 3);
    model_builder_add(b, &(struct model_layer){.class_name = "LSTM",
                                               .units = units,
                                               .return_sequences = true});
    model_builder_finish(b);
}

static void check(size_t units, bool runs)
{
    struct model_builder b;
    struct rnn_model_options options = {.isa = RNN_ISA_AUTO};
    struct fingerprint_thread job;
    struct rnn_model *with = NULL, *without = NULL;
    unsigned char alone[RNN_DIGEST_BYTES];
    struct rnn_error err;

    build(&b, units);
    assert_false(rnn_model_load(b.bytes, b.size, &options, &without, &err));
    fingerprint_thread_begin(&job, b.bytes, b.size, &options);
    assert_true(job.runs == runs);
    assert_true((options.fingerprint != NULL) == runs);
    assert_false(rnn_model_load(b.bytes, b.size, &options, &with, &err));
    fingerprint_thread_end(&job);
    assert_false(rnn_model_fingerprint(b.bytes, b.size, NULL, alone, &err));
    assert_memory_equal(rnn_model_info(with)->fingerprint,
                        rnn_model_info(without)->fingerprint,
                        RNN_DIGEST_BYTES);
    assert_memory_equal(rnn_model_info(with)->fingerprint, alone,
                        RNN_DIGEST_BYTES);
    rnn_model_free(with);
    rnn_model_free(without);
    model_builder_release(&b);
}

static void both_ways_make_the_same(void **state)
{
    (void)state;
    check(4, false);
    check(260, true);
}

/* The load fails before it asks; the thread is waited for all the same. */
static void a_load_may_fail(void **state)
{
    struct model_builder b;
    struct rnn_model_options options = {.isa = RNN_ISA_AUTO};
    struct fingerprint_thread job;
    struct rnn_model *model = NULL;
    struct rnn_error err;

    (void)state;
    build(&b, 260);
    memset((unsigned char *)b.bytes + b.size - 4, 0xff, 4); /* a NaN */
    fingerprint_thread_begin(&job, b.bytes, b.size, &options);
    assert_int_equal(rnn_model_load(b.bytes, b.size, &options, &model, &err),
                     RNN_NOT_FINITE);
    fingerprint_thread_end(&job);
    assert_false(job.runs);
    assert_null(model);
    model_builder_release(&b);
}

/* What is no model has no fingerprint, and the load has the first word. */
static void what_is_none_is_refused(void **state)
{
    size_t size = (size_t)2 << 20;
    unsigned char *bytes = calloc(size, 1), digest[RNN_DIGEST_BYTES];
    struct rnn_model_options options = {.isa = RNN_ISA_AUTO};
    struct fingerprint_thread job;
    struct rnn_error err, reason;

    (void)state;
    fingerprint_thread_begin(&job, bytes, size, &options);
    assert_true(job.runs);
    assert_int_equal(options.fingerprint(options.arg, digest, &err),
                     RNN_BAD_MODEL);
    assert_int_equal(rnn_model_fingerprint(bytes, size, NULL, digest, &reason),
                     RNN_BAD_MODEL);
    assert_string_equal(err.message, reason.message);
    fingerprint_thread_end(&job);
    free(bytes);
}

/* Few bytes and a large file of origin are worth a thread, too. */
static void a_large_origin_is_read_by_the_thread(void **state)
{
    static const char header[] = "{\"a/b\":{\"dtype\":\"F32\",\"shape\":[4],"
                                 "\"origin_offsets\":[64,80]}}";
    size_t origin_size = (size_t)2 << 20, size;
    unsigned char *origin = calloc(origin_size, 1), *bytes;
    struct rnn_model_options options = {.origin = origin,
                                        .origin_size = origin_size};
    unsigned char digest[RNN_DIGEST_BYTES], other[RNN_DIGEST_BYTES];
    struct fingerprint_thread job;
    struct rnn_error err;

    (void)state;
    bytes = model_file(header, NULL, 0, &size);
    origin[70] = 1;
    fingerprint_thread_begin(&job, bytes, size, &options);
    assert_true(job.runs);
    assert_int_equal(options.fingerprint(options.arg, digest, &err), RNN_OK);
    fingerprint_thread_end(&job);
    assert_int_equal(rnn_model_fingerprint(bytes, size, &options, other, &err),
                     RNN_OK);
    assert_memory_equal(digest, other, RNN_DIGEST_BYTES);
    origin[70] = 2;
    assert_int_equal(rnn_model_fingerprint(bytes, size, &options, other, &err),
                     RNN_OK);
    assert_memory_not_equal(digest, other, RNN_DIGEST_BYTES);
    assert_int_equal(rnn_model_fingerprint(bytes, size, NULL, other, &err),
                     RNN_BAD_MODEL);
    free(bytes);
    free(origin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_make_the_same),
        cmocka_unit_test(a_load_may_fail),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(a_large_origin_is_read_by_the_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
