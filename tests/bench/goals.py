"""goals.py: the goals of the project beside what was measured."""

import os

import place
import samples
import tables
import tables_http
import tables_turns
from goal_row import Row


def step_rows(result):
    figures = tables.step_figures(result) if result else {}
    best = tables.best_isa(figures) if figures else None

    def bound(least, most):
        return [
            (f"{cell} {m}", row["ratio"])
            for (isa, cell, m, batch), row in figures.items()
            if isa == best and batch == 1 and least <= m <= most
        ]

    limits = {
        f"{cell} {m}": row["limit"] / row["bound"]
        for (isa, cell, m, batch), row in figures.items()
        if isa == best and batch == 1 and row.get("limit")
    }
    batches = tables.batch_figures(result) if result else {}

    def column(wanted, name):
        return {
            f"{cell} {m}": row[name]
            for (isa, cell, m, batch), row in batches.items()
            if isa == wanted and batch == 32 and m >= 128
        }

    def peak(what, goal, isa):
        return Row(
            f"{what}, {isa.upper().replace('AVX512', 'AVX-512')}",
            goal,
            column(isa, "fma_percent").items(),
            unit=" %",
            limits=column(isa, "limit_percent"),
        )

    what = "a step at batch 1 over bound B"
    yield Row(f"{what}, M ≥ 64", 1.10, bound(64, 512), True, limits=limits)
    yield Row(f"{what}, M < 64", 1.25, bound(0, 63), True, limits=limits)
    what = "of the multiply-add peak, batch 32, M ≥ 128"
    yield peak(what, 88, "avx512")
    yield peak(what, 80, "avx2")


def compute_rows(result):
    figures = tables.call_figures(result) if result else {}

    def cells(wanted, ns):
        for cell, units, batch, steps in figures:
            if steps != 100 or not wanted(cell, batch):
                continue
            best = tables.fastest(ns(cell, units, batch))
            if best:
                peer = tables.PEER_NAMES[best[0]].split(",")[0]
                yield f"{cell} {units}, batch {batch}, {peer}", best[1]

    def whole(cell, units, batch):
        return figures[cell, units, batch, 100]

    def one_more(cell, units, batch):
        return tables.by_difference(figures, cell, units, batch)

    for what, ns in (("calls of 100", whole), ("one more step", one_more)):
        for batch in (1, 8, 32):
            found = list(cells(lambda _, b, batch=batch: b == batch, ns))
            yield Row(f"fastest peer / ours, batch {batch}, {what}", 1, found)
        found = list(cells(lambda c, b: c == "SimpleRNN" and b == 1, ns))
        yield Row(f"the same, SimpleRNN at batch 1, {what}", 1.4, found)


def over(figures, load, name, mine, theirs):
    """What `mine` has over what `theirs` has, at 16 connections; None where
    not measured."""
    a = figures.get((load, 16), {}).get(mine)
    b = figures.get((load, 16), {}).get(theirs)
    if not a or not b:
        return None
    return samples.over(a["samples"][name], b["samples"][name])


PEERS = {"fastapi+onnxruntime": "FastAPI + ORT", "triton": "Triton"}


def http_rows(result):
    figures = tables_http.figures_of(result) if result else {}

    def peers(loads):
        return [
            (f"{peer}, {load}", over(figures, load, "cpu_us", name, "rnnd"))
            for load in loads
            for name, peer in PEERS.items()
        ]

    yield Row(
        "CPU of a peer / ours, small models",
        10,
        peers(["seed json", "seed step json"]),
    )
    yield Row(
        "the same, LSTM(64)", 10, peers(["lstm64 json", "lstm64 step json"])
    )
    yield Row("the same, GRU(128) T = 252", 1.3, peers(["gru128 json"]))
    stalls = [
        (f"{load}, {count}", over_rate(figures, load, count))
        for load in ("livez", "seed json")
        for count in (128, 256)
    ]
    yield Row(
        "no stall: req/s at 128 and 256 connections over 16", 0.5, stalls
    )


def over_rate(figures, load, count):
    many = figures.get((load, count), {}).get("rnnd")
    few = figures.get((load, 16), {}).get("rnnd")
    return many["rate"] / few["rate"] if many and few else None


def json_rows(result):
    figures = tables.json_figures(result) if result else {}

    def against(key, library):
        row = figures.get(key, {})
        return [
            (name.removeprefix(library).strip(), row[name] / row["rnnd"])
            for name in row
            if name.startswith(library)
        ]

    read = ("read", "1000x32", "%.8g")
    for library, goal in (("cJSON", 12), ("simdjson", 1.5)):
        yield Row(
            f"JSON tensor in, 1000 x 32: {library} / ours",
            goal,
            against(read, library),
        )
    yield Row(
        "floats out: cJSON / ours",
        30,
        against(("write", "10000", "float32"), "cJSON"),
    )


def start_rows(result):
    figures = tables_http.start_figures(result) if result else {}

    def ours(kind, name):
        return [("", figures.get(kind, {}).get(name))]

    def peers(name):
        return [
            (peer, figures[server][name] / figures["rnnd, native"][name])
            for server, peer in PEERS.items()
            if server in figures
        ]

    yield Row("memory of a peer / ours", 10, peers("resident_mb"))
    yield Row("start of a peer / ours", 10, peers("start_ms"))
    what = "start to first answer"
    yield Row(
        f"{what}, native model",
        20,
        ours("rnnd, native", "start_ms"),
        True,
        " ms",
    )
    yield Row(
        f"{what}, `.keras`", 60, ours("rnnd, .keras", "start_ms"), True, " ms"
    )
    yield Row(
        "resident, seed model",
        7,
        ours("rnnd, native", "resident_mb") + ours(".keras", "resident_mb"),
        True,
        " MB",
    )
    bytes_ = samples.median(result["session_bytes"]) if result else None
    yield Row(
        "each session beside its state", 160, [("", bytes_)], True, " bytes"
    )


def image_rows():
    """What `make container` wrote of its images: a name and bytes a line."""
    sizes = {}
    path = os.path.join(place.ROOT, "build", "container", "sizes")
    if os.path.exists(path):
        with open(path, encoding="ascii") as file:
            for line in file:
                name, count = line.split()
                sizes[name] = int(count) / 1e6
    for name, goal in (("rnnd:native", 11), ("rnnd:full", 30)):
        yield Row(
            f"image `{name}` (`make container`)",
            goal,
            [("", sizes.get(name))],
            True,
            " MB",
        )


def goals(results):
    rows = [
        *step_rows(results.get("step")),
        *compute_rows(results.get("compute")),
        *tables_turns.goal_rows(results.get("http")),
        *http_rows(results.get("http")),
        *json_rows(results.get("json")),
        *start_rows(results.get("start")),
        *image_rows(),
    ]
    return tables.table(
        ["what", "goal", "reached, at worst", "of the goal", "met"],
        [row.texts() for row in rows],
    )
