/* store_pair_fixture.h: a store_pair whose Redis is started before a group of
 * tests and stopped after it; each test finds it empty.
 *
 * Include it in exactly one file of a test program: it DEFINES the `pair`, its
 * `server`, its worlds `a` and `b`, and the functions below:
 *
 *     cmocka_unit_test_setup_teardown(a_test, set_up, tear_down)
 *     cmocka_run_group_tests(tests, start, stop);
 */
#ifndef TESTS_SUPPORT_STORE_PAIR_FIXTURE_H
#define TESTS_SUPPORT_STORE_PAIR_FIXTURE_H

#include "tests/support/store_pair.h"

static struct store_pair pair;
static struct redis_server *const server = &pair.server;
static struct store_world *const a = &pair.a, *const b = &pair.b;

static int start(void **state)
{
    (void)state;
    store_pair_start(&pair);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    store_pair_stop(&pair);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    store_pair_init(&pair);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_pair_release(&pair);
    return 0;
}

#endif
