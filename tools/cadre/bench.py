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

LINUX = ROOT / "build" / "linux"
COMMAND_LINE = "console=ttyS0 quiet panic=-1"
CPU = "max,-erms,-fsrm,-pku,-la57"
FIRST_LINE = "Hello, world!"


def linux_kernel():
    """Fetches Debian's kernel package and unpacks its image; returns the image's path."""
    found = sorted(LINUX.glob("boot/vmlinuz-*"))
    if found:
        return found[-1]
    print("cadre: fetching Debian's Linux kernel package (70 MB)", file=sys.stderr)
    LINUX.mkdir(parents=True, exist_ok=True)
    depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=True)
    package = re.search(r"Depends: (linux-image-\S+)", depends.stdout)[1]
    subprocess.run(["apt-get", "download", package], cwd=LINUX, check=True, capture_output=True)
    deb = next(LINUX.glob("*.deb"))
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "./boot"], cwd=LINUX, input=tar, check=True)
    deb.unlink()
    return sorted(LINUX.glob("boot/vmlinuz-*"))[-1]


def cpio(files):
    """A cpio archive (newc) of {name: (mode, contents)}."""
    out = b""
    for ino, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, 5 if name.startswith("dev/") else 0,
                  1 if name.startswith("dev/") else 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        out += head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
    return out


def linux_initrd():
    """An initramfs whose /init does what hello-kernel's program does, then reports the memory in use."""
    init, image = LINUX / "init", LINUX / "init.cpio"
    subprocess.run(["/usr/lib/llvm-22/bin/clang", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Os",
                    "-mgeneral-regs-only", "-o", str(init), "tests/bench/linux_init.c"], cwd=ROOT, check=True)
    image.write_bytes(cpio({"dev": (0o40755, b""), "dev/console": (0o20600, b""),
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
