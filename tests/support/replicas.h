/* replicas.h: three rnnd on one Redis, for tests through HTTP, and a stream of
 * inputs for the model "one" of api_models.h.
 */
#ifndef TESTS_SUPPORT_REPLICAS_H
#define TESTS_SUPPORT_REPLICAS_H

#include "tests/support/api.h"
#include "tests/support/api_models.h"
#include "tests/support/daemon.h"
#include "tests/support/redis_server.h"

#define REPLICAS           3
#define REPLICAS_STEPS     60 /* of a stream */
#define REPLICAS_TEXT_SIZE 4096

struct replicas {
    struct redis_server redis;
    struct api_models models;
    struct daemon daemons[REPLICAS];
    struct api apis[REPLICAS];
    /* [n] is the output after n steps of one call over all. */
    char expected[REPLICAS_STEPS + 1][64];
};

void replicas_open(struct replicas *replicas);
void replicas_close(struct replicas *replicas);

/* One of them, as kill -9 does; and a new one in its place. */
void replicas_kill(struct replicas *replicas, size_t index);

/* Inputs `from` to `to`, as a JSON array. */
const char *replicas_inputs(size_t from, size_t to,
                            char text[REPLICAS_TEXT_SIZE]);

#endif
