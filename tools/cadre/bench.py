# SPDX-License-Identifier: MPL-2.0
"""Side by side with Debian's Linux kernel on the same QEMU machine: boot time, image size, memory used after boot.

Boots are timed in interleaved pairs (Cadre, Linux, Cadre, …), from the start of QEMU to the first line that the same
user program prints; the figures are medians, since a shared machine moves single runs by a third.
"""
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

import qemu
from main import OUT, ROOT, build
from root import LINUX, archive, linux_kernel

COMMAND_LINE = "console=ttyS0 quiet panic=-1"
CPU = "max,-erms,-fsrm,-pku,-la57"
FIRST_LINE = "Hello, world!"


def linux_initrd():
    """An initramfs whose /init does what hello-kernel's program does, then reports the memory in use."""
    init, image = LINUX / "init", LINUX / "init.cpio"
    subprocess.run(["/usr/lib/llvm-22/bin/clang", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Os",
                    "-mgeneral-regs-only", "-o", str(init), "tests/bench/linux_init.c"], cwd=ROOT, check=True)
    image.write_bytes(archive({"dev": (0o40755, b""), "dev/console": (0o20600, b""),
                            "init": (0o100755, init.read_bytes())}))
    return image


def boot(machine, timeout=120):
    """Boots it; returns the seconds until the first line of the user program, and all lines."""
    start, seen = time.monotonic(), []
    on_line = lambda line: seen.append(time.monotonic() - start) if line.endswith(FIRST_LINE) else None
    status, lines = qemu.capture(machine, timeout, on_line)
    if not seen:
        sys.exit(f"cadre: no '{FIRST_LINE}' from {qemu.show(machine)} (status {status}):\n" + "\n".join(lines[-20:]))
    return seen[0], lines


def used_kib(lines):
    return int(next(m[1] for m in (re.search(r"(\d+) KiB in use", l) for l in lines) if m))


def measure(pairs):
    build()
    kernel, initrd = linux_kernel(), linux_initrd()
    log = ROOT / "build" / "bench.log"
    ours = qemu.Machine(kernel=str(OUT / "hello-kernel.elf"), initrd=str(OUT / "hello.bin"), cpu=CPU,
                        append=COMMAND_LINE, log=str(log))
    theirs = qemu.Machine(kernel=str(kernel), initrd=str(initrd), cpu=CPU, append=COMMAND_LINE)
    times = {"cadre": [], "linux": []}
    for pair in range(pairs):
        times["cadre"].append(boot(ours)[0])
        seconds, lines = boot(theirs)
        times["linux"].append(seconds)
        print(f"  pair {pair + 1} of {pairs}: Cadre {times['cadre'][-1]:.2f} s, Linux {seconds:.2f} s", file=sys.stderr)
    rows = [
        ("boot to the first line of user output, s",
         *(round(statistics.median(times[k]), 3) for k in ("cadre", "linux"))),
        ("memory in use after boot, KiB", used_kib(log.read_text(errors="replace").splitlines()), used_kib(lines)),
        ("kernel image, KiB", (OUT / "hello-kernel.elf.image").stat().st_size >> 10, kernel.stat().st_size >> 10),
    ]
    return [dict(name=n, cadre=c, linux=l, ratio=round(l / c, 2)) for n, c, l in rows], theirs, ours


def main(args):
    rows, theirs, ours = measure(args.pairs)
    print(f"{'metric':<44}{'Cadre':>10}{'Linux':>10}{'ratio':>8}")
    for row in rows:
        print(f"{row['name']:<44}{row['cadre']:>10}{row['linux']:>10}{row['ratio']:>8}")
    print(f"ratio above 1: Cadre needs less. {args.pairs} interleaved pairs, medians.")
    version = subprocess.run([qemu.QEMU, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    print(f"{version}; Linux {pathlib.Path(theirs.kernel).name}\n  {qemu.show(ours)}\n  {qemu.show(theirs)}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    return 0
