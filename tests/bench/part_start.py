"""part_start.py: from start to first answer, memory, bytes of a session; each
server with the seed model alone.

The time runs from before the process is made until the first 200 of a
prediction; files are in the page cache, as for a daemon that restarts.
Memory is what is resident after that answer, of all processes of a server.
"""

import json
import os

import loads
import many
import place
import samples
import servers

SESSIONS = 100_000


def probe(name):
    load = loads.MAKERS[name]("seed", "json")
    return "POST", load.path, load.body, load.headers


def one_start(kind, options, models):
    """(ms, MB) of a server with these models; it is stopped again."""
    if kind.startswith("rnnd"):
        server = servers.rnnd(options, models, first=probe("rnnd"))
    else:
        server = servers.PEERS[kind](options, models, first=probe(kind))
    try:
        return server.start_ms, server.resident_mb()
    finally:
        server.stop()


def bytes_of_a_session(options, models):
    """Resident bytes of each of many sessions beside its state."""
    server = servers.rnnd(
        options,
        models,
        *("--max-sessions", str(2 * SESSIONS)),
        *("--max-session-memory", "1G"),
    )
    try:
        # Some first, for what is made once.
        many.make_sessions(server.port, 0, 1000)
        before = server.resident_mb()
        many.make_sessions(server.port, 1000, 1000 + SESSIONS)
        after = server.resident_mb()
        _, text = servers.request(server.port, "GET", "/models/seed")
        state = json.loads(text)["state_bytes"]
    finally:
        server.stop()
    return (after - before) * 2**20 / SESSIONS - state


def prepare(options):
    for name in ("bench", "triton"):
        place.venv(name)


def run(options, budget):
    native = {"seed": servers.served_models(options.build)["seed"]}
    keras = {"seed": os.path.join(place.EXAMPLES, "seed.keras")}
    kinds = {"rnnd, native": native, "rnnd, .keras": keras}
    kinds.update({name: native for name in servers.PEERS if name != "nginx"})
    table, missing, sessions = {}, {}, []
    for turn in budget.rounds():
        for kind, models in kinds.items():
            ours = kind.startswith("rnnd")
            if kind in missing or (not ours and turn > 2):
                continue
            for _ in range(7 if ours else 1):
                try:
                    ms, mb = one_start(kind, options, models)
                except (OSError, RuntimeError) as error:
                    missing[kind] = str(error)
                    place.say(f"  without {kind}: {error}")
                    break
                samples.add(
                    table,
                    (kind,),
                    start_ms=round(ms, 2),
                    resident_mb=round(mb, 2),
                )
        sessions.append(round(bytes_of_a_session(options, native), 1))
        yield {
            "missing": missing,
            "session_bytes": sessions,
            "sessions": SESSIONS,
            "rows": samples.as_rows(table, ("server",)),
        }
