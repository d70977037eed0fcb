#!/usr/bin/env python3
"""report.py [FILE]: put what was measured (build/bench/*.json) into
BENCHMARKS.md, and its pictures into docs/bench.

What stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` is made
anew; all else in the file is somebody's own words and stays.  A part that has
not been measured keeps the text it had.
"""

import os
import re
import sys

import engines
import goals
import pictures
import place
import tables
import tables_http
import tables_turns


def http(result):
    parts = [*tables_turns.tables(result), tables_http.http(result)]
    return "\n\n".join(parts)


PARTS = {
    "step": tables.step,
    "compute": tables.compute,
    "json": tables.json,
    "http": http,
    "start": tables_http.start,
    "scale": pictures.scale,
    "store": tables_http.store,
    "recovery": lambda result: f"```\n{result['text']}```",
    "load": lambda result: f"```\n{result['text']}```",
}


def about(result):
    """One sentence below each section: when, where, how often."""
    machine = result["machine"]
    text = (
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores,"
        f" load {machine['load']} at its start, rounds: {result['rounds']}"
    )
    if result["quick"]:
        text += ", the short form"
    if not result["complete"]:
        text += ", not complete"
    return f"<sub>{text}.</sub>"


def peers():
    versions = engines.versions()
    names = (
        "tensorflow",
        "keras",
        "onnxruntime",
        "litert",
        "torch",
        "fastapi",
        "uvicorn",
        "nvidia-pytriton",
        "yyjson",
    )
    return (
        "From PyPI: "
        + ", ".join(f"{name} {versions[name]}" for name in names)
        + ". From Debian: nginx, wrk, libdnnl-dev (oneDNN 2), libsimdjson-dev."
    )


def replace(text, name, made):
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        sys.exit(f"there is no {begin} ... {end}")
    return pattern.sub(lambda _: f"{begin}\n{made}\n{end}", text)


def main():
    path = (
        sys.argv[1]
        if len(sys.argv) > 1
        else os.path.join(place.ROOT, "BENCHMARKS.md")
    )
    with open(path, encoding="utf-8") as file:
        text = file.read()
    results = {part: place.load(part) for part in PARTS}
    results = {part: kept for part, kept in results.items() if kept}
    if not results:
        sys.exit("nothing has been measured: make bench")
    text = replace(text, "peers", peers())
    text = replace(text, "goals", goals.goals(results))
    for part, result in results.items():
        made = f"{PARTS[part](result)}\n\n{about(result)}"
        text = replace(text, part, made)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    place.say(f"{path}: {', '.join(results)}")


if __name__ == "__main__":
    main()
