#!/usr/bin/env python3
"""Makes the example models and their requests, with real Keras.

Run it through `make examples`, which provides the packages pinned in
requirements.txt.  It writes beside itself:

seed.keras           SimpleRNN(5, tanh) and Dense(2) over 10 timesteps of 3
                     features, 57 parameters, weights drawn from one seed
seed.json            one input, as the body of POST /predict
seed_expected.json   Keras' answer to it: the last timestep, and every one
sunspots.keras       an LSTM that reads 24 yearly sunspot numbers and answers
                     the next year's
sunspots.csv         the yearly series, 1700 to 2008
sunspots.json        its last 24 years, as the body of POST /predict
sunspots_expected.json  Keras' answer to that, and to each of the last windows
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402  (the environment above comes first)
import numpy as np  # noqa: E402
import statsmodels.datasets  # noqa: E402

HERE = pathlib.Path(__file__).parent

SEED_TIMESTEPS, SEED_FEATURES, SEED_UNITS, SEED_OUTPUTS = 10, 3, 5, 2

WINDOW = 24  # years that the sunspot model reads: a bit over two cycles
SCALE = 200.0  # brings sunspot numbers to about 0..1 for the training
HELD_BACK = 60  # years at the end that no training sees
TRAINING_SEEDS = (1, 2, 3)
EPOCHS, BATCH_SIZE = 60, 16
SHOWN_WINDOWS = 10  # answers in sunspots_expected.json
REQUIRED_GAIN = 0.10  # RMSE below "same as last year", for every seed


def rows(value):
    """A list of lists or objects one to a line, anything else in one."""
    if isinstance(value, list) and isinstance(value[0], (list, dict)):
        return "[\n" + ",\n".join("  " + json.dumps(v) for v in value) + "]"
    return json.dumps(value, allow_nan=False)


def write_json(name, document):
    fields = [f"{json.dumps(k)}: {rows(v)}" for k, v in document.items()]
    text = "{" + ",\n ".join(fields) + "}\n"
    json.loads(text)
    (HERE / name).write_text(text, encoding="utf-8")


def floats(array):
    """The shortest digits that read back to the same float32."""
    return (
        np.asarray(array, dtype=np.float32).astype(str).astype(float).tolist()
    )


def seed_network(return_sequences):
    return keras.Sequential(
        [
            keras.Input((SEED_TIMESTEPS, SEED_FEATURES), name="sequence"),
            keras.layers.SimpleRNN(
                SEED_UNITS,
                activation="tanh",
                bias_initializer=keras.initializers.RandomNormal(stddev=0.1),
                return_sequences=return_sequences,
            ),
            keras.layers.Dense(
                SEED_OUTPUTS,
                bias_initializer=keras.initializers.RandomNormal(stddev=0.1),
            ),
        ],
        name="seed",
    )


def make_seed():
    keras.utils.set_random_seed(10)
    model = seed_network(return_sequences=False)
    assert model.count_params() == 57
    every_step = seed_network(return_sequences=True)
    every_step.set_weights(model.get_weights())

    rng = np.random.default_rng(10)
    sequence = rng.normal(size=(SEED_TIMESTEPS, SEED_FEATURES)).round(2)
    x = sequence.astype(np.float32)[np.newaxis]
    last = model.predict(x, verbose=0)[0]
    each = every_step.predict(x, verbose=0)[0]
    assert np.array_equal(last, each[-1])

    model.save(HERE / "seed.keras")
    write_json("seed.json", {"sequence": sequence.tolist()})
    write_json(
        "seed_expected.json",
        {"output": floats(last), "every_step": floats(each)},
    )
    print("seed: output", floats(last))


def sunspot_windows(series):
    """Every run of WINDOW years, and the year after each."""
    x = np.lib.stride_tricks.sliding_window_view(series, WINDOW)[:-1]
    return x[..., np.newaxis], series[WINDOW:, np.newaxis]


def sunspot_network():
    return keras.Sequential(
        [
            keras.Input((WINDOW, 1), name="sunspots"),
            keras.layers.LSTM(16),
            keras.layers.Dense(1),
        ],
        name="sunspots",
    )


def take_scale_in(weights):
    """Weights for x and y in sunspot numbers, from weights for x and y
    divided by SCALE: the LSTM's kernel takes the division in, the Dense
    layer the multiplication."""
    kernel, recurrent_kernel, bias, dense_kernel, dense_bias = weights
    return [
        kernel / SCALE,
        recurrent_kernel,
        bias,
        dense_kernel * SCALE,
        dense_bias * SCALE,
    ]


def train_sunspots(seed, x, y):
    """A network for sunspot numbers as they are, trained on x, y."""
    keras.utils.set_random_seed(seed)
    training = sunspot_network()
    steps = EPOCHS * -(-len(x) // BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    training.compile(keras.optimizers.Adam(rate), "mse")
    training.fit(
        x / SCALE, y / SCALE, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0
    )
    model = sunspot_network()
    model.set_weights(take_scale_in(training.get_weights()))
    return model


def rmse(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


def make_sunspots():
    table = statsmodels.datasets.sunspots.load_pandas().data
    years = table["YEAR"].astype(int).to_numpy()
    series = table["SUNACTIVITY"].to_numpy(dtype=np.float32)
    x, y = sunspot_windows(series)
    seen = len(y) - HELD_BACK

    same = rmse(x[seen:, -1], y[seen:])
    print(f"sunspots: RMSE over {years[-HELD_BACK]}..{years[-1]}")
    print(f"  same as last year     {same:6.2f}")
    models = []
    for seed in TRAINING_SEEDS:
        model = train_sunspots(seed, x[:seen], y[:seen])
        error = rmse(model.predict(x[seen:], verbose=0), y[seen:])
        gain = 1 - error / same
        print(f"  LSTM(16), seed {seed}      {error:6.2f}  ({gain:.0%} less)")
        assert gain >= REQUIRED_GAIN, f"seed {seed} gains only {gain:.1%}"
        models.append(model)

    model = models[0]
    model.save(HERE / "sunspots.keras")
    lines = [
        f"{year},{value:.1f}\n"
        for year, value in zip(years, series, strict=True)
    ]
    (HERE / "sunspots.csv").write_text("year,sunspots\n" + "".join(lines))
    write_json("sunspots.json", {"sequence": floats(series[-WINDOW:])})
    ends = range(len(series) - SHOWN_WINDOWS + 1, len(series) + 1)
    windows = np.stack([series[end - WINDOW : end] for end in ends])
    answers = model.predict(windows[..., np.newaxis], verbose=0)
    write_json(
        "sunspots_expected.json",
        {
            "output": floats(answers[-1]),
            "windows": [
                {"last_year": int(years[end - 1]), "output": floats(answer)}
                for end, answer in zip(ends, answers, strict=True)
            ],
        },
    )
    print(f"  forecast for {years[-1] + 1}: {floats(answers[-1])}")


if __name__ == "__main__":
    make_seed()
    make_sunspots()
