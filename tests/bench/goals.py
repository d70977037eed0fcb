"""goals.py: the goals of the project beside what was measured.

A goal is a number that is not to be passed (most) or to be reached (least);
`of the goal` is 1 or more where it is met.  Where a goal stands for many
cells, the worst one counts and is named.
"""

import os

import place
import samples
import tables
import tables_http

UNKNOWN = "not measured"


class Row:
    """what: text; goal: a number; at_most: may not pass it; cells: (name,
    value) of which the worst counts; unit behind numbers; limits: name -> what
    was measured to be the best that the machine can do, where it was."""

    def __init__(
        self, what, goal, cells, at_most=False, unit="", limits=None
    ):
        self.what, self.goal, self.at_most = what, goal, at_most
        self.cells = [(n, v) for n, v in cells if v is not None]
        self.unit = unit
        self.limits = limits or {}

    def share(self, value):
        if self.at_most:
            return self.goal / value if value else float("inf")
        return value / self.goal

    def texts(self):
        sign = "≤" if self.at_most else "≥"
        goal = f"{sign} {self.goal:g}{self.unit}"
        if not self.cells:
            return [self.what, goal, UNKNOWN, "", ""]
        name, value = min(self.cells, key=lambda c: self.share(c[1]))
        reached = f"{tables.figure(value)}{self.unit}"
        if name:
            reached += f" ({name})"
        met = sum(self.share(v) >= 1 for _, v in self.cells)
        verdict = "yes" if met == len(self.cells) else "**no**"
        if len(self.cells) > 1 and met < len(self.cells):
            verdict = f"**in {met} of {len(self.cells)}**"
            cannot = sum(
                self.share(value) < 1
                and name in self.limits
                and self.share(self.limits[name]) < 1
                for name, value in self.cells
            )
            if cannot:
                verdict += f", {cannot} cannot: limit above the goal"
        return [self.what, goal, reached, f"{self.share(value):.2f}", verdict]


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

    def peak(wanted):
        return [
            (f"{cell} {m}", row["fma_percent"])
            for (isa, cell, m, batch), row in figures.items()
            if isa == wanted and batch == 32 and m >= 128
        ]

    what = "a step at batch 1 over bound B"
    yield Row(f"{what}, M ≥ 64", 1.10, bound(64, 512), True, limits=limits)
    yield Row(f"{what}, M < 64", 1.25, bound(0, 63), True, limits=limits)
    what = "of the multiply-add peak, batch 32, M ≥ 128"
    yield Row(f"{what}, AVX-512", 88, peak("avx512"), unit=" %")
    yield Row(f"{what}, AVX2", 80, peak("avx2"), unit=" %")


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


def over(figures, load, name, mine, theirs, connections=16, theirs_load=None):
    """What `mine` has over what `theirs` has; None where not measured."""
    a = figures.get((load, connections), {}).get(mine)
    b = figures.get((theirs_load or load, connections), {}).get(theirs)
    if not a or not b:
        return None
    return samples.over(a["samples"][name], b["samples"][name])


PEERS = {"fastapi+onnxruntime": "FastAPI + ORT", "triton": "Triton"}


def http_rows(result):
    figures = tables_http.figures_of(result) if result else {}

    def nginx(load, name):
        value = over(figures, load, name, "rnnd", "nginx", 16, "livez")
        return [("", value)]

    def peers(loads):
        return [
            (f"{peer}, {load}", over(figures, load, "cpu_us", name, "rnnd"))
            for load in loads
            for name, peer in PEERS.items()
        ]

    def own(name, connections):
        return [
            (load, row[name])
            for load, row in (
                (load, figures.get((load, connections), {}).get("rnnd"))
                for load in ("livez", "seed json", "seed binary")
            )
            if row
        ]

    predict = "`POST /predict`, seed, JSON"
    yield Row(
        "`GET /livez`, req/s over nginx, 16 connections",
        1.0,
        nginx("livez", "rate"),
    )
    yield Row(f"{predict}, req/s over nginx", 0.85, nginx("seed json", "rate"))
    yield Row(
        "`GET /livez`, CPU over nginx", 1.0, nginx("livez", "cpu_us"), True
    )
    yield Row(
        f"{predict}, CPU over nginx", 1.2, nginx("seed json", "cpu_us"), True
    )
    yield Row(
        "CPU of a peer / ours, small models",
        10,
        peers(["seed json", "seed step json"]),
    )
    yield Row(
        "the same, LSTM(64)", 10, peers(["lstm64 json", "lstm64 step json"])
    )
    yield Row("the same, GRU(128) T = 252", 1.3, peers(["gru128 json"]))
    tails = [
        (name, p99 / p50)
        for (name, p99), (_, p50) in zip(own("p99_us", 16), own("p50_us", 16))
    ]
    yield Row("p99 / p50 at 16 connections", 1.5, tails, True)
    yield Row(
        "the same over nginx's for the same requests",
        1.1,
        list(tails_over_nginx(figures)),
        True,
    )
    stalls = [
        (f"{load}, {count}", over_rate(figures, load, count))
        for load in ("livez", "seed json")
        for count in (128, 256)
    ]
    yield Row(
        "no stall: req/s at 128 and 256 connections over 16", 0.5, stalls
    )


def tails_over_nginx(figures):
    """Ours and nginx's share every disturbance of the machine."""
    loads = ("livez", *(f"seed {mode}" for mode in tables_http.MODES if mode))
    for load in loads:
        tails = [
            row["p99_us"] / row["p50_us"]
            for row in (
                figures.get((load, 16), {}).get(name)
                for name in ("rnnd", "nginx")
            )
            if row
        ]
        if len(tails) == 2:
            yield load, tails[0] / tails[1]


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
        *http_rows(results.get("http")),
        *json_rows(results.get("json")),
        *start_rows(results.get("start")),
        *image_rows(),
    ]
    return tables.table(
        ["what", "goal", "reached, at worst", "of the goal", "met"],
        [row.texts() for row in rows],
    )
