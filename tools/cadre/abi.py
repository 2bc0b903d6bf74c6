# SPDX-License-Identifier: MPL-2.0
"""The suite `abi`: the programs of tests/abi/, the same files on Debian's Linux and on Cadre with 1, 2 and 4 CPUs, in QEMU and hosted, and
hosted under sanitizers, compared line by line.

tests/abi/gaps.txt lists what is known to differ from Linux, with the reason: such a line is no failure, and not counted as passed either;
docs/caveats.md points there. A line that is listed and passes everywhere should be taken off.

A last machine prints the calls that it serves: each call that is present must be among them.

What Linux prints is kept below build/abi/, under a name made of the programs' and the kernel's contents, so that it is booted again
only when one of them changes. Each line is one test. A program that hangs or dies fails with the lines that it did not print; a
machine that dies is booted again for the programs behind.

The environment chooses: ABI="pipe exec" only these programs, ABI_TARGETS="hosted" (or "cadre", in QEMU; hosted-asan and hosted-tsan, where a
report of the sanitizer is a failure, too) and ABI_CPUS="2" only this machine, ABI_JOBS="1" programs at a time, ABI_SEED="7" deterministic runs
(hosted, on one CPU).
"""
import collections
import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess
import sys

import hosted
import qemu
import root
from main import OUT, ROOT, build

SOURCES, WHERE = ROOT / "tests" / "abi", ROOT / "build" / "abi"
FLAGS = ["-std=gnu17", "-static", "-O1", "-pthread", "-s", "-fno-toplevel-reorder", "-Wall", "-Werror=implicit-function-declaration", "-Wno-stringop-overflow",
         "-Wno-stringop-overread", "-Wno-unused-result", "-Wno-array-bounds"]
PROGRAM_SECONDS, MACHINE_SECONDS, SANITIZED, BOOTS_MAX, SHOWN = 300, 900, 3, 8, 60   # SANITIZED: so much more time under a sanitizer
CPUS = {"cadre": "1 2 4", "hosted": "1 2 4", "hosted-asan": "2", "hosted-tsan": "4"}   # what is run on how many, unless the environment chooses
TRACED = re.compile(r"^\[ *[\d.]+\] cpu\d+: \[\d+\] (\w+)\(", re.M)
TRAP = re.compile(r"service trap|panic:")
LINE = re.compile(r"^(ok|not ok|skip) (\w+): (.*)$")


def compile_one(source):
    out = WHERE / "bin" / source.stem.removesuffix("_test")
    newest = max(source.stat().st_mtime, (SOURCES / "abi.h").stat().st_mtime)
    if not out.exists() or out.stat().st_mtime < newest:
        done = subprocess.run(["gcc", *FLAGS, "-o", str(out), str(source.relative_to(ROOT))], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{source.name} does not compile:\n{done.stderr}")
    return out


def programs():
    """Compiles all programs, in parallel; their paths by name, and the guest's runner's."""
    root.need("gcc", "gcc", "libc6-dev")
    root.need("/usr/lib/x86_64-linux-gnu/libc.a", "libc6-dev")
    (WHERE / "bin").mkdir(parents=True, exist_ok=True)
    sources = [SOURCES / "guest.c", *sorted(SOURCES.glob("*_test.c"))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        guest, *tests = pool.map(compile_one, sources)
    return guest, {path.name: path for path in tests}


def packed(files, out):
    """busybox' initramfs with `files` ({name: path}) as /abi/name, written to `out`."""
    data = root.archive({"abi": (0o40755, b""), **{f"abi/{name}": (0o100755, path.read_bytes()) for name, path in files.items()}})
    base = root.busybox().read_bytes()
    out.write_bytes(base + b"\0" * (-len(base) % 512) + data)
    return out


def machines(suite, cpus):
    """What the environment's SUITE_TARGETS and SUITE_CPUS choose; by default `cpus`, {kernel: on how many}. => [(kernel, CPUs)]"""
    usual = next(iter(cpus.values()))
    return [(kernel, int(count)) for kernel in os.environ.get(f"{suite}_TARGETS", " ".join(cpus)).split()
            for count in os.environ.get(f"{suite}_CPUS", cpus.get(kernel, usual)).split()]


def made(kernels):
    """Builds those of them that are ours."""
    for kernel in kernels:
        if kernel == "cadre":
            build("build/x86_64/cadre.elf")
        elif kernel in hosted.TARGETS:
            hosted.made(kernel)


def machine(kernel, image, cpus, log):
    if kernel.startswith("hosted"):
        seed = os.environ.get("ABI_SEED")
        return hosted.Machine(kernel=str(hosted.made(kernel)), smp=cpus, mem="768M", append="rdinit=/.cadre/init", initrd=str(image), log=str(log),
                              serials=("stdio", "null", "null", "null"), reports=f"{log}.report", seed=seed and int(seed))
    linux = kernel == "linux"
    words = "rdinit=/.cadre/init" + (" console=ttyS3 quiet panic=-1" if linux else " trace" if kernel == "traced" else "")
    return qemu.Machine(kernel=str(root.linux_kernel() if linux else OUT / "cadre.elf.image"), smp=cpus, mem="768M", cpu="max", append=words,
                        initrd=str(image), exit_port=not linux, log=None if linux else str(log),
                        serials=("stdio", "null", "null", f"file:{log}" if linux else "null"))


def patience(kernel):
    return SANITIZED if "-" in kernel else 1


def reports_taken(machine, out):
    """What a sanitizer has to say of the machine that ran, appended to the file `out`; the lines."""
    lines = machine.reported() if isinstance(machine, hosted.Machine) else []
    if lines:
        with open(out, "a", encoding="utf-8") as to:
            to.write("\n".join(lines) + "\n")
    return lines


class Results:
    """Lines of one kernel: how often each assertion was printed, by its program."""

    def __init__(self):
        self.good, self.bad, self.ends, self.deaths, self.traps, self.reports = collections.Counter(), {}, {}, [], [], []

    def take(self, line):
        match = LINE.match(line)
        if match:
            kind, topic, rest = match.groups()
            key, _, got = rest.partition(" # got ")
            if kind == "ok":
                self.good[f"{topic}: {key}"] += 1
            elif kind == "not ok":
                self.bad.setdefault(f"{topic}: {key}", []).append(got)
            return
        words = line.split()
        if len(words) == 4 and words[0] == "end":
            self.ends[words[1]] = int(words[2])


def split_alone(names):
    """The names, those whose program says `// alone: why` behind a `--`: they run when the others are through."""
    alone = [name for name in names if "\n// alone: " in (SOURCES / f"{name}_test.c").read_text(encoding="utf-8")]
    return [name for name in names if name not in alone], alone


def boot(kernel, names, cpus, jobs, results, title):
    """One machine for these programs; the names that are not through."""
    image, log = WHERE / f"run.{title}.cpio", WHERE / f"{title}.log"
    together, alone = split_alone(names)
    command = ["/abi/guest", str(jobs), str(PROGRAM_SECONDS * patience(kernel)), *(f"/abi/{name}" for name in together), *(["--"] if alone else []),
               *(f"/abi/{name}" for name in alone)]
    size = shutil.get_terminal_size()
    root.initramfs(WHERE / "base.cpio", image, command, False, size, {"PATH": "/bin:/usr/bin:/sbin:/usr/sbin", "HOME": "/root"})
    ours = machine(kernel, image, cpus, log)
    status, lines = qemu.capture(ours, MACHINE_SECONDS * patience(kernel))
    image.unlink()
    results.reports += reports_taken(ours, WHERE / f"{title}.reports")
    with open(WHERE / f"{title}.out", "a", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    for line in lines:
        results.take(line)
    if log.exists() and kernel != "linux":
        results.traps += [line for line in log.read_text(errors="replace").splitlines() if TRAP.search(line)]
    if "over all" in lines:
        return []
    begun = [line.split()[1] for line in lines if line.startswith("begin ") and len(line.split()) == 2]
    hung = [name for name in begun if name not in results.ends]
    why = "hung" if status is None else f"stopped with status {status}"
    results.deaths.append(f"the machine {why} in {' '.join(hung) or 'its start'}")
    return [name for name in names if name not in begun] if begun else []


def collect(kernel, names, cpus, jobs, title):
    """All lines of these programs on a kernel, with new machines behind those that died."""
    results, left = Results(), list(names)
    for suffix in ("out", "reports"):
        (WHERE / f"{title}.{suffix}").unlink(missing_ok=True)
    for _ in range(BOOTS_MAX):
        left = boot(kernel, left, cpus, jobs, results, title)
        if not left:
            break
    return results


def reference(files):
    """What Linux prints."""
    digest = hashlib.sha256()
    for path in [*files.values(), root.linux_kernel(), ROOT / "tools/cadre/guest/init.c"]:
        digest.update(path.read_bytes())
    kept = WHERE / f"linux-{digest.hexdigest()[:24]}.txt"
    if not kept.exists():
        names = [name for name in files if name != "guest"]
        results = collect("linux", names, 2, jobs_of(2), "linux")
        if not results.deaths and all(results.ends.get(name) == 0 for name in names):
            shutil.copy(WHERE / "linux.out", kept)
        return results
    results = Results()
    for line in kept.read_text(encoding="utf-8").splitlines():
        results.take(line)
    return results


def jobs_of(cpus):
    return int(os.environ.get("ABI_JOBS", "0")) or min(cpus, 2) + 1


def known_gaps():
    """The lines of tests/abi/gaps.txt: "topic: sentence: assertion"; with "topic: sentence: *" all assertions of a test."""
    path = SOURCES / "gaps.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {line for line in lines if line and not line.startswith("#")}


def is_gap(key, gaps):
    return key in gaps or ": ".join(key.split(": ")[:2]) + ": *" in gaps


def compare(tally, theirs, ours, names, title):
    """Counts each assertion that Linux passes; the lines that Cadre lacks, by program. `title`: which machine."""
    failures, gaps, differing = collections.OrderedDict(), known_gaps(), 0
    for key, count in theirs.good.items():
        if key.split(":")[0] not in names:
            continue
        got = min(count, ours.good[key])
        if got < count and is_gap(key, gaps):
            differing += count - got
            tally.add(got)
            continue
        tally.add(got, count - got)
        if got < count:
            why = "; ".join(dict.fromkeys(ours.bad.get(key, ["not printed"])))
            failures.setdefault(key.split(":")[0], []).append(f"{key.partition(': ')[2]}  # {why}")
    report = [f"## {title}", *ours.deaths, *ours.traps, *(f"{name} ended with {status}" for name, status in ours.ends.items() if status)]
    for topic, lines in failures.items():
        report += [f"### {topic}: {len(lines)} of {sum(1 for k in theirs.good if k.startswith(topic + ':'))}", *lines]
    (WHERE / f"failures-{title}.md").write_text("\n".join(report) + "\n", encoding="utf-8")
    if differing:
        print(f"  abi {title}: {differing} assertions differ from Linux as tests/abi/gaps.txt says; they are counted nowhere")
    shown = [line for line in report[1:]]
    for line in shown[:SHOWN]:
        print(f"  abi {title}: {line[:220]}")
    if len(shown) > SHOWN:
        print(f"  abi {title}: … {len(shown) - SHOWN} more in build/abi/failures-{title}.md")
    return not shown


def suite(tally):
    """System calls: small programs compared with Debian's Linux, line by line."""
    guest, tests = programs()
    chosen_machines = machines("ABI", CPUS)
    kernels = dict(chosen_machines)
    made(kernels)
    packed({**tests, "guest": guest}, WHERE / "base.cpio")
    chosen = os.environ.get("ABI", "").split() or list(tests)
    theirs = reference({"guest": guest, **{name: tests[name] for name in chosen}})
    for key, gots in theirs.bad.items():
        for got in gots:
            tally.case(f"on Linux: {key}", False, got)
    for death in theirs.deaths + [f"{name} ended with {status}" for name, status in theirs.ends.items() if status]:
        tally.case("on Linux", False, death)
    if os.environ.get("ABI_CPUS") == "0":
        print(f"  abi: {sum(theirs.good.values())} assertions hold on Linux")
        tally.add(sum(theirs.good.values()))
        return
    for kernel, cpus in chosen_machines:
        one_machine(tally, theirs, chosen, kernel, cpus)
    if "cadre" in kernels and chosen == list(tests):
        every_call(tally, chosen)


def every_call(tally, names):
    """Each system call that there is is made by a program: taken from what a machine prints of the calls it serves."""
    collect("traced", names, 2, jobs_of(2), "traced")
    made = set(TRACED.findall((WHERE / "traced.log").read_text(encoding="utf-8", errors="replace")))
    present = subprocess.run([sys.executable, "tools/syscalls/gen.py", "--present"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    never = [name for name in present if name not in made]
    tally.case("every_system_call_is_made_by_a_program", not never, f"never made: {' '.join(never)}")


def one_machine(tally, theirs, chosen, kernel, cpus):
    title = f"{kernel}-{cpus}"
    ours = collect(kernel, chosen, cpus, jobs_of(cpus), title)
    tally.case(f"no_service_traps_on_{title}", not ours.traps, f"{len(ours.traps)} in build/abi/{title}.log")
    if kernel.startswith("hosted-"):
        tally.case(f"no_sanitizer_report_on_{title}", not ours.reports, f"see build/abi/{title}.reports: {ours.reports[:4]}")
    if not compare(tally, theirs, ours, set(chosen), title):
        target = f" --target {kernel}" if kernel.startswith("hosted") else ""
        print(f"  again: ABI='PROGRAM…' ABI_TARGETS={kernel} ABI_CPUS={cpus} ./cadre test --filter abi; one by hand: ./cadre run{target} --smp {cpus} "
              "--initrd build/abi/base.cpio -- /abi/PROGRAM [SENTENCE]")
