"""goal_row.py: a goal beside what was measured.

A goal is a number that is not to be passed (most) or to be reached (least);
`of the goal` is 1 or more where it is met.  Where a goal stands for many
cells, the worst one counts and is named.
"""

from tables import figure

UNKNOWN = "not measured"


class Row:
    """what: text; goal: a number; at_most: may not pass it; cells: (name,
    value) of which the worst counts; unit behind numbers; limits: name -> what
    was measured to be the best that the machine can do, where it was, and is
    said of the worst."""

    def __init__(
        self, what, goal, cells, at_most=False, unit="", limits=None
    ):
        self.what, self.goal, self.at_most = what, goal, at_most
        self.cells = [(n, v) for n, v in cells if v is not None]
        self.unit = unit
        self.limits = limits or {}

    def share(self, value):
        if self.at_most:
            return self.goal / value if value else float("inf")
        return value / self.goal

    def texts(self):
        sign = "≤" if self.at_most else "≥"
        goal = f"{sign} {self.goal:g}{self.unit}"
        if not self.cells:
            return [self.what, goal, UNKNOWN, "", ""]
        name, value = min(self.cells, key=lambda c: self.share(c[1]))
        about = [name] if name else []
        if name in self.limits:
            about.append(f"limit {figure(self.limits[name])}")
        reached = f"{figure(value)}{self.unit}"
        if about:
            reached += f" ({', '.join(about)})"
        verdict = self.verdict()
        return [self.what, goal, reached, f"{self.share(value):.2f}", verdict]

    def verdict(self):
        """How many cells meet the goal, how many others cannot."""
        missed = [n for n, v in self.cells if self.share(v) < 1]
        cannot = sum(
            n in self.limits and self.share(self.limits[n]) < 1 for n in missed
        )
        if not missed:
            return "yes"
        if len(self.cells) == 1:
            return "**no**" + ", cannot: its limit misses it" * cannot
        met = f"**in {len(self.cells) - len(missed)} of {len(self.cells)}**"
        if cannot:
            met += f", {cannot} cannot: their limit misses it"
        return met
