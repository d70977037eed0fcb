/* redis_request.h: a job as a call of the script, and its answer as the
 * job's result (docs/redis.md).
 *
 * Errors  false: out of memory.
 */
#ifndef SERVER_STORE_REDIS_REQUEST_H
#define SERVER_STORE_REDIS_REQUEST_H

#include "server/store/redis_out.h"
#include "server/store/store.h"

struct redisReply;

#define REDIS_HASH_SIZE 41 /* of a script: 40 digits and a NUL */

/* The script's text. */
extern const char redis_script[];

struct redis_call {
    struct redis_out *out;
    const char *hash;     /* of the script */
    int64_t server_ahead; /* its clock, of our monotonic one, ms */
    uint64_t remember_ms;
};

/* READ, WRITE, TOUCH. */
bool redis_request_job(const struct redis_call *call,
                       const struct store_job *job);
/* Part of a LIST: the next keys; what is in some of them. */
bool redis_request_scan(const struct redis_call *call, const char *cursor);
bool redis_request_look(const struct redis_call *call,
                        const struct redisReply *const *keys, size_t count);

/* The id in a key of a session; false: it is none. */
bool redis_request_id(const struct redisReply *key, char *id, size_t size);

/* Set what the answer makes of a READ, WRITE or TOUCH.  The row points into
 * the reply, and its rows into `*joined`, which is the caller's to free.
 * `why` is room for job->why. */
void redis_request_answer(struct store_job *job,
                          const struct redisReply *reply, void **joined,
                          char *why, size_t size);
/* The server's clock in an answer to a WRITE or TOUCH; false: it has none. */
bool redis_request_clock(const struct redisReply *reply, uint64_t *server_ms);
/* Nothing has changed: a WRITE came after its time. */
bool redis_request_is_late(const struct redisReply *reply);
/* One row of a look; false: there is none that lives. */
bool redis_request_looked(const struct redisReply *reply, const char *id,
                          struct store_row *row);

#endif
