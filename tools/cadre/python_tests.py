# SPDX-License-Identifier: MPL-2.0
"""The suite `python`: Python's own regression tests, on Debian's Linux and on Cadre with 2 CPUs, in the same machine: each test passes where it passes on
Linux. Only with `--filter python`: it takes a quarter of an hour. The table of the results is left in build/programs/python.md.

What needs a family of sockets that Cadre does not have (EAFNOSUPPORT) is listed there, and counted neither as passed nor as failed.

The environment chooses: PYTHON="test_os test_pty" only these modules, PYTHON_TARGETS="cadre hosted" (cadre: in QEMU, and the default) and PYTHON_CPUS="2"
these machines.
"""
import collections
import hashlib
import os
import re
import shutil

import abi
import programs
import qemu
import root

PACKAGE = "libpython3.11-testsuite"
MODULES = ("test_os test_posix test_signal test_threadsignals _test_eintr test_subprocess test_popen test_fork1 test_wait3 test_wait4 test_threading "
           "test_thread test_mmap test_select test_poll test_epoll test_selectors test_fcntl test_tempfile test_pty test_openpty test_resource "
           "test_socket")
MEMORY, MACHINE_SECONDS = "2G", 5400
LINE, END = re.compile(r"^(ok|not ok|skip) (\S+): ?(.*)$"), re.compile(r"^end (\w+): (.*)$")
NO_FAMILY = "Address family not supported by protocol"


def image_with_tests():
    """The root of the suite `programs` with Python's tests."""
    out, where = programs.WHERE / "python.cpio", programs.WHERE / "python"
    shutil.rmtree(where, ignore_errors=True)
    root.fetch(PACKAGE, where)
    shutil.rmtree(where / "usr/share", ignore_errors=True)
    tests = root.cpio(where, programs.WHERE / "python-tests.cpio")
    shutil.rmtree(where)
    programs.packed(out)
    with open(out, "ab") as image:
        image.write(b"\0" * (-image.tell() % 512) + tests.read_bytes())
    tests.unlink()
    return out


class Results:
    """What a kernel's tests printed: {test: (kind, why)}, {module: how it ended}."""

    def __init__(self, lines, death=""):
        self.tests, self.ends, self.death = {}, {}, death
        for line in lines:
            if match := LINE.match(line):
                if self.tests.get(match[2], ("", ""))[0] != "not ok":
                    self.tests[match[2]] = (match[1], match[3])
            elif match := END.match(line):
                self.ends[match[1]] = match[2]

    def of(self, test):
        return self.tests.get(test, ("not printed", ""))


def boot(kernel, cpus, base, modules):
    title = f"python-{kernel}-{cpus}"
    image, log = programs.WHERE / f"run.{title}.cpio", programs.WHERE / f"{title}.log"
    log.unlink(missing_ok=True)
    root.initramfs(base, image, ["python3", "/t/regrtest.py", *modules], False, shutil.get_terminal_size(), {"PATH": "/bin:/usr/bin:/sbin:/usr/sbin"})
    machine = abi.machine(kernel, image, cpus, log)
    machine.mem = MEMORY
    status, lines = qemu.capture(machine, MACHINE_SECONDS)
    image.unlink()
    (programs.WHERE / f"{title}.out").write_text("\n".join(lines) + "\n", encoding="utf-8")
    death = "" if "all modules are through" in lines else "ran into its timeout" if status is None else f"stopped with status {status}"
    text = log.read_text(errors="replace") if log.exists() else ""
    return Results(lines, death), [line for line in text.splitlines() if kernel != "linux" and abi.TRAP.search(line)]


def reference(base, modules):
    """What Linux says, kept as the suite `programs` keeps it."""
    digest = hashlib.sha256(" ".join(modules).encode())
    for path in [base, root.linux_kernel(), programs.ROOT / "tools/cadre/guest/init.c"]:
        digest.update(path.read_bytes())
    kept = programs.WHERE / f"python-{digest.hexdigest()[:24]}.txt"
    if kept.exists():
        return Results(kept.read_text(encoding="utf-8").splitlines())
    results, _ = boot("linux", 2, base, modules)
    if not results.death:
        shutil.copy(programs.WHERE / "python-linux-2.out", kept)
    return results


def module_of(test):
    return test.split(".")[1] if test.startswith("test.") else test.split(".")[0]


def table(theirs, ours, title):
    """Markdown: a row a module, then what differs."""
    rows, differing = collections.OrderedDict(), []
    for test, (kind, _) in theirs.tests.items():
        row = rows.setdefault(module_of(test), [0, 0, 0])
        if kind != "ok":
            continue
        mine, why = ours.of(test)
        row[0 if mine == "ok" else 1 if NO_FAMILY in why else 2] += 1
        if mine != "ok":
            differing.append(f"- {test}: {mine}: {why}")
    lines = [f"{title} CPUs", "", "| module | passes on both | needs another family of sockets | differs | ended on Linux | ended on Cadre |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {name} | {row[0]} | {row[1]} | {row[2]} | {theirs.ends.get(name, '')} | {ours.ends.get(name, '')} |" for name, row in rows.items()]
    return "\n".join([*lines, "", *differing]) + "\n"


def suite(tally):
    """Python's own regression tests, compared with Debian's Linux, test by test."""
    machines = abi.machines("PYTHON", {"cadre": "2"})
    abi.made(dict(machines))
    modules = os.environ.get("PYTHON", MODULES).split()
    base, text = image_with_tests(), ""
    theirs = reference(base, modules)
    tally.case("linux_reaches_the_end", not theirs.death, theirs.death)
    for kernel, cpus in machines:
        where, again = f"on_{kernel}_with_{cpus}_cpus", f"PYTHON_TARGETS={kernel} PYTHON_CPUS={cpus} ./cadre test --filter python"
        ours, traps = boot(kernel, cpus, base, modules)
        tally.case(f"the_end_is_reached_{where}", not ours.death, ours.death)
        tally.case(f"no_service_traps_{where}", not traps, "; ".join(traps[:5]))
        for test, (kind, _) in theirs.tests.items():
            mine, why = ours.of(test)
            if kind == "ok" and NO_FAMILY not in why:
                tally.case(f"{test}_{where}", mine == "ok", f"{mine}: {why}\n    again: PYTHON={module_of(test)} {again}")
        text += table(theirs, ours, f"{kernel}, {cpus}")
    (programs.WHERE / "python.md").write_text(text, encoding="utf-8")
    base.unlink()
