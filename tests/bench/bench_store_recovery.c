/* bench_store_recovery.c: how long a store of so many sessions takes to open
 * and to give its first ones, and what a session costs on the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

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

int main(void)
{
    measure(100000);
    measure(1000000);
    return 0;
}
