#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Runs the corpus of safec: programs to refuse (by a named rule), to accept, to link, and compile lines.

Prints one line per failing case, then "N passed, N failed". --filter TEXT runs the cases whose path contains TEXT,
--table prints how many cases each rule has, --safec PATH names the checker.

  refuse/RULE/*.c     exit 1, and RULE is printed
  accept/*.c          exit 0
  link/NAME/*.c       each accepted, then `--link` of all: refused by SC-ODR if NAME starts with refuse, else accepted
  flags/*.txt         first line: the mode (check or unit) and the expected rule or "accept"; then one option a line
"""

import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FLAGS = ["-std=gnu23", "-Wall"]


class Runner:
    def __init__(self, safec):
        self.safec = safec
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="safec-"))

    def run(self, *args):
        return subprocess.run([self.safec, *map(str, args)], capture_output=True, text=True, errors="replace", cwd=ROOT)

    def unit(self, path, *options, flags=FLAGS):
        return self.run("--framework", HERE / "include", *options, path, "--", *flags)

    def refuse(self, path):
        return refused(self.unit(path), path.parent.name)

    def accept(self, path):
        return accepted(self.unit(path))

    def link(self, folder):
        summaries = []
        for i, unit in enumerate(sorted(folder.glob("*.c"))):
            summary = self.scratch / f"{folder.name}-{i}.safec"
            flags_file = unit.with_suffix(".flags")
            extra = flags_file.read_text().split() if flags_file.exists() else []
            problem = accepted(self.unit(unit, "-o", summary, flags=FLAGS + extra))
            if problem:
                return f"{unit.name}: {problem}"
            summaries.append(summary)
        result = self.run("--link", *summaries)
        if folder.name.startswith("refuse-private"):
            return refused(result, "SC-PRIVATE")
        return refused(result, "SC-ODR") if folder.name.startswith("refuse") else accepted(result)

    def flags(self, path):
        mode, expected, *options = path.read_text().split()
        if mode == "check":
            result = self.run("--check-flags", "--", *options)
        else:
            result = self.unit(HERE / "flags" / "unit.c", flags=options)
        return accepted(result) if expected == "accept" else refused(result, expected)


def refused(result, rule):
    if result.returncode != 1:
        return f"exit status {result.returncode}, expected 1"
    if f": {rule}: " not in result.stderr:
        return f"not refused by {rule}: {first_line(result)}"
    return None


def accepted(result):
    return None if result.returncode == 0 else f"exit status {result.returncode}: {first_line(result)}"


def first_line(result):
    return (result.stderr.splitlines() or ["(no output)"])[0]


def cases(runner):
    """Yields (rule, path, function) of every case."""
    for path in sorted(HERE.glob("refuse/*/*.c")):
        yield path.parent.name, path, runner.refuse
    for path in sorted(HERE.glob("accept/*.c")):
        yield "accept", path, runner.accept
    for path in sorted(p for p in HERE.glob("link/*") if p.is_dir()):
        yield "SC-ODR (link)", path, runner.link
    for path in sorted(HERE.glob("flags/*.txt")):
        yield "flags", path, runner.flags


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--safec", default=str(ROOT / "build/tools/safec"))
    options = parser.parse_args()
    counts = collections.Counter()
    failures = 0
    for rule, path, function in cases(Runner(options.safec)):
        name = str(path.relative_to(HERE))
        if options.filter not in name:
            continue
        counts[rule] += 1
        problem = function(path)
        if problem:
            failures += 1
            print(f"{name}: {problem}")
    if options.table:
        for rule, count in sorted(counts.items()):
            print(f"{rule:16} {count:4}")
    total = sum(counts.values())
    print(f"{total - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
