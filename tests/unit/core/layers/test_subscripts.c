/* The letters of an einsum, with and without dots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/layers/subscripts.h"

/* `axes` of each operand, with the batch; 0: there is none.  Negative: of a
 * constant. */
struct subscripts_case {
    const char *text;
    int axes[2];
    const char *labels[3];
};

static bool read_case(const struct subscripts_case *from,
                      struct subscripts_operand operands[2],
                      char output[SUBSCRIPTS_ROOM])
{
    size_t count = 0;

    for (; count < 2 && from->axes[count]; count++) {
        int axes = from->axes[count];

        operands[count] = (struct subscripts_operand){
            .is_tensor = axes > 0, .axes = (size_t)(axes > 0 ? axes : -axes)};
    }
    return subscripts_read(from->text, operands, count, output);
}

static void letters_are_told_apart(void **state)
{
    static const struct subscripts_case cases[] = {
        {"btd,bsd->bts", {3, 3}, {"td", "sd", "ts"}},
        {"btd,de->bte", {3, -2}, {"td", "de", "te"}},
        {"de,btd->bte", {-2, 3}, {"de", "td", "te"}},
        {" b t d -> b d ", {3}, {"td", "", "d"}},
        {"...d,de->...e", {3, -2}, {"0d", "de", "0e"}},
        {"...d,de->...e", {4, -2}, {"10d", "de", "10e"}},
        {"...td,...sd->...ts", {4, 4}, {"0td", "0sd", "0ts"}},
        {"...d->...", {2}, {"d", "", ""}},
        {"b...,...->b...", {3, -2}, {"10", "10", "10"}},
        {"b...d,...d->b...d", {4, -2}, {"10d", "0d", "10d"}},
        {"bi,bi->b", {2, 2}, {"i", "i", ""}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct subscripts_operand operands[2] = {0};
        char output[SUBSCRIPTS_ROOM];

        if (!read_case(&cases[i], operands, output))
            fail_msg("%s is not read", cases[i].text);
        assert_string_equal(operands[0].labels, cases[i].labels[0]);
        assert_string_equal(operands[1].labels, cases[i].labels[1]);
        assert_string_equal(output, cases[i].labels[2]);
    }
}

static void other_forms_are_not_read(void **state)
{
    static const struct subscripts_case cases[] = {
        {"btd,bsd", {3, 3}, {NULL}},
        {"btd->bt", {3, 3}, {NULL}},
        {"btd,bsd->bts", {3}, {NULL}},
        {"btd,bsd->bts,", {3, 3}, {NULL}},
        {"btd,bsd->tbs", {3, 3}, {NULL}},
        {"btd,sbd->bts", {3, 3}, {NULL}},
        {"btd,btd->td", {3, 3}, {NULL}},
        {"btd,db->bt", {3, -2}, {NULL}},
        {"bb->b", {2}, {NULL}},
        {"b1d->bd", {3}, {NULL}},
        {"b.d->bd", {3}, {NULL}},
        {"bd->", {2}, {NULL}},
        {"", {2}, {NULL}},
        {"babcdefghijklmnopqrstuv->b", {2}, {NULL}},
        {"b.................->b", {2}, {NULL}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct subscripts_operand operands[2] = {0};
        char output[SUBSCRIPTS_ROOM];

        if (read_case(&cases[i], operands, output))
            fail_msg("%s is read", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_told_apart),
        cmocka_unit_test(other_forms_are_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
