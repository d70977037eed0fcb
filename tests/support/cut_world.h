/* cut_world.h: two rnnd and their Redis, each in a network namespace of its
 * own, and what can befall the way between them.
 *
 *     the test --- replica 0 --- Redis        10.92.I.1 - 10.92.I.2 (front)
 *          \------ replica 1 ---/             10.91.I.2 - 10.91.I.1 (store)
 *
 * The way from the test to the replicas stays whole.
 *
 * Threads  One at a time, that which has opened it.
 * Errors   End the test, but for what cut_world_open() returns.
 */
#ifndef TESTS_SUPPORT_CUT_WORLD_H
#define TESTS_SUPPORT_CUT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/daemon.h"
#include "tests/support/redis_server.h"

#define CUT_REPLICAS 2
#define CUT_WAYS     6

struct cut_world {
    int home, store_space; /* the test's namespace, and that of Redis */
    struct redis_server redis;
    struct {
        int space;
        struct daemon daemon;
    } replicas[CUT_REPLICAS];
    uint64_t seed;
};

struct cut_way {
    const char *name;
    void (*befall)(struct cut_world *world, size_t replica, bool is_now);
    bool is_cut; /* nothing comes through: until befall(false) */
};

extern const struct cut_way cut_ways[CUT_WAYS];

/* false: the kernel allows no such thing here; `why` is half a sentence. */
bool cut_world_open(struct cut_world *world, const char *model, char *why,
                    size_t size);
/* SIGTERM to the replicas, which must end with 0. */
void cut_world_stop(struct cut_world *world);
/* Whatever a test has left, also a failed one; the namespaces end with it. */
void cut_world_clean_up(struct cut_world *world);

/* How many of cut_ways there are here: not every kernel has netem. */
size_t cut_world_ways(const struct cut_world *world);

size_t cut_world_draw(struct cut_world *world, size_t below);

#endif
