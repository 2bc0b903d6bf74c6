# SPDX-License-Identifier: MPL-2.0
"""The suite `sysfuzz`: a fuzzer of system calls (tests/sysfuzz/) inside the machine, made from the master table of calls.

It passes where the machine lives to the fuzzer's end, no service trapped, nothing panicked, and the kernel has as many live objects of
each type as before. The environment sets SYSFUZZ_SECONDS (30), SYSFUZZ_SEED (a new one each time, printed), SYSFUZZ_CPUS ("2").
"""
import os
import re
import shutil
import subprocess

import abi
import qemu
import root
from main import OUT, ROOT, build

SOURCE, WHERE = ROOT / "tests" / "sysfuzz", ROOT / "build" / "sysfuzz"
# Calls that stop the machine, or its console, by design.
NEVER = {"reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "iopl", "ioperm", "vhangup", "syslog"}
# Calls with which root can take the machine's files or processors away from the supervisor.
NOT_ROOT = {"mount", "umount2", "pivot_root", "chroot", "move_mount", "swapon", "swapoff", "acct", "mount_setattr", "sched_setscheduler",
            "sched_setparam", "sched_setattr", "sethostname", "setdomainname", "clock_settime", "settimeofday", "adjtimex", "clock_adjtime",
            "setpriority", "ptrace", "unshare", "setns", "bpf", "perf_event_open", "userfaultfd", "ioprio_set"}
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


# What a name in the cache keeps: a few stay after drop_caches, and the fuzzer does not tell which are leaks. See docs/caveats.md.
SLACK = 4   # what the supervisor and the caches of threads and CPUs may hold; a leak in a call leaves hundreds
NAMED = {"dentry", "inode", "text_node", "inode_locks", "lock", "watch_set", "vm_object", "frame_map_branch", "frame_map_leaf"}


def objects(text, when):
    """Type of object -> how many live, from the lines that the fuzzer copied."""
    found = {}
    for line in text:
        words = line.split()
        if len(words) >= 3 and words[0] == when and words[2].isdigit():
            found[words[1]] = int(words[2])
    return found


def suite(tally):
    """System calls with random arguments from the master table, as root and as nobody."""
    seconds, seed = int(os.environ.get("SYSFUZZ_SECONDS", "30")), os.environ.get("SYSFUZZ_SEED", "20261121")
    kernel = os.environ.get("SYSFUZZ_KERNEL", "cadre")
    if kernel == "cadre":
        build("build/x86_64/cadre.elf")
    image, log = WHERE / "run.cpio", WHERE / "kernel.log"
    base = abi.packed({"sysfuzz": program()}, WHERE / "base.cpio")
    for cpus in map(int, os.environ.get("SYSFUZZ_CPUS", "2").split()):
        root.initramfs(base, image, ["/abi/sysfuzz", str(seconds), seed], False, shutil.get_terminal_size(), {"PATH": "/bin"})
        status, text = qemu.capture(abi.machine(kernel, image, cpus, log), seconds * 2 + 60)
        (WHERE / "output").write_text("\n".join(text) + "\n", encoding="utf-8")
        again = f"again: SYSFUZZ_SEED={seed} SYSFUZZ_SECONDS={seconds} SYSFUZZ_CPUS={cpus} ./cadre test --filter sysfuzz"
        end = next((line for line in text if line.startswith("end: ")), None)
        if end:
            print(f"  sysfuzz, {cpus} CPUs, seed {seed}: {end}")
        tally.case(f"sysfuzz_comes_to_its_end_on_{cpus}_cpus", end, f"status {status}, {text[-5:]}; {again}")
        said = log.read_text(errors="replace").splitlines() if log.exists() else []
        bad = [line for line in said if BAD_WORDS.search(line)] if kernel == "cadre" else []
        tally.case(f"no_service_traps_on_{cpus}_cpus", not bad, f"{len(bad)} lines in build/sysfuzz/kernel.log: {bad[:10]}; {again}")
        before, after = objects(text, "before"), objects(text, "after")
        left = {name: (before.get(name, 0), n) for name, n in after.items() if n > before.get(name, 0) + SLACK}
        kept = {name: left.pop(name) for name in sorted(left.keys() & NAMED)}
        if kept:
            print(f"  sysfuzz, {cpus} CPUs: kept with names, not judged (docs/caveats.md): {kept}")
        if before:
            tally.case(f"no_object_is_left_on_{cpus}_cpus", not left, f"(type: before, after) {left}; {again}")
