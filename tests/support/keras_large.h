/* keras_large.h: files of Keras 3 with weights of any size: as many LSTM as
 * wanted, named "lstm_0", ..., of as many units as features, and whole
 * sequences out of each.
 *
 * Every failure aborts: this is for tests.
 */
#ifndef TESTS_SUPPORT_KERAS_LARGE_H
#define TESTS_SUPPORT_KERAS_LARGE_H

#include <stddef.h>

/* The numbers lie in [-0.01, 0.01] and are the same in each layer. */
void keras_write_large_h5(const char *path, size_t layers, size_t units);

/* The same network as a .keras file, in a zip that is not packed. */
void keras_write_large_keras(const char *path, size_t layers, size_t units);

#endif
