# SPDX-License-Identifier: MPL-2.0
"""The hosted kernel as a machine: the same questions as to QEMU's (qemu.Machine), answered by a process of this host."""
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import termios

import qemu
import root
from main import ROOT, build

TARGETS = ("hosted", "hosted-asan", "hosted-tsan")
REFUSED = (2, 125)   # statuses of the hosted kernel itself: what was asked for cannot be done; this host does not let programs be run
TURNS, BOOT_SECONDS = 15, 0.020


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
    backend: str | None = None   # seccomp or ptrace; None: what the host allows
    seed: int | None = None      # of a deterministic run
    events: str | None = None    # where that lists what happened
    reports: str | None = None   # where sanitizers write, REPORTS.PROCESS; None: standard error

    def command(self):
        options = [f"{name}_OPTIONS=log_path={self.reports}" for name in ("ASAN", "TSAN", "UBSAN")] if self.reports else []
        args = [*(["env", *options] if options else []), self.kernel, "--cpus", str(self.smp), "--mem", self.mem]
        args += [word for line in self.serials for word in ("--serial", str(line))]
        for name, value in (("--append", self.append.strip()), ("--initrd", self.initrd), ("--log", self.log), ("--backend", self.backend),
                            ("--seed", self.seed), ("--events", self.events)):
            args += [name, str(value)] if value not in (None, "") else []
        return args

    def reported(self):
        """What sanitizers have found, the files taken away; their heads are what to look at first."""
        found = []
        for path in sorted(pathlib.Path(self.reports).parent.glob(pathlib.Path(self.reports).name + ".*")) if self.reports else []:
            found += path.read_text(errors="replace").splitlines()
            path.unlink()
        return found

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


SCRIPT = """echo $((6 * 7)); for i in 1 2 3; do (echo $i; exit $i) & wait $! || echo status $?; done; seq 1 20000 | tail -1
grep -c Pid /proc/self/status; (while :; do :; done) & sleep 0.1; kill $!; kill -9 $$"""
CALL_PTRACE, CALL_SECCOMP, CALL_MEMFD_CREATE, CALL_EXECVEAT = "101", "317", "319", "322"
EXPECTED = ["42", "1", "status 1", "2", "status 2", "3", "status 3", "20000", "3"]


def ticks(command):
    """The least and the median of the null calls' ticks that `handover` prints."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60)
    found = re.search(r"^ticks (\d+) (\d+)", done.stdout, re.M)
    return (int(found[1]), int(found[2])) if found else (None, done.stdout + done.stderr)


def handover_case(tally, where):
    """A null system call against the mechanism alone (tests/hosted/handover.c), in turns, until the minima are close enough or no more turns are left."""
    root.need("gcc", "gcc", "libc6-dev")
    program, base = where / "handover", where / "base.cpio"
    subprocess.run(["gcc", "-std=gnu17", "-static", "-O2", "-o", str(program), "tests/hosted/handover.c"], cwd=ROOT, check=True)
    base.write_bytes(root.archive({"bin": (0o40755, b""), "bin/handover": (0o100755, program.read_bytes())}))
    image = root.initramfs(base, where / "handover.cpio", ["/bin/handover", "calls"], False, shutil.get_terminal_size(), {})
    kernel = Machine(kernel=str(made("hosted")), append="rdinit=/.cadre/init", initrd=str(image), log=str(where / "log")).command()
    turns = []
    for _ in range(TURNS):
        turns.append((ticks([str(program), "mechanism"]), ticks(kernel)))
        least = [min((got[0] for got in side if got[0]), default=None) for side in zip(*turns)]
        if None not in least and least[1] <= 2 * least[0] and len(turns) >= 3:
            break
    print(f"   null call (least, median), in ticks: {turns}")
    tally.case("a_null_call_takes_at_most_twice_what_the_mechanism_takes", None not in least and least[1] <= 2 * least[0],
               f"{turns}; {' '.join(kernel)}; {program} mechanism")


def boot_case(tally):
    """From the start of the process to the first program's first line, until it is quick enough or no more turns are left."""
    import bench
    bench.WHERE.mkdir(parents=True, exist_ok=True)
    machine = Machine(kernel=str(made("hosted")), append="rdinit=/.cadre/init", initrd=str(bench.boot_image()), log="/dev/null")
    times = []
    while len(times) < 3 or len(times) < 4 * TURNS and min(times) > BOOT_SECONDS:
        times.append(bench.boot_once(machine)[0])
    print(f"   boot to the first line of user space, in ms: {[round(1000 * t, 1) for t in times]}")
    tally.case("boot_takes_20_ms_at_most", min(times) <= BOOT_SECONDS, f"{times}; {' '.join(machine.command())}")


def script_image(where):
    return root.initramfs(root.busybox(), where / "image.cpio", ["sh", "-c", SCRIPT], False, shutil.get_terminal_size(), {"PATH": "/bin:/usr/bin"})


def said_by(command):
    """=> its status, its standard output's lines, its standard error"""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=120, cwd=ROOT)
    return done.returncode, done.stdout.splitlines(), done.stderr


def host_cases(tally, where):
    """What an ordinary user of the host may do is enough; what a host refuses is done without, or named."""
    built = where / "refuse"
    subprocess.run(["gcc", "-std=gnu17", "-static", "-O2", "-Wall", "-o", str(built), "tests/hosted/refuse.c"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as name:     # where everybody can read
        pathlib.Path(name).chmod(0o755)
        kernel, image, refuse = (shutil.copy(path, name) for path in (made("hosted"), script_image(where), built))
        command = Machine(kernel=kernel, smp=2, mem="512M", append="rdinit=/.cadre/init", initrd=image, log="/dev/null",
                          serials=("stdio", "null", "null", "null")).command()
        nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all".split() if os.geteuid() == 0 else []
        traced = "hosted: seccomp filters are refused: user programs are traced, which is slower\n"
        cannot = "hosted: cannot run user programs here: "
        for title, prefix, status, lines, text in (
                ("an_ordinary_user_runs_programs", nobody, 0, EXPECTED, ""),
                ("without_seccomp_programs_are_traced_and_it_says_so", [*nobody, refuse, CALL_SECCOMP, "--"], 0, EXPECTED, traced),
                ("without_seccomp_and_ptrace_it_says_what_is_missing", [refuse, CALL_SECCOMP, CALL_PTRACE, "--"], 125, [],
                 traced + cannot + "seccomp filters are refused, ptrace is refused (error 1 of the host)\n"),
                ("without_execveat_it_says_what_is_missing", [refuse, CALL_EXECVEAT, "--"], 125, [], cannot + "it does not let a program in a memory file be executed"),
                ("without_memfd_create_it_says_what_is_missing", [refuse, CALL_MEMFD_CREATE, "--"], 2, [], "hosted: cannot run here: no file for its memory")):
            done = said_by([*prefix, *command])
            tally.case(title, done[:2] == (status, lines) and done[2].startswith(text) and bool(done[2]) == bool(text), f"{done}; {' '.join([*prefix, *command])}")
        done = said_by([refuse, CALL_SECCOMP, CALL_PTRACE, "--", "./cadre", "run", "--target", "hosted", "--", "true"])
        tally.case("run_passes_that_on", done[:2] == (125, []) and "ptrace is refused" in done[2] and "its log" not in done[2], done)


def suite(tally):
    """Programs on the hosted kernel: by seccomp filters and traced, plain and with sanitizers; each program's status as in QEMU. Its speed."""
    where = ROOT / "build" / "hosted-suite"
    where.mkdir(parents=True, exist_ok=True)
    handover_case(tally, where)
    boot_case(tally)
    if os.environ.get("HOSTED") == "speed":
        return
    host_cases(tally, where)
    cases = [("hosted", backend, cpus) for backend in ("seccomp", "ptrace") for cpus in (1, 2, 4)] + [("hosted-asan", None, 2), ("hosted-tsan", None, 2)]
    for target, backend, cpus in cases:
        image, status, log = script_image(where), where / "status", where / "log"
        machine = Machine(kernel=str(made(target)), smp=cpus, mem="512M", append="rdinit=/.cadre/init", initrd=str(image), log=str(log),
                          serials=("stdio", "null", str(status), "null"), backend=backend)
        _, lines = qemu.capture(machine, 120)
        reported = status.read_text(errors="replace").split()
        traps = [line for line in log.read_text(errors="replace").splitlines() if "service trap" in line or "panic" in line]
        tally.case(f"programs_run_{target}_{backend or 'default'}_on_{cpus}_cpus", lines == EXPECTED and reported == ["status", "137"] and not traps,
                   f"{lines[-12:]}, {reported}, {traps[:3]}; {' '.join(machine.command())}")
