/* session_world.h: a model, a configuration and a session store for tests.
 *
 *     struct session_world world;
 *
 *     session_world_init(&world);         SimpleRNN(5) + Dense(2), T = 10
 *     world.config.max_sessions = 2;
 *     session_world_open(&world);
 *     ...
 *     session_world_release(&world);
 *
 * Every failure ends the test.
 */
#ifndef TESTS_SUPPORT_SESSION_WORLD_H
#define TESTS_SUPPORT_SESSION_WORLD_H

#include "config/config.h"
#include "server/model_registry.h"
#include "server/session_store.h"

struct session_world {
    struct config config; /* may be changed before open */
    struct rnn_model *model;
    struct served_model served;
    struct session_store *store;
    struct arena arena;
    struct problem problem; /* of the last call below */
    int woken;              /* calls of session_world_wake() */
};

void session_world_init(struct session_world *world);
/* The store, made from the configuration. */
void session_world_open(struct session_world *world);
void session_world_release(struct session_world *world);

/* A plan of the world's model; window 0 is carry. */
struct session_plan session_world_plan(const struct session_world *world,
                                       size_t window, uint64_t ttl_ms);

/* A loan that is to be acquired; it counts its wakes in world->woken. */
struct session_loan session_world_loan(struct session_world *world,
                                       const char *id, enum session_want want);
void session_world_wake(void *world);

/* Acquire at `now_ms`. */
enum session_result session_world_acquire(struct session_world *world,
                                          struct session_loan *loan,
                                          uint64_t now_ms);

/* Make a session and give it back, committed at step 0. */
enum session_result session_world_create(struct session_world *world,
                                         const char *id, uint64_t ttl_ms,
                                         uint64_t now_ms);

/* Give back with a new step and every number of the state set to `number`;
 * fate as told.  No reply is kept. */
void session_world_commit(struct session_world *world,
                          struct session_loan *loan, uint64_t step,
                          float number, enum session_fate fate,
                          uint64_t now_ms);

/* The step of a live session; UINT64_MAX and world->problem: there is none. */
uint64_t session_world_step(struct session_world *world, const char *id,
                            uint64_t now_ms);

#endif
