/* Sessions in Redis while memory is out at each allocation, the store's
 * included: a clear refusal, nothing moved, and all goes on afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/session_internal.h"
#include "tests/support/effort.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/nap.h"
#include "tests/support/redis_fixture.h"
#include "tests/support/store_faults.h"
#include "tests/support/store_world.h"

static struct store_world world;

/* There is memory again, and soon a connection, too. */
static void heal(void)
{
    struct session_info info;

    fail_malloc_stop();
    for (int i = 0; i < 1000; i++) {
        if (store_world_look(&world, "none", &info, NULL) != SESSION_REFUSED ||
            world.problem.type != PROBLEM_STORE_UNREACHABLE)
            return;
        nap_ms(10);
    }
    fail_msg("%s", world.problem.detail);
}

static const struct store_faults faults = {
    .world = &world, .heal = heal, .is_out_of_memory = true};

static void open_world(void)
{
    struct rnn_error err;
    enum rnn_status status = store_world_try(&world, &err);

    if (!status)
        return;
    if (status != RNN_NO_MEMORY)
        fail_msg("%s", err.message);
    fail_malloc_stop();
    store_world_open(&world);
}

static void go_on(const char *id, uint64_t step, enum session_fate fate,
                  bool is_window)
{
    store_faults_go_on(&faults, (struct store_call){.id = id,
                                                    .is_window = is_window,
                                                    .step = step,
                                                    .fate = fate,
                                                    .trusts_copy = true});
}

static void look(const char *id, uint64_t step)
{
    float floats[STORE_WORLD_FLOATS];
    struct session_info info;

    if (store_world_look(&world, id, &info, floats) != SESSION_OK) {
        store_faults_assert_refusal(&faults);
        heal();
        store_world_assert(&world, id, step, (float)step);
        return;
    }
    assert_int_equal(info.step, step);
    assert_true(floats[0] == (float)step);
}

static void live(void)
{
    open_world();
    go_on("a", 1, SESSION_GOES_ON, false);
    go_on("w", 1, SESSION_GOES_ON, true); /* there is room for two */
    go_on("c", 1, SESSION_GOES_ON, false);
    go_on("a", 2, SESSION_GOES_ON, false);
    go_on("w", 2, SESSION_GOES_ON, true);
    store_world_close(&world);
    open_world();
    look("a", 2);
    look("w", 2);
    go_on("c", 2, SESSION_ENDED, false);
    go_on("a", 3, SESSION_DELETED, false);
    store_world_close(&world);
    fail_malloc_stop();
    store_world_open(&world);
    store_world_refuse(&world, "a", PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, "deleted");
    store_world_refuse(&world, "c", PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, "ended");
    store_world_assert(&world, "w", 2, 2.0f);
}

static void memory_is_out(bool for_good)
{
    bool has_failed = true;
    size_t stride = effort_is_quick() ? 10 : 1;

    for (size_t n = 1; has_failed; n += stride) {
        redis_server_command(&server, "FLUSHALL");
        store_world_init(&world);
        world.config.max_sessions = 2;
        world.config.store = "redis";
        world.config.redis_url = server.url;
        world.config.store_timeout = 500;
        if (for_good)
            fail_malloc_start_for_good(n);
        else
            fail_malloc_start(n);
        live();
        fail_malloc_stop();
        has_failed = fail_malloc_happened();
        store_world_release(&world);
    }
}

static void once(void **state)
{
    (void)state;
    memory_is_out(false);
}

static void for_good(void **state)
{
    (void)state;
    memory_is_out(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once),
        cmocka_unit_test(for_good),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
