#include "tests/support/session_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_builder.h"

void session_world_init(struct session_world *world)
{
    struct rnn_model_options options = {.isa = RNN_ISA_SCALAR};
    struct model_builder builder;
    struct rnn_error err;

    *world = (struct session_world){
        .config = {.max_sessions = 1000,
                   .max_session_memory = (size_t)64 << 20,
                   .session_ttl = 3600000,
                   .session_wait = 1000,
                   .tombstones = 100,
                   .tombstone_ttl = 600000,
                   .max_timesteps = 65536}};
    model_builder_init(&builder, 10, 3);
    model_builder_add(&builder, &(struct model_layer){
                                    .class_name = "SimpleRNN", .units = 5});
    model_builder_add(
        &builder, &(struct model_layer){.class_name = "Dense", .units = 2});
    model_builder_finish(&builder);
    assert_int_equal(rnn_model_load(builder.bytes, builder.size, &options,
                                    &world->model, &err),
                     RNN_OK);
    model_builder_release(&builder);
    world->served =
        (struct served_model){.name = "seed",
                              .model = world->model,
                              .info = rnn_model_info(world->model)};
    arena_init(&world->arena, 0);
}

void session_world_open(struct session_world *world)
{
    struct rnn_error err;

    assert_int_equal(
        session_store_create(&world->config, NULL, &world->store, &err),
        RNN_OK);
}

void session_world_release(struct session_world *world)
{
    session_store_free(world->store);
    rnn_model_free(world->model);
    arena_release(&world->arena);
}

struct session_plan session_world_plan(const struct session_world *world,
                                       size_t window, uint64_t ttl_ms)
{
    return (struct session_plan){.model = &world->served,
                                 .mode =
                                     window ? SESSION_WINDOW : SESSION_CARRY,
                                 .window = window,
                                 .ttl_ms = ttl_ms};
}

void session_world_wake(void *world)
{
    ((struct session_world *)world)->woken++;
}

struct session_loan session_world_loan(struct session_world *world,
                                       const char *id, enum session_want want)
{
    return (struct session_loan){
        .store = world->store,
        .id = id,
        .want = want,
        .plan = session_world_plan(world, 0, world->config.session_ttl),
        .wake = session_world_wake,
        .arg = world};
}

enum session_result session_world_acquire(struct session_world *world,
                                          struct session_loan *loan,
                                          uint64_t now_ms)
{
    return session_acquire(loan, now_ms, &world->problem);
}

enum session_result session_world_create(struct session_world *world,
                                         const char *id, uint64_t ttl_ms,
                                         uint64_t now_ms)
{
    struct session_loan loan = session_world_loan(world, id, SESSION_WANT_NEW);
    struct session_change change = {.step = 0};
    enum session_result result;

    loan.plan.ttl_ms = ttl_ms;
    result = session_world_acquire(world, &loan, now_ms);
    if (result == SESSION_OK)
        result = session_commit(&loan, &change, now_ms, &world->problem);
    return result;
}

void session_world_commit(struct session_world *world,
                          struct session_loan *loan, uint64_t step,
                          float number, enum session_fate fate,
                          uint64_t now_ms)
{
    size_t count = loan->info.state_bytes / sizeof(float);
    float *state = arena_alloc(&world->arena, count, sizeof(float), 64);
    struct session_change change = {
        .state = state, .step = step, .fate = fate};

    assert_non_null(state);
    for (size_t i = 0; i < count; i++)
        state[i] = number;
    assert_int_equal(session_commit(loan, &change, now_ms, &world->problem),
                     SESSION_OK);
}

uint64_t session_world_step(struct session_world *world, const char *id,
                            uint64_t now_ms)
{
    struct session_info info;

    if (session_store_find(world->store, id, now_ms, &info, &world->problem) !=
        SESSION_OK)
        return UINT64_MAX;
    return info.step;
}
