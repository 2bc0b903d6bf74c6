# SPDX-License-Identifier: MPL-2.0
"""The suite `stress`: stress-ng's stressors and hackbench (tests/stress/stress.sh), each alone and then all at once, on Cadre and, on request,
on Debian's Linux. The suite `survive`: memory hogs and a fork bomb, which the shell that started them survives (tests/stress/survive.sh), and a dozen
of the stressors for two seconds each.

It passes where each stressor ends by itself with success, no service trapped, and the kernel has as many live objects of each type as before.
How many operations each made is printed, not judged.

The environment chooses: STRESS="pipe link" only these stressors, STRESS_SECONDS (30) for each, STRESS_CPUS="4", STRESS_INSTANCES (as many as
CPUs), STRESS_KERNEL="cadre linux"; hosted-tsan and hosted-asan are kernels, too, where a report of the sanitizer is a failure.
"""
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess

import abi
import qemu
import root
import sysfuzz
from main import ROOT

SOURCES, WHERE = ROOT / "tests" / "stress", ROOT / "build" / "stress"
STRESSORS = ("cpu vm mmap fork clone pthread futex pipe sigq kill sigpending sigsegv sigfd sigrt switch schedpolicy timer timerfd eventfd poll epoll "
             "dentry tmpfs memcpy link "
             "lease dnotify inotify xattr flock lockf lockofd fcntl rename dir chdir mq msg sem-sysv splice tee sendfile sockpair sockfd mprotect fault "
             "munmap vfork daemon exit-group wait session sigio sigsuspend sigchld sysbadaddr procfs hackbench")
SHORT = "vm mmap fork pthread futex pipe kill switch timer eventfd epoll dentry"
PROGRAMS = (("stress-ng", "stress-ng"), ("hackbench", "rt-tests"))   # with their packages
LOOKS = ("after", "after2", "after3")
MEMORY = "2048M"
LINE = re.compile(r"^(ok|not ok) ([\w-]+): (.*)$")


def program_files():
    """The programs and the libraries that they want, {name in an archive: (mode, contents)}."""
    files = {}
    for program, package in PROGRAMS:
        root.need(program, package)
        files[f"usr/bin/{program}"] = (0o100755, pathlib.Path(shutil.which(program)).read_bytes())
        said = subprocess.run(["ldd", shutil.which(program)], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/lib\S+|/usr/lib\S+) \(0x", said):
            files[library.lstrip("/")] = (0o100755, pathlib.Path(library).read_bytes())
    return files


def packed(out):
    """busybox' initramfs with the programs and tests/stress/ as /t, written to `out`."""
    files = program_files() | {f"t/{path.name}": (0o100755, path.read_bytes()) for path in sorted(SOURCES.glob("*.sh"))}
    folders = {str(parent) for name in files for parent in pathlib.PurePath(name).parents} - {"."}
    data = root.archive({**{name: (0o40755, b"") for name in sorted(folders)}, **files})
    base = root.busybox().read_bytes()
    out.write_bytes(base + b"\0" * (-len(base) % 512) + data)
    return out


def run_one(tally, kernel, cpus, names, seconds):
    """These stressors on a machine."""
    title = f"{kernel}-{cpus}-{seconds}"
    again = f"again: STRESS='{' '.join(names)}' STRESS_SECONDS={seconds} STRESS_CPUS={cpus} STRESS_KERNEL={kernel} ./cadre test --filter stress"
    image, log, reports = WHERE / f"run.{title}.cpio", WHERE / f"{title}.log", WHERE / f"{title}.reports"
    for old in (log, reports):
        old.unlink(missing_ok=True)
    command = ["/t/stress.sh", str(seconds), os.environ.get("STRESS_INSTANCES", str(cpus)), *names]
    root.initramfs(WHERE / "base.cpio", image, command, False, shutil.get_terminal_size(), {"PATH": "/bin:/usr/bin:/sbin:/usr/sbin"})
    machine = dataclasses.replace(abi.machine(kernel, image, cpus, log), mem=MEMORY)
    with open(WHERE / f"{title}.out", "w", encoding="utf-8", buffering=1) as out:
        status, text = qemu.capture(machine, (seconds * 4 + 150) * (len(names) + 1), lambda line: print(line, file=out))
    image.unlink()
    done = {match[2]: match for match in map(LINE.match, text) if match}
    for match in done.values():
        print(f"  {kernel}, {cpus} CPUs: {match[0]}")
    if kernel == "linux":
        return
    for name in names:
        tally.case(f"{name.replace('-', '_')}_on_{cpus}_cpus", name in done and done[name][1] == "ok", f"see {WHERE}/{title}.out; {again}")
    tally.case(f"stress_comes_to_its_end_on_{cpus}_cpus", "all stressors are through" in text, f"status {status}, {text[-5:]}; {again}")
    said = log.read_text(errors="replace").splitlines() if log.exists() else []
    bad = [line for line in said if abi.TRAP.search(line)]
    tally.case(f"no_service_traps_on_{cpus}_cpus", not bad, f"{len(bad)} lines in {log}: {bad[:10]}; {again}")
    found = abi.reports_taken(machine, reports)
    tally.case(f"no_sanitizer_report_on_{cpus}_cpus", not found, f"see {reports}: {found[:4]}; {again}")
    left = sysfuzz.left(text, cpus, LOOKS)
    tally.case(f"no_object_is_left_on_{cpus}_cpus", sysfuzz.objects(text, LOOKS[-1]) and not left, f"(type: before, after) {left}; {again}")


def survive(tally, cpus):
    """Hogs and a bomb in a small machine: the lines of survive.sh, and what the kernel says of those that it killed."""
    image, log = WHERE / f"survive-{cpus}.cpio", WHERE / f"survive-{cpus}.log"
    log.unlink(missing_ok=True)
    root.initramfs(WHERE / "base.cpio", image, ["/t/survive.sh"], False, shutil.get_terminal_size(), {"PATH": "/bin:/usr/bin:/sbin:/usr/sbin"})
    status, text = qemu.capture(dataclasses.replace(abi.machine("cadre", image, cpus, log), mem="256M"), 600)
    image.unlink()
    again = "again: ./cadre test --filter survive"
    for verdict, _, name in (line.rpartition("ok ") for line in text if re.match("(not )?ok ", line)):
        tally.case(f"{name.split(':')[0]}_on_{cpus}_cpus", verdict == "", f"{name}; {again}")
    said = log.read_text(errors="replace")
    tally.case(f"survive_comes_to_its_end_on_{cpus}_cpus", "all is through" in text, f"status {status}, {text[-5:]}; {again}")
    tally.case(f"the_kernel_says_whom_it_killed_on_{cpus}_cpus", re.search(r"Out of memory: killed process \d+ \(dd\) badness", said), again)
    tally.case(f"no_service_traps_on_{cpus}_cpus", not abi.TRAP.search(said), f"{log}; {again}")


def prepare(kernels):
    abi.made(kernels)
    WHERE.mkdir(parents=True, exist_ok=True)
    packed(WHERE / "base.cpio")


def short(tally):
    """Memory hogs and a fork bomb, which are survived, and a dozen of stress-ng's stressors, alone and all at once."""
    prepare(["cadre"])
    survive(tally, 2)
    run_one(tally, "cadre", 4, SHORT.split(), 2)


def suite(tally):
    """stress-ng and hackbench: each stressor alone and then all at once, for a bounded time."""
    names, seconds = os.environ.get("STRESS", STRESSORS).split(), int(os.environ.get("STRESS_SECONDS", "30"))
    kernels = os.environ.get("STRESS_KERNEL", "cadre").split()
    prepare(kernels)
    for kernel in kernels:
        for cpus in map(int, os.environ.get("STRESS_CPUS", "4").split()):
            run_one(tally, kernel, cpus, names, seconds)
