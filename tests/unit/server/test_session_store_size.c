/* What 100,000 sessions cost in memory, beside their states: at most 160
 * bytes each, of all that the process has resident. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/session_world.h"

#define SESSIONS ((size_t)100000)
#define GOAL     160

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#else
#define HAS_SANITIZER 0
#endif

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    char line[256], *second;

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    strtoul(line, &second, 10); /* the first number is the total */
    return strtoul(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_session_costs_its_state_and_little_more(void **state)
{
    struct session_world world;
    size_t before, after, each;
    char id[33];

    (void)state;
    if (HAS_SANITIZER)
        skip(); /* their allocators are others */
    session_world_init(&world);
    world.config.max_sessions = SESSIONS;
    session_world_open(&world);
    before = resident_bytes();
    for (size_t i = 0; i < SESSIONS; i++) {
        snprintf(id, sizeof(id), "%032zu", i);
        assert_int_equal(session_world_create(&world, id, 3600000, 1000),
                         SESSION_OK);
    }
    after = resident_bytes();
    each = (after - before + SESSIONS - 1) / SESSIONS;
    print_message("%zu sessions with ids of 32 characters: %zu bytes each "
                  "beside their state of %zu\n",
                  SESSIONS, each - 5 * sizeof(float), 5 * sizeof(float));
    assert_true(each - 5 * sizeof(float) <= GOAL);
    session_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_costs_its_state_and_little_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
