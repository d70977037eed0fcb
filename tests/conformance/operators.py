"""Operators for random graphs: one line of a table each.

Keras 3 has them in keras.ops, Keras 2 as functions of TensorFlow on its
tensors; a name that a generation lacks is not drawn there.  A block is a
function (f, draw, shape, x) -> tensor; `f` is Functions, `shape` is without
the batch.
"""

import dataclasses
from typing import Callable

import numpy as np

from blocks import FITS

# names in Keras 3 and in TensorFlow
SMOOTH = (
    ("sin", "math.sin"),
    ("cos", "math.cos"),
    ("arctan", "math.atan"),
    ("arcsinh", "math.asinh"),
    ("expm1", "math.expm1"),
    ("erf", "math.erf"),
    ("sinh", "math.sinh"),
    ("cosh", "math.cosh"),
    ("square", "math.square"),
    ("tanh", "math.tanh"),
    ("sigmoid", "math.sigmoid"),
    ("softplus", "math.softplus"),
    ("silu", "nn.silu"),
    ("gelu", "nn.gelu"),
    ("elu", "nn.elu"),
    ("relu", "nn.relu"),
    ("absolute", "math.abs"),
    ("hard_silu", None),
    ("celu", None),
    ("squareplus", None),
    ("tanh_shrink", None),
    ("soft_shrink", None),
    ("sinc", None),
    ("cbrt", None),
)
# of what is above 1
ABOVE_1 = (
    ("log", "math.log"),
    ("log1p", "math.log1p"),
    ("log2", None),
    ("log10", None),
    ("sqrt", "math.sqrt"),
    ("rsqrt", "math.rsqrt"),
    ("reciprocal", "math.reciprocal"),
    ("arccosh", "math.acosh"),
)
# of two
PAIRS = (
    ("maximum", "math.maximum"),
    ("minimum", "math.minimum"),
    ("arctan2", "math.atan2"),
    ("logaddexp", None),
    ("logaddexp2", None),
    ("hypot", None),
    (None, "math.squared_difference"),
)
# numbers may jump
JUMPS = (
    ("floor", "math.floor"),
    ("ceil", "math.ceil"),
    ("sign", "math.sign"),
    ("trunc", None),
)
# along one axis
FOLDS = (
    ("mean", "math.reduce_mean"),
    ("sum", "math.reduce_sum"),
    ("max", "math.reduce_max"),
    ("min", "math.reduce_min"),
    ("var", "math.reduce_variance"),
    ("logsumexp", "math.reduce_logsumexp"),
    ("prod", "math.reduce_prod"),
)
SCANS = (("cumsum", "math.cumsum"),)


class Functions:
    """What this generation calls them."""

    def __init__(self, keras, version):
        self.new = version >= (3, 0)
        if self.new:
            self.home = keras.ops
        else:
            import tensorflow

            self.home = tensorflow

    def find(self, names):
        name = names[0] if self.new else names[1]
        found = self.home if name else None
        for part in name.split(".") if name else ():
            found = getattr(found, part, None)
        return found

    def one_of(self, draw, table):
        return draw.pick([f for f in map(self.find, table) if f])

    def of(self, new, old):
        return self.find((new, old))


def smooth(f, draw, shape, x):
    return f.one_of(draw, SMOOTH)(x)


def above_1(f, draw, shape, x):
    return f.one_of(draw, ABOVE_1)(x * x + 1.0625)


def pair(f, draw, shape, x):
    return f.one_of(draw, PAIRS)(x, x * 0.5 + 0.25)


def jump(f, draw, shape, x):
    return f.one_of(draw, JUMPS)(x * 2) * 0.5 + x


def where(f, draw, shape, x):
    chosen = f.of("where", "where")
    if draw.chance(0.5):
        return chosen(x > 0.125, x, x * 0.25)
    return chosen(x < -0.25, x * x, 0.5)


def remainder(f, draw, shape, x):
    return x % 1.5 if draw.chance(0.5) else x // 0.75 + x


def bounded(f, draw, shape, x):
    return f.of("clip", "clip_by_value")(x, -0.75, 0.5)


def fold_last(f, draw, shape, x):
    fold = f.one_of(draw, FOLDS)
    if draw.chance(0.5):
        return x - fold(x, axis=-1, keepdims=True)
    return fold(x, axis=-1, keepdims=True)


def fold_time(f, draw, shape, x):
    return f.one_of(draw, FOLDS)(x, axis=1)


def fold_kept(f, draw, shape, x):
    return x * f.one_of(draw, FOLDS)(x, axis=1, keepdims=True)


def length(f, draw, shape, x):
    order = draw.pick((None, 1, 2))
    if not f.new:
        return f.home.norm(x, ord=order or "euclidean", axis=1)
    return f.home.norm(x, ord=order, axis=1)


def scan(f, draw, shape, x):
    axis = draw.pick((1, 1, -1))
    return f.one_of(draw, SCANS)(x, axis=axis)


def axis_of(draw, shape):
    """The last axis, or that of time where its size is known."""
    return draw.pick((-1, 1)) if len(shape) == 2 and shape[0] else -1


def take(f, draw, shape, x):
    axis = axis_of(draw, shape)
    places = [draw.below(shape[axis % len(shape)] if axis < 0 else shape[0])
              for _ in range(draw.below(4) + 1)]
    return f.of("take", "gather")(x, places, axis=axis)


def repeat(f, draw, shape, x):
    times = draw.below(3) + 1
    return f.of("repeat", "repeat")(x, times, axis=axis_of(draw, shape))


def tile(f, draw, shape, x):
    times = [1] * (len(shape) + 1)
    times[axis_of(draw, shape)] = draw.below(3) + 1
    return f.of("tile", "tile")(x, times)


def roll(f, draw, shape, x):
    shift = draw.below(5) - 2
    return f.of("roll", "roll")(x, shift, axis=axis_of(draw, shape))


def pad(f, draw, shape, x):
    axis = axis_of(draw, shape)
    width = [[0, 0] for _ in range(len(shape) + 1)]
    size = shape[-1] if axis == -1 else shape[0]
    mode = draw.pick(("constant", "reflect", "symmetric"))
    most = {"constant": 3, "reflect": size - 1, "symmetric": size}[mode]
    width[axis] = [draw.below(most + 1), draw.below(most + 1)]
    return f.of("pad", "pad")(x, width, mode=mode)


def turned(f, draw, shape, x):
    axis = axis_of(draw, shape)
    return f.home.flip(x, axis) if f.new else f.home.reverse(x, [axis])


def softmax(f, draw, shape, x):
    return f.of("softmax", "nn.softmax")(x, axis=draw.pick((1, -1)))


def parts(f, draw, shape, x):
    if shape[-1] == 1:
        return x * x
    a, *_, b = f.of("split", "split")(x, shape[-1], axis=-1)
    return a * b


def in_order(f, draw, shape, x):
    """Values, and not places, which jump where two numbers meet."""
    axis = axis_of(draw, shape)
    if draw.chance(0.5):
        return f.of("sort", "sort")(x, axis=axis)
    k = draw.below(shape[-1]) + 1
    return f.of("top_k", "math.top_k")(x, k)[0]


def middle(f, draw, shape, x):
    axis = 1 if len(shape) == 2 and draw.chance(0.6) else -1
    kept = len(shape) == 1 or draw.chance(0.3)
    which = draw.below(3)
    if which == 0:
        y = f.home.median(x, axis=axis, keepdims=kept)
    elif which == 1:
        q = draw.pick((0.0, 0.2, 0.5, 1.0))
        y = f.home.quantile(x, q, axis=axis, keepdims=kept)
    else:
        # A q between two places: float32 has no 0.3.
        method = draw.pick(("linear", "midpoint", "lower", "higher"))
        q = draw.pick((37.3, 61.9))
        y = f.home.percentile(x, q, axis=axis, method=method, keepdims=kept)
    return y if kept or axis == 1 else y[:, :, None]


def gated(f, draw, shape, x):
    axis = axis_of(draw, shape)
    size = shape[-1] if axis == -1 else shape[0]
    return f.home.glu(x, axis=axis) if size % 2 == 0 else f.home.silu(x)


def apart(f, draw, shape, x):
    axis = axis_of(draw, shape)
    size = shape[-1] if axis == -1 else shape[0]
    n = draw.below(min(size, 3))
    return f.home.diff(x, n=n, axis=axis)


def triangle(f, draw, shape, x):
    """TensorFlow takes no k beyond the rows or columns, of which there is
    one at least."""
    cut = f.home.tril if draw.chance(0.5) else f.home.triu
    return cut(x, k=draw.below(3) - 1)


def along(f, draw, shape, x):
    axis = axis_of(draw, shape)
    size = shape[-1] if axis == -1 else shape[0]
    rank = len(shape) + 1
    places = [draw.below(2 * size) - size for _ in range(draw.below(4) + 1)]
    lead = [1] * rank
    lead[axis] = len(places)
    return f.home.take_along_axis(
        x, np.reshape(places, lead), axis=axis
    )


def average(f, draw, shape, x):
    """By weights that are one of each number's own, or a row."""
    if draw.chance(0.5):
        weights = f.home.softplus(x) + 0.25
        y = f.home.average(x, axis=-1, weights=weights)
    else:
        weights = np.arange(shape[-1]) * 0.5 + 1.0
        y = f.home.average(x, axis=-1, weights=weights)
    return f.home.expand_dims(y, -1)


def middle_and_width(f, draw, shape, x):
    mean, variance = f.home.moments(x, axes=[-1], keepdims=True)
    return (x - mean) / (variance + 0.5)


def by_a_constant(f, draw, shape, x):
    matrix = np.sin(np.arange(shape[-1] * 3)).reshape(-1, 3)
    which = draw.below(3)
    if which == 0:
        return f.home.dot(x, matrix.astype("float32"))
    if which == 1:
        return f.home.inner(x, matrix.T.astype("float32"))
    return f.home.tensordot(x, matrix.astype("float32"), axes=1)


def bins(f, draw, shape, x):
    edges = np.array([-0.75, 0.0625, 0.3125, 1.0])
    return f.home.cast(f.home.digitize(x, edges), x.dtype) * 0.25 + x


def parted(f, draw, shape, x):
    axis = axis_of(draw, shape)
    size = shape[-1] if axis == -1 else shape[0]
    parts = f.home.array_split(x, min(size, 3), axis=axis)
    return f.home.append(parts[-1], parts[0], axis=axis)


def one_hot(f, draw, shape, x):
    """Of whole numbers, which may lie outside.  What is repeated comes first:
    behind a +, Keras 3 takes (batch, 1) for a bias where the batch is as wide
    as what stands before it."""
    whole = f.of("cast", "cast")(f.of("floor", "math.floor")(x * 2), "int32")
    hot = f.of("one_hot", "one_hot")(whole, 3)
    hot = f.of("cast", "cast")(hot, x.dtype)
    return x[..., :1] + f.of("sum", "reduce_sum")(hot, axis=-2)


@dataclasses.dataclass(frozen=True)
class Operator:
    name: str
    build: Callable
    takes: str = "items"
    weight: float = 1.0
    needs: str = ""  # of keras.ops

    def fits(self, shape, functions):
        there = not self.needs or (
            functions.new and hasattr(functions.home, self.needs)
        )
        return there and FITS[self.takes](shape)


OPERATORS = (
    Operator("op smooth", smooth, "any", 4),
    Operator("op above_1", above_1, "any", 2),
    Operator("op pair", pair, "any"),
    Operator("op jump", jump, "any", 0.5),
    Operator("op where", where, "any"),
    Operator("op remainder", remainder, "any", 0.5),
    Operator("op bounded", bounded, "any", 0.5),
    Operator("op fold_last", fold_last),
    Operator("op fold_time", fold_time, "sequence", 2),
    Operator("op fold_kept", fold_kept, "sequence"),
    Operator("op length", length, "sequence", 0.5),
    Operator("op scan", scan, "sequence"),
    Operator("op take", take),
    Operator("op repeat", repeat),
    Operator("op tile", tile),
    Operator("op roll", roll),
    Operator("op pad", pad),
    Operator("op turned", turned, weight=0.5),
    Operator("op softmax", softmax, "sequence"),
    Operator("op parts", parts, weight=0.5),
    Operator("op in_order", in_order),
    Operator("op one_hot", one_hot),
    Operator("op middle", middle, needs="percentile"),
    Operator("op gated", gated, weight=0.5, needs="glu"),
    Operator("op apart", apart, weight=0.5, needs="diff"),
    Operator("op triangle", triangle, "fixed", needs="tril"),
    Operator("op along", along, weight=0.5, needs="take_along_axis"),
    Operator("op average", average, weight=0.5, needs="average"),
    Operator("op moments", middle_and_width, weight=0.5, needs="moments"),
    Operator("op by_a_constant", by_a_constant, needs="inner"),
    Operator("op bins", bins, weight=0.3, needs="digitize"),
    Operator("op parted", parted, weight=0.5, needs="array_split"),
)
