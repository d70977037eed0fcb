#include "server/store/checksum.h"

#include <string.h>

/* Odd, so that multiplying by them can be undone. */
#define FIRST  0x9e3779b97f4a7c15u
#define SECOND 0xbf58476d1ce4e5b9u

static uint64_t add_word(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * FIRST;
    return (sum ^ sum >> 29) * SECOND;
}

uint64_t store_checksum(uint64_t before, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint64_t sum = add_word(before, length);
    uint64_t word;

    for (; length >= sizeof(word); length -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum = add_word(sum, word);
        at += sizeof(word);
    }
    word = 0;
    if (length)
        memcpy(&word, at, length);
    return add_word(sum, word);
}
