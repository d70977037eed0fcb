"""part_http.py: requests over HTTP, ours and the peers'.

Every server is pinned to one core and wrk to another; all are up all the time
and take turns at each load.  With two cores the client is the limit above some
ten thousand requests a second: then the processor time of the server for each
request is the figure that compares.  What the machine itself takes away is
measured beside every load at 16 connections (gaps.py).
"""

import shutil
import subprocess

import gaps
import loads
import place
import samples
import servers

CONNECTIONS = (16, 1, 128, 256)
# mode -> connections at which a peer is asked, and by whom it is known
PEERS = {
    # The same requests to a server that answers them all alike: how long the
    # slowest of them take here.
    "nginx": {
        "json": (16,),
        "binary": (16,),
        "step json": (16,),
        "step binary": (16,),
    },
    "fastapi+onnxruntime": {
        "json": (1, 16, 128, 256),
        "binary": (16,),
        "step json": (1, 16, 256),
    },
    "fastapi+keras": {"json": (1, 16)},
    "triton": {
        "json": (1, 16, 128, 256),
        "binary": (16,),
        "step json": (1, 16, 128, 256),
    },
}
OURS = ("json", "binary", "step json", "step binary")


def asks(name, model, mode, connections):
    if name == "rnnd":
        return mode in OURS
    if name == "nginx" and model != "seed":
        return False
    return connections in PEERS.get(name, {}).get(mode, ())


# What the goals compare closely is asked again between the others.
CLOSE = (("livez", 16, None, None), ("seed json", 16, "seed", "json"))
CLOSE_SERVERS = ("rnnd", "nginx")


def plan(options):
    """(load, connections, model, mode), those that say the most first."""
    counts = CONNECTIONS[:2] if options.quick else CONNECTIONS
    chosen = ("seed", "gru128") if options.quick else tuple(loads.INPUTS)
    for connections in counts:
        yield "livez", connections, None, None
        for model in chosen:
            for mode in OURS:
                yield f"{model} {mode}", connections, model, mode
        yield from CLOSE


def make_load(server, model, mode, connections):
    if model is None:
        known = server.name in CLOSE_SERVERS
        return loads.Load("/livez") if known else None
    if not asks(server.name, model, mode, connections):
        return None
    return loads.MAKERS[server.name](model, mode)


def begin_one(server, options):
    modes = OURS if server.name == "rnnd" else PEERS.get(server.name, ())
    for model in {model for _, _, model, _ in plan(options) if model}:
        if "step json" in modes:
            loads.begin_sessions(server, model)
        if "json" in modes:
            load = loads.MAKERS[server.name](model, "json")
            for _ in range(20):
                servers.request(
                    server.port, "POST", load.path, load.body, load.headers
                )


def begin(running, missing, options):
    """Sessions; warm up what is slow the first time.  A peer that cannot do
    this is stopped and left out."""
    for server in list(running):
        try:
            begin_one(server, options)
        except (OSError, RuntimeError) as error:
            if server.name == "rnnd":
                raise
            missing[server.name] = str(error)
            place.say(f"  without {server.name}: {error}")
            running.remove(server)
            server.stop()


def ask(server, load, name, connections, table, missing):
    """One measurement; a load that fails is not asked again."""
    case = f"{server.name}, {name}, {connections} connections"
    if load is None or case in missing:
        return
    try:
        figures = loads.run_wrk(server, load, connections, 1, name)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        missing[case] = str(error)
        place.say(f"  {case}: {error}")
        return
    samples.add(table, (name, connections, server.name), **figures)


def result(table, missing, taken):
    return {
        "missing": missing,
        "gaps": taken,
        "rows": samples.as_rows(table, ("load", "connections", "server")),
    }


def prepare(options):
    for name in ("bench", "triton"):
        place.venv(name)


def run(options, budget):
    if not shutil.which("wrk"):
        raise RuntimeError("wrk is not installed")
    served = servers.served_models(options.build)
    running, missing = servers.start(options, served)
    table, taken = {}, []
    try:
        begin(running, missing, options)
        budget.start()
        for turn in budget.rounds():
            seen = set()
            for number, (name, connections, model, mode) in enumerate(
                plan(options)
            ):
                if budget.is_over():
                    break
                again = (name, connections, model, mode) in seen
                seen.add((name, connections, model, mode))
                if connections == 16:
                    taken.append(gaps.measure())
                for server in samples.rotated(running, turn + number):
                    if again and server.name not in CLOSE_SERVERS:
                        continue
                    load = make_load(server, model, mode, connections)
                    ask(server, load, name, connections, table, missing)
                if number % 8 == 7:
                    yield result(table, missing, taken)
            yield result(table, missing, taken)
    finally:
        for server in running:
            server.stop()
