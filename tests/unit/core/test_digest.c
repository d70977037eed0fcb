#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/digest.h"

static void hex_of(const struct rnn_digest_part *parts, size_t count,
                   char hex[2 * RNN_DIGEST_BYTES + 1])
{
    unsigned char digest[RNN_DIGEST_BYTES];

    rnn_digest(parts, count, digest);
    rnn_digest_hex(digest, hex);
}

/* The expected digest is that of `sha256sum` over the same bytes. */
static void it_is_sha_256_over_lengths_and_parts(void **state)
{
    const struct rnn_digest_part parts[] = {{"abc", 3}};
    char hex[2 * RNN_DIGEST_BYTES + 1];

    (void)state;
    hex_of(parts, 1, hex);
    assert_string_equal(hex, "ce91dc5eec0139adf091900d225971d6ad246a845bad791b"
                             "5693a9d0d55dd391");
    hex_of(NULL, 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c"
                             "a495991b7852b855");
}

static void parts_do_not_run_into_one_another(void **state)
{
    const struct rnn_digest_part one[] = {{"ab", 2}, {"c", 1}};
    const struct rnn_digest_part other[] = {{"a", 1}, {"bc", 2}};
    const struct rnn_digest_part empty[] = {{"ab", 2}, {"", 0}, {"c", 1}};
    char a[2 * RNN_DIGEST_BYTES + 1], b[2 * RNN_DIGEST_BYTES + 1];

    (void)state;
    hex_of(one, 2, a);
    hex_of(other, 2, b);
    assert_string_not_equal(a, b);
    hex_of(empty, 3, b);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_sha_256_over_lengths_and_parts),
        cmocka_unit_test(parts_do_not_run_into_one_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
