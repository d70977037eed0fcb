/* Sessions while the disk behind their store fails at each of its calls, and
 * while memory is out at each allocation, SQLite's included: a clear refusal,
 * nothing moved, and all goes on afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/session_internal.h"
#include "tests/support/effort.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/store_faults.h"
#include "tests/support/store_world.h"

static struct store_world world;

/* Sanitizers look at each tenth. */
static size_t stride(void)
{
    return effort_is_quick() ? 10 : 1;
}

static void heal(void);

/* What is tried: memory, else the disk. */
static struct store_faults faults = {.world = &world, .heal = heal};

static void heal(void)
{
    if (faults.is_out_of_memory)
        fail_malloc_stop();
    else
        fault_vfs_heal();
}

static void open_world(void)
{
    struct rnn_error err;
    enum rnn_status status = store_world_try(&world, &err);

    if (!status)
        return;
    if (status != RNN_IO &&
        !(faults.is_out_of_memory && status == RNN_NO_MEMORY))
        fail_msg("%s", err.message);
    heal();
    store_world_open(&world);
}

static void go_on(const char *id, uint64_t step, enum session_fate fate)
{
    store_faults_go_on(
        &faults, (struct store_call){.id = id, .step = step, .fate = fate});
}

static void look(const char *id, uint64_t step)
{
    struct session_info info;

    if (store_world_look(&world, id, &info, NULL) != SESSION_OK) {
        store_faults_assert_refusal(&faults);
        heal();
    }
    store_world_assert(&world, id, step, (float)step);
}

/* Delete a session whose model has gone. */
static void forget(const char *id)
{
    struct store_call call = {
        .id = id, .want = SESSION_WANT_GONE, .fate = SESSION_DELETED};

    if (store_world_call(&world, &call) == SESSION_OK)
        return;
    store_faults_assert_refusal(&faults);
    heal();
    store_world_refuse(&world, id, PROBLEM_OTHER_MODEL);
    if (store_world_call(&world, &call) != SESSION_OK)
        fail_msg("%s", world.problem.detail);
}

static void replace_model(void)
{
    struct served_model *model =
        (struct served_model *)model_registry_at(world.models, 0);

    model->fingerprint[0] ^= 1; /* and back */
}

static void live(void)
{
    open_world();
    go_on("a", 1, SESSION_GOES_ON);
    go_on("b", 1, SESSION_GOES_ON); /* there is room for two */
    go_on("c", 1, SESSION_GOES_ON);
    go_on("a", 2, SESSION_GOES_ON);
    go_on("b", 2, SESSION_ENDED);
    store_world_close(&world);
    open_world();
    look("a", 2);
    go_on("c", 2, SESSION_GOES_ON);
    go_on("d", 1, SESSION_GOES_ON);
    go_on("a", 3, SESSION_DELETED);
    go_on("e", 1, SESSION_GOES_ON);
    store_world_close(&world);
    replace_model();
    open_world();
    forget("e");
    store_world_close(&world);
    replace_model();
    heal();
    store_world_open(&world);
    store_world_refuse(&world, "e", PROBLEM_SESSION_GONE);
    store_world_refuse(&world, "a", PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, "deleted");
    store_world_refuse(&world, "b", PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, "ended");
    store_world_assert(&world, "c", 2, 2.0f);
    store_world_assert(&world, "d", 1, 1.0f);
}

static void begin(void)
{
    fault_vfs_reset();
    store_world_init(&world);
    world.config.max_sessions = 2;
}

static void fail_disk(int code, bool for_good)
{
    bool has_failed = true;
    size_t n;

    faults.is_out_of_memory = false;
    for (n = 1; has_failed || n < 100; n += stride()) {
        begin();
        fault_vfs_fail(n, code, for_good);
        live();
        has_failed = fault_vfs_heal();
        store_world_release(&world);
    }
}

static void every_call_of_the_disk_fails_once(void **state)
{
    (void)state;
    fail_disk(SQLITE_IOERR, false);
    fail_disk(SQLITE_FULL, false);
}

static void every_call_of_the_disk_fails_for_good(void **state)
{
    (void)state;
    fail_disk(SQLITE_IOERR, true);
    fail_disk(SQLITE_FULL, true);
}

static void every_allocation_fails(void **state)
{
    bool has_failed = true;
    size_t n;

    (void)state;
    faults.is_out_of_memory = true;
    for (n = 1; has_failed; n += stride()) {
        begin();
        fail_malloc_start(n);
        live();
        fail_malloc_stop();
        has_failed = fail_malloc_happened();
        store_world_release(&world);
    }
    print_message("%zu allocations, failed one by one\n", n - 1);
    assert_true(n > 100);
}

/* ---- SQLite's memory comes from where ours does ------------------------- */

#define HEAD ((size_t)16)

static void *on_malloc(int size)
{
    char *block = malloc((size_t)size + HEAD);

    if (!block)
        return NULL;
    memcpy(block, &size, sizeof(size));
    return block + HEAD;
}

static void on_free(void *memory)
{
    free((char *)memory - HEAD);
}

static void *on_realloc(void *memory, int size)
{
    char *block = realloc((char *)memory - HEAD, (size_t)size + HEAD);

    if (!block)
        return NULL;
    memcpy(block, &size, sizeof(size));
    return block + HEAD;
}

static int on_size(void *memory)
{
    int size;

    memcpy(&size, (char *)memory - HEAD, sizeof(size));
    return size;
}

static int on_round(int size)
{
    return (size + 7) & ~7;
}

static int on_init(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void on_shutdown(void *arg)
{
    (void)arg;
}

static int install(void **state)
{
    static sqlite3_mem_methods memory = {.xMalloc = on_malloc,
                                         .xFree = on_free,
                                         .xRealloc = on_realloc,
                                         .xSize = on_size,
                                         .xRoundup = on_round,
                                         .xInit = on_init,
                                         .xShutdown = on_shutdown};

    (void)state;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory), SQLITE_OK);
    fault_vfs_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_of_the_disk_fails_once),
        cmocka_unit_test(every_call_of_the_disk_fails_for_good),
        cmocka_unit_test(every_allocation_fails),
    };

    return cmocka_run_group_tests(tests, install, NULL);
}
