/* guard.h: what a request must pass before anything of it is used.
 *
 * libmicrohttpd takes requests that a proxy in front of it may read
 * differently (two lengths, a length and a coding), which is how requests
 * are smuggled.  Everything that can be judged from the head is judged here,
 * before a byte of the body is read.
 */
#ifndef SERVER_HTTP_GUARD_H
#define SERVER_HTTP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;

enum guard_verdict {
    GUARD_PASS,   /* to the handler, once it is whole */
    GUARD_REFUSE, /* the problem is the answer, once it is whole */
    GUARD_CLOSE,  /* the problem is the answer now; then the connection ends */
    GUARD_LINGER, /* the same, but a body is on its way (413) */
    GUARD_OPTIONS, /* the answer is 204 with `allow` */
};

struct guard_head {
    bool expects_continue;
    bool is_chunked;
    uint64_t content_length; /* 0 when none was declared */
    const char *allow;
};

/* Read the head of the request into exchange->request and judge it. */
enum guard_verdict guard_check(struct exchange *exchange, const char *method,
                               const char *version, struct guard_head *head);

#endif
