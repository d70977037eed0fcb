/* dispatch.c: which tables there are, and which of them this CPU can run. */
#include "core/ukernels/tables.h"

/* `walks` names the functions that run sequences. */
#define TABLE(name, isa_name, constant, lane_count, rows, walks)              \
    static const struct rnn_ukernels name##_table = {                         \
        .isa = (constant),                                                    \
        .lanes = (lane_count),                                                \
        .block_rows = (rows),                                                 \
        .product = f32_product_##isa_name,                                    \
        .depthwise = f32_depthwise_##isa_name,                                \
        .cell = f32_cell_##walks,                                             \
        .sequence = f32_sequence_##walks,                                     \
        .batch = f32_batch_##isa_name,                                        \
        .cell_part = f32_cell_part_##isa_name,                                \
        .activate = f32_activate_##isa_name,                                  \
        .gate_activate = f32_gate_activate_##isa_name,                        \
        .activate_rows = f32_activate_rows_##isa_name,                        \
    };

TABLE(scalar, scalar, RNN_ISA_SCALAR, 1, 1, scalar)
#if defined(__x86_64__)
TABLE(avx2, avx2, RNN_ISA_AVX2, 8, 3, avx2)
TABLE(avx512, avx512, RNN_ISA_AVX512, 16, 6, avx512)
/* Layers up to this many units leave half of a 16-lane vector empty: theirs
 * have 8 lanes, though an LSTM fills 16 with two gates. */
#define NARROW_UNITS 8
TABLE(narrow, avx2, RNN_ISA_AVX2, 8, 3, narrow_avx512)
#elif defined(__aarch64__)
TABLE(neon, neon, RNN_ISA_NEON, 4, 6, neon)
#endif

static const struct rnn_ukernels *find_x86(enum rnn_isa isa, size_t units)
{
#if defined(__x86_64__)
    if (isa == RNN_ISA_AVX512)
        return units <= NARROW_UNITS ? &narrow_table : &avx512_table;
    if (isa == RNN_ISA_AVX2)
        return &avx2_table;
#endif
    (void)isa;
    (void)units;
    return NULL;
}

static enum rnn_isa fastest(void)
{
    if (rnn_isa_available(RNN_ISA_AVX512))
        return RNN_ISA_AVX512;
    if (rnn_isa_available(RNN_ISA_AVX2))
        return RNN_ISA_AVX2;
    if (rnn_isa_available(RNN_ISA_NEON))
        return RNN_ISA_NEON;
    return RNN_ISA_SCALAR;
}

const struct rnn_ukernels *rnn_ukernels_find(enum rnn_isa isa, size_t units)
{
    if (isa == RNN_ISA_AUTO)
        isa = fastest();
    if (!rnn_isa_available(isa))
        return NULL;
    if (isa == RNN_ISA_SCALAR)
        return &scalar_table;
#if defined(__aarch64__)
    if (isa == RNN_ISA_NEON)
        return &neon_table;
#endif
    return find_x86(isa, units);
}
