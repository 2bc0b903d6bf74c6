# SPDX-License-Identifier: MPL-2.0
"""The hosted kernel as a machine: the same questions as to QEMU's (qemu.Machine), answered by a process of this host."""
import dataclasses
import os
import sys
import termios

from main import ROOT, build

TARGETS = ("hosted", "hosted-asan", "hosted-tsan")


def made(target):
    """Builds the kernel for `target`; its path."""
    where = "hosted-plain" if target == "hosted" else target
    build(f"TARGET={where}", f"build/{where}/cadre")
    return ROOT / "build" / where / "cadre"


@dataclasses.dataclass
class Machine:
    """What to run. `serials`: for each port terminal, stdio, null, a descriptor's number or a file."""
    kernel: str
    smp: int = 1
    mem: str = "256M"
    append: str = ""
    initrd: str | None = None
    log: str | None = None
    serials: tuple = ("stdio",)

    def command(self):
        args = [self.kernel, "--cpus", str(self.smp), "--mem", self.mem, *(word for line in self.serials for word in ("--serial", str(line)))]
        for name, value in (("--append", self.append.strip()), ("--initrd", self.initrd), ("--log", self.log)):
            args += [name, value] if value else []
        return args

    @staticmethod
    def status_of(code):
        return code


class Terminal:
    """Puts the terminal back as it was, whatever becomes of the kernel that has it."""

    def __enter__(self):
        self.saved = termios.tcgetattr(0) if os.isatty(0) else None

    def __exit__(self, *unused):
        if self.saved:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.saved)
