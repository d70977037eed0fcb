#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/session_world.h"

static void pages_hold_every_session_once_and_in_order(void **state)
{
    static char seen[1000];
    struct session_info infos[7];
    struct session_world world;
    char id[16], after[SESSION_ID_SIZE] = "";
    size_t total = 0, count;

    (void)state;
    memset(seen, 0, sizeof(seen));
    session_world_init(&world);
    session_world_open(&world);
    for (size_t i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "%03zu", i * 7 % 1000);
        assert_int_equal(
            session_world_create(&world, id, i % 10 ? 0 : 100, 1000),
            SESSION_OK);
    }
    while ((count = session_store_list(world.store, after, 7, 1100, infos)))
        for (size_t i = 0; i < count; i++) {
            assert_true(strcmp(infos[i].id, after) > 0);
            memcpy(after, infos[i].id, sizeof(after));
            assert_int_equal(seen[strtoul(after, NULL, 10)]++, 0);
            total++;
        }
    assert_int_equal(total, 900); /* a tenth has expired */
    assert_int_equal(session_store_list(world.store, "", 0, 1100, infos), 0);
    assert_int_equal(session_store_list(world.store, "999", 7, 1100, infos),
                     0);
    session_world_release(&world);
}

static void a_session_in_the_making_is_not_listed(void **state)
{
    struct session_world world;
    struct session_loan loan;
    struct session_info info;

    (void)state;
    session_world_init(&world);
    session_world_open(&world);
    loan = session_world_loan(&world, "a", SESSION_WANT_NEW);
    assert_int_equal(session_world_acquire(&world, &loan, 1000), SESSION_OK);
    assert_int_equal(session_store_list(world.store, "", 1, 1000, &info), 0);
    session_world_commit(&world, &loan, 9, 0.0f, SESSION_GOES_ON, 1000);
    assert_int_equal(session_store_list(world.store, "", 1, 1000, &info), 1);
    assert_string_equal(info.id, "a");
    assert_int_equal(info.step, 9);
    session_world_release(&world);
}

static void made_ids_are_valid_and_differ(void **state)
{
    char first[SESSION_ID_SIZE], second[SESSION_ID_SIZE];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(session_id_make(first));
        assert_true(session_id_make(second));
        assert_int_equal(strlen(first), 22);
        assert_true(session_id_is_valid(first, strlen(first)));
        assert_string_not_equal(first, second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_hold_every_session_once_and_in_order),
        cmocka_unit_test(a_session_in_the_making_is_not_listed),
        cmocka_unit_test(made_ids_are_valid_and_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
