/* isa.h: the instruction sets that the inner loops are compiled for.
 *
 * Every one of them computes the same bits (ARCHITECTURE.md, "Numerics"), so
 * which one runs is a question of speed alone.
 */
#ifndef CORE_ISA_H
#define CORE_ISA_H

#include <stdbool.h>

enum rnn_isa {
    RNN_ISA_AUTO, /* the fastest that this CPU can run */
    RNN_ISA_SCALAR,
    RNN_ISA_AVX2,   /* AVX2 and FMA */
    RNN_ISA_AVX512, /* AVX-512 F, DQ, BW and VL */
    RNN_ISA_NEON,
};

/* "auto", "scalar", "avx2", "avx512", "neon".  Static. */
const char *rnn_isa_name(enum rnn_isa isa);

/* The instruction set called `name`; false, and `*isa` untouched, when there
 * is none of that name. */
bool rnn_isa_parse(const char *name, enum rnn_isa *isa);

/* Is it compiled in, and can this CPU run it?  AUTO and SCALAR always. */
bool rnn_isa_available(enum rnn_isa isa);

#endif
