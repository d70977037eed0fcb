"""part_scale.py: how cost grows: with timesteps, units and batch (one call of
one layer, beside the fastest peers), with live sessions and with connections
(the daemon).
"""

import engines
import loads
import many
import models
import place
import samples
import servers

TIMESTEPS = (1, 3, 10, 30, 100, 300, 1000)
UNITS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
SESSIONS = (100, 1_000, 10_000, 100_000, 1_000_000)
CONNECTIONS = (1, 4, 16, 64, 128, 256, 512, 1000)
PEERS = ("onnxruntime", "onednn")
STEPPERS = 16  # connections that step among the sessions


def cases(quick):
    """(series, cell, D, M, batch, T, value on the axis)."""
    every = 2 if quick else 1
    for cell in models.CELLS:
        for steps in TIMESTEPS[::every]:
            yield "timesteps", cell, 32, 64, 1, steps, steps
        for batch in BATCHES[::every]:
            yield "batch", cell, 64, 128, batch, 30, batch
        for units in UNITS[: -2 if quick else None : every]:
            yield "units", cell, units // 2, units, 1, 30, units


class Calls:
    """One layer, in engines that take turns."""

    def __init__(self, options):
        self.cases = list(cases(options.quick))
        self.running, self.missing = engines.start(options.build, PEERS)
        for number, (_, cell, inputs, units, batch, steps, _) in enumerate(
            self.cases
        ):
            engines.add_everywhere(
                self.running,
                number,
                models.grid_model(place.MODELS, cell, inputs, units),
                models.numbers_for(place.MODELS, inputs),
                batch,
                steps,
            )

        self.missing.update(engines.without_cases(self.running))

    def measure(self, turn, budget, table):
        for number, (series, cell, *_, value) in enumerate(self.cases):
            if budget.is_over():
                return
            for engine in samples.rotated(self.running, turn + number):
                took = engine.time(number, 6)
                if took:
                    samples.add(
                        table,
                        (series, cell, engine.name, value),
                        cpu_ns=round(took[0], 1),
                    )

    def stop(self):
        for engine in self.running:
            engine.stop()


def measure_sessions(options, models_served, budget, table):
    """Steps of one row among so many live sessions, drawn at random."""
    counts = SESSIONS[:4] if options.quick else SESSIONS
    server = servers.rnnd(
        options,
        models_served,
        *("--max-sessions", str(2 * SESSIONS[-1])),
        *("--max-session-memory", "4G"),
    )
    try:
        made = 0
        empty = server.resident_mb()
        for count in counts:
            if budget.is_over():
                break
            many.make_sessions(server.port, made, count)
            made = count
            figures = loads.run_wrk(
                server, loads.Among(count), STEPPERS, 1, "among sessions"
            )
            figures["resident_mb"] = round(server.resident_mb() - empty, 2)
            samples.add(table, ("sessions", "seed", "rnnd", count), **figures)
    finally:
        server.stop()


def measure_connections(options, models_served, budget, table):
    running = [
        servers.rnnd(options, models_served, "--max-connections", "2048")
    ]
    try:
        running.append(servers.nginx(options, models_served))
        counts = CONNECTIONS[:: 2 if options.quick else 1]
        for number, count in enumerate(counts):
            if budget.is_over():
                break
            for server in samples.rotated(running, number):
                ours = server.name == "rnnd"
                load = loads.rnnd("seed", "json") if ours else loads.Load("/")
                samples.add(
                    table,
                    ("connections", "seed", server.name, count),
                    **loads.run_wrk(server, load, count, 1, "connections"),
                )
    finally:
        for server in running:
            server.stop()


def prepare(options):
    place.venv("bench")
    for _, cell, inputs, units, *_ in cases(options.quick):
        models.grid_model(place.MODELS, cell, inputs, units)
        models.numbers_for(place.MODELS, inputs)


def run(options, budget):
    served = {"seed": servers.served_models(options.build)["seed"]}
    calls = Calls(options)
    table = {}
    try:
        budget.start()
        for turn in budget.rounds():
            calls.measure(turn, budget, table)
            measure_connections(options, served, budget, table)
            # A million sessions need half a minute: not in every round.
            if turn % 3 == 0:
                measure_sessions(options, served, budget, table)
            yield {
                "missing": calls.missing,
                "rows": samples.as_rows(
                    table, ("series", "cell", "engine", "value")
                ),
            }
    finally:
        calls.stop()
