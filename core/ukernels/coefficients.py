#!/usr/bin/env python3
"""Derive the polynomials and quotients of vec_math.h.

Run:  python3 -m venv venv && venv/bin/pip install numpy mpmath &&
      venv/bin/python core/ukernels/coefficients.py

It prints each coefficient as the float32 that vec_math.h holds, lowest power
first, with the largest relative error of the fit before and after rounding
the coefficients.  Method: the equation  numerator - f * denominator = 0  is
solved by least squares on Chebyshev points, reweighted (Lawson) towards equal
ripples; then one coefficient after the other is rounded to float32 and the
others are fitted again around it.
"""
import mpmath
import numpy as np

mpmath.mp.dps = 40


def points(low, high, count=4000):
    turn = np.pi * (np.arange(count) + 0.5) / count
    return (low + high) / 2 + (high - low) / 2 * np.cos(turn)


def solve(problem, fixed, rounds=60):
    """Lawson-weighted fit of the coefficients that `fixed` leaves free."""
    x, target, columns, quotient = problem
    free = [i for i in range(len(columns)) if i not in fixed]
    coefs = np.zeros(len(columns))
    for i, value in fixed.items():
        coefs[i] = value
    weight = np.ones_like(x)
    below = np.ones_like(x)
    best, best_error = None, np.inf
    for _ in range(rounds):
        scale = np.sqrt(weight) / below
        left = np.stack([columns[i] * scale for i in free], axis=1)
        known = target - sum((columns[i] * coefs[i] for i in fixed),
                             np.zeros_like(x))
        norm = np.linalg.norm(left, axis=0)
        answer = np.linalg.lstsq(left / norm, known * scale, rcond=None)[0]
        coefs[free] = answer / norm
        error, below = quotient(coefs)
        largest = np.abs(error).max()
        if largest < best_error:
            best, best_error = coefs.copy(), largest
        weight = weight * (np.abs(error) / largest + 1e-3)
        weight /= weight.mean()
    return best, best_error


def fit(name, problem, order, places):
    """Fit, then round coefficient by coefficient in `order`."""
    coefs, exact = solve(problem, {})
    fixed = {}
    for i in order:
        fixed[i] = float(np.float32(coefs[i]))
        if len(fixed) < len(coefs):
            coefs, error = solve(problem, fixed, 30)
    final = np.array([fixed[i] for i in range(len(coefs))])
    error = np.abs(problem[3](final)[0]).max()
    print(f"{name}: relative error {exact:.2e}, rounded {error:.2e}")
    for label, indexes in places.items():
        text = ", ".join(float(final[i]).hex() + "f" for i in indexes)
        print(f"    {label}: {text}")
    return final


def polynomial(name, f, low, high, degree, scale):
    """f(x) = p0 + p1 x + ...; errors relative to scale(x)."""
    x = points(low, high)
    value = np.array([float(f(mpmath.mpf(float(v)))) for v in x])
    size = np.array([float(scale(mpmath.mpf(float(v)))) for v in x])
    columns = [x**i / size for i in range(degree + 1)]

    def quotient(c):
        got = sum(c[i] * columns[i] for i in range(degree + 1))
        return got - value / size, np.ones_like(x)

    return fit(name, (x, value / size, columns, quotient),
               range(degree + 1), {"p": range(degree + 1)})


def rational(name, f, low, high, degrees, lead=None):
    """f(x) = (p0 + p1 x + ...) / (1 + q1 x + ...), relative errors; `lead`
    fixes p0."""
    up, down = degrees
    x = points(low, high)
    value = np.array([float(f(mpmath.mpf(float(v)))) for v in x])
    first = 0 if lead is None else 1
    powers = [x**i / value for i in range(first, up + 1)]
    below = [-(x**i) for i in range(1, down + 1)]
    target = np.ones_like(x) - (0 if lead is None else lead / value)

    def quotient(c):
        n = up + 1 - first
        top = sum(c[i] * powers[i] for i in range(n)) + (
            0 if lead is None else lead / value)
        bottom = 1 + sum(c[n + i] * x**(i + 1) for i in range(down))
        return top / bottom - 1, np.abs(bottom)

    n = up + 1 - first
    order = [i for pair in zip(range(n), range(n, n + down)) for i in pair]
    order += [i for i in range(n + down) if i not in order]
    return fit(name, (x, target, powers + below, quotient), order,
               {f"p{first}..": range(n), "q1..": range(n, n + down)})


def single(value):
    return np.asarray(value, dtype=np.float32)


def fma(a, b, c):
    """fmaf, but for a double rounding too rare to matter here."""
    return single(a.astype(np.float64) * b + c)


def tanh_as_computed(x, p, q):
    """math_quotient() of vec_math.h, operation by operation."""
    one = np.float32(1)
    s = x * x
    s2 = s * s
    high = fma(fma(s, p[3], p[2]), s.astype(np.float64), p[1])
    low = x * fma(s, p[0], one)
    top = fma(high, (x * s2).astype(np.float64), low)
    below = fma(fma(s, q[3], q[2]), s.astype(np.float64), q[1])
    return top / fma(below, s2.astype(np.float64), fma(s, q[0], one))


def settle_tanh(coefs):
    """The end: the last argument whose result is exactly 1 before rounding
    first gives more than 1.  Whatever lies beyond is clamped to it, so no
    result is above 1 and saturated gates are exactly 0 and 1."""
    x = single(np.arange(np.float32(6.5).view(np.uint32),
                         np.float32(9.02).view(np.uint32),
                         dtype=np.uint32).view(np.float32))
    p = [np.float32(v) for v in coefs[:4]]
    q = [np.float32(v) for v in coefs[4:]]
    y = tanh_as_computed(x, p, q)
    above = np.flatnonzero(y > 1)
    x, y = (x, y) if above.size == 0 else (x[:above[0]], y[:above[0]])
    end = x[y == 1][-1]
    error = np.abs(y.astype(np.float64) - np.tanh(x.astype(np.float64))).max()
    print(f"    the end is {float(end).hex()}f = {end}, 1 - tanh there is "
          f"{1 - np.tanh(float(end)):.2e}; largest error from 6.5 on "
          f"{error:.2e}")


def tanh_of_square(s):
    x = mpmath.sqrt(s)
    return mpmath.tanh(x) / x if s else mpmath.mpf(1)


def shrink_of_square(s):
    x = mpmath.sqrt(s)
    return (x - mpmath.tanh(x)) / x**3


def tail(t):
    return mpmath.erfc(t / mpmath.sqrt(2)) / 2 * mpmath.exp(t * t / 2)


def main():
    half = float(mpmath.log(2) / 2) * 1.01
    polynomial("exp: (e^r - 1 - r) / r^2",
               lambda r: (mpmath.expm1(r) - r) / r**2, -half, half, 4,
               lambda r: mpmath.exp(r) / r**2 if abs(r) > 0.1 else 100)
    polynomial("log: (log(1 + f) - f + f^2 / 2) / f^3",
               lambda f: (mpmath.log1p(f) - f + f**2 / 2) / f**3,
               float(mpmath.sqrt(0.5) - 1), float(mpmath.sqrt(2) - 1), 8,
               lambda f: mpmath.log1p(f) / f**3)
    rational("log1p: log(1 + u) / u", lambda u: mpmath.log1p(u) / u, 0, 1,
             (4, 4), 1)
    settle_tanh(rational("tanh: tanh(x) / x in x^2", tanh_of_square, 0,
                         8.4**2, (4, 4), 1))
    rational("tanh_shrink: (x - tanh(x)) / x^3 in x^2", shrink_of_square, 0,
             1.3**2, (2, 2))
    rational("gelu: Q(t) e^(t^2/2)", tail, 0, 14.5, (4, 5))


if __name__ == "__main__":
    main()
