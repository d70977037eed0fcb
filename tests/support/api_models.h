/* api_models.h: the models that the tests of the API are served.
 *
 *     seed    T = 10, D = 3: SimpleRNN(5) + Dense(2)
 *     other   the same with other weights
 *     free    T free, D = 3: LSTM(4) + Dense(2)
 *     one     T free, D = 1: GRU(3) + Dense(1)
 *     rows    T free, D = 2: SimpleRNN(3, return_sequences) + Dense(2)
 *     static  3 numbers without time: Dense(2); cannot stream
 *     big     T free, D = 1: LSTM(64), to take a while
 *     wild    T free, D = 1: a linear RNN that grows beyond float32
 *
 * Ownership  api_models_make() writes the files, api_models_remove() takes
 *            them away.
 */
#ifndef TESTS_SUPPORT_API_MODELS_H
#define TESTS_SUPPORT_API_MODELS_H

#include <stddef.h>

#include "tests/support/api.h"
#include "tests/support/daemon.h"

#define API_MODELS 8

struct api_models {
    char folder[32];
    char arguments[API_MODELS][96]; /* "seed=<path>" */
};

void api_models_make(struct api_models *models);
void api_models_remove(struct api_models *models);

/* Start rnnd with all of them and `options` (NULL: none; ends with NULL). */
void api_models_serve(const struct api_models *models,
                      const char *const *options, struct daemon *daemon);

/* All of it at once: models, a daemon that serves them, a client of it. */
struct api_world {
    struct api_models models;
    struct daemon daemon;
    struct api api;
};

void api_world_open(struct api_world *world, const char *const *options);
void api_world_close(struct api_world *world);

#endif
