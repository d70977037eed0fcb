#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_names.h"

static enum json_names_result add(struct json_names *names,
                                  struct arena *arena, const char *name)
{
    return json_names_add(names, arena,
                          (struct json_text){name, strlen(name)});
}

static void a_name_is_new_once(void **state)
{
    static const char *const all[] = {
        "", "a", "b", "ab", "abc", "abd", "A", "\xff", "\x01", "zzzzzz", "zz"};
    struct json_names names = {NULL};
    struct arena arena;
    size_t i, j;

    (void)state;
    arena_init(&arena, 0);
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_int_equal(add(&names, &arena, all[i]), JSON_NAMES_ADDED);
        for (j = 0; j <= i; j++)
            assert_int_equal(add(&names, &arena, all[j]), JSON_NAMES_PRESENT);
    }
    arena_release(&arena);
}

/* 0 .. range-1 as names, in an order that repeats some. */
static void many_names_agree_with_a_table(void **state)
{
    enum { RANGE = 5000 };
    static bool seen[RANGE];
    static char texts[20000][8];
    struct json_names names = {NULL};
    struct arena arena;
    uint32_t seed = 1;
    size_t i;

    (void)state;
    arena_init(&arena, 0);
    memset(seen, 0, sizeof(seen));
    for (i = 0; i < 20000; i++) {
        uint32_t number;

        seed = seed * 1664525 + 1013904223;
        number = (seed >> 8) % RANGE;
        snprintf(texts[i], sizeof(texts[i]), "%x", number);
        assert_int_equal(add(&names, &arena, texts[i]),
                         seen[number] ? JSON_NAMES_PRESENT : JSON_NAMES_ADDED);
        seen[number] = true;
    }
    arena_release(&arena);
}

static void an_arena_that_is_out_is_said(void **state)
{
    static char texts[100][12];
    struct json_names names = {NULL};
    enum json_names_result result = JSON_NAMES_ADDED;
    struct arena arena;
    int i;

    (void)state;
    arena_init(&arena, 4096);
    for (i = 0; i < 100 && result == JSON_NAMES_ADDED; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%d", i);
        result = add(&names, &arena, texts[i]);
    }
    assert_int_equal(result, JSON_NAMES_OUT);
    assert_true(i > 10);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_new_once),
        cmocka_unit_test(many_names_agree_with_a_table),
        cmocka_unit_test(an_arena_that_is_out_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
