/* json_peer.h: what a JSON library brings to bench_json, in a shared object of
 * its own so that none is linked with anything of ours. */
#ifndef TESTS_BENCH_JSON_PEER_H
#define TESTS_BENCH_JSON_PEER_H

#include <stddef.h>

#define JSON_PEER_PADDING 64 /* readable bytes behind each text */

extern const char json_peer_name[];

/* The numbers of {"sequence": [[...], ...]}, and how many they are. */
size_t json_peer_read(const char *text, size_t length, float *out);

/* Write an array of numbers as text; its length.  Not every library can. */
size_t json_peer_write(const float *numbers, size_t count);

#endif
