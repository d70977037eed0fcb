"""part_recovery.py: opening a store of so many sessions (bench_store_recovery)
and what the table of sessions itself costs (bench_session_store)."""

import program


def run(options, budget):
    texts = [
        result["text"]
        for name in ("bench_session_store", "bench_store_recovery")
        for result in program.run(options, name)
    ]
    yield {"text": "".join(texts)}
