/* digest.h: SHA-256, by libnettle (FIPS 180-4).
 *
 * Used for a model's fingerprint and to recognise a repeated request.
 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include <stddef.h>

#define RNN_DIGEST_BYTES 32

struct rnn_digest_part {
    const void *bytes;
    size_t length;
};

/* Digest of the parts.  Each part is preceded by its length (64 bits,
 * little-endian), so that parts cannot run into one another. */
void rnn_digest(const struct rnn_digest_part *parts, size_t count,
                unsigned char digest[RNN_DIGEST_BYTES]);

/* 64 lower-case hexadecimal digits and a NUL. */
void rnn_digest_hex(const unsigned char digest[RNN_DIGEST_BYTES],
                    char hex[2 * RNN_DIGEST_BYTES + 1]);

#endif
