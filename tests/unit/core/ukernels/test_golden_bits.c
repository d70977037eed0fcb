/* test_golden_bits.c: the bits of this numerics version, everywhere.
 *
 * The digest is the same on every CPU and with every compiler.  If it changes,
 * the numbers that users get have changed: numerics needs a new version.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/ukernels/digest.h"

static void check(enum rnn_isa isa)
{
    if (!rnn_isa_available(isa)) {
        print_message("not on this machine: %s\n", rnn_isa_name(isa));
        skip();
    }
    assert_int_equal(digest_of(isa), DIGEST_GOLDEN);
}

static void scalar_gives_the_golden_bits(void **state)
{
    (void)state;
    check(RNN_ISA_SCALAR);
}

static void avx2_gives_the_golden_bits(void **state)
{
    (void)state;
    check(RNN_ISA_AVX2);
}

static void avx512_gives_the_golden_bits(void **state)
{
    (void)state;
    check(RNN_ISA_AVX512);
}

static void neon_gives_the_golden_bits(void **state)
{
    (void)state;
    check(RNN_ISA_NEON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_gives_the_golden_bits),
        cmocka_unit_test(avx2_gives_the_golden_bits),
        cmocka_unit_test(avx512_gives_the_golden_bits),
        cmocka_unit_test(neon_gives_the_golden_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
