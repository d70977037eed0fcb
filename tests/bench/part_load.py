"""part_load.py: a large .h5: time against reading it, memory against its size
(bench_load)."""

import program


def run(options, budget):
    yield from program.run(options, "bench_load")
