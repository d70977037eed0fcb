"""The blocks of which random graphs are made: one line of a table each.

A block is a function (draw, shape) -> layers to be called one after the
other, or (draw, tensors) -> tensor for those of a MERGE.  `draw` (draw.py)
has the random numbers and the keras module; `shape` is without the batch, and
its first axis is None where T is free.  A table says for each block

    classes  the layers of rnnd that it needs (Keras' class names)
    takes    what it can be called on: see FITS
    weight   how often it is drawn

To add a layer, write a block and its line.
"""

import dataclasses
from typing import Callable

RECURRENT = ("SimpleRNN", "LSTM", "GRU")
GATES = ("hard_sigmoid", "tanh", "relu", "softmax", "linear")
FLAT_LIMIT = 160  # numbers that a Flatten may make

# What a block can be called on.
FITS = {
    "any": lambda shape: True,
    "vector": lambda shape: len(shape) == 1,
    "sequence": lambda shape: len(shape) == 2,
    "fixed": lambda shape: len(shape) == 2 and shape[0] is not None,
    "flat": lambda shape: (
        len(shape) == 2
        and shape[0] is not None
        and shape[0] * shape[1] <= FLAT_LIMIT
    ),
    "frames": lambda shape: len(shape) == 3,
    "items": lambda shape: len(shape) <= 2,
}


@dataclasses.dataclass(frozen=True)
class Block:
    name: str
    build: Callable
    classes: tuple
    takes: str = "items"
    weight: float = 1.0
    since: tuple = (0, 0)  # the version of Keras that has it first
    before: tuple = (99, 0)  # and that which has it no more

    def is_known(self, known):
        return all(name.lower() in known for name in self.classes)

    def fits(self, shape, version):
        return FITS[self.takes](shape) and self.since <= version < self.before


# ---- recurrent --------------------------------------------------------------
def recurrent_arguments(draw, kind, shape):
    arguments = {"units": draw.units()}
    if draw.chance(0.3):
        arguments["activation"] = draw.activation()
    if kind != "SimpleRNN" and draw.chance(0.25):
        arguments["recurrent_activation"] = draw.pick(GATES)
    if draw.chance(0.2):
        arguments["use_bias"] = False
    if kind == "GRU":
        arguments["reset_after"] = draw.chance(0.6)
    if draw.chance(0.1):
        arguments |= {"dropout": 0.25, "recurrent_dropout": 0.5}
    if shape[0] is not None and shape[0] < 6 and draw.chance(0.1):
        arguments["unroll"] = True
    return arguments


def recurrent(draw, shape, **more):
    kind = draw.pick(RECURRENT)
    arguments = recurrent_arguments(draw, kind, shape) | more
    return [draw.layer(kind, **arguments)]


def recurrent_steps(draw, shape):
    return recurrent(draw, shape, return_sequences=True)


def recurrent_end(draw, shape):
    return recurrent(draw, shape)


def backwards(draw, shape):
    steps = draw.chance(0.5)
    return recurrent(draw, shape, go_backwards=True, return_sequences=steps)


def bidirectional(draw, shape):
    kind = draw.pick(RECURRENT)
    arguments = recurrent_arguments(draw, kind, shape)
    arguments["return_sequences"] = draw.chance(0.6)
    more = {"merge_mode": draw.pick(("concat", "sum", "mul", "ave"))}
    if draw.chance(0.25):
        other = draw.pick(RECURRENT)
        own = recurrent_arguments(draw, other, shape) | {
            "units": arguments["units"],
            "return_sequences": arguments["return_sequences"],
            "go_backwards": True,
        }
        more["backward_layer"] = draw.inner(other, **own)
    forward = draw.inner(kind, **arguments)
    return [draw.layer("Bidirectional", forward, **more)]


def cell(draw, kind):
    arguments = {"units": draw.units()}
    if draw.chance(0.3):
        arguments["activation"] = draw.activation()
    if kind == "GRU":
        arguments["reset_after"] = draw.chance(0.5)
    return draw.inner(f"{kind}Cell", **arguments)


def rnn_of_cells(draw, shape):
    cells = [cell(draw, draw.pick(RECURRENT)) for _ in range(draw.below(3) + 1)]
    if len(cells) == 1 and draw.chance(0.7):
        cells = cells[0]
    elif draw.chance(0.2):
        cells[-1:] = [draw.inner("StackedRNNCells", cells[-1:])]
    steps = draw.chance(0.5)
    return [draw.layer("RNN", cells, return_sequences=steps)]


def conv_lstm(draw, shape):
    """Each timestep's features are an image of one row."""
    layer = draw.layer(
        "ConvLSTM1D",
        draw.pick((1, 2, 3)),
        kernel_size=draw.pick((1, 2, 3)),
        padding=draw.pick(("same", "same", "valid"))
        if shape[1] >= 3
        else "same",
        return_sequences=False,
    )
    reshape = draw.layer("Reshape", (*shape, 1))
    return [reshape, layer, draw.layer("Flatten")]


def time_distributed(draw, shape):
    choices = [dense, activation, no_op, normalisation]
    (inner,) = draw.pick(choices)(draw, shape[1:])
    return [draw.layer("TimeDistributed", inner)]


# ---- dense and each item alone ----------------------------------------------
def dense(draw, shape):
    arguments = {"units": draw.units()}
    if draw.chance(0.5):
        arguments["activation"] = draw.activation()
    if draw.chance(0.2):
        arguments["use_bias"] = False
    return [draw.layer("Dense", **arguments)]


def einsum_dense(draw, shape):
    units = draw.units()
    equation, out = ("ab,bc->ac", (units,))
    if len(shape) == 2:
        equation, out = ("abc,cd->abd", (None, units))
        if draw.chance(0.3):
            equation, out = ("...c,cd->...d", units)
    more = {"bias_axes": equation[-1]} if draw.chance(0.6) else {}
    return [draw.layer("EinsumDense", equation, out, **more)]


def activation(draw, shape):
    return [draw.layer("Activation", draw.activation())]


def activation_layer(draw, shape):
    kind = draw.pick(("ReLU", "LeakyReLU", "ELU", "Softmax"))
    arguments = {
        "ReLU": {"max_value": 2.0, "negative_slope": 0.125},
        "LeakyReLU": {draw.leaky_slope: 0.25},
        "ELU": {"alpha": 0.5},
        "Softmax": {},
    }[kind]
    return [draw.layer(kind, **arguments)]


def prelu(draw, shape):
    shared = list(range(1, len(shape))) or None
    return [draw.layer("PReLU", shared_axes=shared)]


def no_op(draw, shape):
    kind, argument = draw.pick(
        (
            ("Dropout", 0.3),
            ("GaussianNoise", 0.5),
            ("GaussianDropout", 0.5),
            ("ActivityRegularization", 0.1),
        )
    )
    return [draw.layer(kind, argument)]


def spatial_dropout(draw, shape):
    return [draw.layer("SpatialDropout1D", 0.4)]


def normalisation(draw, shape):
    kind = draw.pick(("BatchNormalization", "LayerNormalization"))
    more = {"epsilon": draw.pick((0.01, 0.25))} if draw.chance(0.7) else {}
    if draw.chance(0.2):
        more[draw.pick(("center", "scale"))] = False
    return [draw.layer(kind, **more)]


def unit_normalization(draw, shape):
    return [draw.layer("UnitNormalization")]


def rms_normalization(draw, shape):
    return [draw.layer("RMSNormalization", epsilon=0.125)]


def group_normalization(draw, shape):
    divisors = [n for n in range(1, shape[-1] + 1) if shape[-1] % n == 0]
    return [
        draw.layer(
            "GroupNormalization", groups=draw.pick(divisors), epsilon=0.25
        )
    ]


def rescaling(draw, shape):
    return [draw.layer("Rescaling", 0.75, offset=-0.125)]


# ---- convolutions and pools -------------------------------------------------
def convolution_window(draw, shape):
    """kernel_size and what goes with it; short sequences have short ones."""
    length = shape[0]
    size = draw.pick((1, 2, 3, 3, 4))
    padding = draw.pick(("causal", "causal", "same", "valid"))
    if length is None and padding == "valid":
        padding = "causal"
    if length is not None and padding == "valid":
        size = min(size, length)
    arguments = {"kernel_size": size, "padding": padding}
    if length is not None and draw.chance(0.25):
        arguments["strides"] = 2
    elif draw.chance(0.3) and (
        padding != "valid" or 2 * (size - 1) + 1 <= length
    ):
        arguments["dilation_rate"] = 2
    return arguments


def conv(draw, shape):
    arguments = convolution_window(draw, shape)
    groups = draw.pick([n for n in (1, 1, 2, 3) if shape[1] % n == 0])
    arguments["filters"] = groups * draw.pick((1, 2, 3, 5))
    if groups > 1:
        arguments["groups"] = groups
    if draw.chance(0.5):
        arguments["activation"] = draw.activation()
    if draw.chance(0.2):
        arguments["use_bias"] = False
    return [draw.layer("Conv1D", **arguments)]


def conv_of_rows(draw, shape):
    """Keras 2 takes axes before the two that it looks at."""
    rows = draw.pick([n for n in (1, 2, 3, 4) if shape[1] % n == 0])
    return [
        draw.layer("Reshape", (*shape[:1], rows, shape[1] // rows)),
        draw.layer(
            "Conv1D",
            draw.pick((1, 2, 3)),
            kernel_size=draw.pick([n for n in (1, 2, 3) if n <= rows]),
            padding=draw.pick(("valid", "same")),
            activation=draw.activation(),
        ),
        draw.layer("Reshape", (shape[0], -1)),
    ]


def depthwise(draw, shape):
    arguments = convolution_window(draw, shape)
    if arguments["padding"] == "causal":
        arguments["padding"] = "same"
    if draw.chance(0.5):
        arguments["depth_multiplier"] = 2
    return [draw.layer("DepthwiseConv1D", **arguments)]


def separable(draw, shape):
    arguments = convolution_window(draw, shape)
    if arguments["padding"] == "causal" and draw.version >= (3, 0):
        arguments["padding"] = "same"
    if draw.chance(0.5):
        arguments["depth_multiplier"] = 2
    filters = draw.pick((1, 3, 4))
    return [draw.layer("SeparableConv1D", filters, **arguments)]


def transposed(draw, shape):
    return [
        draw.layer(
            "Conv1DTranspose",
            draw.pick((1, 2, 3)),
            kernel_size=draw.pick((1, 2, 3)),
            strides=draw.pick((1, 2)),
            padding=draw.pick(("valid", "same")),
        )
    ]


def pool(draw, shape):
    kind = draw.pick(("MaxPooling1D", "AveragePooling1D"))
    size = min(draw.pick((2, 3)), shape[0])
    more = {"strides": draw.pick((1, 2))} if draw.chance(0.4) else {}
    padding = draw.pick(("valid", "same"))
    return [draw.layer(kind, pool_size=size, padding=padding, **more)]


def global_pool(draw, shape):
    kind = draw.pick(("GlobalMaxPooling1D", "GlobalAveragePooling1D"))
    return [draw.layer(kind)]


def global_pool_kept(draw, shape):
    kind = draw.pick(("GlobalMaxPooling1D", "GlobalAveragePooling1D"))
    return [draw.layer(kind, keepdims=True), draw.layer("Flatten")]


def lengthened(draw, shape):
    if draw.chance(0.5):
        return [draw.layer("UpSampling1D", size=2)]
    return [draw.layer("ZeroPadding1D", padding=draw.pick((1, (0, 2))))]


def cropped(draw, shape):
    cut = draw.pick(((1, 0), (0, 1))) if shape[0] > 1 else (0, 0)
    return [draw.layer("Cropping1D", cropping=cut)]


# ---- shapes -----------------------------------------------------------------
def flatten(draw, shape):
    return [draw.layer("Flatten")]


def repeat(draw, shape):
    return [draw.layer("RepeatVector", draw.below(4) + 1)]


def reshape_sequence(draw, shape):
    steps, features = shape
    if draw.chance(0.5):
        return [draw.layer("Reshape", (features, steps))]
    return [draw.layer("Reshape", (steps * features,))]


def reshape_vector(draw, shape):
    (features,) = shape
    divisors = [n for n in range(1, features + 1) if features % n == 0]
    steps = draw.pick(divisors)
    return [draw.layer("Reshape", (steps, -1))]


def permute(draw, shape):
    return [draw.layer("Permute", (2, 1))]


def masking(draw, shape):
    return [draw.layer("Masking", mask_value=0.0)]


def each_of_rows(draw, shape):
    """What makes a vector of the rows of each timestep, and then drops their
    mask, which no sequence has."""
    units = draw.units()
    kind = draw.pick(RECURRENT)
    inner = draw.inner(kind, units, activation=draw.activation())
    if draw.chance(0.3):
        inner = draw.inner("Bidirectional", inner, merge_mode="sum")
    each = draw.layer("TimeDistributed", inner)
    return [each, draw.layer("Reshape", (shape[0], units))]


def masked_rows(draw, shape):
    """Each number is a row, and has a mask of its own."""
    masking = draw.inner("Masking")
    if draw.chance(0.4):  # Keras 2 sees its mask outside, Keras 3 does not
        masking = draw.layer("TimeDistributed", masking)
    reshape = draw.layer("Reshape", (*shape, 1))
    return [reshape, masking, *each_of_rows(draw, shape)]


UNARY = (
    Block("recurrent_steps", recurrent_steps, RECURRENT, "sequence", 5),
    Block("recurrent_end", recurrent_end, RECURRENT, "sequence", 2),
    Block("backwards", backwards, RECURRENT, "sequence", 0.4),
    Block(
        "bidirectional",
        bidirectional,
        ("Bidirectional", *RECURRENT),
        "sequence",
        1.2,
    ),
    Block("rnn_of_cells", rnn_of_cells, ("RNN",), "sequence", 1.5),
    Block(
        "conv_lstm", conv_lstm, ("ConvLSTM1D", "Reshape"), "fixed", 0.4
    ),
    Block(
        "time_distributed",
        time_distributed,
        ("TimeDistributed",),
        "sequence",
        0.8,
    ),
    Block("dense", dense, ("Dense",), weight=4),
    Block("einsum_dense", einsum_dense, ("EinsumDense",), weight=0.6),
    Block("activation", activation, ("Activation",), weight=0.6),
    Block("activation_layer", activation_layer, ("ReLU", "ELU"), weight=0.8),
    Block("prelu", prelu, ("PReLU",), weight=0.3),
    Block("no_op", no_op, ("Dropout",), weight=0.5),
    Block("spatial", spatial_dropout, ("SpatialDropout1D",), "sequence", 0.2),
    Block("normalisation", normalisation, ("BatchNormalization",)),
    Block(
        "unit_normalization",
        unit_normalization,
        ("UnitNormalization",),
        weight=0.2,
    ),
    Block(
        "rms_normalization",
        rms_normalization,
        ("RMSNormalization",),
        weight=0.3,
        since=(3, 9),
    ),
    Block(
        "group_normalization",
        group_normalization,
        ("GroupNormalization",),
        "fixed",
        0.4,
    ),
    Block("rescaling", rescaling, ("Rescaling",), weight=0.3),
    Block("conv", conv, ("Conv1D",), "sequence", 2),
    Block(
        "conv_of_rows",
        conv_of_rows,
        ("Conv1D", "Reshape"),
        "fixed",
        0.4,
        before=(3, 0),
    ),
    Block("depthwise", depthwise, ("DepthwiseConv1D",), "sequence", 0.5),
    Block("separable", separable, ("SeparableConv1D",), "sequence", 0.5),
    Block("transposed", transposed, ("Conv1DTranspose",), "fixed", 0.3),
    Block("pool", pool, ("MaxPooling1D", "AveragePooling1D"), "fixed", 0.7),
    Block("global_pool", global_pool, ("GlobalMaxPooling1D",), "sequence"),
    Block(
        "global_pool_kept", global_pool_kept, ("Flatten",), "sequence", 0.2
    ),
    Block(
        "lengthened",
        lengthened,
        ("UpSampling1D", "ZeroPadding1D"),
        "fixed",
        0.3,
    ),
    Block("cropped", cropped, ("Cropping1D",), "fixed", 0.3),
    Block("flatten", flatten, ("Flatten",), "flat", 0.5),
    Block("repeat", repeat, ("RepeatVector",), "vector", 0.4),
    Block("reshape_steps", reshape_sequence, ("Reshape",), "flat", 0.4),
    Block("reshape_vector", reshape_vector, ("Reshape",), "vector", 0.3),
    Block("permute", permute, ("Permute",), "fixed", 0.3),
    Block("masking", masking, ("Masking",), "sequence", 0.5),
    Block(
        "masked_rows",
        masked_rows,
        ("Masking", "TimeDistributed", "Reshape", *RECURRENT),
        "fixed",
        0.4,
    ),
)


# ---- several tensors of one shape -------------------------------------------
def elementwise(draw, tensors):
    kind = draw.pick(
        ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    )
    if kind == "Subtract":
        tensors = tensors[:2]
    return draw.layer(kind)(tensors)


def concatenate(draw, tensors):
    return draw.layer("Concatenate", axis=-1)(tensors)


def dot(draw, tensors):
    shape = tuple(tensors[0].shape)
    # (T, T) is no sequence of features where T is free.
    axes = (1, 2) if len(shape) == 3 and shape[1] is not None else (1,)
    normalize = draw.chance(0.3)
    layer = draw.layer("Dot", axes=draw.pick(axes), normalize=normalize)
    return layer(tensors[:2])


def scores(draw, tensors):
    """An attention of single layers."""
    a, b = tensors[:2]
    scored = draw.layer("Dot", axes=2, normalize=draw.chance(0.2))([a, b])
    if draw.chance(0.5):
        weights = draw.layer("Softmax")(scored)
    else:
        weights = draw.layer("Activation", "softmax")(scored)
    return draw.layer("Dot", axes=(2, 1))([weights, b])


def attention(draw, tensors):
    kind = draw.pick(("Attention", "AdditiveAttention"))
    more = {"use_scale": draw.chance(0.5)}
    if kind == "Attention" and draw.chance(0.3):
        more["score_mode"] = "concat" if draw.version >= (3, 0) else "dot"
    return draw.layer(kind, **more)(tensors[:3])


def multi_head(draw, tensors):
    """key_dim is above 1: where T is the number of heads, Keras 3 adds a bias
    of shape (heads, 1) along time (keras.src.backend.tensorflow.numpy.add
    takes it for a bias of channels)."""
    layer = draw.layer(
        "MultiHeadAttention",
        num_heads=draw.pick((1, 2, 3)),
        key_dim=draw.pick((2, 3, 4)),
        use_bias=draw.chance(0.8),
    )
    causal = {"use_causal_mask": True} if draw.chance(0.4) else {}
    return layer(tensors[0], tensors[1], **causal)


def grouped_query(draw, tensors):
    layer = draw.layer(
        "GroupQueryAttention",
        head_dim=draw.pick((2, 3, 4)),
        num_query_heads=4,
        num_key_value_heads=draw.pick((1, 2, 4)),
    )
    return layer(tensors[0], tensors[1])


def arithmetic(draw, tensors):
    """Keras 3 saves these as operators, Keras 2 as TFOpLambda."""
    a, b = tensors[:2]
    which = draw.below(4)
    if which == 0:
        return a + b * 0.5
    if which == 1:
        return (a - 0.25) * b
    return 2.0 - a * b if which == 2 else a * 0.75 + b


def slices(draw, tensors):
    """The last timesteps."""
    a, b = tensors[:2]
    return a[:, -1] + b[:, -1] if draw.chance(0.5) else a[:, -1] * b[:, 0]


def joined_in_time(draw, tensors):
    return draw.layer("Concatenate", axis=1)(tensors)


def rows_merged(draw, tensors):
    """Rows under masks meet, of which one may have none."""
    shape = tuple(tensors[0].shape)[1:]
    rows = [draw.layer("Reshape", (*shape, 1))(x) for x in tensors[:3]]
    free = draw.below(len(rows) + 2)
    rows = [
        x if i == free else draw.layer("Masking")(x)
        for i, x in enumerate(rows)
    ]
    kind = draw.pick(("Add", "Multiply", "Maximum", "Minimum", "Concatenate"))
    more = {}
    if kind == "Concatenate":
        # Keras 2 joins along other axes only where all have masks, or none
        # has more than one feature, as here.
        more = {"axis": draw.pick((1, 2, -1))}
    y = draw.layer(kind, **more)(rows)
    for layer in each_of_rows(draw, tuple(y.shape)[1:]):
        y = layer(y)
    return y


def masked_softmax(draw, tensors):
    """A mask of the same shape, or one that is repeated along an axis."""
    ops = draw.keras.ops
    mask = ops.not_equal(tensors[1], 0.0)
    axis = draw.pick((None, 1, 2))
    if axis:
        mask = ops.any(mask, axis=axis, keepdims=True)
    layer = draw.layer("Softmax", axis=draw.pick((-1, 1, [1, 2])))
    return layer(tensors[0], mask=mask)


def any_over_time(draw, tensors):
    ops = draw.keras.ops
    find = ops.any if draw.chance(0.5) else ops.all
    found = find(ops.not_equal(tensors[1], 0.0), axis=1, keepdims=True)
    return tensors[0] * ops.cast(found, tensors[0].dtype)


def initial_state(draw, tensors):
    """A decoder that begins where an encoder ended."""
    units = draw.units()
    kind = draw.pick(RECURRENT)
    encoder = draw.layer(kind, units, return_state=True)
    _, *state = encoder(tensors[0])
    decoder = draw.layer(kind, units, return_sequences=draw.chance(0.7))
    return decoder(tensors[1], initial_state=state)


MERGE = (
    Block("elementwise", elementwise, ("Add", "Subtract"), weight=3),
    Block("concatenate", concatenate, ("Concatenate",), weight=3),
    Block("dot", dot, ("Dot",), "items", 0.4),
    Block("scores", scores, ("Dot", "Softmax"), "sequence", 0.7),
    Block("attention", attention, ("Attention",), "sequence"),
    Block("multi_head", multi_head, ("MultiHeadAttention",), "sequence"),
    Block(
        "grouped_query",
        grouped_query,
        ("GroupQueryAttention",),
        "sequence",
        0.4,
        since=(3, 4),
    ),
    Block("arithmetic", arithmetic, ("ops",), weight=0.5),
    Block("slices", slices, ("ops",), "sequence", 0.5),
    Block("joined_in_time", joined_in_time, ("ops",), "fixed", 0.4),
    Block(
        "rows_merged",
        rows_merged,
        ("Masking", "TimeDistributed", "Reshape"),
        "fixed",
        0.5,
    ),
    Block(
        "masked_softmax",
        masked_softmax,
        ("ops",),
        "sequence",
        0.4,
        since=(3, 0),
    ),
    Block(
        "any_over_time",
        any_over_time,
        ("ops",),
        "sequence",
        0.3,
        since=(3, 0),
    ),
    Block("initial_state", initial_state, ("return_state",), "sequence"),
)
