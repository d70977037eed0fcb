/* The checksum changes with every bit, with the length, and with the order
 * of two words. */
#include "server/store/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES ((size_t)61)

static void every_bit_counts(void **state)
{
    unsigned char bytes[BYTES] = {0};
    uint64_t sums[8 * BYTES + 1];

    (void)state;
    sums[8 * BYTES] = store_checksum(0, bytes, BYTES);
    for (size_t bit = 0; bit < 8 * BYTES; bit++) {
        bytes[bit / 8] = (unsigned char)(1 << bit % 8);
        sums[bit] = store_checksum(0, bytes, BYTES);
        bytes[bit / 8] = 0;
    }
    for (size_t a = 0; a <= 8 * BYTES; a++)
        for (size_t b = 0; b < a; b++)
            assert_true(sums[a] != sums[b]);
}

static void zeros_of_another_length_are_others(void **state)
{
    static const unsigned char zeros[BYTES];

    (void)state;
    for (size_t a = 0; a <= BYTES; a++)
        for (size_t b = 0; b < a; b++)
            assert_true(store_checksum(0, zeros, a) !=
                        store_checksum(0, zeros, b));
}

static void words_that_change_places_are_noticed(void **state)
{
    const uint64_t words[] = {1, 2}, swapped[] = {2, 1};

    (void)state;
    assert_true(store_checksum(0, words, sizeof(words)) !=
                store_checksum(0, swapped, sizeof(swapped)));
}

static void it_goes_on_from_what_came_before(void **state)
{
    uint64_t first = store_checksum(0, "first", 5);

    (void)state;
    assert_true(store_checksum(first, "next", 4) !=
                store_checksum(0, "next", 4));
    assert_true(store_checksum(first, "next", 4) ==
                store_checksum(store_checksum(0, "first", 5), "next", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(zeros_of_another_length_are_others),
        cmocka_unit_test(words_that_change_places_are_noticed),
        cmocka_unit_test(it_goes_on_from_what_came_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
