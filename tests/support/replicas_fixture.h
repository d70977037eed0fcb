/* replicas_fixture.h: replicas that are opened before a group of tests and
 * closed after it.
 *
 * Include it in exactly one file of a test program: it DEFINES the replicas
 * `world`, their `apis`, and the functions below:
 *
 *     cmocka_run_group_tests(tests, set_up, tear_down);
 */
#ifndef TESTS_SUPPORT_REPLICAS_FIXTURE_H
#define TESTS_SUPPORT_REPLICAS_FIXTURE_H

#include "tests/support/replicas.h"

static struct replicas world;
static struct api *const apis = world.apis;

static int set_up(void **state)
{
    (void)state;
    replicas_open(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    replicas_close(&world);
    return 0;
}

#endif
