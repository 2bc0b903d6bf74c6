# SPDX-License-Identifier: MPL-2.0
"""`./cadre bench --scale`: what an operation costs when 1, 2 and 4 CPUs do it at once, and when there is more and more of a thing.

With several CPUs the emulator runs them by turns in one thread, and a plugin counts all their instructions; divided by the operations,
that has to stay flat. The growth of each row is set beside Linux'.
"""
import json
import pathlib

import bench
import profile_guest
import qemu
import root

CPUS = (1, 2, 4)
# A curve bends up where it grows by more than this, and by more than Linux' does.
BEND = 1.2


def instructions_each(kernel, program, names, marks, cpus, args):
    """{row: instructions an operation} of one boot with `cpus` CPUs."""
    out = bench.WHERE / "sums.txt"
    out.unlink(missing_ok=True)
    machine = bench.machine_for(kernel, bench.image_for(root.busybox(), program, ["cpus", *names]), args, smp=cpus)
    machine.accel = "tcg,thread=single"
    machine.extra = ("-plugin", f"{profile_guest.plugin()},out={out},begin={marks['region_begin']:#x},end={marks['region_end']:#x},sums=1")
    rows = bench.run_rows(machine, False, args.limit)
    sums = [int(line) for line in out.read_text().split()]
    return {name: total / operations for (name, (_, operations)), total in zip(rows.items(), sums)}


def by_cpus(program, names, args):
    marks = {name: address for address, name in profile_guest.symbols(program)}
    found = {kernel: {} for kernel in ("cadre", "linux")}
    for kernel, rows in found.items():
        for cpus in CPUS:
            bench.say(f"scale: {kernel}, {cpus} CPUs")
            rows |= instructions_each(kernel, program, names, marks, cpus, args)
    return found


def by_size(program, names, args):
    found = {}
    for kernel in ("cadre", "linux"):
        bench.say(f"scale: {kernel}, sizes")
        image = bench.image_for(root.busybox(), program, ["size", *names])
        found[kernel] = {name: value for name, (_, value) in bench.run_rows(bench.machine_for(kernel, image, args), True, args.limit).items()}
    return found


def growth(values):
    """How often its cost with the first CPU or size a row costs, by name without the number."""
    first, grown = {}, {}
    for name, value in values.items():
        kind = name.rpartition(" ")[0]
        grown[name] = value / first.setdefault(kind, value)
    return grown


def rows_of(found):
    ours, theirs = found["cadre"], found["linux"]
    our_growth, their_growth = growth(ours), growth(theirs)
    return [{"name": name, "unit": "instr", "cadre": round(ours[name], 1), "linux": round(value, 1), "ratio": round(value / ours[name], 3),
             "cadre_growth": round(our_growth[name], 2), "linux_growth": round(their_growth[name], 2)}
            for name, value in theirs.items() if name in ours]


def table(rows):
    lines = [f"{'operation':<40}{'Cadre':>12}{'Linux':>12}{'ratio':>8}{'grows':>8}{'Linux':>8}"]
    for row in rows:
        bends = "  bends up" if row["cadre_growth"] > BEND * max(1, row["linux_growth"]) else ""
        lines.append(f"{row['name']:<40}{row['cadre']:>12,.1f}{row['linux']:>12,.1f}{row['ratio']:>8.2f}{row['cadre_growth']:>8.2f}"
                     f"{row['linux_growth']:>8.2f}{bends}")
    return lines


def main(args):
    bench.WHERE.mkdir(parents=True, exist_ok=True)
    bench.build("build/x86_64/cadre.elf")
    program = bench.compile_guest("scale")
    names = bench.names_of(program, args.filter.split(",")) if args.filter else []
    rows = rows_of(by_size(program, names, args)) + rows_of(by_cpus(program, names, args))
    print("\n".join(table(rows)))
    print("instructions an operation; behind a name: how many of the thing there are, or how many CPUs do it at once")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    return 0
