/* test_dispatch.c: which table a layer gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/ukernels/ukernels.h"

static void a_table_is_there_exactly_where_the_cpu_can_run_it(void **state)
{
    (void)state;
    for (int i = RNN_ISA_AUTO; i <= RNN_ISA_NEON; i++) {
        enum rnn_isa isa = (enum rnn_isa)i;
        const struct rnn_ukernels *found = rnn_ukernels_find(isa, 64);

        assert_int_equal(found != NULL, rnn_isa_available(isa));
        if (found && isa != RNN_ISA_AUTO)
            assert_int_equal(found->isa, isa);
    }
}

static void auto_is_the_fastest_of_those_available(void **state)
{
    enum rnn_isa isa = rnn_ukernels_find(RNN_ISA_AUTO, 64)->isa;

    (void)state;
    if (rnn_isa_available(RNN_ISA_AVX512))
        assert_int_equal(isa, RNN_ISA_AVX512);
    else if (rnn_isa_available(RNN_ISA_AVX2))
        assert_int_equal(isa, RNN_ISA_AVX2);
    else if (rnn_isa_available(RNN_ISA_NEON))
        assert_int_equal(isa, RNN_ISA_NEON);
    else
        assert_int_equal(isa, RNN_ISA_SCALAR);
}

static void small_layers_do_not_get_half_empty_vectors(void **state)
{
    (void)state;
    if (!rnn_isa_available(RNN_ISA_AVX512))
        skip();
    assert_int_equal(rnn_ukernels_find(RNN_ISA_AVX512, 8)->lanes, 8);
    assert_int_equal(rnn_ukernels_find(RNN_ISA_AVX512, 9)->lanes, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_there_exactly_where_the_cpu_can_run_it),
        cmocka_unit_test(auto_is_the_fastest_of_those_available),
        cmocka_unit_test(small_layers_do_not_get_half_empty_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
