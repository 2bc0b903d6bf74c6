# SPDX-License-Identifier: MPL-2.0
"""`./cadre bench --profile NAME`: which functions of Cadre execute the instructions of one micro-benchmark row."""
import bisect
import collections
import subprocess
import sys

import qemu
import root
from main import OUT, ROOT

TOP = 40


def plugin():
    import bench
    out = bench.WHERE / "profile.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", str(out), "bench/profile_plugin.c"], cwd=ROOT, check=True)
    return out


def symbols(image, text_only=True):
    """Sorted (address, name) of an ELF's functions."""
    listed = subprocess.run(["/usr/lib/llvm-22/bin/llvm-nm", "--defined-only", str(image)], capture_output=True, text=True, check=True)
    found = [line.split() for line in listed.stdout.splitlines()]
    return sorted((int(parts[0], 16), parts[2]) for parts in found if len(parts) == 3 and (not text_only or parts[1] in "tTwW"))


def attribute(blocks, table, lowest):
    """Instructions by function, of blocks at or above `lowest`; all below is one row."""
    starts, total = [address for address, _ in table], collections.Counter()
    for address, instructions, count in blocks:
        if address < lowest:
            total["(user mode)"] += instructions * count
            continue
        at = bisect.bisect_right(starts, address) - 1
        total[table[at][1] if at >= 0 else hex(address)] += instructions * count
    return total


def main(args):
    import bench
    bench.WHERE.mkdir(parents=True, exist_ok=True)
    bench.build("build/x86_64/cadre.elf")
    program, out = bench.compile_guest("micro"), bench.WHERE / "profile.txt"
    out.unlink(missing_ok=True)
    marks = {name: address for address, name in symbols(program)}
    names = bench.names_of(program, [args.profile])
    if not names:
        sys.exit(f"cadre: no row with '{args.profile}' in its name; `./cadre bench` prints them")
    image = bench.image_for(root.busybox(), program, names[:1])
    machine = bench.machine_for("cadre", image, args)
    machine.extra = ("-plugin", f"{plugin()},out={out},begin={marks['region_begin']:#x},end={marks['region_end']:#x}")
    rows = bench.run_rows(machine, True, args.limit)
    blocks = [(int(a, 16), int(n), int(c)) for a, n, c in (line.split() for line in out.read_text().splitlines())]
    totals = attribute(blocks, symbols(OUT / "cadre.elf"), 1 << 63)
    everything = sum(totals.values())
    print(f"{names[0]}: {rows.get(names[0])}; {everything:,} instructions in one run of the row, by function:")
    for name, count in totals.most_common(TOP):
        print(f"{count / everything:7.1%} {count:>14,}  {name}")
    return 0
