"""svg_plot.py: line plots as SVG, axes logarithmic to base 10 unless said.

    draw(path, Plot(title, x label, y label, series))

A series is (name, [(x, y), ...]).  Colours come from CSS classes that follow
the reader's light or dark theme; a legend stands at the right, each line has
its own dash and mark besides its colour.
"""

import dataclasses
import html
import math

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 76, 190, 40, 52
STYLE = """
  svg { font: 12px system-ui, sans-serif; }
  .back { fill: #ffffff; } .ink { fill: #1f2328; } .soft { fill: #59636e; }
  .grid { stroke: #d1d9e0; } .axis { stroke: #59636e; }
  .line { fill: none; stroke-width: 1.8; }
  .c0 { stroke: #0969da; } .m0 { fill: #0969da; }
  .c1 { stroke: #bc4c00; } .m1 { fill: #bc4c00; }
  .c2 { stroke: #1a7f37; } .m2 { fill: #1a7f37; }
  .c3 { stroke: #8250df; } .m3 { fill: #8250df; }
  .c4 { stroke: #bf3989; } .m4 { fill: #bf3989; }
  .c5 { stroke: #7d4e00; } .m5 { fill: #7d4e00; }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117; } .ink { fill: #f0f6fc; } .soft { fill: #9198a1; }
    .grid { stroke: #3d444d; } .axis { stroke: #9198a1; }
    .c0 { stroke: #4493f8; } .m0 { fill: #4493f8; }
    .c1 { stroke: #f0883e; } .m1 { fill: #f0883e; }
    .c2 { stroke: #3fb950; } .m2 { fill: #3fb950; }
    .c3 { stroke: #ab7df8; } .m3 { fill: #ab7df8; }
    .c4 { stroke: #db61a2; } .m4 { fill: #db61a2; }
    .c5 { stroke: #d29922; } .m5 { fill: #d29922; }
  }
"""
DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 4", "4 2")


@dataclasses.dataclass
class Plot:
    title: str
    x_label: str
    y_label: str
    series: list
    y_from_zero: bool = False  # a linear y axis


class Axis:
    """Maps values to pixels; ticks are powers of ten, with 2 and 5 between
    them where there is room."""

    def __init__(self, values, begin, end, linear=False):
        self.begin, self.end, self.linear = begin, end, linear
        if linear:
            self.low, self.high = 0.0, max(values) * 1.08
            return
        low, high = math.log10(min(values)), math.log10(max(values))
        room = max(0.04 * (high - low), 0.04)
        self.low, self.high = low - room, high + room

    def at(self, value):
        if not self.linear:
            value = math.log10(value)
        share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        if self.linear:
            step = 10 ** math.floor(math.log10(self.high))
            while self.high / step < 4:
                step /= 2
            count = int(self.high / step)
            return [step * i for i in range(count + 1)]
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        factors = (1,) if self.high - self.low > 3 else (1, 2, 5)
        found = [f * 10.0**d for d in decades for f in factors]
        return [x for x in found if self.low <= math.log10(x) <= self.high]


def number(value):
    """1000000 as 1M, 0.5 as 0.5."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def label(x, y, text, kind="soft", anchor="middle", more=""):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"'
        f' text-anchor="{anchor}"{more}>{html.escape(text)}</text>'
    )


def frame(plot, x_axis, y_axis):
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    out = []
    for tick in x_axis.ticks():
        x = x_axis.at(tick)
        out.append(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>')
        out.append(label(x, bottom + 18, number(tick)))
    for tick in y_axis.ticks():
        y = y_axis.at(tick)
        out.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
        out.append(label(LEFT - 8, y + 4, number(tick), anchor="end"))
    out.append(
        f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom}H{right}"/>'
    )
    middle_x, middle_y = (LEFT + right) / 2, (TOP + bottom) / 2
    out.append(label(middle_x, TOP - 16, plot.title, "ink"))
    out.append(label(middle_x, HEIGHT - 12, plot.x_label))
    turn = f' transform="rotate(-90 18 {middle_y:.1f})"'
    out.append(label(18, middle_y, plot.y_label, more=turn))
    return out


def lines(plot, x_axis, y_axis):
    out = []
    for index, (name, points) in enumerate(plot.series):
        colour, dash = index % 6, DASHES[index % len(DASHES)]
        spots = [(x_axis.at(x), y_axis.at(y)) for x, y in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        out.append(f'<path class="line c{colour}"{dashed} d="M{path}"/>')
        out += [
            f'<circle class="m{colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.8"/>'
            for x, y in spots
        ]
        x, y = WIDTH - RIGHT + 16, TOP + 8 + 20 * index
        out.append(f'<path class="line c{colour}"{dashed} d="M{x} {y}h26"/>')
        out.append(label(x + 34, y + 4, name, "ink", "start"))
    return out


def draw(path, plot):
    xs = [x for _, points in plot.series for x, _ in points]
    ys = [y for _, points in plot.series for _, y in points]
    x_axis = Axis(xs, LEFT, WIDTH - RIGHT)
    y_axis = Axis(ys, HEIGHT - BOTTOM, TOP, plot.y_from_zero)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}"'
        f' height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{html.escape(plot.title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>',
        *frame(plot, x_axis, y_axis),
        *lines(plot, x_axis, y_axis),
        "</svg>",
    ]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")
