"""part_compute.py: whole calls of one recurrent layer, ours and the peers'.

The grid is cell x shape x batch x timesteps.  In each round every engine takes
its turn at every case, in another order each time; the time is the processor
time of its process, which has one thread.  Peers in Python are called from
Python, as their users call them: the few microseconds of such a call show at
T = 1, so the cost of a timestep is also given by difference (T = 100 less
T = 10), where it does not.
"""

import engines
import models
import place
import samples

BATCHES, TIMESTEPS = (1, 8, 32), (1, 10, 100)
QUICK_SHAPES = ((3, 5), (32, 64), (128, 256))


def grid(quick):
    """Cases, those that say the most first."""
    batches = (1, 32) if quick else BATCHES
    timesteps = (10, 100) if quick else TIMESTEPS
    for batch in (batches[0], batches[-1], *batches[1:-1]):
        for steps in reversed(timesteps):
            for shape in QUICK_SHAPES if quick else models.SHAPES:
                for cell in models.CELLS:
                    yield cell, *shape, batch, steps


def prepare(options):
    """Environments, models, and what LiteRT has to convert."""
    engines.install()
    for cell, inputs, units, batch, steps in grid(options.quick):
        models.grid_model(place.MODELS, cell, inputs, units)
        models.numbers_for(place.MODELS, inputs)
    engines.convert(
        (f"{cell}-{inputs}-{units}", batch, steps)
        for cell, inputs, units, batch, steps in grid(options.quick)
    )


def run(options, budget):
    running, missing = engines.start(options.build)
    cases = list(grid(options.quick))
    ms = 4 if options.quick else 8
    table = {}
    try:
        for number, (cell, inputs, units, batch, steps) in enumerate(cases):
            engines.add_everywhere(
                running,
                number,
                models.grid_model(place.MODELS, cell, inputs, units),
                models.numbers_for(place.MODELS, inputs),
                batch,
                steps,
            )
        missing.update(engines.without_cases(running))
        place.say(f"  {len(cases)} cases in {len(running)} engines")
        budget.start()
        for turn in budget.rounds():
            for number, case in enumerate(cases):
                if budget.is_over():
                    break
                for engine in samples.rotated(running, turn + number):
                    took = engine.time(number, ms)
                    if took:
                        samples.add(
                            table,
                            (*case, engine.name),
                            cpu_ns=round(took[0], 1),
                            wall_ns=round(took[1], 1),
                        )
            yield result(table, missing)
    finally:
        for engine in running:
            engine.stop()


def result(table, missing):
    return {
        "missing": missing,
        "versions": engines.versions(),
        "rows": samples.as_rows(
            table, ("cell", "D", "M", "batch", "T", "engine")
        ),
    }
