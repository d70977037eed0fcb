/* bench_store_recovery.c: how long a store of so many sessions takes to open
 * and to give its first ones, and what a session costs on the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "server/clock.h"
#include "tests/support/store_world.h"

#define LOOKS 1000

static double seconds_since(uint64_t began_ns)
{
    return (double)(clock_monotonic_ns() - began_ns) / 1e9;
}

static void fill(struct store_world *world, size_t count)
{
    char id[24];

    for (size_t i = 0; i < count; i++) {
        snprintf(id, sizeof(id), "%zu", i);
        store_world_put(world, id, 1, (float)i);
    }
}

static void measure(size_t count)
{
    double fill_s, close_s, open_s, look_s;
    struct store_world world;
    uint64_t began, seed = 1;
    struct stat info;
    char id[24];

    store_world_init(&world);
    world.config.durability = (char *)"async";
    world.config.max_sessions = 2 * count;
    world.config.max_session_memory = (size_t)4 << 30;
    store_world_open(&world);
    began = clock_monotonic_ns();
    fill(&world, count);
    fill_s = seconds_since(began);
    began = clock_monotonic_ns();
    store_world_close(&world);
    close_s = seconds_since(began);
    if (stat(world.file, &info))
        abort();
    began = clock_monotonic_ns();
    store_world_open(&world);
    open_s = seconds_since(began);
    began = clock_monotonic_ns();
    for (int i = 0; i < LOOKS; i++) {
        size_t which;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        which = (size_t)(seed >> 33) % count;
        snprintf(id, sizeof(id), "%zu", which);
        store_world_assert(&world, id, 1, (float)which);
    }
    look_s = seconds_since(began);
    printf("%8zu sessions: made in %.2f s, %.0f bytes each on the disk, end "
           "%.2f s, opened in %.4f s, each of the first %d in %.0f us\n",
           count, fill_s, (double)info.st_size / (double)count, close_s,
           open_s, LOOKS, look_s * 1e6 / LOOKS);
    store_world_release(&world);
}

/* An id as the server makes them: in the index it may come anywhere. */
static void scattered_id(size_t i, char id[24])
{
    uint64_t mixed = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 31) * UINT64_C(0xd6e8feb86659fd93);
    snprintf(id, 24, "%016llx-abcde", (unsigned long long)mixed);
}

/* How long an end takes that has to write everything: new ones, then the same
 * again. */
static void measure_end(size_t count)
{
    struct store_world world;
    double end_s[2], cpu_s[2];

    store_world_init(&world);
    world.config.durability = (char *)"async";
    world.config.flush_interval = 3600000;
    world.config.max_sessions = 2 * count;
    world.config.max_session_memory = (size_t)4 << 30;
    for (int round = 0; round < 2; round++) {
        uint64_t began;
        char id[24];
        clock_t cpu;

        store_world_open(&world);
        for (size_t i = 0; i < count; i++) {
            scattered_id(i, id);
            store_world_put(&world, id, (uint64_t)round, (float)i);
        }
        began = clock_monotonic_ns();
        cpu = clock();
        store_world_close(&world);
        end_s[round] = seconds_since(began);
        cpu_s[round] = (double)(clock() - cpu) / CLOCKS_PER_SEC;
    }
    printf("%8zu sessions changed: an end writes them in %.2f s (%.2f s of "
           "CPU) when they are new, %.2f s (%.2f s) when they are not\n",
           count, end_s[0], cpu_s[0], end_s[1], cpu_s[1]);
    store_world_release(&world);
}

int main(void)
{
    measure(100000);
    measure(1000000);
    measure_end(100000);
    measure_end(1000000);
    return 0;
}
