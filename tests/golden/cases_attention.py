"""Attention, AdditiveAttention, MultiHeadAttention, GroupQueryAttention."""

import numpy as np
from golden_cases import Case


def pair(keras, timesteps=None):
    """A query and what it is held against, of one length or of their own."""
    query = keras.Input((timesteps, 4), name="query")
    value = keras.Input((timesteps, 3), name="value")
    return query, value


def dot(keras):
    layers = keras.layers
    q, v = pair(keras)
    k = layers.Dense(4)(v)
    y = [
        layers.Attention()([q, v, k]),
        layers.Attention(use_scale=True, dropout=0.3)([q, k]),
        layers.Attention()([q, v, k], use_causal_mask=True),
    ]
    return keras.Model([q, v], y)


def concat(keras):
    layers = keras.layers
    q, v = pair(keras)
    k = layers.Dense(4)(v)
    y = [
        layers.Attention(score_mode="concat")([q, v, k]),
        layers.Attention(score_mode="concat", use_scale=True)(
            [q, k], use_causal_mask=True
        ),
        layers.AdditiveAttention()([q, layers.ReLU()(k), k]),
        layers.AdditiveAttention(use_scale=False)([q, k]),
    ]
    return keras.Model([q, v], y)


def lengths(keras):
    """More queries than keys, and the other way round: what a RepeatVector
    makes has timesteps of its own."""
    layers = keras.layers
    x = keras.Input((5, 4))
    h = layers.RepeatVector(3)(layers.LSTM(4)(x))
    h = layers.GRU(4, return_sequences=True)(h)
    y = [
        layers.Attention()([x, h], use_causal_mask=True),
        layers.AdditiveAttention()([h, x], use_causal_mask=True),
        layers.MultiHeadAttention(2, 3)(x, h),
        layers.MultiHeadAttention(2, 3)(h, x, use_causal_mask=True),
    ]
    return keras.Model(x, y)


def scores(keras):
    layers = keras.layers
    x = keras.Input((5, 4))
    y, p = layers.Attention()([x, x], return_attention_scores=True)
    z, r = layers.MultiHeadAttention(2, 3)(
        x, x, return_attention_scores=True, use_causal_mask=True
    )
    return keras.Model(x, [y, p, z, r])


def unused_scores(keras):
    """T is free, so nothing could say how many weights there are."""
    x = keras.Input((None, 4))
    layer = keras.layers.MultiHeadAttention(2, 3)
    y, _ = layer(x, x, return_attention_scores=True)
    return keras.Model(x, y)


def heads(keras):
    layers = keras.layers
    q, v = pair(keras)
    multi = layers.MultiHeadAttention
    y = [
        multi(2, 3)(q, v),
        multi(2, 3, value_dim=2, use_bias=False, output_shape=5)(
            query=q, value=v, key=q
        ),
        multi(1, 2, dropout=0.2, attention_axes=(1,))(
            q, v, use_causal_mask=True
        ),
        multi(3, 2, output_shape=(2, 3))(q, key=v, value=q),
    ]
    return keras.Model([q, v], y)


def block(keras):
    """A small transformer with a recurrent layer behind it."""
    layers = keras.layers
    x = keras.Input((None, 6))
    attend = layers.MultiHeadAttention(2, 4, dropout=0.1)
    y = layers.LayerNormalization()(
        layers.Add()([x, attend(x, x, use_causal_mask=True)])
    )
    z = layers.Dense(6)(layers.Dense(12, activation="gelu")(y))
    y = layers.LayerNormalization()(layers.Add()([y, z]))
    return keras.Model(x, layers.GRU(3)(y))


def grouped(keras):
    layers = keras.layers
    x = keras.Input((None, 4))
    v = layers.Dense(4)(x)
    group = layers.GroupQueryAttention
    y = [
        group(3, 4, 2)(x, x),
        group(2, 3, 1, use_bias=False)(x, v, v, use_causal_mask=True),
        group(2, 2, 2, dropout=0.4)(query=x, value=v),
        group(3, 4, 2, use_gate=True, sliding_window=2)(x, x),
    ]
    return keras.Model(x, y)


def windows(keras):
    layers = keras.layers
    x = keras.Input((None, 4))
    multi = layers.MultiHeadAttention
    y = [
        multi(2, 3, sliding_window=2)(x, x),
        multi(2, 3, sliding_window=3)(x, x, use_causal_mask=True),
        multi(2, 3, use_gate=True, value_dim=2)(x, x),
        multi(1, 3, use_gate=True, dropout=0.1, sliding_window=1)(x, x),
    ]
    return keras.Model(x, y)


def streams(keras):
    """A query that sees the last timesteps alone needs no more than them."""
    layers = keras.layers
    x = keras.Input((None, 4))
    y = layers.MultiHeadAttention(2, 3, sliding_window=3)(
        x, x, use_causal_mask=True
    )
    y = layers.LayerNormalization()(layers.Add()([x, y]))
    z = layers.GroupQueryAttention(3, 4, 2, use_gate=True, sliding_window=2)(
        y, x, use_causal_mask=True
    )
    w = layers.MultiHeadAttention(1, 2, dropout=0.1, sliding_window=1)(
        z, y, key=x, use_causal_mask=True
    )
    return keras.Model(x, [y, layers.GRU(2)(w)])


def blind(keras):
    """Queries far behind the last key see nothing through the window."""
    layers = keras.layers
    x = keras.Input((7, 4))
    h = layers.RepeatVector(2)(layers.LSTM(4)(x))
    multi = layers.MultiHeadAttention
    y = [
        multi(2, 3, sliding_window=2)(x, h),
        multi(2, 3, sliding_window=2, dropout=0.1)(x, h),
    ]
    return keras.Model(x, y)


def within(keras):
    """Attention inside a TimeDistributed and inside a model."""
    layers = keras.layers
    i = keras.Input((4, 3))
    inner = keras.Model(
        i, layers.GlobalMaxPooling1D()(layers.MultiHeadAttention(2, 2)(i, i))
    )
    x = keras.Input((None, 4, 3))
    y = layers.TimeDistributed(inner)(x)
    return keras.Model(x, layers.SimpleRNN(2)(y))


def padded(rng):
    """Sequences of 6, 4, 3 and 0 timesteps that count, one with a hole."""
    x = rng.normal(size=(4, 6, 4)).astype(np.float32)
    x[1, 4:] = x[2, 3:] = x[3] = 0
    x[2, 1] = 0
    return x


def masked(keras):
    layers = keras.layers
    x = keras.Input((None, 4), name="x")
    free = layers.Dense(4)(x)
    m = layers.Masking()(x)
    y = [
        layers.Attention()([m, m]),
        layers.Attention()([m, free], use_causal_mask=True),
        layers.AdditiveAttention()([free, m, free]),
        layers.LSTM(2)(layers.Attention()([m, free])),
    ]
    return keras.Model(x, y)


def masked_heads(keras):
    layers = keras.layers
    x = keras.Input((None, 4), name="x")
    free = layers.Dense(4)(x)
    multi = layers.MultiHeadAttention
    m = [layers.Masking()(x) for _ in range(5)]
    y = [
        multi(2, 3)(m[0], m[0]),
        multi(2, 3)(free, m[1], use_causal_mask=True),
        multi(2, 3)(free, free, key=m[2]),
        multi(2, 3, dropout=0.1)(m[3], m[3]),
        layers.LSTM(2)(multi(2, 3)(m[4], free)),
    ]
    return keras.Model(x, y)


def masks_taken(keras):
    """Keras 3 takes masks away from what a MultiHeadAttention is called on;
    so a second layer sees those of the first call only if it runs before."""
    layers = keras.layers
    x = keras.Input((None, 4), name="x")
    m = layers.Masking()(x)
    d = layers.Dropout(0.5)(m)
    a = layers.MultiHeadAttention(2, 3)(d, d)
    s = layers.Add()([m, a])
    y = [
        layers.MultiHeadAttention(2, 3)(s, s),
        layers.Attention()([m, m]),
        layers.AdditiveAttention(use_scale=False)([d, m]),
        layers.GRU(2)(s),
    ]
    return keras.Model(x, y)


def masks_by_order(keras):
    layers = keras.layers
    x = keras.Input((None, 4), name="x")
    m = layers.Masking()(x)
    y = [
        layers.Attention()([m, m]),
        layers.MultiHeadAttention(2, 3)(m, m),
        layers.AdditiveAttention(use_scale=False)([m, m]),
        layers.MultiHeadAttention(1, 2)(m, m),
    ]
    return keras.Model(x, y)


def masked_groups(keras):
    layers = keras.layers
    x = keras.Input((None, 4), name="x")
    free = layers.Dense(4)(x)
    m = layers.Masking()(x)
    group = layers.GroupQueryAttention
    y = [
        group(3, 4, 2)(m, m),
        group(3, 4, 2, dropout=0.2)(free, m, use_causal_mask=True),
        layers.GRU(2)(group(3, 2, 1)(m, free)),
        group(2, 2, 1)(free, free, key=m),
    ]
    return keras.Model(x, y)


def pairs(keras):
    layers = keras.layers
    x = keras.Input((5, 4), name="x")
    p = keras.Input((5, 5), name="p")
    y = [
        layers.MultiHeadAttention(2, 3)(x, x, attention_mask=p),
        layers.MultiHeadAttention(2, 3, dropout=0.3)(
            layers.Masking()(x), x, attention_mask=p, use_causal_mask=True
        ),
    ]
    return keras.Model([x, p], y)


def some_pairs(rng):
    p = rng.integers(0, 2, size=(3, 5, 5)).astype(np.float32)
    p[1, 2] = 0
    x = rng.normal(size=(3, 5, 4)).astype(np.float32)
    x[0, 3:] = 0
    return {"x": x, "p": p}


FOUR = "k3.keras k3.h5 k2.keras k2.h5"
# MultiHeadAttention takes the root of key_dim in float32, at another place in
# each generation, so that float64 agrees to 8 digits only: same=False.

def dot_product_attention(keras):
    """The operator: causal or not, of another sequence, with heads that are
    shared, and a scale of its own."""
    attend = keras.ops.dot_product_attention
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    memory = keras.Input((None, 2), name="memory")
    q = layers.Reshape((-1, 4, 3))(layers.Dense(12)(x))
    k = layers.Reshape((-1, 4, 3))(layers.Dense(12)(x))
    v = layers.Reshape((-1, 4, 3))(layers.Dense(12)(x))
    few = layers.Reshape((-1, 2, 3))(layers.Dense(6)(memory))
    y = attend(q, k, v, is_causal=True)
    z = attend(q, few, few * 2.0, scale=0.25)
    w = attend(x[:, :, None], x[:, :, None], x[:, :, None])
    rows = [layers.Reshape((-1, 12))(each) for each in (y, z)]
    both = layers.Concatenate()([*rows, w[:, :, 0]])
    return keras.Model([x, memory], layers.GRU(3)(both))


def open_weights(keras):
    """Weights of as many keys as there are timesteps, of one sequence and of
    two."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    memory = keras.Input((None, 3), name="memory")
    h = layers.LSTM(3, return_sequences=True)(x)
    y, p = layers.Attention(use_scale=True)(
        [h, memory], return_attention_scores=True
    )
    z, q = layers.AdditiveAttention()(
        [x, x, h], return_attention_scores=True, use_causal_mask=True
    )
    end = layers.GRU(2)(layers.Concatenate()([y, z]))
    return keras.Model([x, memory], [p, end, q])


CASES = [
    Case(
        "attention_open_weights",
        open_weights,
        timesteps={"x": 6, "memory": 4},
        streams=False,
    ),
    Case(
        "dot_product_attention",
        dot_product_attention,
        files="k3.keras",
        timesteps={"x": 6, "memory": 4},
        streams=False,
    ),
    Case("attention_dot", dot, files=FOUR, streams=False),
    Case("attention_concat", concat, files=FOUR, streams=False),
    Case("attention_lengths", lengths, same=False),
    Case("attention_scores", scores, same=False),
    Case("attention_unused_scores", unused_scores, same=False),
    Case("attention_heads", heads, files=FOUR, timesteps=5, same=False),
    Case("attention_block", block, timesteps=9, same=False),
    Case("attention_grouped", grouped, files="k3.keras k3.h5"),
    Case("attention_windows", windows, files="k3.keras k3.h5", timesteps=5),
    Case(
        "attention_streams",
        streams,
        files="k3.keras",
        timesteps=9,
        streams=True,
    ),
    Case("attention_blind", blind, files="k3.keras"),
    Case("attention_masked", masked, inputs=padded),
    Case("attention_masked_heads", masked_heads, inputs=padded, same=False),
    Case("attention_masks_taken", masks_taken, inputs=padded, same=False),
    Case("attention_masks_by_order", masks_by_order, inputs=padded, same=False),
    Case(
        "attention_masked_groups",
        masked_groups,
        files="k3.keras",
        inputs=padded,
    ),
    Case("attention_pairs", pairs, inputs=some_pairs, same=False),
    Case("attention_within", within, timesteps=3, streams=True, same=False),
]
