/* redis_server.h: a real Redis for a test, on a free port of the loopback.
 *
 *     redis_server_start(&server, NULL);
 *     config.redis_url = server.url;
 *     redis_server_command(&server, "DEL %s", "rnnd:{a}");
 *     redis_server_kill(&server);           as by kill -9
 *     redis_server_go_on(&server);          the same port again
 *     redis_server_stop(&server);
 *
 * It dies with the test.  RNND_TEST_REDIS_SERVER names another program than
 * redis-server (valkey-server).  Every failure ends the test.
 */
#ifndef TESTS_SUPPORT_REDIS_SERVER_H
#define TESTS_SUPPORT_REDIS_SERVER_H

#include <stdint.h>
#include <sys/types.h>

#define REDIS_SERVER_OPTIONS 24

struct redisReply;

struct redis_server {
    pid_t pid; /* 0: not running */
    uint16_t port;
    char url[64]; /* "redis://127.0.0.1:40001" */
    char folder[40];
    const char *options[REDIS_SERVER_OPTIONS];
    void *client; /* of redis_server_command() */
    struct redisReply *reply;
};

/* `options` (NULL: none) ends with NULL and is what stands on its command
 * line; it must stay.  Nothing is kept on disk unless they say so. */
void redis_server_start(struct redis_server *server,
                        const char *const *options);
void redis_server_kill(struct redis_server *server);
void redis_server_go_on(struct redis_server *server);
void redis_server_signal(const struct redis_server *server, int number);
void redis_server_stop(struct redis_server *server);

/* One command, as hiredis formats it.  The reply stays until the next one;
 * an error is one, too. */
const struct redisReply *redis_server_command(struct redis_server *server,
                                              const char *format, ...);

#endif
