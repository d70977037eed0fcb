#include "core/digest.h"

#include <stdint.h>
#include <stdio.h>

#include <nettle/sha2.h>

void rnn_digest(const struct rnn_digest_part *parts, size_t count,
                unsigned char digest[RNN_DIGEST_BYTES])
{
    struct sha256_ctx context;

    sha256_init(&context);
    for (size_t i = 0; i < count; i++) {
        unsigned char length[8];

        for (size_t b = 0; b < sizeof(length); b++)
            length[b] = (unsigned char)((uint64_t)parts[i].length >> (8 * b));
        sha256_update(&context, sizeof(length), length);
        sha256_update(&context, parts[i].length, parts[i].bytes);
    }
    sha256_digest(&context, RNN_DIGEST_BYTES, digest);
}

void rnn_digest_hex(const unsigned char digest[RNN_DIGEST_BYTES],
                    char hex[2 * RNN_DIGEST_BYTES + 1])
{
    for (size_t i = 0; i < RNN_DIGEST_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
