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


# tanh lies in eight pieces, told apart by the exponent of x^2 + TANH_ADD.
TANH_ADD = 0.35
TANH_PIECES = 8
TANH_ONE = 9.0109  # from here on the nearest float32 of tanh is 1


def middle(low, high):
    """A float32 near the middle whose tanh is all but a float32.  The tangent
    there, which is rounded too, should not lie above 1/2 or 1, where floats
    are coarser, when tanh lies below."""
    wanted = max((low + high) / 2, high - 0.495)
    if low < np.arctanh(0.5) < high:
        wanted = np.arctanh(0.5)
    near = wanted + (high - low) / 20 * np.linspace(-1, 1, 40001)
    near = near.astype(np.float32).astype(np.float64)
    value = np.tanh(near)
    error = np.abs(value.astype(np.float32) - value) / value
    good = near[error < 2e-10]
    return float(good[np.argmin(np.abs(good - wanted))])


def tanh_piece(number, low, high):
    """One piece as math_tanh() computes it; its rows of the table.  The
    first goes through 0 with slope 1, so that it is exact near 0."""
    first = number == 0
    centre = 0.0 if first else middle(low, high)
    x = points(max(low, 1e-6), high, 400)
    y, t, s = np.tanh(x), x - centre, x * x
    place = 2.0**np.ceil(np.log2(y))  # errors count in these
    start = 0.0 if first else float(np.float32(np.tanh(centre)))
    columns = [t**2, t**2 * s, t**3, t**3 * s, t**3 * s**2]
    known = t if first else np.full_like(x, start)
    columns = [c / place for c in (columns if first else [t] + columns)]

    def quotient(c):
        got = sum(c[i] * columns[i] for i in range(len(columns)))
        return got - (y - known) / place, np.ones_like(x)

    problem = (x, (y - known) / place, columns, quotient)
    got = fit(f"tanh, {low:.3f} to {high:.3f}", problem, range(len(columns)),
              {})
    return [centre, start] + ([1.0] if first else []) + list(got)


def tanh_table():
    """The rows of the table, piece by piece."""
    ends = [0.0] + [(2.0**n - TANH_ADD)**0.5 for n in range(-1, 6)] + [
        TANH_ONE]
    rows = np.array([tanh_piece(i, ends[i], ends[i + 1])
                     for i in range(TANH_PIECES)]).T
    names = ["centre", "value", "slope", "a0", "a1", "b0", "b1", "b2"]
    for name, row in zip(names, rows):
        print(f"    {name}: " + ", ".join(float(v).hex() + "f" for v in row))
    settle_tanh(np.array(rows, dtype=np.float32))


def single(value):
    return np.asarray(value, dtype=np.float32)


def fma(a, b, c):
    """fmaf, but for a double rounding too rare to matter here."""
    return single(a.astype(np.float64) * b + c)


def tanh_as_computed(x, piece):
    """math_tanh() of vec_math.h, operation by operation."""
    centre, value, slope, a0, a1, b0, b1, b2 = piece
    t, s = x - centre, x * x
    b = fma(s * s, b2, fma(s, b1, b0))
    a = fma(s, a1, a0)
    return fma(fma(b, t, a), t * t, fma(t, slope, value))


def settle_tanh(rows):
    """The end: the last argument whose result is exactly 1 before rounding
    first gives more than 1.  Whatever lies beyond is clamped to it, so no
    result is above 1 and saturated gates are exactly 0 and 1."""
    x = single(np.arange(np.float32(6.5).view(np.uint32),
                         np.float32(9.02).view(np.uint32),
                         dtype=np.uint32).view(np.float32))
    y = tanh_as_computed(x, rows[:, TANH_PIECES - 1])
    above = np.flatnonzero(y > 1)
    x, y = (x, y) if above.size == 0 else (x[:above[0]], y[:above[0]])
    end = x[y == 1][-1]
    error = np.abs(y.astype(np.float64) - np.tanh(x.astype(np.float64))).max()
    print(f"    the end is {float(end).hex()}f = {end}, 1 - tanh there is "
          f"{1 - np.tanh(float(end)):.2e}; largest error from 6.5 on "
          f"{error:.2e}")


def shrink_of_square(s):
    x = mpmath.sqrt(s)
    return (x - mpmath.tanh(x)) / x**3


def tail(t):
    return mpmath.erfc(t / mpmath.sqrt(2)) / 2 * mpmath.exp(t * t / 2)


def main():
    half = float(mpmath.log(2) / 2) * 1.01
    polynomial("exp: (e^r - 1 - r - r^2 / 2) / r^3",
               lambda r: (mpmath.expm1(r) - r - r**2 / 2) / r**3, -half, half,
               4, lambda r: mpmath.exp(r) / abs(r)**3 if abs(r) > 0.1 else 1000)
    polynomial("log: (log(1 + f) - f + f^2 / 2) / f^3",
               lambda f: (mpmath.log1p(f) - f + f**2 / 2) / f**3,
               float(mpmath.sqrt(0.5) - 1), float(mpmath.sqrt(2) - 1), 8,
               lambda f: mpmath.log1p(f) / f**3)
    rational("log1p: log(1 + u) / u", lambda u: mpmath.log1p(u) / u, 0, 1,
             (4, 4), 1)
    tanh_table()
    rational("tanh_shrink: (x - tanh(x)) / x^3 in x^2", shrink_of_square, 0,
             1.3**2, (2, 2))
    rational("gelu: Q(t) e^(t^2/2)", tail, 0, 14.5, (4, 5))


if __name__ == "__main__":
    main()
