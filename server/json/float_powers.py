#!/usr/bin/env python3
"""Print float_powers.h: the powers of ten that json_float.c multiplies with.

The power 10^e is kept as the 64-bit number g with
    g * 2^(s - 63) >= 10^e > (g - 1) * 2^(s - 63),   s = floor(log2(10^e)),
that is, normalised and rounded up.  Exact arithmetic throughout.

    ./float_powers.py > float_powers.h
"""
from fractions import Fraction

FIRST, LAST = -31, 45  # what float32 needs: 10^-k of every binary exponent


def floor_log2(x):
    s = x.numerator.bit_length() - x.denominator.bit_length()
    return s if Fraction(2) ** s <= x else s - 1


def entry(e):
    power = Fraction(10) ** e
    scaled = power / Fraction(2) ** (floor_log2(power) - 63)
    return -((-scaled.numerator) // scaled.denominator)


print("/* float_powers.h: powers of ten, made by float_powers.py; do not edit.")
print(" */")
print("#ifndef SERVER_JSON_FLOAT_POWERS_H")
print("#define SERVER_JSON_FLOAT_POWERS_H")
print()
print("#include <stdint.h>")
print()
print(f"#define FLOAT_POWER_MIN ({FIRST})")
print(f"#define FLOAT_POWER_MAX {LAST}")
print()
print("static const uint64_t float_powers[FLOAT_POWER_MAX - "
      "FLOAT_POWER_MIN + 1] = {")
for e in range(FIRST, LAST + 1):
    print(f"    UINT64_C(0x{entry(e):016x}), /* 1e{e} */")
print("};")
print()
print("#endif")
