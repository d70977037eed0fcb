/* raw_http.h: HTTP byte by byte, for what a client library would not send.
 *
 * Errors   A connection that cannot be made fails the test, unless it is only
 *          tried; everything a server does is a value.
 */
#ifndef TESTS_SUPPORT_RAW_HTTP_H
#define TESTS_SUPPORT_RAW_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_WAIT_MS 20000

/* A connected socket to `address`, "127.0.0.1:40001". */
int raw_connect(const char *address);
/* -1: there is none.  Any thread may call it: it does not end the test. */
int raw_try_connect(const char *address);

/* Send all; false when the other side does not take it. */
bool raw_send(int fd, const void *bytes, size_t length);
bool raw_send_text(int fd, const char *text);

struct raw_answer {
    int status;         /* 0: no answer came */
    bool is_closed;     /* the connection has ended */
    size_t head_length; /* with the empty line */
    size_t body_length;
    size_t length;     /* of the bytes taken */
    char bytes[65536]; /* NUL-terminated */
};

/* The next answer on the connection: head and as much body as it declares
 * (none for HEAD).  What follows it stays unread. */
void raw_read(int fd, bool is_head, struct raw_answer *answer);

/* Everything up to the end of the connection (is_closed) or `wait_ms`
 * without it; `status` is that of the first head. */
void raw_read_all(int fd, int wait_ms, struct raw_answer *answer);

/* The value of a header of the first head; NULL when it is not there. */
const char *raw_header(const struct raw_answer *answer, const char *name,
                       char *value, size_t size);
const char *raw_body(const struct raw_answer *answer);

/* How often "HTTP/1.1 <status>" stands in it. */
size_t raw_count(const struct raw_answer *answer, int status);

/* One request on a connection of its own. */
void raw_request(const char *address, const char *text,
                 struct raw_answer *answer);

/* Has the other side ended the connection, within `wait_ms`? */
bool raw_is_closed(int fd, int wait_ms);

/* Close with a reset (RST) instead of an end. */
void raw_reset(int fd);

#endif
