#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/state.h"
#include "tests/support/model_run.h"

#define BYTES (3 * 4 * sizeof(float)) /* LSTM h and c, GRU h */

struct fixture {
    struct model_builder builder;
    struct rnn_model *model;
    float *state; /* exactly as large as it has to be */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct model_builder *b = &fixture->builder;

    model_builder_init(b, 0, 3);
    model_builder_add(b, &(struct model_layer){.class_name = "LSTM",
                                               .units = 4,
                                               .return_sequences = true});
    model_builder_add(b,
                      &(struct model_layer){.class_name = "GRU", .units = 4});
    fixture->model = model_load(b, RNN_ISA_AUTO);
    fixture->state = malloc(BYTES);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    rnn_model_free(fixture->model);
    model_builder_release(&fixture->builder);
    free(fixture->state);
    free(fixture);
    return 0;
}

static struct rnn_state *state_of(const struct fixture *fixture)
{
    return (struct rnn_state *)fixture->state;
}

static void its_size_is_that_of_its_numbers(void **state)
{
    const struct fixture *fixture = *state;

    assert_int_equal(rnn_state_size(fixture->model), BYTES);
}

static void zero_is_the_state_before_the_first_timestep(void **state)
{
    struct fixture *fixture = *state;
    const float x[3] = {0.5f, -0.25f, 1};
    float *fresh, *stated;

    memset(fixture->state, 0xff, BYTES);
    rnn_state_zero(fixture->model, state_of(fixture));
    for (size_t i = 0; i < BYTES / sizeof(float); i++)
        assert_true(fixture->state[i] == 0 && !signbit(fixture->state[i]));
    fresh = model_run_one(fixture->model, x, 1, false, NULL);
    stated = model_run_one(fixture->model, x, 1, false, state_of(fixture));
    assert_memory_equal(fresh, stated, 4 * sizeof(float));
    free(fresh);
    free(stated);
}

static void a_call_leaves_h_and_c_under_their_names(void **state)
{
    struct fixture *fixture = *state;
    const struct rnn_model_info *info = rnn_model_info(fixture->model);
    const float x[6] = {0.5f, -0.25f, 1, 2, -1, 0};
    float *y;

    rnn_state_zero(fixture->model, state_of(fixture));
    y = model_run_one(fixture->model, x, 2, false, state_of(fixture));
    assert_string_equal(info->state_entries[2].name, "gru/h");
    /* the last h of the last layer is the output */
    assert_memory_equal((const char *)fixture->state +
                            info->state_entries[2].offset,
                        y, 4 * sizeof(float));
    for (size_t i = 0; i < BYTES / sizeof(float); i++)
        assert_true(fixture->state[i] != 0);
    free(y);
}

static void a_copy_goes_on_like_the_original(void **state)
{
    struct fixture *fixture = *state;
    const float x[6] = {0.5f, -0.25f, 1, 2, -1, 0};
    struct rnn_state *copy = model_new_state(fixture->model);
    float *y, *again;

    rnn_state_zero(fixture->model, state_of(fixture));
    free(model_run_one(fixture->model, x, 1, false, state_of(fixture)));
    rnn_state_copy(fixture->model, copy, state_of(fixture));
    y = model_run_one(fixture->model, x + 3, 1, false, state_of(fixture));
    again = model_run_one(fixture->model, x + 3, 1, false, copy);
    assert_memory_equal(y, again, 4 * sizeof(float));
    assert_memory_equal(copy, fixture->state, BYTES);
    free(y);
    free(again);
    free(copy);
}

static void every_number_is_looked_at_for_being_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct fixture *fixture = *state;

    rnn_state_zero(fixture->model, state_of(fixture));
    assert_true(rnn_state_is_finite(fixture->model, state_of(fixture)));
    for (size_t i = 0; i < BYTES / sizeof(float); i++) {
        fixture->state[i] = bad[i % 3];
        assert_false(rnn_state_is_finite(fixture->model, state_of(fixture)));
        fixture->state[i] = 3e38f;
        assert_true(rnn_state_is_finite(fixture->model, state_of(fixture)));
    }
}

static void a_model_that_remembers_nothing_has_a_state_of_no_bytes(
    void **state)
{
    const float x[3] = {1, 2, 3};
    struct model_builder b;
    struct rnn_model *model;
    struct rnn_state *empty;
    float *with, *without;

    (void)state;
    model_builder_init(&b, 0, 3);
    model_builder_add(
        &b, &(struct model_layer){.class_name = "Dense", .units = 2});
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_state_size(model), 0);
    assert_int_equal(rnn_model_info(model)->state_entry_count, 0);
    rnn_state_zero(model, NULL);
    rnn_state_copy(model, NULL, NULL);
    assert_true(rnn_state_is_finite(model, NULL));
    empty = model_new_state(model);
    with = model_run_one(model, x, 1, false, empty);
    without = model_run_one(model, x, 1, false, NULL);
    assert_memory_equal(with, without, 2 * sizeof(float));
    free(with);
    free(without);
    free(empty);
    rnn_model_free(model);
    model_builder_release(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_size_is_that_of_its_numbers),
        TEST(zero_is_the_state_before_the_first_timestep),
        TEST(a_call_leaves_h_and_c_under_their_names),
        TEST(a_copy_goes_on_like_the_original),
        TEST(every_number_is_looked_at_for_being_finite),
        cmocka_unit_test(
            a_model_that_remembers_nothing_has_a_state_of_no_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
