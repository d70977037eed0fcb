"""pictures.py: how cost grows: a table and a picture of each series."""

import os

import place
import samples
import svg_plot
from tables import figure, missing, table

FOLDER = os.path.join(place.ROOT, "docs", "bench")
NAMES = {
    "rnnd": "rnnd",
    "onnxruntime": "ONNX Runtime",
    "onednn": "oneDNN",
    "nginx": "nginx return 200",
}


def series_of(result, wanted, name):
    """(cell, engine) -> [(value, median of name)]."""
    found = {}
    for row in result["rows"]:
        if row["series"] == wanted and name in row:
            found.setdefault((row["cell"], row["engine"]), []).append(
                (row["value"], samples.median(row[name]))
            )
    return {key: sorted(points) for key, points in found.items()}


def draw(name, *about, linear=False):
    """A picture below docs/bench, and the Markdown that shows it."""
    plot = svg_plot.Plot(*about, y_from_zero=linear)
    if not plot.series:
        return ""
    os.makedirs(FOLDER, exist_ok=True)
    svg_plot.draw(os.path.join(FOLDER, name + ".svg"), plot)
    return f"![{plot.title}](docs/bench/{name}.svg)"


def curves_table(head, curves):
    """A row for each curve, a column for each value."""
    values = sorted({x for points in curves.values() for x, _ in points})
    return table(
        [head, *[f"{value:,}" for value in values]],
        [
            [name, *[figure(dict(points).get(x)) for x in values]]
            for name, points in curves.items()
        ],
    )


def calls(result, wanted, title, axis, unit, each):
    """A picture for each cell, all in one table; `each` makes a call's ns into
    what is shown."""
    parts, curves = [], {}
    found = series_of(result, wanted, "cpu_ns")
    for cell in ("SimpleRNN", "LSTM", "GRU"):
        lines = []
        for engine in ("rnnd", "onnxruntime", "onednn"):
            points = [
                (value, each(ns, value))
                for value, ns in found.get((cell, engine), [])
            ]
            if points:
                lines.append((NAMES[engine], points))
                curves[f"{cell}, {NAMES[engine]}"] = points
        parts.append(
            draw(
                f"{wanted}-{cell.lower()}",
                f"{cell}: {title}",
                axis,
                unit,
                lines,
            )
        )
    if not curves:
        return ""
    return "\n".join(
        [
            f"**{title[0].upper()}{title[1:]}**, {unit}:",
            "",
            curves_table(axis, curves),
            "",
            *parts,
        ]
    )


def load_curves(result, wanted, name):
    return {
        NAMES[engine]: points
        for (_, engine), points in series_of(result, wanted, name).items()
    }


def connections(result):
    cpu = load_curves(result, "connections", "cpu_us")
    tail = load_curves(result, "connections", "p99_us")
    if not cpu:
        return ""
    rows = {f"{name}, CPU µs": points for name, points in cpu.items()}
    rows.update({f"{name}, p99 µs": points for name, points in tail.items()})
    axis = "connections"
    return "\n".join(
        [
            "**Connections**: `POST /predict` of the seed model in JSON,"
            " beside nginx:",
            "",
            curves_table(axis, rows),
            "",
            draw(
                "connections-cpu",
                "CPU time of the server for each request",
                axis,
                "µs",
                list(cpu.items()),
                linear=True,
            ),
            draw(
                "connections-p99",
                "the slowest of a hundred requests",
                axis,
                "p99, µs",
                list(tail.items()),
            ),
        ]
    )


def sessions(result):
    cpu = load_curves(result, "sessions", "cpu_us").get("rnnd")
    memory = load_curves(result, "sessions", "resident_mb").get("rnnd")
    if not cpu:
        return ""
    axis = "live sessions"
    rows = {
        "CPU µs for a step": cpu,
        "resident beside an empty daemon, MB": memory,
    }
    return "\n".join(
        [
            "**Sessions**: steps of one row, each to one of so many live"
            " sessions at random, 16 connections; what they take:",
            "",
            curves_table(axis, rows),
            "",
            draw(
                "sessions-cpu",
                "CPU time of a step among live sessions",
                axis,
                "µs",
                [("rnnd", cpu)],
                linear=True,
            ),
            draw(
                "sessions-memory",
                "memory of live sessions",
                axis,
                "resident, MB",
                [("rnnd", memory)],
            ),
        ]
    )


def scale(result):
    parts = [
        calls(
            result,
            "timesteps",
            "a call of T timesteps (D = 32, M = 64, batch 1)",
            "timesteps",
            "µs for a call",
            lambda ns, _: ns / 1e3,
        ),
        calls(
            result,
            "units",
            "a timestep of M units (D = M / 2, batch 1, T = 30)",
            "units",
            "ns for a timestep",
            lambda ns, _: ns / 30,
        ),
        calls(
            result,
            "batch",
            "a timestep of one of N sequences (D = 64, M = 128, T = 30)",
            "sequences in a batch",
            "ns for a timestep of a sequence",
            lambda ns, batch: ns / 30 / batch,
        ),
        sessions(result),
        connections(result),
    ]
    return "\n\n".join(filter(None, parts)) + missing(result)
