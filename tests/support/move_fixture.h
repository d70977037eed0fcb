/* move_fixture.h: a move_world that is opened before a group of tests and
 * closed after it.
 *
 * Include it in exactly one file of a test program: it DEFINES the world `w`,
 * its daemon `d`, the daemon's `api`, and the functions below:
 *
 *     cmocka_run_group_tests(tests, set_up, tear_down);
 *     move("--export-sessions", d->folder, API_MODELS, NULL, 1, "is in use");
 */
#ifndef TESTS_SUPPORT_MOVE_FIXTURE_H
#define TESTS_SUPPORT_MOVE_FIXTURE_H

#include "tests/support/move_world.h"

static struct move_world w;
static struct store_daemon *const d = &w.d;
static struct api *const api = &w.d.api;

static int set_up(void **state)
{
    (void)state;
    move_world_open(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    move_world_close(&w);
    return 0;
}

/* Of another store, or by fewer models, or with an option. */
static void move(const char *action, const char *folder, size_t models,
                 const char *more, int code, const char *words)
{
    move_world_run(&w, (struct move_call){.action = action,
                                          .option = "--state-dir",
                                          .value = folder,
                                          .more = more,
                                          .models = models,
                                          .code = code,
                                          .words = words});
}

#endif
