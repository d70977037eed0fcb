"""part_store.py: steps of sessions that are kept, for each durability of
SQLite and in Redis.

wrk posts one row to one of 1024 sessions of the seed model at a time, without
`step`; the daemons, one for each durability and one with sessions in memory
alone, take turns.  The state directories are below build/: what fsync costs is
what the disk under it costs.  Redis (`appendfsync everysec`) runs on the
client's core; its processor time is not counted as the server's.
"""

import os
import shutil
import tempfile

import loads
import place
import redis_server
import samples
import servers

CONNECTIONS = (1, 16, 128)


def start(options, models, folder, durability, redis):
    kept = ()
    if durability == "redis":
        kept = ("--redis-url", f"redis://127.0.0.1:{redis.port}")
    elif durability != "memory":
        kept = (
            *("--state-dir", os.path.join(folder, durability)),
            *("--durability", durability),
        )
    server = servers.rnnd(options, models, *kept)
    loads.begin_sessions(server, "seed")
    server.name = durability
    return server


def run(options, budget):
    models = {"seed": servers.served_models(options.build)["seed"]}
    folder = tempfile.mkdtemp(prefix="state-", dir=place.RESULTS)
    running, table = [], {}
    redis = redis_server.Redis(folder)
    try:
        for durability in ("memory", "async", "step", "fsync", "redis"):
            running.append(start(options, models, folder, durability, redis))
        load = loads.rnnd("seed", "step json")
        budget.start()
        for turn in budget.rounds():
            for count in CONNECTIONS:
                for server in samples.rotated(running, turn):
                    samples.add(
                        table,
                        (count, server.name),
                        **loads.run_wrk(server, load, count, 1, "steps"),
                    )
            yield {
                "rows": samples.as_rows(table, ("connections", "durability"))
            }
    finally:
        for server in running:
            server.stop()
        redis.stop()
        shutil.rmtree(folder)
