#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Feeds safec mutated programs of its corpus for some seconds. Each must end with status 0 or 1; others are kept."""

import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SAFEC = HERE.parent.parent / "build/tools/safec"
BYTES = b"(){}[];*&#\"'\\=<>,.:?!~%^|\n 0aA_"


def mutate(text, other):
    """A few deletions, insertions from another program, repetitions and wrong bytes."""
    for _ in range(random.randint(1, 6)):
        if not text:
            break
        at, kind = random.randrange(len(text)), random.random()
        if kind < 0.3:
            text[at] = random.choice(BYTES)
        elif kind < 0.5:
            del text[at:at + random.randint(1, 12)]
        elif kind < 0.8:
            start = random.randrange(len(other) or 1)
            text[at:at] = other[start:start + random.randint(1, 60)]
        elif kind < 0.9:
            text[at:at] = text[at:at + 40]
        else:
            text[at] = random.randrange(256)
    return text


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    files = sorted(HERE.glob("*/*.c")) + sorted(HERE.glob("*/*/*.c"))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="safec-fuzz-"))
    runs = bad = 0
    end = time.time() + seconds
    while time.time() < end:
        text = mutate(bytearray(random.choice(files).read_bytes()), random.choice(files).read_bytes())
        path = folder / f"{bad}.c"
        path.write_bytes(text)
        status = subprocess.run([SAFEC, "--framework", HERE / "include", path, "--"], capture_output=True).returncode
        runs += 1
        if status not in (0, 1):
            print(f"{path}: exit status {status}")
            bad += 1
    print(f"{runs} runs, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
