# SPDX-License-Identifier: MPL-2.0
"""`./cadre debug`: gdb on the kernel, with commands that know it (tools/debug/gdb_cadre.py): in QEMU through its stub, or hosted, as any program."""
import os
import pathlib
import subprocess
import sys
import time

import hosted
import qemu
import root
import run
from main import OUT, ROOT, build

SCRIPT = ROOT / "tools" / "debug" / "gdb_cadre.py"
# The hosted kernel lives on signals: interrupts, faults, what stubs report.
HOSTED_SIGNALS = tuple(f"python gdb.execute('handle {what}', to_string=True)" for what in ("all nostop noprint pass", "SIGINT SIGTRAP stop print nopass"))


def wait_for(log, wanted, process, seconds=180):
    """Until the kernel's log has `wanted` in it. => false: it never came"""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if wanted.encode() in log.read_bytes():
            return True
        time.sleep(0.1)
    return False


def gdb(*words, commands=(), batch=False):
    listed = [word for command in commands for word in ("-ex", command)]
    return subprocess.call(["gdb", "-q", *(["-batch"] if batch else []), "-iex", "set auto-load safe-path /", *words[:-1], "-x", str(SCRIPT), *listed, *words[-1:]])


def machine_of(args, image, log, where):
    serials = [f"file:{where}/output", f"file:{where}/errors", f"file:{where}/status", "null"]
    if args.target == "qemu":
        build("build/x86_64/cadre.elf")
        socket = where / "gdb.socket"
        stopped = [] if args.after else ["-S"]
        return run.machine_for(args, image, serials, log, extra=("-gdb", f"unix:{socket},server=on,wait=off", *stopped)), socket
    plain = [word.removeprefix("file:") for word in serials]
    return hosted.Machine(kernel=str(hosted.made(args.target)), smp=args.smp, mem=args.mem or run.memory_for(image), initrd=str(image), log=str(log),
                          append=f"rdinit=/.cadre/init {args.append}", serials=tuple(plain)), None


def attach(args, machine, socket, log):
    """Boots it, then puts gdb on it: from the first instruction (QEMU), or once the log says `--after`."""
    process = subprocess.Popen(machine.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        if args.after and not wait_for(log, args.after, process):
            print(f"cadre: the log, {log}, never said {args.after!r}", file=sys.stderr)
            return 1
        while socket and not socket.exists() and process.poll() is None:
            time.sleep(0.05)
        if socket:
            return gdb(str(OUT / "cadre.elf"), commands=[f"target remote {socket}", *args.ex], batch=bool(args.ex))
        return gdb("-p", str(process.pid), commands=[*HOSTED_SIGNALS, *args.ex], batch=bool(args.ex))
    finally:
        qemu.stop(process)


def main(args):
    root.need("gdb", "gdb")
    where = ROOT / "build" / "debug" / str(os.getpid())
    where.mkdir(parents=True, exist_ok=True)
    log = where / "log"
    log.write_bytes(b"")
    (where / "status").write_bytes(b"")
    args.kernel, args.trace = "cadre", False
    image = root.initramfs(run.base_of(args), where / "initramfs", args.command or ["sleep", "1000000"], False, os.terminal_size((80, 24)), run.ENVIRONMENT)
    machine, socket = machine_of(args, image, log, where)
    print(f"cadre: what it prints and its log go to {where}; `help cadre` lists the kernel's own commands", file=sys.stderr)
    if socket or args.after:
        return attach(args, machine, socket, log)
    return subprocess.call(["gdb", "-q", *(["-batch"] if args.ex else []), "-x", str(SCRIPT), *(word for command in (*HOSTED_SIGNALS, *args.ex) for word in ("-ex", command)), "--args", *machine.command()])
