# SPDX-License-Identifier: MPL-2.0
"""The test suites behind `./cadre test`: each prints its progress and yields (name, passed, detail) rows."""
import pathlib
import re
import subprocess
import sys
import time
import traceback

import abi
import console
import det
import hosted
import programs
import python_tests
import qemu
import run_suite
import stress
import sysfuzz
from main import OUT, ROOT, build

COUNT = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


QUICK = False   # --quick: of suites that run one thing on many machines, one


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, passed, failed=0):
        self.passed += passed
        self.failed += failed

    def case(self, name, good, detail=""):
        self.add(int(bool(good)), int(not good))
        if not good:
            print(f"FAIL {name}: {detail}")
        return good


def counted(tally, name, lines, status, repeat):
    """Takes a runner's own count from its last lines; shows its failures and what to type to see them again."""
    count = next((m for m in map(COUNT.match, reversed(lines)) if m), None)
    for line in lines:
        if line.startswith(("FAIL", "leak", "panic:")):
            print(f"  {name}: {line}")
    if count is None or status not in (0, 1) or (status == 1 and count[2] == "0"):
        tally.add(int(count[1]) if count else 0, (int(count[2]) if count else 0) + 1)
        why = "ran into its timeout" if status is None else f"ended with status {status}"
        print(f"FAIL {name}: {why}; the last lines:", *lines[-25:], f"  again: {repeat}", sep="\n    ")
        return
    tally.add(int(count[1]), int(count[2]))
    if int(count[2]):
        print(f"  again: {repeat}")


def run(tally, name, command, timeout):
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, cwd=ROOT)
        lines, status = (done.stdout + done.stderr).splitlines(), done.returncode
    except subprocess.TimeoutExpired as late:
        lines, status = (late.stdout or b"").decode(errors="replace").splitlines(), None
    counted(tally, name, lines, status, " ".join(command))


def suite_tree(tally):
    """Rules of the tree itself: licence lines, headers that stand alone, the trusted half's budget."""
    files = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT).stdout.split()
    bare = [f for f in files if f.endswith((".c", ".h", ".S", ".py", ".lds", ".mk")) and "tests/safec/" not in f
            and "SPDX-License-Identifier: MPL-2.0" not in (ROOT / f).read_text(errors="replace")[:400]]
    tally.case("every_source_file_names_its_licence", not bare, ", ".join(bare))
    flags = subprocess.run(["make", "-s", "flags"], capture_output=True, text=True, cwd=ROOT).stdout.split()
    build("services/syscall/gen/syscall_handlers.h", "services/syscall/gen/syscall_names.h")
    for header in sorted([*(ROOT / "framework/include/cadre").glob("*.h"), *(ROOT / "services").glob("*/*.h")]):
        deps = header.parent / "deps"
        modules = [header.parent.name, *(deps.read_text().split() if deps.exists() else [])]
        done = subprocess.run(["/usr/lib/llvm-22/bin/clang", *flags, *(f"-Iservices/{m}" for m in modules), "-Iservices/syscall/gen",
                               "-Wno-pragma-once-outside-header", "-fsyntax-only", "-x", "c", str(header)],
                              capture_output=True, text=True, cwd=ROOT)
        tally.case(f"{header.relative_to(ROOT)}_compiles_alone", done.returncode == 0, done.stderr[:500])
    done = subprocess.run([sys.executable, "tools/syscalls/gen.py", "--untested"], capture_output=True, text=True, cwd=ROOT)
    tally.case("every_system_call_has_a_test", done.returncode == 0 and not done.stdout.strip(), done.stdout + done.stderr)
    done = subprocess.run([sys.executable, "tools/tcb/tcb.py", "--check"], capture_output=True, text=True, cwd=ROOT)
    tally.case("trusted_half_is_within_its_budget", done.returncode == 0, done.stdout[-200:])


def suite_build(tally):
    """The build refuses a service that is unsafe, and a compile line that lacks an option of the language."""
    build("safec")
    flags = subprocess.run(["make", "-s", "flags"], capture_output=True, text=True, cwd=ROOT).stdout.split()
    safec = str(ROOT / "build/tools/safec")
    check = lambda words: subprocess.run([safec, "--check-flags", "--", *words], capture_output=True).returncode
    tally.case("the_builds_own_options_are_complete", check(flags) == 0)
    needed = [f for f in flags if f.startswith(("-fsanitize", "-ftrivial", "-fno-strict", "-fno-delete", "-fno-finite",
                                                "-fstrict-flex", "-fstack-clash", "-Wframe"))]
    for flag in needed:
        tally.case(f"without_{flag}_a_service_is_refused", check([f for f in flags if f != flag]) != 0)
    bad = ROOT / "services/policy/zz_refused.c"
    bad.write_text("// SPDX-License-Identifier: MPL-2.0\n#include <cadre/types.h>\nu8 *forge(u64 x);\n"
                   "u8 *forge(u64 x) { return (u8 *)x; }\n")
    try:
        done = subprocess.run(["make", "build/x86_64/services/policy/zz_refused.o"], capture_output=True, text=True,
                              cwd=ROOT)
        tally.case("make_refuses_an_unsafe_service", done.returncode != 0 and "SC-CAST" in done.stdout + done.stderr,
                   (done.stdout + done.stderr)[-500:])
    finally:
        bad.unlink()


def suite_safec(tally):
    """The checker's corpus."""
    build("safec")
    run(tally, "safec", [sys.executable, "tests/safec/run.py"], 900)


def suite_explore(tally):
    """Every interleaving of the synchronisation primitives, for small cases."""
    run(tally, "explore", [sys.executable, "tests/explore/run.py"], 900)


def suite_fuzz(tally):
    """Hostile firmware tables and boot information, by libFuzzer, for a bounded time."""
    run(tally, "fuzz", [sys.executable, "tests/fuzz/run.py", "--seconds", "15", "_fuzz"], 300)


def suite_calls(tally):
    """System calls and programs by libFuzzer inside the hosted kernel, and random system calls on 2 CPUs, under address sanitizer: no trap, nothing left."""
    build("TARGET=hosted-fuzz")
    build("TARGET=hosted-asan", "build/hosted-asan/unit-tests")
    for name, seconds in (("calls", 25), ("exec", 10)):
        run(tally, name, [sys.executable, "tests/fuzz/run.py", "--seconds", str(seconds), name], 900)
    run(tally, "random calls", ["build/hosted-asan/unit-tests", "--cpus", "2", "--filter", "random_system_calls", "calls=10", "seed=1"], 300)


def suite_decode(tally):
    """The decompressors of the initial file system: what gzip, xz and zstd make, and damaged forms of it."""
    import root
    for program, package in (("gzip", "gzip"), ("xz", "xz-utils"), ("zstd", "zstd")):
        root.need(program, package)
    run(tally, "decode", [sys.executable, "tests/decode/run.py"], 900)


def host_suite(kind, cpus):
    def suite(tally):
        target = f"hosted-{kind}"
        build(f"TARGET={target}")
        for n in cpus[-1:] if QUICK else cpus:
            run(tally, f"host-{kind} --cpus {n}", [f"build/{target}/unit-tests", "--cpus", str(n)], 600)
    suite.__doc__ = f"The unit tests of framework and services on this host: {kind}."
    return suite


def qemu_suite(machines, timeout=600):
    def suite(tally):
        build()
        for title, options in machines[1:2] if QUICK else machines:
            machine = qemu.Machine(kernel=str(OUT / "test.elf"), **options)
            status, lines = qemu.capture(machine, timeout)
            counted(tally, f"qemu {title}", lines, status, qemu.show(machine))
    suite.__doc__ = "The unit tests of framework and services inside QEMU: " + ", ".join(title for title, _ in machines) + "."
    return suite


def suite_boot(tally):
    """hello-kernel on every machine type, CPU model, CPU count and memory size that is supported."""
    build()
    cases = [dict(machine=m, cpu=c, smp=n, mem=mem) for m, c, n, mem in (
        ("q35", "max", 1, "64M"), ("q35", "max", 8, "256M"), ("q35", "qemu64", 2, "256M"), ("q35", "max", 4, "16G"),
        ("pc", "max", 2, "128M"), ("pc", "qemu64", 1, "64M"), ("pc", "max", 3, "5G"),
        ("microvm", "max", 1, "64M"), ("microvm", "max", 4, "256M"), ("microvm", "qemu64", 2, "128M"))]
    for case in cases[::4] if QUICK else cases:
        machine = qemu.Machine(kernel=str(OUT / "hello-kernel.elf"), initrd=str(OUT / "hello.bin"), log="/dev/null",
                               **case)
        status, lines = qemu.capture(machine, 120)
        name = "hello_kernel_on_" + "_".join(str(v) for v in case.values())
        tally.case(name, status == 0 and lines == ["Hello, world!"],
                   f"status {status}, {lines[-8:]}; {qemu.show(machine)}")


def suite_crash(tally):
    """What must stop the machine does, with one report and status 0x7f."""
    build()
    for name in "assert lock misuse wild log all irq".split():
        machine = qemu.Machine(kernel=str(OUT / "test.elf"), smp=2, append=f"filter=crash_ crash={name}")
        status, lines = qemu.capture(machine, 120)
        reports = sum(line.startswith("panic:") for line in lines)
        tally.case(f"crash_{name}", status == 0x7f and reports == 1,
                   f"status {status}, {reports} reports, {lines[-8:]}; {qemu.show(machine)}")


def suite_power(tally):
    """Power-off by the firmware's tables, where there is no port to leave an exit status in; and the first program's line before it."""
    import bench
    build()
    bench.WHERE.mkdir(parents=True, exist_ok=True)
    image = bench.boot_image()
    for kind in ("q35", "pc", "microvm"):
        machine = qemu.Machine(kernel=str(OUT / "cadre.elf"), machine=kind, exit_port=False, log="/dev/null", initrd=str(image),
                               append="rdinit=/.cadre/init")
        status, lines = qemu.capture(machine, 60)
        tally.case(f"power_off_by_acpi_on_{kind}", status == 0 and lines[:1] == [bench.FIRST_LINE],
                   f"status {status}, {lines[-3:]}; {qemu.show(machine)}")


# Each command of tools/debug/gdb_cadre.py, and what its output has in it somewhere while `sleep` runs.
DEBUG_COMMANDS = {
    "cadre-tasks": r"^ +\d+ +(blocked|running on CPU|ready).* init$",
    "cadre-threads": r"^ +\d+ +\d+ +1 .* sleep$",
    "cadre-space 2": r"^[0-9a-f]{12}-[0-9a-f]{12} r-xp object .*\n(.*\n)*\d+ areas, \d+ pages",
    "cadre-objects thread": r"^ +[1-9]\d* +\d+ +\d+  thread$",
    "cadre-names proc": r"^0x[0-9a-f]+ +\d+ .* proc:/",
    "cadre-locks": r"^(no lock is held|task \d+ .*LOCK_)",
    "cadre-log 1000": r"^.*init: services are up",
    "cadre-stack 1": r"^(#0 .*|.*it runs: bt)",
}


def suite_debug(tally):
    """gdb on the kernel, in QEMU and hosted: each command that it has for the kernel."""
    import hosted
    build("build/x86_64/cadre.elf")
    hosted.made("hosted")
    waits = {"qemu": ["--append=trace", "--after=getuid()"], "hosted": ["--ex=break sys_clock_nanosleep", "--ex=break sys_nanosleep", "--ex=run"]}
    for target, wait in waits.items():
        command = ["./cadre", "debug", "--smp", "2", "--target", target, *wait]
        for one in DEBUG_COMMANDS:
            command += ["--ex", f"echo --- {one}\\n", "--ex", one]
        command += ["--ex=kill", "--", "sleep", "1000"] if target == "hosted" else ["--", "sleep", "1000"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, cwd=ROOT)
            output = done.stdout + done.stderr
        except subprocess.TimeoutExpired as late:
            output = (late.stdout or b"").decode(errors="replace") + "\nran into its timeout"
        parts = dict(re.findall(r"^--- (\S.*)\n((?:(?!--- ).*\n?)*)", output, re.M))
        for one, wanted in DEBUG_COMMANDS.items():
            tally.case(f"{one} ({target})", re.search(wanted, parts.get(one, ""), re.M),
                       f"said {parts.get(one, output)[-800:]!r}; again: {' '.join(map(repr, command))}")


# Name: (suite, whether it belongs to --quick, ring). Ring 0: the tree and its tools; 1: on this host, with sanitizers; 2: in the kernel, in
# QEMU; 3: programs, on Cadre and on Linux.
SUITES = {
    "tree": (suite_tree, True, 0),
    "build": (suite_build, True, 0),
    "safec": (suite_safec, True, 0),
    "explore": (suite_explore, False, 1),
    "fuzz": (suite_fuzz, False, 1),
    "calls": (suite_calls, False, 1),
    "decode": (suite_decode, False, 1),
    "host-asan": (host_suite("asan", (1, 4)), True, 1),
    "host-tsan": (host_suite("tsan", (2, 4)), False, 1),
    "qemu": (qemu_suite([("1 CPU", dict(smp=1)), ("2 CPUs", dict(smp=2)), ("4 CPUs", dict(smp=4))]), True, 2),
    "qemu-more": (qemu_suite([("qemu64", dict(smp=2, cpu="qemu64")), ("pc", dict(smp=2, machine="pc")),
                              ("microvm", dict(smp=2, machine="microvm"))]), False, 2),
    "crash": (suite_crash, True, 2),
    "boot": (suite_boot, True, 2),
    "power": (suite_power, True, 2),
    "debug": (suite_debug, False, 2),
    "hosted": (hosted.suite, True, 3),
    "det": (det.suite, True, 3),
    "abi": (abi.suite, False, 3),
    "run": (run_suite.suite, False, 3),
    "console": (console.suite, False, 3),
    "programs": (programs.suite, False, 3),
    "python": (python_tests.suite, False, 3),
    "sysfuzz": (sysfuzz.suite, False, 3),
    "stress": (stress.suite, False, 3),
    "survive": (stress.short, False, 3),
}


# Runs only where --filter asks for it: a quarter of an hour and more; or not shown to be stable yet (survive).
ON_DEMAND = {"python", "stress", "survive"}


def main(args):
    chosen = {name: suite for name, (suite, quick, ring) in SUITES.items()
              if args.filter in name and (quick or not args.quick) and args.ring in (None, ring)
              and (args.list or args.filter or name not in ON_DEMAND)}
    if args.list:
        for name, suite in chosen.items():
            _, quick, ring = SUITES[name]
            marks = f"ring {ring}{', quick' if quick else ''}{', only with --filter' if name in ON_DEMAND else ''}"
            print(f"{name:<12}{suite.__doc__} ({marks})")
        return 0
    total, failed = Tally(), []
    global QUICK
    QUICK = args.quick
    for name, suite in chosen.items():
        start, tally = time.monotonic(), Tally()
        print(f"== {name}: {suite.__doc__}", flush=True)
        try:
            suite(tally)
        except (Exception, SystemExit) as error:   # what a suite needs cannot be had: the others still run, and the count is printed
            traceback.print_exc()
            tally.case(f"{name}_runs_to_its_end", False, error)
        print(f"   {tally.passed} passed, {tally.failed} failed in {time.monotonic() - start:.0f} s", flush=True)
        total.add(tally.passed, tally.failed)
        failed += [name] if tally.failed else []
    for name in failed:
        print(f"again: ./cadre test --filter {name}")
    print(f"{total.passed} passed, {total.failed} failed")
    return int(total.failed > 0 or total.passed == 0)
