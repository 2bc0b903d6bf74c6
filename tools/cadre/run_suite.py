# SPDX-License-Identifier: MPL-2.0
"""The suite `run`: each option of `./cadre run`, as a person types it, for each target: status, standard output and standard error, byte for byte.

The environment chooses: RUN_TARGETS="qemu hosted".
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import root
from main import ROOT, build

SECONDS = 300
BYTES = "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %o $i)\"; i=$((i + 1)); done"


class Target:
    """Where it runs, and whose results are counted."""

    def __init__(self, tally, name):
        self.tally, self.name = tally, name

    def case(self, name, passed, why):
        self.tally.case(f"{name}_on_{self.name}", passed, why)

    def run(self, *words, cwd=ROOT):
        return cadre("--target", self.name, *words, cwd=cwd)


def cadre(*words, cwd=ROOT):
    """Runs it without a terminal. => status, standard output, standard error"""
    done = subprocess.run([str(ROOT / "cadre"), "run", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, cwd=cwd)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def output_and_status(target):
    status, out, err = target.run("--", "sh", "-c", "echo out; echo err >&2; exit 3")
    target.case("run_has_the_commands_status_output_and_errors_apart", (status, out, err) == (3, b"out\n", "err\n"), f"{status} {out} {err}")
    log = (ROOT / "build" / "run.log").read_text(errors="replace")
    target.case("run_leaves_the_kernels_log_in_a_file", "init: services are up" in log, log[-500:])
    status, out, err = target.run("--", "sh", "-c", BYTES + "; head -c 300000 /dev/zero | tr '\\0' '\\n'; kill -9 $$")
    target.case("run_passes_each_byte_and_a_signals_status", (status, out, err) == (137, bytes(range(256)) + b"\n" * 300000, ""), f"{status} {len(out)} {out[:300]} {err}")
    for command, wanted in (("no-such-program", 127), ("/etc/passwd", 126)):
        status, out, err = target.run("--", command)
        target.case(f"run_of_{command}_has_status_{wanted}", (status, out) == (wanted, b"") and err.startswith(f"cadre: cannot run {command}: "), f"{status} {out} {err}")
    status, out, err = target.run("ls", "-d", "/proc")
    target.case("run_needs_no_dashes_before_the_command", (status, out, err) == (0, b"/proc\n", ""), f"{status} {out} {err}")


def the_machine(target):
    status, out, err = target.run("--smp", "3", "--mem", "300M", "--append", "a=b quiet", "--", "sh", "-c", "nproc; grep MemTotal /proc/meminfo; cat /proc/cmdline")
    lines = out.decode().splitlines()
    target.case("run_takes_cpus_memory_and_words", status == 0 and not err and len(lines) == 3 and lines[0] == "3" and 270 << 10 < int(lines[1].split()[1]) < 300 << 10
               and lines[2].endswith(" a=b quiet"), f"{status} {lines} {err}")
    status, out, err = target.run("--timeout", "15", "--", "sh", "-c", "echo begun; sleep 1000")
    target.case("run_ends_after_its_timeout", (status, out) == (124, b"begun\n") and "ended after 15 s" in err, f"{status} {out} {err}")
    status, out, err = target.run("--trace", "--", "sh", "-c", "echo traced; exit 5")
    target.case("run_traces", (status, out) == (5, b"traced\n") and 'write(1, "traced\\n", 7) = 7\n' in err and "exit_group(5" in err and "[1]" not in err, f"{status} {out} {err[-600:]}")


def roots(target):
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        (where / "my root" / "bin").mkdir(parents=True)
        shutil.copy(ROOT / "build/root/busybox/bin/busybox", where / "my root/bin/busybox")
        for applet in ("sh", "stat"):
            (where / "my root/bin" / applet).symlink_to("busybox")
        (where / "my root/script").write_text("#!/bin/sh\necho script $1; stat -c %a /script\n")
        (where / "my root/script").chmod(0o4751)
        status, out, err = target.run("--root", "my root", "--", "/script", "here", cwd=where)
        target.case("run_takes_a_directory_as_its_root", (status, out) == (0, b"script here\n4751\n"), f"{status} {out} {err}")
        (where / "x.cpio").write_bytes(root.archive({"hello": (0o100644, b"from the archive\n")}) + (ROOT / "build/root/busybox.cpio").read_bytes())
        status, out, err = target.run("--initrd", "x.cpio", "--", "cat", "/hello", cwd=where)
        target.case("run_takes_an_archive_as_its_root", (status, out, err) == (0, b"from the archive\n", ""), f"{status} {out} {err}")


def refusals(tally):
    for words in (["--root", "/no/such"], ["--initrd", "/no/such"], ["--smp", "0"], ["--smp", "x"], ["--no-such-option"]):
        status, out, err = cadre(*words, "--", "true")
        tally.case(f"run_refuses_{' '.join(words)}", (status, out) == (2, b"") and "error: " in err.rstrip().splitlines()[-1], f"{status} {out} {err}")
    status, out, _ = cadre("--help")
    missing = [word for word in "--smp --mem --initrd --root --append --timeout --kernel --gdb --trace CMD".split() if word not in out.decode()]
    tally.case("run_explains_its_options", status == 0 and not missing, f"{status}, not: {missing}")


def linux(tally):
    status, out, err = cadre("--kernel", "linux", "--", "sh", "-c", "uname -s; echo err >&2; exit 4")
    tally.case("run_takes_linux", (status, out, err) == (4, b"Linux\n", "err\n"), f"{status} {out} {err}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def debugger(tally):
    """The machine stands still until gdb lets it go on."""
    port = free_port()
    process = subprocess.Popen(["./cadre", "run", "--gdb", "--gdb-port", str(port), "--", "echo", "ran"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, cwd=ROOT)
    try:
        said = process.stderr.readline().decode()
        answer = b""
        while not answer and process.poll() is None:
            time.sleep(0.1)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as gdb:
                gdb.settimeout(60)
                gdb.sendall(b"$?#3f")
                while b"#" not in answer:
                    answer += gdb.recv(1000)
                gdb.sendall(b"+$D#44")      # detach: it runs
                gdb.recv(1000)
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)      # so it ends its machine
        out, err = process.communicate()
    tally.case("run_waits_for_gdb", "waiting for gdb" in said and b"$T05" in answer and (process.returncode, out) == (0, b"ran\n"),
               f"{said} {answer} {process.returncode} {out} {err}")


def suite(tally):
    """Each option of `./cadre run`, in QEMU and hosted: status, output, errors, refusals."""
    build("build/x86_64/cadre.elf")
    root.busybox()
    root.linux_kernel()
    for target in os.environ.get("RUN_TARGETS", "qemu hosted").split():
        for part in (output_and_status, the_machine, roots):
            part(Target(tally, target))
    for part in (linux, refusals, debugger):
        part(tally)
