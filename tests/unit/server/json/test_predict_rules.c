#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/predict_rules.h"

#define S PREDICT_GIVEN(SESSION)

static void rules_name_the_field_at_fault(void **state)
{
    static const struct {
        struct predict_body body;
        uint32_t given;
        int field; /* -1: all is well */
    } cases[] = {
        {{.commit = true}, 0, -1},
        {{.commit = true}, PREDICT_GIVEN(EVERY_STEP), -1},
        {{.commit = true}, PREDICT_GIVEN(MODEL), -1},
        {{.commit = true}, PREDICT_GIVEN(STEP), PREDICT_STEP_FIELD},
        {{.commit = true},
         PREDICT_GIVEN(TTL) | PREDICT_GIVEN(END),
         PREDICT_END_FIELD},
        {{.commit = true, .session = "s"}, S, -1},
        {{.commit = true, .session = "s"},
         S | PREDICT_GIVEN(STEP) | PREDICT_GIVEN(END),
         -1},
        {{.commit = true, .session = "s"},
         S | PREDICT_GIVEN(SEQUENCES),
         PREDICT_SEQUENCES_FIELD},
        {{.commit = true, .session = "s", .form = PREDICT_INPUTS},
         S | PREDICT_GIVEN(INPUTS),
         -1},
        {{.commit = true, .session = "s", .form = PREDICT_INPUTS_LIST},
         S | PREDICT_GIVEN(INPUTS),
         PREDICT_INPUTS_FIELD},
        {{.commit = true, .session = "s"},
         S | PREDICT_GIVEN(MODE),
         PREDICT_MODE_FIELD},
        {{.commit = true, .session = "s", .start = SESSION_START_TRUE},
         S | PREDICT_GIVEN(MODE) | PREDICT_GIVEN(TTL),
         -1},
        {{.session = "s"}, S | PREDICT_GIVEN(COMMIT), -1},
        {{.session = "s", .end = true},
         S | PREDICT_GIVEN(COMMIT),
         PREDICT_COMMIT_FIELD},
        {{.session = "s", .start = SESSION_RESTART},
         S | PREDICT_GIVEN(COMMIT),
         PREDICT_COMMIT_FIELD},
        {{.commit = true,
          .session = "s",
          .start = SESSION_RESTART,
          .wish = {.has_window = true, .window = 1}},
         S | PREDICT_GIVEN(WINDOW),
         PREDICT_WINDOW_FIELD},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum predict_field field = PREDICT_FIELD_COUNT;
        const char *fault =
            predict_rules_check(&cases[i].body, cases[i].given, &field);

        if ((fault != NULL) != (cases[i].field >= 0))
            fail_msg("case %zu: %s", i, fault ? fault : "no fault");
        if (fault)
            assert_int_equal(field, cases[i].field);
    }
}

static void fields_have_the_names_of_the_contract(void **state)
{
    (void)state;
    assert_string_equal(predict_field_name(PREDICT_SEQUENCE_FIELD),
                        "sequence");
    assert_string_equal(predict_field_name(PREDICT_EVERY_STEP_FIELD),
                        "every_step");
    assert_string_equal(predict_field_name(PREDICT_TTL_FIELD), "ttl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_name_the_field_at_fault),
        cmocka_unit_test(fields_have_the_names_of_the_contract),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
