/* prepared.h: answers of libmicrohttpd that are made once and sent often.
 *
 * To make a response of that library, fill it and free it again takes 17
 * allocations and 3,500 instructions, a third of all that /livez costs
 * outside the kernel.  So one whose answer has gone is kept, and serves the
 * next answer that has as many bytes of body and of each header: then only
 * those bytes are written anew.
 *
 * Ownership  A loop has PREPARED_SLOTS of them.  Each has one place, given by
 *            what it measures; while it is being sent that place is taken.
 * Threads    The loop's alone.
 */
#ifndef SERVER_HTTP_PREPARED_H
#define SERVER_HTTP_PREPARED_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/clock.h"
#include "server/http/message.h"

#define PREPARED_SLOTS     64
#define PREPARED_BODY_MOST 512 /* bytes; a copy of so few is nothing */

/* X-Request-Id and Date, behind those of the response. */
#define PREPARED_OWN_HEADERS 2

struct prepared_header {
    const char *name; /* the literal: compared as a pointer */
    char *value;      /* libmicrohttpd's copy */
    size_t length;
};

struct prepared {
    struct MHD_Response *reply; /* NULL: none yet */
    bool is_taken;
    const char *content_type; /* the literal; NULL: no body */
    size_t header_count;
    struct prepared_header headers[HTTP_MAX_HEADERS + PREPARED_OWN_HEADERS];
    uint64_t date_s;
    size_t body_length;
    unsigned char body[PREPARED_BODY_MOST];
};

struct prepared_cache {
    struct prepared slots[PREPARED_SLOTS];
    uint64_t date_s;
    char date[CLOCK_HTTP_SIZE]; /* of date_s */
};

/* `response` as one of libmicrohttpd's, whose body and headers are copies;
 * NULL when it is none of those that are prepared, when its place is taken,
 * or memory is out. */
struct prepared *prepared_take(struct prepared_cache *cache,
                               const struct http_response *response,
                               const char *request_id);

/* The answer has gone, or its connection. */
void prepared_give_back(struct prepared *prepared);

void prepared_release(struct prepared_cache *cache);

#endif
