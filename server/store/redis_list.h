/* redis_list.h: a LIST job in parts: SCAN, a look at what it found and the
 * owner wants, SCAN again, until the cursor has gone round.  No part holds
 * Redis for more than a moment.
 */
#ifndef SERVER_STORE_REDIS_LIST_H
#define SERVER_STORE_REDIS_LIST_H

#include "server/store/redis_request.h"
#include "server/store/store.h"

/* Ask for the next part.  false: out of memory. */
bool redis_list_ask(const struct redis_call *call, struct store_job *job);

/* Take its answer, which from now on is the list's.  true: there is more to
 * ask.  false: it is over, with the job's result; `why` is room for
 * job->why. */
bool redis_list_take(struct store_job *job, struct redisReply *reply,
                     char *why, size_t size);

/* The job ends: frees what it has. */
void redis_list_end(struct store_job *job);

#endif
