# SPDX-License-Identifier: MPL-2.0
"""The suite `sysfuzz`: a fuzzer of system calls (tests/sysfuzz/) inside the machine, made from the master table of calls.

It passes where the machine lives to the fuzzer's end, no service trapped, nothing panicked, and the kernel has as many live objects of
each type as before. The environment sets SYSFUZZ_SECONDS (30), SYSFUZZ_SEED, SYSFUZZ_TARGETS ("cadre hosted": in QEMU, and hosted; hosted-asan and
hosted-tsan, too), SYSFUZZ_CPUS ("2"), SYSFUZZ_FAIL (one of so many allocations fails) and SYSFUZZ_CALLS: "each" for a short generation of each call alone,
which tells the call that leaks, or names of calls.
"""
import os
import re
import shutil
import subprocess

import abi
import qemu
import root
from main import ROOT

SOURCE, WHERE = ROOT / "tests" / "sysfuzz", ROOT / "build" / "sysfuzz"
# Calls that stop the machine, or its console, by design.
NEVER = {"reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "iopl", "ioperm", "vhangup", "syslog"}
# Calls with which root can take the machine's files or processors away from the supervisor.
NOT_ROOT = {"mount", "umount2", "pivot_root", "chroot", "move_mount", "swapon", "swapoff", "acct", "mount_setattr", "sched_setscheduler",
            "sched_setparam", "sched_setattr", "sethostname", "setdomainname", "clock_settime", "settimeofday", "adjtimex", "clock_adjtime",
            "setpriority", "ptrace", "unshare", "setns", "bpf", "perf_event_open", "userfaultfd"}
KINDS = {"fd": "FD", "dirfd": "FD", "pid": "PID", "int": "NUMBER", "uint": "NUMBER", "flags": "NUMBER", "long": "NUMBER", "off": "SIZE",
         "size": "SIZE", "ulong": "ADDRESS", "mode": "MODE", "uid": "UID", "gid": "UID", "path": "PATH", "str": "PATH", "timespec*": "TIME",
         "timeval*": "TIME", "itimerspec*": "TIME", "itimerval*": "TIME", "iovec*": "IOVEC", "msghdr*": "MESSAGE", "mmsghdr*": "MESSAGE",
         "pollfd*": "POLLFD", "sockaddr*": "SOCKADDR"}
BAD_WORDS = re.compile(r"panic|trap|contained|BUG|assert", re.I)


def lines(name):
    for line in (ROOT / "services/syscall" / name).read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].rstrip()
        if line:
            yield line


def number(text):
    return int(text, 8) if re.fullmatch(r"0[0-7]+", text) else int(text, 0)


def name_sets():
    """Name of a set -> (kind, values)."""
    sets, values = {}, None
    for line in lines("names.tbl"):
        words = line.split()
        if words[0] == "set":
            values = []
            sets[words[1]] = ("SET_BITS" if words[3] == "bits" else "SET_ONE", values)
            continue
        for word in words:
            value = re.fullmatch(r"\w+(?:=(-?\w+)(?:/.*)?)?", word)[1]
            values.append(number(value) if value else values[-1] + 1)
    return sets


def table():
    """The header of the fuzzer: calls, their arguments' kinds, the values of sets."""
    sets, place, values = name_sets(), {}, []
    for name, (kind, members) in sets.items():
        place[name] = (kind, len(values), len(members))
        values += members
    calls, skipped = [], []
    for line in lines("syscalls.tbl"):
        words = line.split(";")[0].split()
        if words[1] in NEVER:
            continue
        if words[1] in NOT_ROOT:
            skipped.append(words[0])
        arguments = []
        for word in words[3:]:
            kind = word.split(":")[1]
            arguments.append("{ %s, %d, %d }" % place[kind] if kind in place else "{ %s, 0, 0 }" % KINDS.get(kind, "POINTER"))
        calls.append(f'\t{{ {words[0]}, "{words[1]}", {len(arguments)}, {{ {", ".join(arguments) or "{ 0 }"} }} }},')
    return ("// SPDX-License-Identifier: MPL-2.0\n// Made by tools/cadre/sysfuzz.py from services/syscall/*.tbl. Do not edit.\n"
            "static const uint64_t set_values[] = {\n" + "".join(f"\t{v & (1 << 64) - 1:#x}ull,\n" for v in values) +
            "};\n\nstatic const struct call calls[] = {\n" + "\n".join(calls) + "\n};\n\nstatic bool\nroot_skips(int number)\n{\n\tswitch (number) {\n" +
            "".join(f"\tcase {n}:\n" for n in skipped) + "\t\treturn true;\n\t}\n\treturn false;\n}\n")


def program():
    root.need("gcc", "gcc", "libc6-dev")
    root.need("/usr/lib/x86_64-linux-gnu/libc.a", "libc6-dev")
    WHERE.mkdir(parents=True, exist_ok=True)
    (WHERE / "sysfuzz_table.h").write_text(table(), encoding="utf-8")
    subprocess.run(["gcc", "-std=gnu17", "-static", "-O1", "-pthread", "-s", "-Wall", "-Wno-unused-result", "-include", "stdbool.h",
                    "-I", str(WHERE), "-o", str(WHERE / "sysfuzz"), str(SOURCE / "sysfuzz.c")], check=True)
    return WHERE / "sysfuzz"


# What each CPU keeps for itself by design, at most: objects ready to be used again.
KEPT = {"poll_waiter": 1, "pollfd_chunks": 1, "unix_packet": 48}


def left(text, cpus, looks=("after",)):
    """What the kernel has more of than before, in each of the looks at the end: type -> (before, after)."""
    before, afters = objects(text, "before"), [objects(text, look) for look in looks]
    least = {kind: min(after.get(kind, 0) for after in afters) for kind in afters[-1]}
    return {kind: (before.get(kind, 0), n) for kind, n in least.items() if n > max(before.get(kind, 0), KEPT.get(kind, 0) * cpus)}


def objects(text, when):
    """Type of object -> how many live, from the lines that the fuzzer copied."""
    found = {}
    for line in text:
        words = line.split()
        if len(words) >= 3 and words[0] == when and words[2].isdigit():
            found[words[1]] = found.get(words[1], 0) + int(words[2])
    return found


def settings():
    """What the environment asks for, and what to type to see it again."""
    names = {"SYSFUZZ_SECONDS": "30", "SYSFUZZ_SEED": "20261121", "SYSFUZZ_FAIL": "", "SYSFUZZ_CALLS": ""}
    chosen = {name: os.environ.get(name, default) for name, default in names.items()}
    return *chosen.values(), " ".join(f"{name}='{value}'" for name, value in chosen.items() if value)


def run_one(tally, kernel, cpus):
    """A machine with so many CPUs."""
    seconds, seed, fail, calls, again = settings()
    again, name = f"again: {again} SYSFUZZ_TARGETS={kernel} SYSFUZZ_CPUS={cpus} ./cadre test --filter sysfuzz", f"{kernel}-{cpus}-{seed}{'-fail' if fail else ''}"
    where, image, log = f"on_{kernel}_with_{cpus}_cpus", WHERE / f"{name}.cpio", WHERE / f"{name}.log"
    (WHERE / f"{name}.reports").unlink(missing_ok=True)
    root.initramfs(WHERE / "base.cpio", image, ["/abi/sysfuzz", seconds, seed, *calls.split()], False, shutil.get_terminal_size(), {"PATH": "/bin"})
    machine = abi.machine(kernel, image, cpus, log)
    machine.append += f" fail_alloc={fail}" if fail else ""
    with open(WHERE / f"{name}.out", "w", encoding="utf-8", buffering=1) as out:
        status, text = qemu.capture(machine, int(seconds) * 2 + (1500 if calls == "each" else 120), lambda line: print(line, file=out))
    image.unlink()
    end = next((line for line in text if line.startswith("end: ")), "")
    print(f"  sysfuzz, {kernel}, {cpus} CPUs, seed {seed}{', fail_alloc=' + fail if fail else ''}: {end}")
    tally.case(f"sysfuzz_comes_to_its_end_{where}", end.endswith(" 0 counts spoilt"), f"status {status}, {text[-5:]}; {again}")
    said = log.read_text(errors="replace").splitlines() if log.exists() else []
    bad = [line for line in said if BAD_WORDS.search(line)]
    tally.case(f"no_service_traps_{where}", not bad, f"{len(bad)} lines in {log}: {bad[:10]}; {again}")
    found = abi.reports_taken(machine, WHERE / f"{name}.reports")
    tally.case(f"no_sanitizer_report_{where}", not found, f"see {WHERE}/{name}.reports: {found[:4]}; {again}")
    more = left(text, cpus)
    tally.case(f"no_object_is_left_{where}", objects(text, "after") and not more, f"(type: before, after) {more}; {again}")


def suite(tally):
    """System calls with random arguments from the master table, as root and as nobody."""
    machines = abi.machines("SYSFUZZ", {"cadre": "2", "hosted": "2"})
    abi.made(dict(machines))
    abi.packed({"sysfuzz": program()}, WHERE / "base.cpio")
    for kernel, cpus in machines:
        run_one(tally, kernel, cpus)
