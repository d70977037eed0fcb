"""tables_http.py: Markdown tables of servers: requests, starts, kept
sessions."""

import samples
from tables import figure, folded, missing, ratio, spreads, table

PEER_NAMES = {
    "rnnd": "**rnnd**",
    "nginx": "nginx `return 200`",
    "fastapi+onnxruntime": "FastAPI + ONNX Runtime",
    "fastapi+keras": "FastAPI + Keras, `tf.function`",
    "triton": "Triton",
}
MODELS = {
    "livez": "GET /livez",
    "seed": "seed: SimpleRNN(5), T = 10, D = 3",
    "lstm64": "LSTM(64), T = 12, D = 8",
    "gru128": "GRU(128), T = 252, D = 1",
}
MODES = {
    "": "",
    "json": "JSON",
    "binary": "binary",
    "step json": "a step of a session, JSON",
    "step binary": "a step of a session, binary",
}


def figures_of(result):
    """(load, connections) -> server -> medians, and all in `samples`."""
    found = {}
    for row in result["rows"]:
        key = (row["load"], row["connections"])
        found.setdefault(key, {})[row["server"]] = {
            "samples": row,
            **{
                name: samples.median(values)
                for name, values in row.items()
                if isinstance(values, list)
            },
        }
    return found


def server_rows(figures, load):
    """One row for each number of connections and server."""
    for (name, connections), servers in sorted(
        figures.items(), key=lambda item: item[0][1]
    ):
        if name != load:
            continue
        ours = servers.get("rnnd", {}).get("cpu_us")
        for server in PEER_NAMES:
            row = servers.get(server)
            if row is None:
                continue
            yield [
                PEER_NAMES[server],
                connections,
                f"{row['rate']:.0f}",
                f"{row['p50_us']:.0f}",
                f"{row['p99_us']:.0f}",
                figure(row["cpu_us"]),
                ratio(ours and row["cpu_us"] / ours),
            ]


HEAD = ["server", "connections", "req/s", "p50 µs", "p99 µs", "CPU µs"]


def titles(figures):
    """Load -> (model, mode) of those that were measured, in order."""
    loads = {load for load, _ in figures}
    for model in MODELS:
        for mode in MODES:
            load = f"{model} {mode}".strip()
            if load in loads:
                yield load, model, mode


def summary(figures, connections):
    """CPU us of a request: servers beside each other."""
    rows = []
    for load, model, mode in titles(figures):
        servers = figures.get((load, connections), {})
        ours = servers.get("rnnd", {}).get("cpu_us")
        row = [
            f"{MODELS[model].split(':')[0]}{', ' * bool(mode)}{MODES[mode]}"
        ]
        for name in PEER_NAMES:
            cpu = servers.get(name, {}).get("cpu_us")
            text = figure(cpu)
            if cpu and ours and name != "rnnd":
                text += f" ({ratio(cpu / ours)})"
            row.append(text)
        rows.append(row)
    return table(["CPU µs (over rnnd)", *PEER_NAMES.values()], rows)


def http(result):
    figures = figures_of(result)
    parts = [
        "Processor time of the server, all its processes, for each request at"
        " 16 connections. " + spreads(result["rows"], "cpu_us"),
        summary(figures, 16),
    ]
    for model, title in MODELS.items():
        inner = []
        for load, of, mode in titles(figures):
            if of != model:
                continue
            if mode:
                inner.append(f"{MODES[mode]}:")
            inner.append(
                table([*HEAD, "over rnnd"], server_rows(figures, load))
            )
        if inner:
            parts.append(
                folded(f"{title}: requests a second, latency, CPU", inner)
            )
    return "\n\n".join(parts) + missing(result)


def start_figures(result):
    return {
        row["server"]: {
            "start_ms": samples.median(row["start_ms"]),
            "resident_mb": samples.median(row["resident_mb"]),
        }
        for row in result["rows"]
    }


def start(result):
    rows = [
        [
            PEER_NAMES.get(name, f"**{name}**"),
            figure(row["start_ms"]),
            figure(row["resident_mb"]),
        ]
        for name, row in start_figures(result).items()
    ]
    return (
        table(["server", "start to first answer, ms", "resident, MB"], rows)
        + f"\n\nEach of {result['sessions']:,} sessions (ids of 32 characters)"
        + f" costs {samples.median(result['session_bytes']):.0f} bytes beside"
        + " its state."
        + missing(result)
    )


def store(result):
    found = {}
    for row in result["rows"]:
        found.setdefault(row["connections"], {})[row["durability"]] = row
    kinds = ("memory", "async", "step", "fsync", "redis")
    rows = []
    for connections, row in found.items():
        for what, name in (("steps/s", "rate"), ("CPU µs", "cpu_us")):
            rows.append(
                [
                    f"{what}, {connections} connections",
                    *[
                        (
                            figure(samples.median(row[kind][name]))
                            if kind in row
                            else ""
                        )
                        for kind in kinds
                    ],
                ]
            )
    return table(["", *[f"`{kind}`" for kind in kinds]], rows)
