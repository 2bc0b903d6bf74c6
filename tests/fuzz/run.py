#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Fuzzes the framework's parsers on this host: `run.py [--seconds N] [FILTER]`.

Each tests/fuzz/X_fuzz.c has LLVMFuzzerTestOneInput and names the sources that it needs in lines `// source: framework/…`. Built with libFuzzer,
ASan and the traps of the build. Inputs that were interesting stay in build/fuzz/X.corpus. Ends in `N passed, N failed`.
"""
import argparse
import pathlib
import re
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filter", nargs="?", default="")
    parser.add_argument("--seconds", type=int, default=20, help="for each driver (default: 20)")
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
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
