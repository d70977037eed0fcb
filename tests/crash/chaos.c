/* chaos.c: replicas on one Redis, and everything that can befall them.
 *
 * REPLICAS daemons reach one redis-server (appendfsync always: what it has
 * answered it keeps) through a proxy each.  CLIENTS step sessions, two one
 * session, through all of them (tests/support/stepper.h), while round after
 * round
 *
 *     a replica is killed and comes back elsewhere
 *     Redis is stopped (SIGSTOP) and goes on, within store_timeout or not
 *     Redis is killed and comes back
 *     a replica is cut off: what it asks arrives, no answer does
 *     answers, or requests, of a replica are lost with their connection
 *     answers of a replica come in fits
 *     two of these at once
 *
 * Every call that is answered is made once, whatever else is answered 503;
 * in the end every answer is, digit by digit, that of a session which nothing
 * interrupts, and every replica has every session at its client's step.
 *
 * RNND_TEST_ROUNDS  how many of these (200)
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clock.h"
#include "tests/support/daemon.h"
#include "tests/support/lossy_proxy.h"
#include "tests/support/nap.h"
#include "tests/support/redis_server.h"
#include "tests/support/scratch_file.h"
#include "tests/support/stepper.h"

#define REPLICAS 3
#define CLIENTS  12
#define LAST     5 /* calls of each client after the last event */

static struct redis_server redis;
static struct lossy_proxy proxies[REPLICAS];
static struct daemon daemons[REPLICAS];
static struct stepper_world clients = {.client_count = CLIENTS,
                                       .sharers = 2,
                                       .most_calls = STEPPER_CALLS,
                                       .hang_up_one_in = 24,
                                       .address_count = REPLICAS};
static char model[SCRATCH_PATH_BYTES];
static uint64_t seed;

static size_t draw(size_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % below;
}

static void start_replica(size_t i)
{
    char url[64];

    snprintf(url, sizeof(url), "redis://127.0.0.1:%u",
             (unsigned)proxies[i].port);
    daemon_start(&daemons[i],
                 (const char *[]){"--redis-url", url, "--store-timeout",
                                  "400ms", "--session-wait", "2s", "--threads",
                                  "1", "--max-sessions", "8", model, NULL});
    stepper_move(&clients, i, daemons[i].address);
}

/* ---- what befalls them -------------------------------------------------- */

static void kill_replica(size_t i)
{
    daemon_signal(&daemons[i], SIGKILL);
    daemon_wait(&daemons[i]);
    close(daemons[i].log_fd);
    nap_ms((int)draw(50));
    start_replica(i);
}

static void stop_redis(size_t i)
{
    (void)i;
    redis_server_signal(&redis, SIGSTOP);
    nap_ms((int)draw(900));
    redis_server_signal(&redis, SIGCONT);
}

static void kill_redis(size_t i)
{
    (void)i;
    redis_server_kill(&redis);
    nap_ms((int)draw(300));
    redis_server_go_on(&redis);
}

static void cut_off(size_t i)
{
    lossy_proxy_hold(&proxies[i], true);
    nap_ms((int)draw(900));
    lossy_proxy_hold(&proxies[i], false);
}

static void lose_answers(size_t i)
{
    lossy_proxy_lose_answer(&proxies[i], (int)(1 + draw(4)));
    nap_ms((int)draw(200));
}

static void lose_requests(size_t i)
{
    lossy_proxy_lose_request(&proxies[i], (int)(1 + draw(4)));
    nap_ms((int)draw(200));
}

static void slow_down(size_t i)
{
    for (size_t n = draw(8); n > 0; n--) {
        lossy_proxy_hold(&proxies[i], true);
        nap_ms((int)draw(80));
        lossy_proxy_hold(&proxies[i], false);
        nap_ms((int)draw(8));
    }
}

static void kill_two(size_t i)
{
    daemon_signal(&daemons[i], SIGKILL);
    redis_server_kill(&redis);
    daemon_wait(&daemons[i]);
    close(daemons[i].log_fd);
    redis_server_go_on(&redis);
    start_replica(i);
}

/* The write is done, its answer is lost, and the one who asked is killed. */
static void lose_and_kill(size_t i)
{
    lossy_proxy_lose_answer(&proxies[i], 1);
    nap_ms((int)draw(20));
    kill_replica(i);
}

/* Cut off for longer than store_timeout, while the others go on; and then
 * what it had sent is carried out. */
static void stop_and_cut_off(size_t i)
{
    lossy_proxy_hold(&proxies[i], true);
    stop_redis(i);
    nap_ms((int)draw(100));
    lossy_proxy_hold(&proxies[i], false);
}

static const struct {
    const char *name;
    void (*befall)(size_t replica);
} events[] = {{"kill a replica", kill_replica},
              {"stop Redis", stop_redis},
              {"kill Redis", kill_redis},
              {"cut a replica off", cut_off},
              {"lose answers", lose_answers},
              {"lose requests", lose_requests},
              {"slow a replica down", slow_down},
              {"kill a replica and Redis", kill_two},
              {"lose an answer and kill", lose_and_kill},
              {"stop Redis and cut a replica off", stop_and_cut_off}};
#define EVENTS (sizeof(events) / sizeof(*events))

/* ---- the test ----------------------------------------------------------- */

static void befall(int rounds)
{
    int count[EVENTS] = {0};

    for (int i = 0; i < rounds; i++) {
        size_t which = i < (int)EVENTS ? (size_t)i : draw(EVENTS);

        events[which].befall(draw(REPLICAS));
        count[which]++;
        nap_ms((int)draw(120));
    }
    for (size_t i = 0; i < EVENTS; i++)
        print_message("%4d times: %s\n", count[i], events[i].name);
}

static void nothing_is_lost_and_nothing_is_made_twice(void **state)
{
    const char *wish = getenv("RNND_TEST_ROUNDS");
    int rounds = wish ? (int)strtol(wish, NULL, 10) : 200;
    struct daemon reference;

    (void)state;
    seed = clock_monotonic_ns();
    scratch_file("", 0, model);
    stepper_model(model);
    redis_server_start(&redis,
                       (const char *[]){"--appendonly", "yes", "--appendfsync",
                                        "always", NULL});
    for (size_t i = 0; i < REPLICAS; i++)
        lossy_proxy_start(&proxies[i], redis.port);
    for (size_t i = 0; i < REPLICAS; i++)
        start_replica(i);
    stepper_begin(&clients);
    befall(rounds);
    stepper_wait(&clients, LAST);
    stepper_end(&clients, 0);
    daemon_start(&reference, (const char *[]){model, NULL});
    stepper_judge(&clients, reference.address);
    stepper_release(&clients);
    daemon_stop(&reference);
    for (size_t i = 0; i < REPLICAS; i++) {
        daemon_stop(&daemons[i]);
        lossy_proxy_stop(&proxies[i]);
    }
    redis_server_stop(&redis);
    scratch_file_remove(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_and_nothing_is_made_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
