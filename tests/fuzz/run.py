#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Fuzzes the framework's parsers and the kernel on this host, by libFuzzer: `run.py [--seconds N] [FILTER]`. Ends in `N passed, N failed`.

Each tests/fuzz/X_fuzz.c has LLVMFuzzerTestOneInput and names the sources that it needs in lines `// source: framework/…`. Built with libFuzzer,
ASan and the traps of the build. Inputs that were interesting stay in build/fuzz/X.corpus.

`calls` (system calls) and `exec` (files as programs) are run by the hosted kernel itself (make TARGET=hosted-fuzz; tests/fuzz/kernel/). They begin with
inputs made by tests/fuzz/X_corpus.py. A finding's input is build/fuzz/X.finding; `run.py --replay FILE X` runs it again.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "fuzz"
FLAGS = ("-std=gnu23 -O1 -g -ffreestanding -nostdinc -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-function -fno-strict-aliasing "
         "-fno-delete-null-pointer-checks -ftrivial-auto-var-init=zero -fwrapv -fstrict-flex-arrays=3 -fno-builtin "
         "-fsanitize=fuzzer,address,array-bounds,shift,integer-divide-by-zero,bool,return,unreachable,alignment,null,vla-bound "
         "-fno-sanitize-recover=all -Iframework/include -Iframework -Iframework/arch/hosted").split()


def build(driver):
    sources = re.findall(r"^// source: (\S+)", driver.read_text(), re.M)
    if not sources:   # by its name: X_fuzz.c tests the X.c of some module
        sources = [str(p.relative_to(ROOT)) for p in (ROOT / "framework").glob(f"*/{driver.name.removesuffix('_fuzz.c')}.c")]
    out = OUT / driver.stem
    done = subprocess.run(["/usr/lib/llvm-22/bin/clang", *FLAGS, "-o", str(out), str(driver), "tests/fuzz/env.c", *sources], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        print(done.stderr[-3000:])
        return None
    return out


# Of the hosted kernel: the longest input.
KERNEL = {"calls": 964, "exec": 16384}
LOG_MAX = 32 << 20
# Signals are the kernel's: how it takes interrupts, and traps. An input that does not end is the driver's affair.
NOT_LIBFUZZERS = [f"-handle_{name}=0" for name in ("segv", "bus", "ill", "fpe", "usr1", "usr2", "xfsz")] + ["-timeout=0"]


def kernel_build(name):
    done = subprocess.run(["make", f"-j{os.cpu_count()}", "TARGET=hosted-fuzz", "build/hosted-fuzz/fuzz"], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        print((done.stdout + done.stderr)[-3000:])
        return False
    shutil.rmtree(OUT / f"{name}.seed", ignore_errors=True)
    return subprocess.run([sys.executable, f"tests/fuzz/{name}_corpus.py", str(OUT / f"{name}.seed")], cwd=ROOT).returncode == 0


def watched(command, env, log, seconds):
    """Runs it; the kernel's log does not fill the disk meanwhile. => status, or None after the time; what it said"""
    with open(log.with_suffix(".out"), "w+", errors="replace") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT)
        left = seconds
        while process.poll() is None and left > 0:
            try:
                process.wait(min(left, 10))
            except subprocess.TimeoutExpired:
                left -= 10
            if log.exists() and log.stat().st_size > LOG_MAX:
                os.truncate(log, 0)
        if process.poll() is None:
            process.kill()
            process.wait()
            return None, out.seek(0) or out.read()
        return process.returncode, out.seek(0) or out.read()


def kernel_run(name, args):
    """=> whether nothing was found, and what to print."""
    if not kernel_build(name):
        return False, "does not build"
    corpus, current, log = OUT / f"{name}.corpus", OUT / f"{name}.current", OUT / f"{name}.log"
    if args.fresh:
        shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    inputs = [args.replay] if args.replay else [f"-max_total_time={args.seconds}", str(corpus), str(OUT / f"{name}.seed")]
    command = ["build/hosted-fuzz/fuzz", "--cpus", str(args.cpus), "--log", str(log), "timeout=9999999", "--filter", "inputs_of_libfuzzer", f"fuzz={name}", "--",
               *NOT_LIBFUZZERS, f"-dict={OUT}/{name}.dict", f"-max_len={KERNEL[name]}", "-len_control=0", "-rss_limit_mb=0", f"-seed={args.seed}", "-print_final_stats=1",
               f"-artifact_prefix={OUT}/{name}.", *inputs]
    status, text = watched(command, {**os.environ, "FUZZ_CURRENT": str(current)}, log, args.seconds + 300)
    runs = re.findall(r"#(\d+)\s+(?:DONE|pulse|NEW|REDUCE|INITED).*?cov: (\d+) ft: (\d+)", text)
    made = re.findall(r"(\d+) system calls", text)
    said = (f"{runs[-1][0]} inputs, {runs[-1][1]} edges, {runs[-1][2]} features" if runs else "no input ran") + (f", {made[-1]} calls" if made else "")
    if status == 0 and "fuzz: " not in text:
        return True, said
    found = OUT / f"{name}.finding"
    content = current.read_bytes() if current.exists() else b""
    if len(content) > 8:
        found.write_bytes(content[8:8 + int.from_bytes(content[:8], "little")])
    lines = [line for line in text.splitlines() if not re.match(r"#\d+|\s+NEW_FUNC|\"", line)][-30:]
    lines += ["the kernel's log:", *log.read_text(errors="replace").splitlines()[-25:]] if log.exists() else []
    if name == "calls" and found.exists():
        lines += subprocess.run([sys.executable, "tests/fuzz/calls_corpus.py", "--show", str(found)], capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    return False, "\n    ".join([said, *lines, f"again: python3 tests/fuzz/run.py --replay {found.relative_to(ROOT)} {name}"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filter", nargs="?", default="")
    parser.add_argument("--seconds", type=int, default=20, help="for each driver (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="of libFuzzer's choices in the kernel (default: 1)")
    parser.add_argument("--cpus", type=int, default=1, help="of the hosted kernel (default: 1, where an input runs as it did before)")
    parser.add_argument("--fresh", action="store_true", help="forget what was found interesting in the kernel before")
    parser.add_argument("--replay", metavar="FILE", help="this input alone, of the hosted kernel")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    for driver in sorted((ROOT / "tests/fuzz").glob("*_fuzz.c")):
        if args.filter not in driver.name:
            continue
        program, corpus = build(driver), OUT / f"{driver.stem}.corpus"
        corpus.mkdir(exist_ok=True)
        lines = ["does not build"]
        good = False
        if program:
            done = subprocess.run([str(program), f"-max_total_time={args.seconds}", "-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048",
                                   f"-artifact_prefix={OUT}/{driver.stem}.", str(corpus)], capture_output=True, text=True, errors="replace")
            lines, good = done.stderr.splitlines(), done.returncode == 0
        runs = next((m[1] for line in lines if (m := re.match(r"stat::number_of_executed_units: (\d+)", line))), "?")
        print(f"ok   {driver.name}: {runs} inputs" if good else f"FAIL {driver.name}:\n    " + "\n    ".join(lines[-40:]), flush=True)
        passed, failed = passed + good, failed + (not good)
    for name in KERNEL:
        if args.filter in name:
            good, text = kernel_run(name, args)
            print(f"{'ok  ' if good else 'FAIL'} {name}: {text}", flush=True)
            passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
