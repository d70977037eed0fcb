/* store_pair.h: two replicas' session stores on one Redis, for tests.
 *
 *     store_pair_start(&pair);      Redis, once
 *     store_pair_init(&pair);       empty; a and b may be configured
 *     store_pair_open(&pair);
 *     ...
 *     store_pair_release(&pair);
 *     store_pair_stop(&pair);
 */
#ifndef TESTS_SUPPORT_STORE_PAIR_H
#define TESTS_SUPPORT_STORE_PAIR_H

#include "tests/support/lossy_proxy.h"
#include "tests/support/redis_server.h"
#include "tests/support/store_world.h"

struct store_pair {
    struct redis_server server;
    struct lossy_proxy proxy;
    struct store_world a, b; /* a speaks through the proxy */
    char a_url[64];
};

void store_pair_start(struct store_pair *pair);
void store_pair_stop(struct store_pair *pair);
/* Redis runs, and is empty. */
void store_pair_init(struct store_pair *pair);
void store_pair_open(struct store_pair *pair);
void store_pair_release(struct store_pair *pair);

#endif
