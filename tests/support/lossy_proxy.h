/* lossy_proxy.h: a TCP proxy between rnnd and Redis that loses what a test
 * wants lost.
 *
 *     lossy_proxy_start(&proxy, server.port);
 *     ... redis://127.0.0.1:<proxy.port> ...
 *     lossy_proxy_lose_answer(&proxy, 1);   the next request arrives, its
 *                                           answer does not: both ends close
 *     lossy_proxy_stop(&proxy);
 *
 * Threads  One of its own, for one connection at a time, as a store has.
 */
#ifndef TESTS_SUPPORT_LOSSY_PROXY_H
#define TESTS_SUPPORT_LOSSY_PROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lossy_proxy {
    uint16_t port, target;
    int listener;
    pthread_t thread;
    atomic_int lose_answers; /* requests whose answer is lost */
    atomic_int lose_requests;
    atomic_bool is_holding; /* answers do not arrive for now */
    atomic_bool is_ending;
    atomic_int lost, connections;
};

void lossy_proxy_start(struct lossy_proxy *proxy, uint16_t target);
void lossy_proxy_stop(struct lossy_proxy *proxy);

/* Of the next `count` requests the answer is lost, and the connection with
 * it; or the request itself. */
void lossy_proxy_lose_answer(struct lossy_proxy *proxy, int count);
void lossy_proxy_lose_request(struct lossy_proxy *proxy, int count);
/* Answers wait, and with them what was asked. */
void lossy_proxy_hold(struct lossy_proxy *proxy, bool is_holding);

#endif
