/* Commands in Redis' protocol, and memory that runs out in each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/redis_out.h"
#include "tests/support/fail_malloc.h"

static bool put(struct redis_out *out, const char *blob, size_t length)
{
    redis_out_begin(out, 5);
    redis_out_text(out, "SET");
    redis_out_bytes(out, blob, length);
    redis_out_number(out, UINT64_MAX);
    redis_out_tag(out, 0xabc);
    redis_out_tag(out, 0);
    return redis_out_end(out);
}

static void a_command_is_written_as_redis_reads_it(void **state)
{
    static const char expected[] =
        "*5\r\n$3\r\nSET\r\n$4\r\na\r\n\0\r\n$20\r\n18446744073709551615\r\n"
        "$16\r\n0000000000000abc\r\n$0\r\n\r\n";
    const size_t length = sizeof(expected) - 1;
    struct redis_out out = {.bytes = NULL};

    (void)state;
    assert_true(put(&out, "a\r\n", 4));
    assert_int_equal(out.length, length);
    assert_memory_equal(out.bytes, expected, length);
    redis_out_written(&out, 3);
    assert_true(put(&out, "a\r\n", 4));
    assert_int_equal(out.from, 3);
    assert_memory_equal(out.bytes + out.from, expected + 3, length - 3);
    assert_memory_equal(out.bytes + length, expected, length);
    redis_out_written(&out, 2 * length - 3);
    assert_int_equal(out.length, 0);
    assert_int_equal(out.from, 0);
    redis_out_release(&out);
}

static void a_large_buffer_is_given_back(void **state)
{
    size_t length = (size_t)3 << 20;
    char *blob = calloc(1, length);
    struct redis_out out = {.bytes = NULL};

    (void)state;
    assert_true(put(&out, blob, length));
    assert_true(out.length > length);
    redis_out_written(&out, out.length);
    assert_int_equal(out.capacity, 0);
    redis_out_release(&out);
    free(blob);
}

static void what_does_not_fit_into_memory_is_not_there(void **state)
{
    char blob[10000] = {0};
    struct redis_out out = {.bytes = NULL};
    bool has_failed = true;

    (void)state;
    for (size_t n = 1; has_failed; n++) {
        bool ok;

        assert_true(put(&out, "x", 1));
        fail_malloc_start(n);
        ok = put(&out, blob, sizeof(blob));
        fail_malloc_stop();
        has_failed = fail_malloc_happened();
        assert_int_equal(ok, !has_failed);
        assert_true(has_failed || out.length > sizeof(blob));
        assert_true(!has_failed || out.length < 100);
        assert_true(put(&out, "x", 1)); /* and goes on */
        redis_out_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_written_as_redis_reads_it),
        cmocka_unit_test(a_large_buffer_is_given_back),
        cmocka_unit_test(what_does_not_fit_into_memory_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
