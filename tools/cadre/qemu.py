# SPDX-License-Identifier: MPL-2.0
"""Starts QEMU machines, for `./cadre run`, the tests and the benchmark alike."""
import dataclasses
import os
import shlex
import signal
import subprocess
import time

QEMU = "qemu-system-x86_64"
EXIT_PORT = "isa-debug-exit,iobase=0x501,iosize=2"


@dataclasses.dataclass
class Machine:
    """What to boot and on what. `console` is where COM1 goes, `log` where the kernel's log goes."""
    kernel: str
    smp: int = 1
    mem: str = "256M"
    machine: str = "q35"
    cpu: str = "max"
    append: str = ""
    initrd: str | None = None
    log: str | None = None
    exit_port: bool = True
    serials: tuple = ("stdio",)
    accel: str = "tcg"
    extra: tuple = ()

    def command(self):
        machine = self.machine + (",isa-serial=on" if self.machine == "microvm" else "")
        args = [QEMU, "-accel", self.accel, "-machine", machine, "-cpu", self.cpu, "-smp", str(self.smp), "-m", self.mem,
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                *(word for line in self.serials for word in ("-serial", line)),
                "-kernel", self.kernel, *(("-device", EXIT_PORT) if self.exit_port else ())]
        append = self.append
        if self.log:
            args += ["-debugcon", f"file:{self.log}"]
            append = f"log=debugcon {append}"
        if append.strip():
            args += ["-append", append.strip()]
        if self.initrd:
            args += ["-initrd", self.initrd]
        return args + list(self.extra)

    @staticmethod
    def status_of(code):
        """Exit status of the kernel from QEMU's: isa-debug-exit turns value v into v * 2 + 1; 0 is a power-off by ACPI."""
        return code >> 1 if code is not None and code > 0 and code & 1 else code


def stop(process):
    """Ends a process we started and waits for it."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(sig)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                continue
    return process.returncode


def capture(machine, timeout, on_line=None):
    """Boots it; returns (status, output lines). Status None: the timeout ran out."""
    process = subprocess.Popen(machine.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    lines, rest, end = [], b"", time.monotonic() + timeout
    os.set_blocking(process.stdout.fileno(), False)
    import selectors
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = end - time.monotonic()
            if left <= 0:
                stop(process)
                return None, lines + ([rest.decode(errors="replace")] if rest else [])
            if not selector.select(min(left, 1.0)):
                continue
            data = process.stdout.read()
            if data is None:
                continue
            if not data:
                break
            *full, rest = (rest + data).split(b"\n")
            for raw in full:
                lines.append(raw.decode(errors="replace").rstrip("\r"))
                if on_line:
                    on_line(lines[-1])
    if rest:
        lines.append(rest.decode(errors="replace"))
    process.wait()
    return machine.status_of(process.returncode), lines


def interactive(machine, timeout=None):
    """Boots it with our own terminal; returns its status, or 124 as timeout(1) does."""
    process = subprocess.Popen(machine.command())
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        stop(process)
        return 124
    except KeyboardInterrupt:
        stop(process)
        return 130
    return machine.status_of(process.returncode)


def show(machine):
    return " ".join(shlex.quote(word) for word in machine.command())
