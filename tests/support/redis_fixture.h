/* redis_fixture.h: a Redis that is started before a group of tests and stopped
 * after it.
 *
 * Include it in exactly one file of a test program: it DEFINES the `server`
 * and the functions below:
 *
 *     cmocka_run_group_tests(tests, start, stop);
 */
#ifndef TESTS_SUPPORT_REDIS_FIXTURE_H
#define TESTS_SUPPORT_REDIS_FIXTURE_H

#include <stddef.h>

#include "tests/support/redis_server.h"

static struct redis_server server;

static int start(void **state)
{
    (void)state;
    redis_server_start(&server, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    redis_server_stop(&server);
    return 0;
}

#endif
