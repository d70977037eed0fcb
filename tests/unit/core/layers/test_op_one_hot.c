/* One number of a class becomes a row: of sequences, of inputs of ids, of ids
 * beside sequences, of numbers outside. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T       5
#define CLASSES 4

static const float ids[] = {2, 0, 3, -1, 7, 1, 0.5f, 2, -0.5f, 3};

static void assert_row(const float *row, float id, float on, float off)
{
    for (int c = 0; c < CLASSES; c++)
        if (row[c] != ((int)id == c ? on : off))
            fail_msg("class %d of %g is %g", c, (double)id, (double)row[c]);
}

/* What one operator makes of the ids; free() it. */
static float *run_operator(const char *shape, bool streams, const char *name,
                           const char *fields, const char *arguments)
{
    struct model_builder b;
    struct rnn_model *model;
    float *y;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", shape);
    graph_operator(&b, name, "y", fields, arguments);
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams == streams);
    rnn_model_free(model);
    y = graph_run(&b, ids, T, 0);
    model_builder_release(&b);
    return y;
}

static void check(const char *shape, size_t width, bool streams)
{
    float *y = run_operator(shape, streams, "OneHot",
                            "\"num_classes\": 4, \"axis\": -1, "
                            "\"dtype\": null, \"sparse\": false",
                            "$x");

    for (size_t i = 0; i < T * width; i++)
        assert_row(y + i * CLASSES, ids[i], 1, 0);
    free(y);
}

static void numbers_become_rows(void **state)
{
    (void)state;
    check("null", 1, true);
    check("5", 1, true);
    check("null, 2", 2, true);
    check("5, 2", 2, true);
}

/* Rows of a constant, some of them from the end; what is outside has none. */
static void check_table(const char *shape, size_t width, bool streams,
                        const char *table, size_t numbers)
{
    char arguments[80];
    float *y;

    snprintf(arguments, sizeof(arguments), "%s, $x", table);
    y = run_operator(shape, streams, "Take",
                     numbers == 1 ? "\"axis\": null" : "\"axis\": 0",
                     arguments);
    for (size_t i = 0; i < T * width; i++)
        for (size_t k = 0; k < numbers; k++) {
            int id = (int)ids[i] < 0 ? (int)ids[i] + CLASSES : (int)ids[i];
            float made = y[i * numbers + k];
            float wanted = 1.5F * (float)id + 10.F * (float)k;

            if (id < CLASSES ? made != wanted : !isnan(made))
                fail_msg("number %zu of row %d is %g", k, id, (double)made);
        }
    free(y);
}

static void rows_are_taken_from_a_table(void **state)
{
    static const char rows[] = "[[0, 10], [1.5, 11.5], [3, 13], [4.5, 14.5]]";

    (void)state;
    check_table("null", 1, true, rows, 2);
    check_table("5", 1, true, rows, 2);
    check_table("null, 2", 2, true, rows, 2);
    check_table("5, 2", 2, true, rows, 2);
    check_table("null, 2", 2, true, "[0, 1.5, 3, 4.5]", 1);
    check_table("5, 2", 2, true, "[0, 1.5, 3, 4.5]", 1);
}

static void other_tables_are_refused(void **state)
{
    static const struct {
        const char *fields, *arguments, *says;
    } cases[] = {
        {"\"axis\": 1", "[[1, 2], [3, 4]], $x", "takes rows"},
        {"\"axis\": null", "[[1, 2], [3, 4]], $x", "takes rows"},
        {"\"axis\": 0", "7, $x", "takes rows"},
        {"\"axis\": 0", "[1, 2], $x, $x", "takes rows"},
        {"\"axis\": 0", "[[[[[1]]]]], $x", "too many axes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 2, 1");
        operator_assert_refused(&b, "Take", cases[i].fields,
                                cases[i].arguments, cases[i].says);
    }
}

/* Two inputs of ids, one beside a sequence of another length. */
static void ids_may_stand_beside_sequences(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    float x[3] = {0}, y[2 * CLASSES], z[3];
    float *outputs[] = {y, z};
    const float *inputs[] = {x, ids};
    struct rnn_sequence sequence = {
        .timesteps = 3, .inputs = inputs, .outputs = outputs};
    struct rnn_error err = {0};
    void *scratch = aligned_alloc(64, 64 * 1024);

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "3, 1");
    graph_input(&b, "i", "2");
    graph_operator(&b, "OneHot", "y", "\"num_classes\": 4", "$i");
    graph_operator(&b, "Negative", "z", "", "$x");
    graph_end(&b, "x,0,0 i,0,0", "y,0,0 z,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_false(rnn_model_info(model)->inputs[1].has_time);
    assert_int_equal(rnn_infer(model, &sequence, 1, NULL, scratch, &err),
                     RNN_OK);
    assert_row(y, ids[0], 1, 0);
    assert_row(y + CLASSES, ids[1], 1, 0);
    free(scratch);
    rnn_model_free(model);
    model_builder_release(&b);
}

static const struct {
    const char *fields, *says;
} refusals[] = {
    {"\"num_classes\": 0", "no classes"},
    {"\"num_classes\": 4, \"axis\": 1", "not the last axis"},
    {"\"num_classes\": 4, \"sparse\": true", "sparse"},
    {"\"num_classes\": 4, \"dtype\": \"float16\"", "half"},
};

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 2");
        operator_assert_refused(&b, "OneHot", refusals[i].fields, "$x",
                                refusals[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_become_rows),
        cmocka_unit_test(rows_are_taken_from_a_table),
        cmocka_unit_test(other_tables_are_refused),
        cmocka_unit_test(ids_may_stand_beside_sequences),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
