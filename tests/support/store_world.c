#include "tests/support/store_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/clock.h"
#include "server/log.h"
#include "tests/support/model_builder.h"
#include "tests/support/nap.h"

static const struct log quiet = {LOG_ERROR, false};

void store_world_init(struct store_world *world)
{
    struct model_builder builder;

    *world =
        (struct store_world){.config = {.max_sessions = 1000,
                                        .max_session_memory = (size_t)64 << 20,
                                        .session_ttl = 3600000,
                                        .session_wait = 1000,
                                        .tombstones = 100,
                                        .tombstone_ttl = 600000,
                                        .max_timesteps = 65536,
                                        .durability = "step",
                                        .flush_interval = 20,
                                        .store_timeout = 20000,
                                        .isa = "scalar",
                                        .models = &world->model,
                                        .model_count = 1}};
    scratch_file("", 0, world->path);
    model_builder_init(&builder, 10, 3);
    model_builder_add(&builder,
                      &(struct model_layer){.class_name = "SimpleRNN",
                                            .units = STORE_WORLD_FLOATS});
    model_builder_write(&builder, world->path);
    model_builder_release(&builder);
    world->model = (struct config_model){.name = "seed", .path = world->path};
    assert_int_equal(
        model_registry_create(&world->config, &quiet, &world->models, NULL),
        RNN_OK);
    assert_int_equal(metrics_create(world->models, &world->metrics, NULL),
                     RNN_OK);
    scratch_folder_fast(world->folder, world->file);
    world->config.state_dir = world->folder;
    arena_init(&world->arena, 0);
    sem_init(&world->woken, 0, 0);
}

enum rnn_status store_world_try(struct store_world *world,
                                struct rnn_error *err)
{
    enum rnn_status status = session_store_create(
        &world->config, world->metrics, &world->store, err);

    if (!status)
        status = session_store_behind(world->store, world->models, NULL, err);
    if (status) {
        session_store_free(world->store);
        world->store = NULL;
    }
    return status;
}

void store_world_open(struct store_world *world)
{
    struct rnn_error err;

    if (store_world_try(world, &err))
        fail_msg("%s", err.message);
}

void store_world_close(struct store_world *world)
{
    session_store_free(world->store);
    world->store = NULL;
}

void store_world_release(struct store_world *world)
{
    store_world_close(world);
    scratch_folder_remove(world->folder);
    metrics_free(world->metrics);
    model_registry_free(world->models);
    scratch_file_remove(world->path);
    arena_release(&world->arena);
    sem_destroy(&world->woken);
}

static void wake(void *world)
{
    sem_post(&((struct store_world *)world)->woken);
}

/* Until it is woken, or the loan's time has come: then one that was lost
 * shows as a refusal. */
static void wait_for_wake(struct store_world *world,
                          const struct session_loan *loan)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t left_ms =
        loan->wake_at_ms > now_ms ? loan->wake_at_ms - now_ms : 0;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(left_ms % 1000) * 1000000;
    until.tv_sec += (time_t)(left_ms / 1000) + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    sem_clockwait(&world->woken, CLOCK_MONOTONIC, &until);
}

enum session_result store_world_acquire(struct store_world *world,
                                        struct session_loan *loan)
{
    enum session_result result;

    while ((result = session_acquire(loan, clock_monotonic_ms(),
                                     &world->problem)) == SESSION_WAIT)
        wait_for_wake(world, loan);
    return result;
}

enum session_result store_world_commit(struct store_world *world,
                                       struct session_loan *loan,
                                       const struct session_change *change)
{
    enum session_result result;

    while ((result = session_commit(loan, change, clock_monotonic_ms(),
                                    &world->problem)) == SESSION_WAIT)
        wait_for_wake(world, loan);
    return result;
}

struct session_loan store_world_loan(struct store_world *world,
                                     const struct store_call *call)
{
    return (struct session_loan){
        .store = world->store,
        .id = call->id,
        .want = call->want,
        .plan = {.model = model_registry_at(world->models, 0),
                 .mode = call->is_window ? SESSION_WINDOW : SESSION_CARRY,
                 .window = call->is_window ? 10 : 0,
                 .ttl_ms = call->ttl_ms},
        .trusts_copy = call->trusts_copy,
        .wake = wake,
        .arg = world};
}

enum session_result store_world_call(struct store_world *world,
                                     const struct store_call *call)
{
    struct session_loan loan = store_world_loan(world, call);
    enum session_result result = store_world_acquire(world, &loan);
    struct session_change change = {.step = call->step, .fate = call->fate};
    unsigned char digest[RNN_DIGEST_BYTES];
    float floats[64];
    size_t count;

    if (result != SESSION_OK)
        return result;
    memset(digest, call->digest, sizeof(digest));
    count = loan.info.state_bytes / sizeof(float);
    assert_true(count <= sizeof(floats) / sizeof(*floats));
    for (size_t i = 0; i < count; i++)
        floats[i] = call->number;
    change.state = floats;
    change.window_filled = call->is_window ? 7 : 0;
    if (call->reply) {
        change.digest = digest;
        change.step_before = loan.info.step;
        change.state_before = loan.state;
        change.reply = call->reply;
        change.reply_length = strlen(call->reply);
        if (!session_prepare(&loan, change.reply_length, &world->problem)) {
            session_release(&loan, false, clock_monotonic_ms());
            return SESSION_REFUSED;
        }
    }
    return store_world_commit(world, &loan, &change);
}

void store_world_finish(struct store_world *world, const char *id,
                        enum session_fate fate, const char *reply)
{
    assert_int_equal(
        store_world_call(world, &(struct store_call){.id = id,
                                                     .step = 9,
                                                     .fate = fate,
                                                     .reply = reply,
                                                     .digest = 5}),
        SESSION_OK);
}

void store_world_put(struct store_world *world, const char *id, uint64_t step,
                     float number)
{
    if (store_world_call(world, &(struct store_call){.id = id,
                                                     .want = SESSION_WANT_ANY,
                                                     .ttl_ms = 3600000,
                                                     .step = step,
                                                     .number = number,
                                                     .reply = "a reply",
                                                     .digest = 7}) !=
        SESSION_OK)
        fail_msg("%s: %s", id, world->problem.detail);
}

void store_world_page(struct store_world *world, struct session_page *page)
{
    enum session_result result;

    page->store = world->store;
    page->wake = wake;
    page->arg = world;
    while ((result = session_store_page(page, clock_monotonic_ms(),
                                        &world->problem)) == SESSION_WAIT)
        sem_wait(&world->woken);
    if (result != SESSION_OK)
        fail_msg("%s", world->problem.detail);
}

enum session_result store_world_look(struct store_world *world, const char *id,
                                     struct session_info *info,
                                     float floats[STORE_WORLD_FLOATS])
{
    struct session_loan loan = store_world_loan(
        world, &(struct store_call){.id = id, .want = SESSION_WANT_LIVE});
    enum session_result result = store_world_acquire(world, &loan);

    if (result != SESSION_OK)
        return result;
    *info = loan.info;
    if (floats)
        memcpy(floats, loan.state, STORE_WORLD_FLOATS * sizeof(*floats));
    session_release(&loan, false, clock_monotonic_ms());
    return SESSION_OK;
}

void store_world_assert(struct store_world *world, const char *id,
                        uint64_t step, float number)
{
    float floats[STORE_WORLD_FLOATS];
    struct session_info info;

    if (store_world_look(world, id, &info, floats) != SESSION_OK)
        fail_msg("%s: %s", id, world->problem.detail);
    assert_string_equal(info.id, id);
    assert_int_equal(info.step, step);
    for (size_t i = 0; i < STORE_WORLD_FLOATS; i++)
        assert_true(floats[i] == number);
}

void store_world_refuse(struct store_world *world, const char *id,
                        enum problem_type type)
{
    struct session_info info;

    assert_int_equal(store_world_look(world, id, &info, NULL),
                     SESSION_REFUSED);
    if (world->problem.type != type)
        fail_msg("%s: not %s but %s: %s", id, problem_type_name(type),
                 problem_type_name(world->problem.type),
                 world->problem.detail);
}

void store_world_settle(struct store_world *world)
{
    for (int i = 0; i < 20000; i++) {
        if (!session_store_lag_ms(world->store, clock_monotonic_ms()))
            return;
        nap_ms(1);
    }
    fail_msg("changes are not written");
}
