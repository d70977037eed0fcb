#include "server/move/move_digest.h"

bool move_digest(const struct record *record, struct arena *arena,
                 unsigned char digest[RNN_DIGEST_BYTES])
{
    size_t length = record_body_length(record);
    unsigned char *body = arena_alloc(arena, length + 1, 1, 1);
    unsigned char head[RECORD_HEAD_BYTES];
    struct rnn_digest_part parts[2];

    if (!body)
        return false;
    parts[0].bytes = head;
    parts[0].length = record_encode(record, head, body);
    parts[1].bytes = body;
    parts[1].length = length;
    rnn_digest(parts, 2, digest);
    return true;
}
