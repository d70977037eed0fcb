"""tables.py: Markdown tables of what was measured in process: steps, whole
calls, JSON."""

import models
import samples

PEER_NAMES = {
    "onnxruntime": "ONNX Runtime",
    "tensorflow": "TensorFlow, `tf.function`",
    "litert": "LiteRT",
    "torch": "PyTorch",
    "onednn": "oneDNN",
}


def table(head, rows):
    """The first column left, the others right."""
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|---|" + "--:|" * (len(head) - 1))
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def figure(value, bold=False):
    """Three significant digits."""
    if value is None:
        return ""
    text = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"**{text}**" if bold else text


def ratio(value):
    if value is None:
        return ""
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def folded(title, parts):
    """What a reader unfolds."""
    inner = "\n\n".join(parts)
    return f"<details><summary>{title}</summary>\n\n{inner}\n\n</details>"


def spreads(rows, name):
    """A sentence on how far samples lie apart."""
    found = sorted(
        s for row in rows if (s := samples.spread(row[name])) is not None
    )
    if not found:
        return "One round: no spread is known."
    worst = found[int(len(found) * 0.95)]
    return (
        "Half of the distance between the quartiles, over the median:"
        f" {100 * found[len(found) // 2]:.0f} % in the middle of all figures,"
        f" {100 * worst:.0f} % for one in twenty."
    )


def missing(result):
    """What could not be measured, and why."""
    return "".join(
        f"\nNot measured: {PEER_NAMES.get(name, name)} ({why})."
        for name, why in result.get("missing", {}).items()
    )


# ---- steps ------------------------------------------------------------------
def step_figures(result):
    """(isa, cell, M, batch) -> medians of every column."""
    return {
        (row["isa"], row["cell"], int(row["M"]), int(row["batch"])): {
            name: samples.median(values)
            for name, values in row.items()
            if isinstance(values, list)
        }
        for row in result["rows"]
    }


def batch_figures(result):
    """(isa, cell, M, batch) -> the columns of the run that reached most."""
    figures = {}
    for row in result.get("batches", []):
        columns = {k: v for k, v in row.items() if isinstance(v, list)}
        reached = columns["fma_percent"]
        best = reached.index(max(reached))
        key = row["isa"], row["cell"], int(row["M"]), int(row["batch"])
        figures[key] = {name: v[best] for name, v in columns.items()}
    return figures


def best_isa(figures):
    found = {isa for isa, *_ in figures}
    return next(i for i in ("avx512", "neon", "avx2") if i in found)


def limits_text(result):
    rows = {row["isa"]: row for row in result["limits"]}
    clock = rows.pop("clock", None)
    text = []
    if clock:
        text.append(f"Clock {samples.median(clock['ghz']):.2f} GHz.")
    for isa, row in rows.items():
        read = ", ".join(
            f"{name} {max(row[name]):.0f}" for name in ("L1", "L2", "L3")
        )
        text.append(
            f"{isa}: reads of {read} GB/s (16 kB, 256 kB, 4 MB) beside"
            f" multiply-adds, {max(row['peak']):.0f} GFLOP/s."
        )
    return " ".join(text)


def batch_table(result):
    """What batches of 32 reach, beside what the ends and the products as they
    are alone leave, and what the ends alone do."""
    figures = batch_figures(result)
    shapes = [units for _, units in models.SHAPES]

    def one(isa, cell, m):
        row = figures.get((isa, cell, m, 32))
        if not row:
            return ""
        names = ("fma_percent", "limit_percent", "most_percent")
        return ", ".join(f"{row[name]:.0f}" for name in names)

    return table(
        [
            "% of the peak, limit, most, batch 32",
            *[f"M = {m}" for m in shapes],
        ],
        [
            [f"{isa} {cell}", *[one(isa, cell, m) for m in shapes]]
            for isa in sorted({key[0] for key in figures})
            for cell in models.CELLS
        ],
    )


def step(result):
    figures = step_figures(result)
    isa = best_isa(figures)
    shapes = [units for _, units in models.SHAPES]
    head = ["ns for a step, over bound B", *[f"M = {m}" for m in shapes]]

    def one(cell, m):
        row = figures.get((isa, cell, m, 1))
        return f"{figure(row['best'])}, {row['ratio']:.2f}" if row else ""

    def limit(cell, m):
        row = figures.get((isa, cell, m, 1))
        if not row or not row.get("limit"):
            return ""
        return (
            f"{figure(row['limit'])}, {row['limit'] / row['bound']:.2f},"
            f" {row['over_limit']:.2f}"
        )

    def rested(cell, m):
        row = figures.get((isa, cell, m, 1))
        if not row or not row.get("rested"):
            return ""
        bound = row["rested"] + row["product"] + row["latency"]
        return f"{row['best'] / bound:.2f}"

    def limits(cell, m):
        row = figures.get((isa, cell, m, 1))
        names = ("read", "product", "latency")
        return " + ".join(figure(row[n]) for n in names) if row else ""

    first = table(
        head,
        [
            [f"{cell}{what}", *[make(cell, m) for m in shapes]]
            for cell in models.CELLS
            for what, make in (
                ("", one),
                (", bound B", limits),
                (", over B with reads of a rested core", rested),
                (", limit, over B, step over it", limit),
            )
        ],
    )
    return f"{limits_text(result)}\n\n{first}\n\n{batch_table(result)}"


# ---- whole calls ------------------------------------------------------------
def call_figures(result):
    """(cell, M, batch, T) -> engine -> ns of a call, of each round."""
    found = {}
    for row in result["rows"]:
        key = (row["cell"], row["M"], row["batch"], row["T"])
        found.setdefault(key, {})[row["engine"]] = row["cpu_ns"]
    return found


def fastest(engines):
    """(peer, its ns over ours), or None."""
    if "rnnd" not in engines or len(engines) < 2:
        return None
    peers = {
        name: samples.over(ns, engines["rnnd"])
        for name, ns in engines.items()
        if name != "rnnd"
    }
    name = min(peers, key=peers.get)
    return name, peers[name]


def by_difference(figures, cell, units, batch):
    """engine -> ns of one timestep without what a call costs."""
    long = figures.get((cell, units, batch, 100), {})
    short = figures.get((cell, units, batch, 10), {})
    found = {
        name: [(a - b) / 90 for a, b in zip(long[name], short[name])]
        for name in long
        if name in short
    }
    # A difference that noise has turned around says nothing.
    return {name: ns for name, ns in found.items() if min(ns) > 0}


def engine_table(figures, cell, batch, shapes, steps=100):
    engines = {
        name
        for (c, _, b, t), row in figures.items()
        if (c, b, t) == (cell, batch, steps)
        for name in row
    }
    rows = []
    for name in ["rnnd", *[n for n in PEER_NAMES if n in engines]]:
        row = [PEER_NAMES.get(name, f"**{name}**")]
        for units in shapes:
            ns = figures.get((cell, units, batch, steps), {}).get(name)
            ns = ns and samples.median(ns) / steps
            row.append(figure(ns, name == "rnnd"))
        rows.append(row)
    row = ["fastest peer / rnnd"]
    for units in shapes:
        best = fastest(figures.get((cell, units, batch, steps), {}))
        row.append(ratio(best and best[1]))
    rows.append(row)
    return table([f"{cell}, batch {batch}", *names(shapes)], rows)


def names(shapes):
    inputs = {units: d for d, units in models.SHAPES}
    return [f"({inputs[m]}, {m})" for m in shapes]


def ratio_table(figures, shapes, batches):
    """The fastest peer over ours, for calls of 1, 10 and 100 timesteps and for
    one more timestep."""
    rows = []
    for cell in models.CELLS:
        for batch in batches:
            row = [f"{cell}, batch {batch}"]
            for units in shapes:
                found = [
                    fastest(figures.get((cell, units, batch, steps), {}))
                    for steps in (1, 10, 100)
                ]
                found.append(
                    fastest(by_difference(figures, cell, units, batch))
                )
                row.append(
                    " ".join(ratio(best[1]) if best else "-" for best in found)
                )
            rows.append(row)
    return table(["fastest peer / rnnd", *names(shapes)], rows)


def compute(result):
    figures = call_figures(result)
    shapes = sorted({key[1] for key in figures})
    batches = sorted({key[2] for key in figures})
    parts = [
        "The fastest peer over ours, (D, M) above: for calls of 1, 10 and 100"
        " timesteps, then for one more timestep (T = 100 less T = 10), where"
        " the cost of calling from Python does not count. Above 1 ours is"
        " faster. " + spreads(result["rows"], "cpu_ns"),
        ratio_table(figures, shapes, batches),
    ]
    for batch in batches:
        parts.append(
            folded(
                f"Every engine at batch {batch}: ns of processor time for a"
                " timestep of the whole batch, in a call of 100",
                [
                    engine_table(figures, cell, batch, shapes)
                    for cell in models.CELLS
                ],
            )
        )
    return "\n\n".join(parts) + missing(result)


# ---- JSON -------------------------------------------------------------------
JSON_LIBRARIES = (
    "cJSON",
    "yyjson",
    "simdjson on demand",
    "simdjson document",
)


def json_figures(result):
    """(what, size, format) -> library -> ns."""
    found = {}
    for row in result["rows"]:
        key = (row["what"], row["size"], row["format"])
        found.setdefault(key, {})[row["library"]] = samples.median(row["ns"])
    return found


def json(result):
    figures = json_figures(result)
    libraries = JSON_LIBRARIES
    rows = []
    for (what, size, form), row in figures.items():
        texts = [
            (
                f"{figure(row[n])} ({ratio(row[n] / row['rnnd'])})"
                if n in row
                else ""
            )
            for n in libraries
        ]
        of = f"`{form}`" if what == "read" else "float32"
        rows.append(
            [f"{what} {size}, {of}", figure(row["rnnd"], True), *texts]
        )
    return (
        "ns for a body read and for a float written; in brackets over ours. "
        + spreads(result["rows"], "ns")
        + "\n\n"
        + table(["", "rnnd", *libraries], rows)
        + missing(result)
    )
