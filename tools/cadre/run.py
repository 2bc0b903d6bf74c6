# SPDX-License-Identifier: MPL-2.0
"""`./cadre run`: boots Cadre (in QEMU, or hosted) or Debian's Linux with a root file system and runs a shell or one command in it.

The first program (guest/init.c) is ours and the same on both kernels. Serial lines: COM1 is the command's terminal or
standard output, COM2 its standard error, COM3 takes its exit status, COM4 Linux' kernel log (Cadre's goes to QEMU's debug console).
"""
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import hosted
import qemu
import root
from main import OUT, ROOT, build

MIB = 1 << 20
ENVIRONMENT = {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "USER": "root", "LOGNAME": "root"}
TRACE_LINE = re.compile(rb"^\[ *[\d.]+\] cpu\d+: (\[(\d+)\] \w+\(.*)")   # not of process 1, our init


def base_of(args):
    """The initramfs to run on, without our part."""
    if args.initrd:
        return pathlib.Path(args.initrd)
    if not args.root:
        return root.busybox()
    print(f"cadre: packing {args.root}", file=sys.stderr)
    return root.cpio(pathlib.Path(args.root), ROOT / "build" / "run" / f"root.{os.getpid()}")


def memory_for(image):
    """Default memory: enough to hold the image twice."""
    return f"{max(512, 256 + 3 * (image.stat().st_size // MIB))}M"


def machine_for(args, image, serials, log, **more):
    linux = args.kernel == "linux"
    words = ["rdinit=/.cadre/init", args.append]
    if linux:
        words[:0] = ["console=ttyS3", "quiet", "panic=-1"]
    if args.trace:
        words.append("trace")
    return qemu.Machine(kernel=str(root.linux_kernel() if linux else OUT / "cadre.elf.image"), smp=args.smp,
                        mem=args.mem or memory_for(image), machine=args.machine, cpu=args.cpu,
                        append=" ".join(word for word in words if word), initrd=str(image), exit_port=not linux,
                        log=None if linux else str(log), serials=tuple(serials), **more)


def hosted_machine_for(args, image, log, status, terminal, errors):
    words = ["rdinit=/.cadre/init", args.append, "trace" if args.trace else ""]
    return hosted.Machine(kernel=str(hosted.made(args.target)), smp=args.smp if args.seed is None else 1, mem=args.mem or memory_for(image),
                          initrd=str(image), log=str(log), seed=args.seed, events=args.events,
                          append=" ".join(word for word in words if word), serials=("terminal" if terminal else "stdio", errors, status, "null"))


class Follower(threading.Thread):
    """Copies the lines of a growing log that carry the mark of a traced system call to standard error."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.over = path, threading.Event()

    def run(self):
        with open(self.path, "rb") as log:
            rest = b""
            while True:
                last = self.over.wait(0.05)
                *lines, rest = (rest + log.read()).split(b"\n")
                for line in lines:
                    if (traced := TRACE_LINE.match(line)) and traced[2] != b"1":
                        sys.stderr.buffer.write(traced[1] + b"\n")
                sys.stderr.flush()
                if last:
                    return


def status_from(path):
    """The exit status that our init reported, or None."""
    words = path.read_text(errors="replace").split() if path.exists() else []
    return int(words[1]) if len(words) >= 2 and words[0] == "status" and words[1].isdigit() else None


def explain(code, log):
    tail = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
    print(f"cadre: the machine stopped without an exit status ({code}). Its log, {log}, ends in:", *tail, sep="\n  ", file=sys.stderr)
    return 255


def main(args):
    if args.kernel == "hello-kernel":
        return hello(args)
    if args.target != "qemu" and (args.kernel != "cadre" or args.gdb):
        sys.exit("cadre: --target hosted runs Cadre only, and without --gdb: ./cadre debug")
    if args.target == "qemu" and args.seed is not None:
        sys.exit("cadre: --seed is for --target hosted and hosted-asan: QEMU's machines are not deterministic")
    if args.kernel == "cadre" and args.target == "qemu":
        build("build/x86_64/cadre.elf")
    terminal = not args.command or all(os.isatty(fd) for fd in (0, 1, 2))
    where = ROOT / "build" / "run"
    where.mkdir(parents=True, exist_ok=True)
    log, status = ROOT / "build" / "run.log", where / f"status.{os.getpid()}"
    for path in (log, status):
        path.write_bytes(b"")
    environment = dict(ENVIRONMENT, TERM=os.environ.get("TERM", "vt100") if terminal else "dumb")
    base = base_of(args)
    image = root.initramfs(base, where / f"initramfs.{os.getpid()}", args.command or shell_of(args), terminal, shutil.get_terminal_size(), environment)
    if args.root and not args.initrd:
        base.unlink()
    errors = write_only(2)
    serials = ["chardev:terminal", "chardev:errors", f"file:{status}", f"file:{log}" if args.kernel == "linux" else "null"]
    extra = ["-chardev", "stdio,id=terminal,signal=off" if terminal else "stdio,id=terminal",
             "-add-fd", f"fd={errors},set=1", "-chardev", "file,id=errors,path=/dev/fdset/1,append=on"]
    if args.gdb:
        extra += ["-gdb", f"tcp::{args.gdb_port}", "-S"]
        print(f"cadre: waiting for gdb: gdb {OUT / 'cadre.elf'} -ex 'target remote :{args.gdb_port}'", file=sys.stderr, flush=True)
    if args.target == "qemu":
        machine = machine_for(args, image, serials, log, extra=tuple(extra))
    else:
        machine = hosted_machine_for(args, image, log, status, terminal, errors)
    if args.print_command:
        print(qemu.show(machine))
        return 0
    if not args.command:
        print(f"cadre: `exit` ends the machine; the kernel's log is {log.relative_to(ROOT)}", file=sys.stderr, flush=True)
    try:
        with hosted.Terminal():
            return boot(machine, args, log, status, errors)
    finally:
        for path in (image, status):
            path.unlink(missing_ok=True)


def write_only(fd):
    """A duplicate that can only be written, as QEMU wants it: a terminal's descriptors are often open for both."""
    return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_APPEND) if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR else os.dup(fd)


def shell_of(args):
    """The shell for an interactive run: bash where the root has it."""
    has_bash = args.root and any((pathlib.Path(args.root) / place).exists() for place in ("bin/bash", "usr/bin/bash"))
    return ["bash", "-l"] if has_bash else ["sh", "-l"]


def boot(machine, args, log, status, errors):
    follower = Follower(log) if args.trace else None
    process = subprocess.Popen(machine.command(), pass_fds=(errors,), stdin=None if sys.stdin.isatty() else subprocess.DEVNULL)
    if follower:
        follower.start()
    try:
        code = process.wait(args.timeout)
    except subprocess.TimeoutExpired:
        qemu.stop(process)
        print(f"cadre: ended after {args.timeout:g} s; the kernel log is {log}", file=sys.stderr)
        return 124
    except KeyboardInterrupt:
        qemu.stop(process)
        return 130
    finally:
        if follower:
            follower.over.set()
            follower.join(5)
    if isinstance(machine, hosted.Machine) and code in hosted.REFUSED:
        return code     # it has said why
    reported = status_from(status)
    return reported if reported is not None else explain(code, log)


def hello(args):
    """The example kernel: its program is the whole initial RAM disk."""
    build("build/x86_64/hello-kernel.elf", "build/x86_64/hello.bin")
    log = ROOT / "build" / "run.log"
    machine = qemu.Machine(kernel=str(OUT / "hello-kernel.elf"), smp=args.smp, mem=args.mem or "256M", machine=args.machine,
                           cpu=args.cpu, append=args.append, initrd=args.initrd or str(OUT / "hello.bin"), log=str(log))
    if args.print_command:
        print(qemu.show(machine))
        return 0
    return qemu.interactive(machine, args.timeout)
