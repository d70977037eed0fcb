/* peer_simdjson.h: simdjson (C++) as bench_json.c calls it.
 *
 * Weak: NULL where simdjson is not installed.
 */
#ifndef TESTS_BENCH_PEER_SIMDJSON_H
#define TESTS_BENCH_PEER_SIMDJSON_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Read {"sequence": [[...] ...]}, behind which at least 64 more bytes can be
 * read, into `out`; returns how many numbers there are, 0 on an error.
 * `lazily` with its on-demand interface, else through its document. */
__attribute__((weak)) size_t peer_simdjson(const char *text, size_t length,
                                           int lazily, float *out);

#ifdef __cplusplus
}
#endif
#endif
