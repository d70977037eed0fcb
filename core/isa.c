/* isa.c: names of instruction sets, and what this CPU can run. */
#include "core/isa.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [RNN_ISA_AUTO] = "auto", [RNN_ISA_SCALAR] = "scalar",
    [RNN_ISA_AVX2] = "avx2", [RNN_ISA_AVX512] = "avx512",
    [RNN_ISA_NEON] = "neon",
};

const char *rnn_isa_name(enum rnn_isa isa)
{
    return names[isa];
}

bool rnn_isa_parse(const char *name, enum rnn_isa *isa)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0) {
            *isa = (enum rnn_isa)i;
            return true;
        }
    return false;
}

/* __builtin_cpu_supports() also asks whether the operating system keeps the
 * registers. */
bool rnn_isa_available(enum rnn_isa isa)
{
    switch (isa) {
    case RNN_ISA_AUTO:
    case RNN_ISA_SCALAR:
        return true;
    case RNN_ISA_AVX2:
#if defined(__x86_64__)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
        return false;
#endif
    case RNN_ISA_AVX512:
#if defined(__x86_64__)
        return rnn_isa_available(RNN_ISA_AVX2) &&
               __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl");
#else
        return false;
#endif
    case RNN_ISA_NEON:
#if defined(__aarch64__)
        return true;
#else
        return false;
#endif
    }
    return false;
}
