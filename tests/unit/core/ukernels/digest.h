/* digest.h: one number for thousands of results of one instruction set, so
 * that machines which never meet can be compared.
 */
#ifndef TESTS_UNIT_CORE_UKERNELS_DIGEST_H
#define TESTS_UNIT_CORE_UKERNELS_DIGEST_H

#include "tests/unit/core/ukernels/cases.h"

/* What every instruction set must give: numerics version 2. */
#define DIGEST_GOLDEN 0x17e0d67f21a4e3e9ull

static inline void digest_floats(uint64_t *digest, const float *x,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        *digest = (*digest ^ float_bits(x[i])) * 0x100000001b3;
}

static inline const char *activation_name(enum rnn_activation_kind kind)
{
    static const char *const names[] = {
#define XX(name, text, rows) text,
        RNN_ACTIVATION_MAP(XX)
#undef XX
    };

    return names[kind];
}

/* Keras' defaults, also for the two kinds that have no name there. */
static inline struct rnn_activation activation_of(
    enum rnn_activation_kind kind)
{
    struct rnn_activation made = {.kind = kind};

    rnn_activation_parse(activation_name(kind), 3, &made);
    return made;
}

/* Every kind over all exponents and signs, as rows of 13. */
static inline void digest_activations(uint64_t *digest,
                                      const struct rnn_ukernels *ukernels)
{
    float *x = malloc(2 * 4096 * sizeof(*x));

    for (int kind = 0; kind <= RNN_ACT_SPARSEMAX; kind++) {
        struct rnn_activation act =
            activation_of((enum rnn_activation_kind)kind);

        for (uint32_t i = 0; i < 8192; i++) {
            uint32_t bits = i * 0x80005u + i;

            memcpy(x + i, &bits, sizeof(bits));
            if (rnn_activation_takes_rows(&act))
                x[i] = (float)(int32_t)(bits >> 8) * 0x1p-21f - 4.0f;
        }
        if (rnn_activation_takes_rows(&act))
            ukernels->activate_rows(&act, 8192 / 13, 13, x, 13);
        else
            ukernels->activate(&act, 8191, x);
        digest_floats(digest, x, 8192);
        if (kind == RNN_ACT_SIGMOID) {
            ukernels->gate_activate(&act, 8191, x);
            digest_floats(digest, x, 8192);
        }
    }
    free(x);
}

/* Products of many shapes, long ones and such of few columns included. */
static inline void digest_products(uint64_t *digest, enum rnn_isa isa)
{
    static const size_t shapes[][2] = {
        {1, 1},     {3, 5},   {40, 1},  {33, 4},   {300, 7},  {700, 50},
        {400, 150}, {9, 127}, {9, 128}, {5000, 2}, {1100, 30}};
    struct random random = {77};

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const size_t inputs = shapes[i][0], units = shapes[i][1], rows = 7;
        const struct rnn_ukernels *ukernels = rnn_ukernels_find(isa, units);
        float *w = random_floats(&random, inputs * units, 1.0f);
        float *b = random_floats(&random, units, 1.0f);
        float *x = random_floats(&random, rows * inputs, 1.0f);
        struct f32_product product;
        struct arena arena;
        float *y;

        arena_init(&arena, 0);
        if (!rnn_product_pack(ukernels, inputs, units, 1, 0, 1, w, b, &arena,
                              &product))
            abort();
        y = aligned_floats(rows * product.stride);
        ukernels->product(&product, rows, x, inputs, y, product.stride);
        for (size_t r = 0; r < rows; r++)
            digest_floats(digest, y + r * product.stride, units);
        arena_release(&arena);
        free(w);
        free(b);
        free(x);
        free(y);
    }
}

static inline void digest_cells(uint64_t *digest, enum rnn_isa isa)
{
    static const enum rnn_activation_kind acts[][2] = {
        {RNN_ACT_TANH, RNN_ACT_SIGMOID},
        {RNN_ACT_RELU, RNN_ACT_HARD_SIGMOID},
        {RNN_ACT_SOFTMAX, RNN_ACT_SIGMOID}};
    static const size_t units[] = {1, 5, 17, 33, 70, 300};
    struct random random = {99};

    for (int kind = 0; kind < 4; kind++)
        for (size_t a = 0; a < 3; a++)
            for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
                struct cell_case it = {
                    .kind = (enum f32_cell_kind)kind,
                    .activation = activation_of(acts[a][0]),
                    .recurrent_activation = activation_of(acts[a][1]),
                    .inputs = 1 + u,
                    .units = units[u],
                    .rows = 8 - u,
                    .steps = 3,
                };
                struct cell_result result;

                cell_case_fill(&it, &random);
                result = cell_result_make(&it);
                if (!cell_case_run(&it, rnn_ukernels_find(isa, it.units),
                                   &result))
                    abort();
                digest_floats(digest, result.all, result.count);
                free(result.all);
                cell_case_free(&it);
            }
}

static inline uint64_t digest_of(enum rnn_isa isa)
{
    uint64_t digest = 0xcbf29ce484222325;

    digest_activations(&digest, rnn_ukernels_find(isa, 100));
    digest_products(&digest, isa);
    digest_cells(&digest, isa);
    return digest;
}

#endif
