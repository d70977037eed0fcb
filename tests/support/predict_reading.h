/* predict_reading.h: one reading of a /predict body, and what it must give.
 *
 * Ownership  predict_reading_release() frees the text and the arena.
 */
#ifndef TESTS_SUPPORT_PREDICT_READING_H
#define TESTS_SUPPORT_PREDICT_READING_H

#include "server/json/predict_body.h"
#include "tests/support/padded_text.h"

/* 1000 elements, 100 timesteps, 10 samples */
extern const struct predict_limits predict_reading_limits;

struct predict_reading {
    struct padded_text text;
    struct arena arena;
    struct predict_body body;
    struct problem problem;
    bool ok;
};

/* Read `text`, which becomes the reading's. */
void predict_reading_read(struct predict_reading *reading,
                          struct padded_text text);
void predict_reading_release(struct predict_reading *reading);

/* The test fails unless `text` is read. */
void must_read(struct predict_reading *reading, const char *text);
/* The test fails unless `text`, which is freed, is refused as `type`, at
 * `pointer`; when that is NULL, at the byte `offset`. */
void must_refuse(struct padded_text text, enum problem_type type,
                 const char *pointer, size_t offset);
void must_be_tensor(const struct json_tensor *tensor, size_t rank,
                    const size_t *shape, const float *data);

/* `count` times `number`, with commas, between two texts. */
struct padded_text padded_numbers(const char *before, const char *number,
                                  size_t count, const char *after);

#endif
