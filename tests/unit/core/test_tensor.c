#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/tensor.h"

static void products_that_overflow_are_seen(void **state)
{
    struct rnn_shape shape = {.rank = 3, .dim = {SIZE_MAX / 2, 2, 2}};
    size_t product = 7;

    (void)state;
    assert_false(rnn_product(SIZE_MAX, 2, &product));
    assert_int_equal(product, 7);
    assert_true(rnn_product(SIZE_MAX, 1, &product));
    assert_int_equal(product, SIZE_MAX);
    assert_true(rnn_product(SIZE_MAX, 0, &product));
    assert_int_equal(product, 0);
    assert_false(rnn_shape_count(&shape, 0, &product));
    assert_true(rnn_shape_count(&shape, 1, &product));
    assert_int_equal(product, 4);
    assert_true(rnn_shape_count(&shape, 3, &product));
    assert_int_equal(product, 1);
}

static void shapes_are_printed_with_free_dimensions(void **state)
{
    struct rnn_shape shape = {.rank = 2, .dim = {RNN_FREE, 15}};
    struct rnn_shape widest = {.rank = RNN_MAX_RANK};
    char text[RNN_SHAPE_TEXT];

    (void)state;
    assert_string_equal(rnn_shape_print(&shape, text), "[?, 15]");
    assert_string_equal(rnn_sizes_print(&shape, text), "[0, 15]");
    shape.rank = 0;
    assert_string_equal(rnn_shape_print(&shape, text), "[]");
    for (size_t i = 0; i < RNN_MAX_RANK; i++)
        widest.dim[i] = SIZE_MAX;
    assert_int_equal(strlen(rnn_shape_print(&widest, text)),
                     2 + 6 * 20 + 5 * 2);
}

static void shapes_are_equal_in_rank_and_dimensions(void **state)
{
    struct rnn_shape a = {.rank = 2, .dim = {2, 3, 9}};
    struct rnn_shape b = {.rank = 2, .dim = {2, 3, 8}};

    (void)state;
    assert_true(rnn_shape_equal(&a, &b));
    b.dim[1] = 4;
    assert_false(rnn_shape_equal(&a, &b));
    b = (struct rnn_shape){.rank = 1, .dim = {2}};
    assert_false(rnn_shape_equal(&a, &b));
}

static void one_number_that_is_not_finite_is_found_anywhere(void **state)
{
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    float numbers[67];

    (void)state;
    for (size_t i = 0; i < 67; i++)
        numbers[i] = i % 2 ? 3.4028234e38f : -1e-45f;
    assert_true(rnn_all_finite(numbers, 67));
    assert_true(rnn_all_finite(NULL, 0));
    for (size_t i = 0; i < 67; i++) {
        numbers[i] = bad[i % 4];
        assert_false(rnn_all_finite(numbers, 67));
        assert_true(rnn_all_finite(numbers, i));
        numbers[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_that_overflow_are_seen),
        cmocka_unit_test(shapes_are_printed_with_free_dimensions),
        cmocka_unit_test(shapes_are_equal_in_rank_and_dimensions),
        cmocka_unit_test(one_number_that_is_not_finite_is_found_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
