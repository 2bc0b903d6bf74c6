# SPDX-License-Identifier: MPL-2.0
"""The suite `det`: deterministic runs of the hosted kernel. Equal seeds must give equal runs, other seeds others, and a failure comes again
with its seed. DET_SEEDS="100-199 7" chooses the seeds that all unit tests run with; a run's last line has the hash of all its events.
"""
import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess

import hosted
import root
from main import ROOT, build

WHERE = ROOT / "build" / "det"
END = re.compile(r"^hosted: the end: seed \d+, (\d+) events, \d+ ns, hash (\w+)$", re.M)
COUNT = re.compile(r"^(\d+) passed, (\d+) failed", re.M)
SCRIPT = """echo $((6 * 7)); for i in 1 2 3; do (echo $i; exit $i) & wait $! || echo status $?; done
seq 1 2000 | sort -r | tee /tmp/all | md5sum; (sleep 0.2; echo late) & yes | head -200 | cat | cat | wc -l; wait
cat /proc/uptime /proc/sys/kernel/random/uuid; date; mktemp; threads; threads; kill -9 $$"""
PLANTED_SEEDS = range(1, 129)


def seeds_of(words):
    """The numbers of "100-199 7"."""
    return [n for word in words.split() for first, _, last in [word.partition("-")] for n in range(int(first), int(last or first) + 1)]


class Run:
    """One run that has ended: what it printed, and the end that it came to."""

    def __init__(self, command, timeout):
        self.command = command
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout, cwd=ROOT)
            self.output, self.said, self.status = done.stdout, done.stderr, done.returncode
        except subprocess.TimeoutExpired as late:
            self.output, self.said, self.status = (late.stdout or b"").decode(errors="replace"), (late.stderr or b"").decode(errors="replace"), None
        end = END.search(self.said)
        self.end = end and end.groups()
        # Without the log: traces of calls have addresses of the host's in them.
        self.text = [line for line in self.output.splitlines() if not line.startswith("[")]
        count = COUNT.search(self.output)
        self.passed = count and self.status == 0 and int(count[1]) > 0

    def __str__(self):
        lines = [line for line in self.output.splitlines() if line.startswith(("FAIL", "leak", "panic:"))] + (self.output + self.said).splitlines()[-8:]
        return f"status {self.status}: {lines}; again: {shlex.join(self.command)}"


def unit_tests(seed, *words):
    return Run(["build/hosted-asan/unit-tests", "--seed", str(seed), *words], 900)


def programs(target, seed, image):
    return Run(hosted.Machine(kernel=str(hosted.made(target)), smp=1, mem="256M", append="rdinit=/.cadre/init", initrd=str(image), seed=seed,
                              log=str(WHERE / f"log.{target}.{seed}"), serials=("stdio", "null", "null", "null")).command(), 120)


def program_image():
    """busybox and tests/hosted/threads.c, and SCRIPT to run."""
    root.need("gcc", "gcc", "libc6-dev")
    program, base = WHERE / "threads", WHERE / "base.cpio"
    subprocess.run(["gcc", "-std=gnu17", "-static", "-O1", "-pthread", "-o", str(program), "tests/hosted/threads.c"], cwd=ROOT, check=True)
    data = root.busybox().read_bytes()
    base.write_bytes(data + b"\0" * (-len(data) % 512) + root.archive({"bin/threads": (0o100755, program.read_bytes())}))
    return root.initramfs(base, WHERE / "image.cpio", ["sh", "-c", SCRIPT], False, shutil.get_terminal_size(), {"PATH": "/bin:/usr/bin"})


def programs_cases(tally, pool):
    """Each twice with one seed, once with another."""
    image = program_image()
    for target in ("hosted", "hosted-asan"):
        first, again, other = pool.map(lambda seed: programs(target, seed, image), (1, 1, 2))
        tally.case(f"programs_end_well_{target}", first.end and "\n2000\n" not in first.output and first.output.count("\nturns ") == 2, first)
        tally.case(f"programs_replay_{target}", first.end == again.end and first.output == again.output, f"{first}\n  and {again}")
        tally.case(f"another_seed_gives_another_run_{target}", first.end != other.end and first.output != other.output, f"{first}\n  and {other}")


def unit_cases(tally, pool):
    seeds = seeds_of(os.environ.get("DET_SEEDS", "1 2 3"))
    again, *runs = pool.map(unit_tests, [seeds[0], *seeds])
    for seed, done in zip(seeds, runs):
        tally.case(f"unit_tests_pass_with_seed_{seed}", done.passed and done.end, done)
    tally.case("unit_tests_replay", again.end and again.end == runs[0].end and again.text == runs[0].text, f"{again}\n  and {runs[0]}")
    tally.case("each_seed_gives_another_run", len({done.end for done in runs}) == len(runs), runs)


def planted_cases(tally, pool):
    """A race of two tasks (tests/unit/planted_test.c) is found by some seed, not by all, and by that seed each time."""
    planted = lambda seed: unit_tests(seed, "--filter", "planted", "planted")
    found, runs = [], []
    for seed in PLANTED_SEEDS:
        runs.append(planted(seed))
        found += [runs[-1]] if runs[-1].status == 1 and "FAIL" in runs[-1].output else []
        if len(found) == 2:
            break
    tally.case("a_planted_race_is_found", found, runs[-1])
    tally.case("most_seeds_pass_by_a_planted_race", sum(bool(done.passed) for done in runs) > len(found), runs[-1])
    for done in found:
        seed = int(done.command[2])
        tally.case(f"a_planted_race_comes_again_with_seed_{seed}",
                   all(again.end == done.end and again.text == done.text for again in pool.map(planted, [seed] * 4)), done)


def suite(tally):
    """Deterministic runs of the hosted kernel: unit tests and programs, twice with one seed and with others; a planted race is found and replayed."""
    WHERE.mkdir(parents=True, exist_ok=True)
    build("TARGET=hosted-asan")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        planted_cases(tally, pool)
        programs_cases(tally, pool)
        unit_cases(tally, pool)
