/* store_world.h: sessions with a store behind them, for tests.
 *
 *     struct store_world world;
 *
 *     store_world_init(&world);           a folder; SimpleRNN(5), T = 10
 *     world.config.durability = "async";
 *     store_world_open(&world);           as a process begins
 *     store_world_call(&world, &(struct store_call){.id = "a", ...});
 *     store_world_close(&world);          as it ends
 *     store_world_open(&world);           the next one
 *     ...
 *     store_world_release(&world);
 *
 * A call waits for the store as a request does, and returns when it is over.
 * Every failure of the world itself ends the test.
 */
#ifndef TESTS_SUPPORT_STORE_WORLD_H
#define TESTS_SUPPORT_STORE_WORLD_H

#include <semaphore.h>

#include "config/config.h"
#include "server/metrics.h"
#include "server/model_registry.h"
#include "server/session_store.h"
#include "tests/support/scratch_file.h"
#include "tests/support/scratch_folder.h"

#define STORE_WORLD_FLOATS 5 /* of a state */

struct store_world {
    struct config config; /* may be changed while it is closed */
    struct config_model model;
    char path[SCRATCH_PATH_BYTES];     /* the model's file */
    char folder[SCRATCH_FOLDER_BYTES]; /* state_dir */
    char file[SCRATCH_STORE_BYTES];    /* the database */
    struct model_registry *models;
    struct metrics *metrics;
    struct session_store *store;
    struct arena arena;
    struct problem problem; /* of the last call */
    sem_t woken;
};

void store_world_init(struct store_world *world);
/* May fail, when a test has it so: then `err` says why. */
enum rnn_status store_world_try(struct store_world *world,
                                struct rnn_error *err);
void store_world_open(struct store_world *world);
void store_world_close(struct store_world *world);
void store_world_release(struct store_world *world);

struct store_call {
    const char *id;
    enum session_want want;
    bool is_window; /* to be made: a window of 10 rows */
    uint64_t ttl_ms;
    float number; /* every number of the new state */
    uint64_t step;
    enum session_fate fate;
    /* With a reply, the call carries the step before it and this digest. */
    const char *reply;
    unsigned char digest; /* each byte of it */
    bool trusts_copy;
};

/* The parts of a call: each waits until it is over. */
struct session_loan store_world_loan(struct store_world *world,
                                     const struct store_call *call);
enum session_result store_world_acquire(struct store_world *world,
                                        struct session_loan *loan);
enum session_result store_world_commit(struct store_world *world,
                                       struct session_loan *loan,
                                       const struct session_change *change);

/* Fills the page, which has a limit, infos and `after`. */
void store_world_page(struct store_world *world, struct session_page *page);

/* Borrow, change, give back. */
enum session_result store_world_call(struct store_world *world,
                                     const struct store_call *call);

/* Step 9 of session `id` is its last call. */
void store_world_finish(struct store_world *world, const char *id,
                        enum session_fate fate, const char *reply);

/* A session that is made, or goes on, to `step`, with a kept reply. */
void store_world_put(struct store_world *world, const char *id, uint64_t step,
                     float number);

/* Borrow the session and look; REFUSED: world->problem.  `floats` (NULL: do
 * not copy) is its state. */
enum session_result store_world_look(struct store_world *world, const char *id,
                                     struct session_info *info,
                                     float floats[STORE_WORLD_FLOATS]);

/* It is there, whole: this step, this number. */
void store_world_assert(struct store_world *world, const char *id,
                        uint64_t step, float number);
/* Looking for it is refused like this. */
void store_world_refuse(struct store_world *world, const char *id,
                        enum problem_type type);

/* Wait until nothing waits to be written. */
void store_world_settle(struct store_world *world);

#endif
