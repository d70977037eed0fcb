"""tables_turns.py: what short turns compare (turns.py): a table, and goals."""

import gaps
import samples
import turns
from goal_row import Row
from tables import figure, ratio, table
from tables_http import MODES

NAMES = {
    "rnnd": "**rnnd**",
    "nginx": "nginx `return 200`",
    turns.LEAST: "nginx, asked to `GET`",
    turns.LIMIT: "the kernel alone",
    turns.GIVEN: "libmicrohttpd alone",
}


def figures_of(result):
    """(load, server) -> samples, and p99 over p50 of each turn as `tail`."""
    found = {}
    for row in result.get("turns", []):
        tails = [a / b for a, b in zip(row["p99_us"], row["p50_us"])]
        found[row["load"], row["server"]] = {**row, "tail": tails}
    return found


def median(figures, key, name):
    return samples.median(figures[key][name]) if key in figures else None


def ratios(figures, key, other, name):
    """Turn by turn: what slows a round slows both."""
    if key not in figures or other not in figures:
        return None
    pairs = zip(figures[key][name], figures[other][name])
    return [a / b for a, b in pairs]


def over(figures, key, other, name):
    found = ratios(figures, key, other, name)
    return samples.median(found) if found else None


def rows_of(figures, load):
    for server, title in NAMES.items():
        key, nginx = (load, server), (load, "nginx")
        if key not in figures:
            continue
        spread = samples.spread(ratios(figures, key, nginx, "cpu_us") or [])
        yield [
            title,
            figure(median(figures, key, "cpu_us")),
            ratio(over(figures, key, nginx, "cpu_us")),
            f"{100 * spread:.0f} %" if spread else "",
            f"{median(figures, key, 'rate'):.0f}",
            ratio(over(figures, key, nginx, "rate")),
            f"{median(figures, key, 'p50_us'):.0f}",
            f"{median(figures, key, 'p99_us'):.0f}",
            ratio(median(figures, key, "tail")),
            ratio(over(figures, key, nginx, "tail")),
        ]


HEAD = [
    "server",
    "CPU µs",
    "over nginx",
    "spread",
    "req/s",
    "over nginx",
    "p50 µs",
    "p99 µs",
    "p99/p50",
    "over nginx",
]


def gaps_text(result):
    """What a loop that does nothing lost on the server's core meanwhile."""
    percents = [one["percent"] for one in result["gaps"]]
    longest = max(one["longest_ms"] for one in result["gaps"])
    return (
        "Between them a loop that does nothing lost"
        f" {figure(samples.median(percents))} % of its time on the server's"
        " core in gaps of more than 100 µs (at most"
        f" {figure(max(percents))} % of {gaps.SECONDS} s, the longest gap"
        f" {figure(longest)} ms): from 1 % on, a p99 is such a gap, whoever"
        " serves."
    )


def tables(result):
    """Parts of a page: one table for each load."""
    figures = figures_of(result)
    if not figures:
        return
    count = max(len(row["rate"]) for row in figures.values())
    yield (
        f"**rnnd beside nginx**, {count} turns of {turns.TURN_MS} ms each,"
        f" {turns.CONNECTIONS} connections, asked by a client that never"
        " sleeps; medians, those over nginx of the ratios turn by turn. Two"
        " programs send what rnnd sends. *The kernel alone* is one"
        " `epoll_wait` for all that is ready, one `recv` and one `send` for"
        " each request, looking at nothing: no server on these sockets takes"
        " less, so this is the limit of the goals above."
    )
    for load in turns.LOADS:
        rows = list(rows_of(figures, load))
        if rows:
            model, _, mode = load.partition(" ")
            title = f"{model}, {MODES[mode]}" if mode else f"`GET /{model}`"
            yield f"{title}:"
            yield table(HEAD, rows)
    yield gaps_text(result)


# ---- goals ------------------------------------------------------------------


def cells(value, server, loads):
    found = ((load, value((load, server))) for load in loads)
    return [(load, one) for load, one in found if one is not None]


def row(what, goal, value, loads, at_most=False):
    """value: of a key of the figures."""
    found = cells(value, "rnnd", loads)
    limits = dict(cells(value, turns.LIMIT, loads))
    if len(loads) == 1:
        found = [("", one) for _, one in found]
        limits = {"": one for one in limits.values()}
    return Row(what, goal, found, at_most, limits=limits)


def delayed(figures, load):
    """The limit of p99 over p50: our own median, and no more upon it than what
    the slowest of a hundred waits longer where the kernel is alone.  (p99 over
    p50 of the kernel alone is no limit: its p50 is less.)"""
    bare, ours = figures.get((load, turns.LIMIT)), figures.get((load, "rnnd"))
    if not bare or not ours:
        return None
    both = zip(bare["p99_us"], bare["p50_us"], ours["p50_us"])
    return samples.median([1 + (p99 - p50) / own for p99, p50, own in both])


def goal_rows(result):
    figures = figures_of(result) if result else {}

    def over_nginx(name):
        """nginx asked the same."""
        return lambda key: over(figures, key, (key[0], "nginx"), name)

    def tail(key):
        if key[1] == turns.LIMIT:
            return delayed(figures, key[0])
        return median(figures, key, "tail")

    def tail_over(key):
        nginx = median(figures, (key[0], "nginx"), "tail")
        if key[1] == turns.LIMIT:
            least = delayed(figures, key[0])
            return least / nginx if least and nginx else None
        return over_nginx("tail")(key)

    live, predict = ["livez"], [turns.JUDGED]
    for what, name, least, most in (
        ("req/s over nginx", "rate", (1.0, 0.85), False),
        ("CPU over nginx", "cpu_us", (1.0, 1.2), True),
    ):
        value = over_nginx(name)
        yield row(
            f"`GET /livez`, {what}, 16 connections",
            least[0],
            value,
            live,
            most,
        )
        yield row(
            f"`POST /predict`, seed, JSON, {what}",
            least[1],
            value,
            predict,
            most,
        )
    three = ["livez", "seed json", "seed binary"]
    yield row("p99 / p50 at 16 connections", 1.5, tail, three, True)
    yield row(
        "the same over nginx's for the same requests",
        1.1,
        tail_over,
        list(turns.LOADS),
        True,
    )
