"""samples.py: many samples of many figures, taken in turns.

What is measured in rounds keeps every sample; tables show the median and how
far the middle half of the samples is spread.
"""

import statistics
import time


class Budget:
    """Seconds that a part may take, from now: a first round, which is cut
    short at the end, and more while they fit."""

    def __init__(self, seconds, most_rounds):
        self.seconds = seconds
        self.most_rounds = most_rounds
        self.finished = 0
        self.longest = 0.0
        self.start()

    def start(self):
        """From now: what had to be started before does not count."""
        self.end = time.monotonic() + self.seconds

    def rounds(self):
        """Numbers of rounds, as many as fit."""
        for number in range(self.most_rounds):
            now = time.monotonic()
            if number > 0 and now + self.longest > self.end:
                return
            yield number
            self.finished += 1
            self.longest = max(self.longest, time.monotonic() - now)

    def is_over(self):
        return time.monotonic() > self.end


def add(table, key, **figures):
    """Append figures to the samples of key, a tuple."""
    row = table.setdefault(key, {})
    for name, value in figures.items():
        row.setdefault(name, []).append(value)


def as_rows(table, names):
    """What JSON can hold: one object for each key, its parts called names."""
    return [
        {**dict(zip(names, key)), **figures} for key, figures in table.items()
    ]


def median(values):
    return statistics.median(values)


def over(above, below):
    """The median of ratios, round by round: what slows a round slows both."""
    return median([a / b for a, b in zip(above, below)])


def spread(values):
    """Half of the distance between the quartiles, over the median; of two
    samples, between them."""
    if len(values) < 2 or not median(values):
        return None
    low, high = min(values), max(values)
    if len(values) > 2:
        low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / median(values)


def rotated(items, by):
    by %= len(items) or 1
    return items[by:] + items[:by]
