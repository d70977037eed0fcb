/* Slices take what Python takes, and arrays are seen as they are told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/layers/move.h"

#define MOST 8

/* slice.indices() of Python, place by place. */
static size_t places(const struct slice *slice, long n, size_t *taken)
{
    long low = slice->step < 0 ? -1 : 0, high = slice->step < 0 ? n - 1 : n;
    long at = slice->step < 0 ? high : low;
    long end = slice->step < 0 ? low : high;
    size_t count = 0;

    if (slice->has_start) {
        at = slice->start < 0 ? slice->start + n : slice->start;
        at = at < low ? low : at > high ? high : at;
    }
    if (slice->has_stop) {
        end = slice->stop < 0 ? slice->stop + n : slice->stop;
        end = end < low ? low : end > high ? high : end;
    }
    for (; slice->step > 0 ? at < end : at > end; at += slice->step)
        taken[count++] = (size_t)at;
    return count;
}

static void check(const struct slice *slice, size_t size)
{
    size_t taken[MOST], first = 99;
    size_t count = places(slice, (long)size, taken);

    assert_int_equal(slice_places(slice, size, &first), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal((long)first + (long)i * slice->step, taken[i]);
}

static void a_slice_takes_what_python_takes(void **state)
{
    (void)state;
    for (size_t size = 0; size <= MOST - 1; size++)
        for (long start = -10; start <= 10; start++)
            for (long stop = -10; stop <= 10; stop++)
                for (long step = -3; step <= 3; step++)
                    for (int bounds = 0; bounds < 4 && step; bounds++)
                        check(&(struct slice){bounds & 1, bounds & 2, start,
                                              stop, step},
                              size);
}

static void an_array_is_seen_with_other_axes(void **state)
{
    const size_t dim[] = {2, 3, 4}, order[] = {2, 0, 1};
    float numbers[24], copy[24], flat[24];
    struct nd nd, to;

    (void)state;
    for (size_t i = 0; i < 24; i++)
        numbers[i] = (float)i;
    nd = nd_plain(numbers, 3, dim);
    assert_int_equal(nd_count(&nd), 24);
    nd_permute(&nd, order);
    to = nd_plain(copy, 3, (size_t[]){4, 2, 3});
    nd_copy(&nd, &to);
    for (size_t i = 0; i < 24; i++) {
        size_t from = i / 3 % 2 * 12 + i % 3 * 4 + i / 6;

        assert_true(copy[i] == numbers[from]);
    }
    /* Row by row into another shape. */
    to = nd_plain(flat, 1, (size_t[]){24});
    nd_copy(&nd, &to);
    assert_memory_equal(flat, copy, sizeof(flat));
    nd_cut(&nd, 0, 1, 2);
    nd_insert(&nd, 1);
    assert_int_equal(nd.rank, 4);
    assert_int_equal(nd_count(&nd), 12);
    nd_drop(&nd, 1);
    to = nd_plain(copy, 3, (size_t[]){2, 2, 3});
    nd_copy(&nd, &to);
    assert_true(copy[0] == 1 && copy[6] == 2 && copy[11] == 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_takes_what_python_takes),
        cmocka_unit_test(an_array_is_seen_with_other_axes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
