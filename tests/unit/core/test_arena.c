#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "tests/support/fail_malloc.h"

static void memory_is_aligned_as_asked_and_does_not_overlap(void **state)
{
    struct arena arena;
    unsigned char *before = NULL;

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < 1000; i++) {
        size_t align = (size_t)1 << i % 7, size = 1 + i * 7 % 300;
        unsigned char *memory = arena_alloc(&arena, size, 1, align);

        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % align, 0);
        if (before)
            assert_int_equal(*before, (unsigned char)(i - 1));
        memset(memory, (int)(unsigned char)i, size);
        before = memory;
    }
    arena_release(&arena);
}

static void zalloc_clears_memory_that_was_used_before(void **state)
{
    struct arena arena;
    unsigned char *memory;

    (void)state;
    arena_init(&arena, 0);
    memory = arena_alloc(&arena, 500, 1, 1);
    memset(memory, 0xff, 500);
    arena_reset(&arena, 1 << 20);
    memory = arena_zalloc(&arena, 100, 5, 1);
    for (size_t i = 0; i < 500; i++)
        assert_int_equal(memory[i], 0);
    arena_release(&arena);
}

static void a_product_that_overflows_is_refused(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_null(arena_alloc(&arena, SIZE_MAX / 2, 3, 8));
    assert_null(arena_alloc(&arena, SIZE_MAX - 1, 1, 64));
    assert_null(arena_copy_text(&arena, "", SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 1, 1, 1));
    arena_release(&arena);
}

static void the_limit_is_kept(void **state)
{
    struct arena arena;
    size_t total = 0;

    (void)state;
    arena_init(&arena, 10000);
    while (arena_alloc(&arena, 100, 1, 1))
        total += 100;
    assert_in_range(total, 5000, 10000);
    assert_in_range(arena.total, 0, 10000);
    arena_release(&arena);
    assert_int_equal(arena.limit, 10000);
    assert_non_null(arena_alloc(&arena, 9000, 1, 1));
    arena_release(&arena);
}

static void a_reset_arena_serves_the_same_request_without_malloc(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    for (int round = 0; round < 4; round++) {
        fail_malloc_start(0);
        for (size_t i = 0; i < 50; i++)
            assert_non_null(arena_alloc(&arena, 1000, 1, 8));
        if (round > 0)
            assert_int_equal(fail_malloc_stop(), 0);
        arena_reset(&arena, 1 << 20);
        fail_malloc_stop();
    }
    arena_release(&arena);
}

static void a_reset_arena_gives_back_more_than_it_may_keep(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_non_null(arena_alloc(&arena, 100000, 1, 8));
    arena_reset(&arena, 50000);
    assert_int_equal(arena.total, 0);
    assert_non_null(arena_alloc(&arena, 10, 1, 8));
    arena_release(&arena);
}

static void out_of_memory_is_null_and_loses_nothing(void **state)
{
    struct arena arena;
    char *text;

    (void)state;
    arena_init(&arena, 0);
    text = arena_copy_text(&arena, "kept", 4);
    assert_non_null(text);
    fail_malloc_start_for_good(1);
    assert_null(arena_alloc(&arena, 100000, 1, 8));
    fail_malloc_stop();
    assert_true(fail_malloc_happened());
    assert_non_null(arena_alloc(&arena, 100000, 1, 8));
    assert_string_equal(text, "kept");
    arena_release(&arena);
}

static void a_copied_text_ends_where_it_should(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_string_equal(arena_copy_text(&arena, "lstm/kernel", 4), "lstm");
    assert_string_equal(arena_copy_text(&arena, "", 0), "");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_as_asked_and_does_not_overlap),
        cmocka_unit_test(zalloc_clears_memory_that_was_used_before),
        cmocka_unit_test(a_product_that_overflows_is_refused),
        cmocka_unit_test(the_limit_is_kept),
        cmocka_unit_test(a_reset_arena_serves_the_same_request_without_malloc),
        cmocka_unit_test(a_reset_arena_gives_back_more_than_it_may_keep),
        cmocka_unit_test(out_of_memory_is_null_and_loses_nothing),
        cmocka_unit_test(a_copied_text_ends_where_it_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
