/* bench_session_store.c: what the store itself costs: a step that keeps its
 * reply, a look, a sweep and a page of the list, among so many sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/clock.h"
#include "tests/support/session_world.h"

#define STEPS ((size_t)200000)

static char ids[100000][16];

static void step(struct session_world *world, const char *id)
{
    static const unsigned char digest[RNN_DIGEST_BYTES];
    static const unsigned char reply[100];
    struct session_loan loan =
        session_world_loan(world, id, SESSION_WANT_LIVE);
    struct session_change change = {
        .digest = digest, .reply = reply, .reply_length = sizeof(reply)};

    if (session_world_acquire(world, &loan, 1000) != SESSION_OK ||
        !session_prepare(&loan, sizeof(reply), &world->problem))
        abort();
    change.state = change.state_before = loan.state;
    change.step_before = loan.info.step;
    change.step = loan.info.step + 1;
    if (session_commit(&loan, &change, 1000, &world->problem) != SESSION_OK)
        abort();
}

static void measure(struct session_world *world, size_t count)
{
    static struct session_info infos[101];
    uint64_t began, step_ns, find_ns, sweep_ns, list_ns;
    uint64_t seed = 1;

    began = clock_monotonic_ns();
    for (size_t i = 0; i < STEPS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        step(world, ids[(seed >> 33) % count]);
    }
    step_ns = (clock_monotonic_ns() - began) / STEPS;
    began = clock_monotonic_ns();
    for (size_t i = 0; i < STEPS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        session_store_find(world->store, ids[(seed >> 33) % count], 1000,
                           infos, &world->problem);
    }
    find_ns = (clock_monotonic_ns() - began) / STEPS;
    began = clock_monotonic_ns();
    session_store_sweep(world->store, 1000);
    sweep_ns = clock_monotonic_ns() - began;
    began = clock_monotonic_ns();
    session_store_list(world->store, "", 101, 1000, infos);
    list_ns = clock_monotonic_ns() - began;
    printf("%8zu sessions: step %4llu ns, look %4llu ns, sweep %6llu us, "
           "page of 100 %6llu us\n",
           count, (unsigned long long)step_ns, (unsigned long long)find_ns,
           (unsigned long long)sweep_ns / 1000,
           (unsigned long long)list_ns / 1000);
}

int main(void)
{
    struct session_world world;
    size_t made = 0;

    session_world_init(&world);
    world.config.max_sessions = 100000;
    world.config.max_session_memory = (size_t)1 << 30;
    session_world_open(&world);
    for (size_t count = 1; count <= 100000;
         count *= count < 1000 ? 1000 : 100) {
        for (; made < count; made++) {
            snprintf(ids[made], sizeof(ids[made]), "%zu", made);
            if (session_world_create(&world, ids[made], 0, 1000) != SESSION_OK)
                abort();
        }
        measure(&world, count);
    }
    session_world_release(&world);
    return 0;
}
