/* golden_case.h: what Keras answers for some of the models in tests/golden.
 *
 * tests/golden/make_golden.py and tests/golden/golden_cases.py write the JSON
 * that this reads, and say what is in it.  Every failure ends the test.
 *
 * Ownership  The caller holds the struct; golden_case_release() frees what is
 *            in it.
 */
#ifndef TESTS_SUPPORT_GOLDEN_CASE_H
#define TESTS_SUPPORT_GOLDEN_CASE_H

#include <stdbool.h>
#include <stddef.h>

#define GOLDEN_MAX_RANK    7
#define GOLDEN_MAX_FILES   8
#define GOLDEN_MAX_TENSORS 8 /* inputs, outputs */
#define GOLDEN_MAX_WORDS   8

struct golden_tensor {
    size_t rank, shape[GOLDEN_MAX_RANK], count;
    double *values;
};

struct golden_input {
    char *name; /* NULL: the only one, whatever it is called */
    struct golden_tensor tensor; /* [N, ...] */
};

/* One answer of Keras: in float64, and in float32. */
struct golden_answer {
    struct golden_tensor reference, keras_float32;
};

struct golden_output {
    struct golden_answer last; /* [N, ...]: the model's own output */
    bool has_every;
    struct golden_answer every; /* [N, timesteps, ...]: had the sequence ended
                                   at each of them */
};

enum golden_streams { GOLDEN_ANY, GOLDEN_STREAMS, GOLDEN_DOES_NOT };

struct golden_case {
    char *files[GOLDEN_MAX_FILES]; /* paths; all must answer the same */
    size_t file_count;

    /* What a refusal must say; then there is nothing below. */
    char *words[GOLDEN_MAX_WORDS];
    size_t word_count;

    struct golden_input inputs[GOLDEN_MAX_TENSORS];
    size_t input_count;
    struct golden_output outputs[GOLDEN_MAX_TENSORS]; /* as in the model */
    size_t output_count;
    enum golden_streams streams;
};

void golden_case_init(struct golden_case *golden, const char *path);
void golden_case_release(struct golden_case *golden);

/* The bytes of a file; free() them. */
unsigned char *golden_read_file(const char *path, size_t *size);

/* Law 1: max|ours - ref| <= max(1e-6 max(1, max|ref|), 2 max|keras - ref|),
 * over `count` floats.  Fails the test with the numbers and `what`. */
void golden_assert_close(const float *ours, size_t count,
                         const struct golden_answer *answer, const char *what);

#endif
