#include "tests/support/store_pair.h"

#include <signal.h>
#include <stdio.h>

void store_pair_start(struct store_pair *pair)
{
    redis_server_start(&pair->server, NULL);
    lossy_proxy_start(&pair->proxy, pair->server.port);
    snprintf(pair->a_url, sizeof(pair->a_url), "redis://127.0.0.1:%u",
             pair->proxy.port);
}

void store_pair_stop(struct store_pair *pair)
{
    lossy_proxy_stop(&pair->proxy);
    redis_server_stop(&pair->server);
}

static void init(struct store_world *world, char *url)
{
    store_world_init(world);
    world->config.store = "redis";
    world->config.redis_url = url;
}

void store_pair_init(struct store_pair *pair)
{
    if (!pair->server.pid)
        redis_server_go_on(&pair->server);
    redis_server_signal(&pair->server, SIGCONT);
    redis_server_command(&pair->server, "FLUSHALL");
    init(&pair->a, pair->a_url);
    init(&pair->b, pair->server.url);
}

void store_pair_open(struct store_pair *pair)
{
    store_world_open(&pair->a);
    store_world_open(&pair->b);
}

void store_pair_release(struct store_pair *pair)
{
    lossy_proxy_hold(&pair->proxy, false);
    store_world_release(&pair->a);
    store_world_release(&pair->b);
}
