/* test_isa.c: names of instruction sets and what can run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/isa.h"

static void every_name_is_parsed_back(void **state)
{
    (void)state;
    for (int i = RNN_ISA_AUTO; i <= RNN_ISA_NEON; i++) {
        enum rnn_isa isa = RNN_ISA_AUTO;

        assert_true(rnn_isa_parse(rnn_isa_name((enum rnn_isa)i), &isa));
        assert_int_equal(isa, i);
    }
}

static void an_unknown_name_is_refused_and_touches_nothing(void **state)
{
    static const char *const wrong[] = {"", "AVX2", "avx", "avx2 ", "sse"};
    enum rnn_isa isa = RNN_ISA_NEON;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(rnn_isa_parse(wrong[i], &isa));
    assert_int_equal(isa, RNN_ISA_NEON);
}

static void scalar_and_auto_run_everywhere(void **state)
{
    (void)state;
    assert_true(rnn_isa_available(RNN_ISA_AUTO));
    assert_true(rnn_isa_available(RNN_ISA_SCALAR));
}

static void no_machine_has_both_families(void **state)
{
    (void)state;
    assert_false(rnn_isa_available(RNN_ISA_NEON) &&
                 rnn_isa_available(RNN_ISA_AVX2));
    if (rnn_isa_available(RNN_ISA_AVX512))
        assert_true(rnn_isa_available(RNN_ISA_AVX2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_parsed_back),
        cmocka_unit_test(an_unknown_name_is_refused_and_touches_nothing),
        cmocka_unit_test(scalar_and_auto_run_everywhere),
        cmocka_unit_test(no_machine_has_both_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
