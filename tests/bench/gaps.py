"""gaps.py: how much time the machine itself takes away from a core.

A loop reads the clock and does nothing else; where two readings are further
apart than GAP_US, somebody else had the core: another process, the kernel, or
the host of a virtual machine.  What comes during a gap waits for its end, so a
p99 is as long as such gaps are once they are a hundredth of the time, whatever
is served (and sooner by wrk, which counts for each stall the requests that
would have come meanwhile).
"""

import time

import place

GAP_US = 100
SECONDS = 0.1


def measure():
    """Of the server's core: percent of time in gaps, the longest in ms."""
    lost = longest = 0
    with place.on(place.CORE):
        last = begin = time.perf_counter_ns()
        while last - begin < SECONDS * 1e9:
            now = time.perf_counter_ns()
            gap = now - last
            if gap > GAP_US * 1000:
                lost += gap
                longest = max(longest, gap)
            last = now
    return {"percent": 100 * lost / (last - begin), "longest_ms": longest / 1e6}
