/* redis_out.h: commands on their way to Redis, in its protocol (RESP2).
 *
 *     redis_out_begin(&out, 2);
 *     redis_out_text(&out, "SELECT");
 *     redis_out_text(&out, "1");
 *     if (!redis_out_end(&out)) ...      out of memory: nothing was added
 */
#ifndef SERVER_STORE_REDIS_OUT_H
#define SERVER_STORE_REDIS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_out {
    char *bytes; /* from `from` to `length` they wait to be written */
    size_t from, length, capacity;
    size_t begun; /* where the command under way begins */
    bool has_failed;
};

void redis_out_release(struct redis_out *out);
/* Forget what waits. */
void redis_out_clear(struct redis_out *out);

void redis_out_begin(struct redis_out *out, size_t arguments);
void redis_out_bytes(struct redis_out *out, const void *bytes, size_t length);
void redis_out_text(struct redis_out *out, const char *text);
void redis_out_number(struct redis_out *out, uint64_t number);
/* 16 hex digits; nothing for 0. */
void redis_out_tag(struct redis_out *out, uint64_t tag);
/* Of a tombstone. */
void redis_out_grave(struct redis_out *out, uint64_t tag);
bool redis_out_end(struct redis_out *out);

/* `count` of the bytes that wait have been written. */
void redis_out_written(struct redis_out *out, size_t count);

#endif
