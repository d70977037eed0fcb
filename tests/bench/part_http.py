"""part_http.py: requests over HTTP, ours and the peers'.

Every server is pinned to one core and wrk to another; all are up all the time
and take turns at each load.  With two cores the client is the limit above some
ten thousand requests a second: then the processor time of the server for each
request is the figure that compares.  What is close, rnnd and nginx at 16
connections, is measured by short turns (turns.py), at the beginning and at the
end.
"""

import shutil
import subprocess

import loads
import place
import samples
import servers
import turns

CONNECTIONS = (16, 1, 128, 256)
# mode -> connections at which a peer is asked, and by whom it is known
PEERS = {
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


def asks(name, mode, connections):
    if name == "rnnd":
        return True
    return connections in PEERS.get(name, {}).get(mode, ())


LIVE = ("rnnd", "nginx")  # who has a /livez


def plan(options):
    """(load, connections, model, mode), those that say the most first."""
    counts = CONNECTIONS[:2] if options.quick else CONNECTIONS
    chosen = ("seed", "gru128") if options.quick else tuple(loads.INPUTS)
    for connections in counts:
        yield "livez", connections, None, None
        for model in chosen:
            for mode in loads.MODES:
                yield f"{model} {mode}", connections, model, mode


def make_load(server, model, mode, connections):
    if model is None:
        return loads.Load("/livez") if server.name in LIVE else None
    if not asks(server.name, mode, connections):
        return None
    return loads.MAKERS[server.name](model, mode)


def begin_one(server, options):
    ours = server.name == "rnnd"
    modes = loads.MODES if ours else PEERS.get(server.name, ())
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


def prepare(options):
    for name in ("bench", "triton"):
        place.venv(name)


def measure_all(running, turn, budget, options, table, missing):
    """One round; yields now and then."""
    for number, (name, connections, model, mode) in enumerate(plan(options)):
        if budget.is_over():
            break
        for server in samples.rotated(running, turn + number):
            load = make_load(server, model, mode, connections)
            ask(server, load, name, connections, table, missing)
        if number % 8 == 7:
            yield


def run(options, budget):
    if not shutil.which("wrk"):
        raise RuntimeError("wrk is not installed")
    served = servers.served_models(options.build)
    running, missing = servers.start(options, served)
    table, close, half = {}, None, turns.ROUNDS[options.quick] // 2

    def result():
        names = ("load", "connections", "server")
        rows = samples.as_rows(table, names)
        return {"missing": missing, "rows": rows, **close.result()}

    try:
        begin(running, missing, options)
        close = turns.Turns(options, running)
        close.take(half)
        budget.start()
        for turn in budget.rounds():
            for _ in measure_all(
                running, turn, budget, options, table, missing
            ):
                yield result()
            yield result()
        close.take(half)
        yield result()
    finally:
        if close:
            close.stop()
        for server in running:
            server.stop()
