# SPDX-License-Identifier: MPL-2.0
"""Side by side with Debian's Linux kernel: the same QEMU machine, the same initramfs, the same programs.

Two modes (shared/design/measuring.md): `instructions` counts guest instructions with QEMU's -icount on one CPU, repeatable to about a per
cent; `wall` times interleaved pairs (Cadre, Linux, Cadre, …) and takes medians, since a shared machine moves single runs by a third.
"""
import html
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

import qemu
import root
from main import OUT, ROOT, build

WHERE = ROOT / "build" / "bench"
CPU = "max,-erms,-fsrm,-pku,-la57,-rdrand,-rdseed"
# Linux as packaged, and at its best: the second is the one to beat.
LINUX_WORDS = {"packaged": "", "best": "mitigations=off init_on_alloc=0"}
COMMON_WORDS = "rdinit=/.cadre/init nokaslr norandmaps"
ICOUNT = ("-icount", "shift=0,sleep=off", "-rtc", "clock=vm,base=2026-01-01T00:00:00")
PACKAGES = ("bash,coreutils,findutils,grep,sed,gawk,tar,gzip,gcc,libc6-dev,perl,python3,sqlite3,rt-tests,busybox-static")
FIRST_LINE = "Hello, world!"


def say(text):
    print(f"cadre: {text}", file=sys.stderr, flush=True)


def compile_guest(name):
    """Compiles bench/NAME.c, static, for the guest; returns its path."""
    root.need("gcc", "gcc", "libc6-dev")
    out = WHERE / name
    subprocess.run(["gcc", "-O2", "-static", "-pthread", "-o", str(out), f"bench/{name}.c"], cwd=ROOT, check=True)
    return out


def debian_root():
    """A Debian root with the programs of the rows, as an initramfs; made once, about a minute."""
    image = WHERE / "debian.cpio"
    if not image.exists():
        root.need("mmdebstrap", "mmdebstrap")
        say("making a Debian root with mmdebstrap (a minute, once)")
        where = WHERE / "debian"
        shutil.rmtree(where, ignore_errors=True)
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(where)], check=True)
        for waste in ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache", "var/lib/apt"):
            shutil.rmtree(where / waste, ignore_errors=True)
        root.cpio(where, image)
    return image


def image_for(base, program, names):
    """The initramfs of one run: `base`, our init, the program, and what it is to run."""
    command = [f"/bench/{program.name}", *names]
    path = WHERE / f"{program.name}.cpio"
    size, environment = os.terminal_size((80, 24)), {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"}
    with open(path, "wb") as image:
        with open(base, "rb") as source:
            shutil.copyfileobj(source, image, 1 << 20)
        for part in (root.archive({"bench": (0o40755, b""), f"bench/{program.name}": (0o100755, program.read_bytes())}),
                     root.overlay(command, False, size, environment)):
            image.write(b"\0" * (-image.tell() % 512) + part)
    return path


def machine_for(kernel, image, args, linux="best", smp=1, extra=()):
    is_linux = kernel == "linux"
    words = f"{COMMON_WORDS} {args.append}"
    if is_linux:
        words = f"console=ttyS3 quiet panic=-1 {LINUX_WORDS[linux]} {words}"
    log = WHERE / f"{kernel}.log"
    serials = ("stdio", f"file:{WHERE / 'errors'}", f"file:{WHERE / 'status'}", f"file:{log}" if is_linux else "null")
    memory = f"{max(1024, 512 + 3 * (image.stat().st_size >> 20))}M"
    return qemu.Machine(kernel=str(root.linux_kernel() if is_linux else OUT / "cadre.elf.image"), smp=smp, mem=memory, cpu=CPU,
                        append=" ".join(words.split()), initrd=str(image), exit_port=not is_linux,
                        log=None if is_linux else str(log), serials=serials, extra=extra)


def run_rows(machine, icount, timeout):
    """Boots it and returns {row: (unit, value)} of what its program printed."""
    if icount:
        machine.accel, machine.extra = "tcg,thread=single", (*machine.extra, *ICOUNT)
    status, lines = qemu.capture(machine, timeout)
    rows = {}
    for line in lines:
        parts = line.split("\t")
        if len(parts) == 3:
            rows[parts[0]] = (parts[1], float(parts[2]))
    if status is None:
        say(f"the run was ended after {timeout} s; rows so far: {len(rows)}")
    return rows


def collect(program, base, names, args, icount):
    """Measures the rows of one program on both kernels; returns [{name, unit, cadre, linux, ratio, spread}]."""
    image = image_for(base, program, names)
    kinds = [("cadre", "best"), ("linux", "best")] + ([("linux", "packaged")] if args.packaged else [])
    runs = {kind: [] for kind in kinds}
    for number in range(args.pairs if not icount else args.repeats):
        for kind in kinds:
            say(f"{program.name}: {kind[0]}{' as packaged' if kind[1] == 'packaged' else ''}, run {number + 1}")
            runs[kind].append(run_rows(machine_for(kind[0], image, args, kind[1]), icount, args.limit))
    return [row for name in runs[kinds[1]][0] if (row := row_of(name, runs, kinds))]


def row_of(name, runs, kinds):
    values = {kind: [run[name][1] for run in runs[kind] if name in run] for kind in kinds}
    unit = runs[kinds[1]][0][name][0]
    ours, theirs = values[kinds[0]], values[kinds[1]]
    row = {"name": name, "unit": unit, "cadre": None, "linux": round(statistics.median(theirs), 1), "ratio": None, "spread": None}
    if ours:
        better = (lambda c, l: c / l) if unit == "MB/s" else (lambda c, l: l / c)
        ratios = [better(c, l) for c, l in zip(ours, theirs) if c > 0 and l > 0]
        row |= {"cadre": round(statistics.median(ours), 1), "ratio": round(statistics.median(ratios), 3) if ratios else None,
                "spread": round(max(ratios) / min(ratios) - 1, 3) if ratios else None}
    if len(kinds) > 2 and values[kinds[2]]:
        row["linux_packaged"] = round(statistics.median(values[kinds[2]]), 1)
    return row


# --- boot, memory, image -------------------------------------------------------------------------------------------
def boot_image():
    """An initramfs whose /init prints a line, reports the memory in use and powers off."""
    init, image = WHERE / "boot", WHERE / "boot.cpio"
    subprocess.run([root.CLANG, "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Os", "-mgeneral-regs-only",
                    "-o", str(init), "bench/boot.c"], cwd=ROOT, check=True)
    image.write_bytes(root.archive({"dev": (0o40755, b""), "dev/console": (0o20600, b""), ".cadre": (0o40755, b""),
                                    ".cadre/init": (0o100755, init.read_bytes())}))
    return image


def boot_once(machine):
    """Seconds from QEMU's start to the first line of the user program, and all lines."""
    start, seen = time.monotonic(), []
    on_line = lambda line: seen.append(time.monotonic() - start) if line.endswith(FIRST_LINE) else None
    status, lines = qemu.capture(machine, 120, on_line)
    if not seen:
        sys.exit(f"cadre: no '{FIRST_LINE}' from {qemu.show(machine)} (status {status}):\n" + "\n".join(lines[-20:]))
    return seen[0], lines


def used_kib(lines):
    return int(next(m[1] for m in (re.search(r"(\d+) KiB in use", line) for line in lines) if m))


def boot_rows(args):
    image, times, used = boot_image(), {"cadre": [], "linux": []}, {}
    for number in range(args.pairs):
        for kernel in times:
            machine = machine_for(kernel, image, args)
            machine.mem, machine.append = "256M", machine.append.replace("console=ttyS3", "console=ttyS0")
            seconds, lines = boot_once(machine)
            times[kernel].append(seconds)
            used[kernel] = used_kib(lines)
        say(f"boot {number + 1} of {args.pairs}: Cadre {times['cadre'][-1]:.2f} s, Linux {times['linux'][-1]:.2f} s")
    ratios = [l / c for c, l in zip(times["cadre"], times["linux"])]
    cadre_image, linux_image = (OUT / "cadre.elf.image").stat().st_size >> 10, root.linux_kernel().stat().st_size >> 10
    rows = [("boot to the first user output", "s", statistics.median(times["cadre"]), statistics.median(times["linux"]), max(ratios) / min(ratios) - 1),
            ("memory in use after boot", "KiB", used["cadre"], used["linux"], 0), ("kernel image", "KiB", cadre_image, linux_image, 0)]
    return [{"name": n, "unit": u, "cadre": round(c, 3), "linux": round(l, 3), "ratio": round(l / c, 2), "spread": round(s, 3)}
            for n, u, c, l, s in rows]


# --- output --------------------------------------------------------------------------------------------------------
def geometric_mean(rows):
    ratios = [row["ratio"] for row in rows if row["ratio"]]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else 0.0


def table(rows):
    packaged = any("linux_packaged" in row for row in rows)
    lines = [f"{'metric':<32}{'unit':>6}{'Cadre':>14}{'Linux':>14}{'ratio':>8}{'spread':>8}" + (f"{'as packaged':>14}" if packaged else "")]
    for row in rows:
        value = lambda key: "—" if row.get(key) is None else f"{row[key]:,.3f}" if row["unit"] == "s" else f"{row[key]:,.1f}"
        ratio = "—" if row["ratio"] is None else f"{row['ratio']:.2f}"
        spread = "—" if row["spread"] is None else f"{row['spread']:.1%}"
        line = f"{row['name']:<32}{row['unit']:>6}{value('cadre'):>14}{value('linux'):>14}{ratio:>8}{spread:>8}"
        lines.append(line + (f"{value('linux_packaged'):>14}" if packaged else ""))
    return lines


def chart(rows, path):
    """Ratios as a bar chart on a logarithmic scale, 1 in the middle."""
    rows = [row for row in rows if row["ratio"]]
    height, middle, unit = 18, 460, 110
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="800" height="{height * (len(rows) + 2)}" font-family="sans-serif" font-size="12">']
    for i, row in enumerate(rows):
        y, length = height * (i + 1), max(-220, min(220, math.log2(row["ratio"]) * unit))
        color = "#2a7" if row["ratio"] >= 1 else "#c63"
        parts.append(f'<text x="4" y="{y + 12}">{html.escape(row["name"])}</text>'
                     f'<rect x="{min(middle, middle + length):.0f}" y="{y + 2}" width="{abs(length):.0f}" height="{height - 5}" fill="{color}"/>'
                     f'<text x="740" y="{y + 12}">{row["ratio"]:.2f}</text>')
    parts.append(f'<line x1="{middle}" y1="0" x2="{middle}" y2="{height * (len(rows) + 1)}" stroke="#333"/>'
                 f'<text x="{middle - 60}" y="12">Linux faster | Cadre faster</text></svg>')
    path.write_text("\n".join(parts) + "\n")


def names_of(program, wanted):
    """The rows of a program whose name has one of the words of --filter in it."""
    listed = subprocess.run([str(program), "-l"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if not wanted or any(word in name for word in wanted)]


def measure(args):
    WHERE.mkdir(parents=True, exist_ok=True)
    build("build/x86_64/cadre.elf")
    icount, wanted = args.mode == "instructions", args.filter.split(",") if args.filter else []
    rows = [] if wanted and "boot" not in wanted else boot_rows(args)
    for name, base in (("micro", root.busybox), ("programs", debian_root)):
        program = compile_guest(name)
        names = names_of(program, wanted)
        if names and not (args.quick and name == "programs"):
            rows += collect(program, base(), names if wanted else [], args, icount)
    return rows


def main(args):
    if args.quick:
        args.repeats, args.pairs = 1, min(args.pairs, 3)
    if args.profile:
        import profile_guest
        return profile_guest.main(args)
    if args.scale:
        import scale
        return scale.main(args)
    rows = measure(args)
    print("\n".join(table(rows)))
    print(f"ratio above 1: Cadre is faster or needs less. Geometric mean of {sum(1 for r in rows if r['ratio'])} rows: {geometric_mean(rows):.2f}")
    version = subprocess.run([qemu.QEMU, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    print(f"{version}; Linux {root.linux_kernel().name}, {LINUX_WORDS['best']}; -cpu {CPU}; both {COMMON_WORDS}; mode {args.mode}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    if args.chart:
        chart(rows, pathlib.Path(args.chart))
    return 0
