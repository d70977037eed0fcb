#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/session_internal.h"
#include "tests/support/session_world.h"

static struct session_world world;

static int set_up(void **state)
{
    (void)state;
    session_world_init(&world);
    session_world_open(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    session_world_release(&world);
    return 0;
}

static void bury(const char *id, enum session_reason reason, uint64_t now_ms)
{
    struct session_plan plan = session_world_plan(&world, 0, 0);
    struct session *session = session_make(&plan, id, (uint32_t)strlen(id));

    assert_non_null(session);
    session_graves_bury(&world.store->graves, session, reason, now_ms);
}

static const char *reason_of(const char *id, uint64_t now_ms)
{
    return session_graves_reason(&world.store->graves, (uint32_t)strlen(id),
                                 id, now_ms);
}

static void a_grave_says_why(void **state)
{
    (void)state;
    bury("a", SESSION_WAS_EXPIRED, 1000);
    bury("b", SESSION_WAS_ENDED, 1000);
    bury("c", SESSION_WAS_DELETED, 1000); /* all in one bucket */
    assert_string_equal(reason_of("a", 1000), "expired");
    assert_string_equal(reason_of("b", 1000), "ended");
    assert_string_equal(reason_of("c", 1000), "deleted");
    assert_null(reason_of("d", 1000));
    session_graves_open(&world.store->graves, 1, "b");
    assert_null(reason_of("b", 1000));
    assert_string_equal(reason_of("a", 1000), "expired");
}

static void the_last_death_counts(void **state)
{
    (void)state;
    bury("a", SESSION_WAS_EXPIRED, 1000);
    bury("a", SESSION_WAS_DELETED, 2000);
    assert_int_equal(world.store->graves.count, 1);
    assert_string_equal(reason_of("a", 2000), "deleted");
}

static void graves_that_are_too_old_are_swept(void **state)
{
    (void)state;
    bury("a", SESSION_WAS_EXPIRED, 1000);
    bury("bb", SESSION_WAS_EXPIRED, 2000);
    bury("ccc", SESSION_WAS_EXPIRED, 3000);
    session_graves_sweep(&world.store->graves, 602000, 1);
    assert_int_equal(world.store->graves.count, 2);
    session_graves_sweep(&world.store->graves, 602000, 100);
    assert_int_equal(world.store->graves.count, 1);
    assert_string_equal(reason_of("ccc", 602000), "expired");
}

static void the_longest_id_fits(void **state)
{
    char id[SESSION_ID_SIZE];

    (void)state;
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    bury(id, SESSION_WAS_ENDED, 1000);
    assert_string_equal(reason_of(id, 1000), "ended");
    bury("", SESSION_WAS_ENDED, 1000); /* and the shortest there could be */
    assert_string_equal(reason_of("", 1000), "ended");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_grave_says_why),
        TEST(the_last_death_counts),
        TEST(graves_that_are_too_old_are_swept),
        TEST(the_longest_id_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
