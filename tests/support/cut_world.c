#include "tests/support/cut_world.h"

#include <signal.h>
#include <stdio.h>

#include "server/clock.h"
#include "tests/support/nap.h"
#include "tests/support/netns.h"

size_t cut_world_draw(struct cut_world *world, size_t below)
{
    world->seed = world->seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(world->seed >> 33) % below;
}

/* ---- the network -------------------------------------------------------- */

static void lay_links(struct cut_world *world, size_t i)
{
    int space = netns_make(world->home);
    char name[16];

    world->replicas[i].space = space;
    snprintf(name, sizeof(name), "front%zu", i);
    netns_link(world->home, name, space, "front");
    netns_run(world->home, world->home, "ip addr add 10.92.%zu.1/24 dev %s", i,
              name);
    netns_run(world->home, space, "ip addr add 10.92.%zu.2/24 dev front", i);

    netns_enter(world->store_space);
    snprintf(name, sizeof(name), "store%zu", i);
    netns_link(world->store_space, name, space, "store");
    netns_enter(world->home);
    netns_run(world->home, world->store_space,
              "ip addr add 10.91.%zu.1/24 dev %s", i, name);
    netns_run(world->home, space, "ip addr add 10.91.%zu.2/24 dev store", i);
}

static void start_redis(struct cut_world *world)
{
    netns_enter(world->store_space);
    redis_server_start(&world->redis,
                       (const char *[]){"--bind", "0.0.0.0",
                                        "--protected-mode", "no",
                                        "--appendonly", "yes", "--appendfsync",
                                        "always", NULL});
    netns_enter(world->home);
}

static void start_replica(struct cut_world *world, size_t i, const char *model)
{
    char url[64], listen[64];

    snprintf(url, sizeof(url), "redis://10.91.%zu.1:%u", i,
             (unsigned)world->redis.port);
    snprintf(listen, sizeof(listen), "10.92.%zu.2:0", i);
    netns_enter(world->replicas[i].space);
    daemon_start(&world->replicas[i].daemon,
                 (const char *[]){"--listen", listen, "--redis-url", url,
                                  "--store-timeout", "400ms", "--session-wait",
                                  "2s", "--threads", "1", "--max-sessions",
                                  "8", model, NULL});
    netns_enter(world->home);
}

/* ---- what befalls a replica --------------------------------------------- */

static void own_link(struct cut_world *world, size_t i, bool is_cut)
{
    netns_run(world->home, world->replicas[i].space, "ip link set store %s",
              is_cut ? "down" : "up");
}

static void link_of_redis(struct cut_world *world, size_t i, bool is_cut)
{
    netns_run(world->home, world->store_space, "ip link set store%zu %s", i,
              is_cut ? "down" : "up");
}

static void own_packets(struct cut_world *world, size_t i, bool is_cut)
{
    netns_run(world->home, world->replicas[i].space,
              "ip route %s blackhole 10.91.%zu.1/32",
              is_cut ? "replace" : "del", i);
}

static void packets_of_redis(struct cut_world *world, size_t i, bool is_cut)
{
    netns_run(world->home, world->store_space,
              "ip route %s blackhole 10.91.%zu.2/32",
              is_cut ? "replace" : "del", i);
}

/* Each time what is on its way is lost, and sent again by the kernel. */
static void flap(struct cut_world *world, size_t i, bool is_now)
{
    for (size_t n = is_now ? 2 + cut_world_draw(world, 6) : 0; n > 0; n--) {
        own_link(world, i, true);
        nap_ms((int)cut_world_draw(world, 80));
        own_link(world, i, false);
        nap_ms((int)cut_world_draw(world, 40));
    }
}

static void delay(struct cut_world *world, size_t i, bool is_late)
{
    netns_run(world->home, world->replicas[i].space,
              "tc qdisc %s dev store root %s", is_late ? "replace" : "del",
              is_late ? "netem delay 40ms 20ms" : "");
}

const struct cut_way cut_ways[CUT_WAYS] = {
    {"its link is down", own_link, true},
    {"the link of Redis is down", link_of_redis, true},
    {"its packets vanish", own_packets, true},
    {"packets of Redis vanish", packets_of_redis, true},
    {"its link is down for moments", flap, false},
    {"its packets are late", delay, false}};

size_t cut_world_ways(const struct cut_world *world)
{
    int home = world->home;

    if (!netns_try(home, home, "tc qdisc add dev lo root netem delay 1ms"))
        return CUT_WAYS - 1;
    netns_run(home, home, "tc qdisc del dev lo root");
    return CUT_WAYS;
}

/* ---- all of it ---------------------------------------------------------- */

bool cut_world_open(struct cut_world *world, const char *model, char *why,
                    size_t size)
{
    *world = (struct cut_world){.seed = clock_monotonic_ns()};
    if (!netns_begin(&world->home, why, size))
        return false;
    world->store_space = netns_make(world->home);
    for (size_t i = 0; i < CUT_REPLICAS; i++)
        lay_links(world, i);
    start_redis(world);
    for (size_t i = 0; i < CUT_REPLICAS; i++)
        start_replica(world, i, model);
    return true;
}

void cut_world_stop(struct cut_world *world)
{
    for (size_t i = 0; i < CUT_REPLICAS; i++)
        daemon_stop(&world->replicas[i].daemon);
}

void cut_world_clean_up(struct cut_world *world)
{
    for (size_t i = 0; i < CUT_REPLICAS; i++)
        if (world->replicas[i].daemon.pid > 0) {
            daemon_signal(&world->replicas[i].daemon, SIGKILL);
            daemon_wait(&world->replicas[i].daemon);
        }
    if (world->redis.pid > 0)
        redis_server_stop(&world->redis);
}
