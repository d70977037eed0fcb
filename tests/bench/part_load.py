"""part_load.py: a large .h5: time against reading it, memory against its size
(bench_load).  A load has two threads, so it gets every core, as at a user's."""

import place
import program


def run(options, budget):
    cores = ",".join(str(core) for core in place.CORES)
    yield from program.run(options, "bench_load", cores)
