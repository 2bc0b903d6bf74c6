#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Coverage of framework and services: lines and SAFETY sites, by module, and a page for each file (build/coverage/html/index.html).

Three measurements, merged. Ring 3: the programs of tests/abi/ on the hosted kernel with clang's source coverage. QEMU: the test kernel as it is, unchanged and optimised, boots with 1, 2 and 4 CPUs while QEMU writes down each block of
instructions that it translates (-d in_asm), and the image's line table turns addresses into lines. Host: the unit tests of the hosted build
with clang's source coverage. The lines counted are those that the image's line table has code for, or the hosted build a counter.
A SAFETY site is a comment `SAFETY:`; it is covered where the next line with code was executed.
"""
import argparse
import bisect
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "cadre"))
LLVM = pathlib.Path("/usr/lib/llvm-22/bin")
IMAGE = ROOT / "build/x86_64/test.elf"
HOSTED = ROOT / "build/hosted-cov/unit-tests"
KERNEL = ROOT / "build/hosted-cov/cadre"
PAGES = ROOT / "build/coverage/html"


IMAGE_BASE = 0xffffffff80000000
MACHINES = [("pc", "qemu64"), ("microvm", "max")]


def crashes():
    """What `crash=` can name: tests that must stop the machine, one boot each."""
    path = ROOT / "framework/debug/test/crash_test.c"
    return re.findall(r'wanted\(TEXT\("(\w+)"\)\)', path.read_text()) if path.exists() else []


def counted(path):
    """Path relative to the tree where this file counts, else None."""
    try:
        name = str(pathlib.Path(path).resolve().relative_to(ROOT)) if os.path.isabs(path) else os.path.normpath(path)
    except ValueError:
        return None
    inside = name.startswith(("framework/", "services/")) and not name.startswith(("framework/arch/hosted/", "services/syscall/gen/"))
    if inside and "/test/" not in name:
        return name
    return None


def module_of(name):
    parts = name.split("/")
    if parts[0] == "services":
        return "/".join(parts[:2])
    return "/".join(parts[1:3]) if parts[1] in ("arch", "include") and len(parts) > 3 else parts[1]


# --- the image's line table ---

def line_rows(image):
    """(first address, end, file, line) of each row of the line table; dropped functions have address 0."""
    text = subprocess.run([LLVM / "llvm-dwarfdump", "--debug-line", image], capture_output=True, text=True, check=True).stdout
    dirs, files, rows, name_at, last = {}, {}, [], None, None
    row = re.compile(r"^0x([0-9a-f]{16})\s+(\d+)\s+\d+\s+(\d+)\s.*?(end_sequence)?\s*$")
    for line in text.splitlines():
        if m := row.match(line):
            address, number, file, end = int(m[1], 16), int(m[2]), int(m[3]), m[4]
            if last:
                rows.append((last[0], address, last[1], last[2]))
            last = None if end else (address, files.get(file), number)
        elif m := re.match(r'^include_directories\[\s*(\d+)\] = "(.*)"', line):
            dirs[int(m[1])] = m[2]
        elif m := re.match(r"^file_names\[\s*(\d+)\]:", line):
            name_at = int(m[1])
        elif m := re.match(r'^\s+name: "(.*)"', line):
            files[name_at] = m[1]
        elif m := re.match(r"^\s+dir_index: (\d+)", line):
            folder = dirs.get(int(m[1]), "")
            if not os.path.isabs(folder):
                folder = os.path.join(dirs.get(0, ""), folder)
            files[name_at] = counted(os.path.join(folder, files[name_at]))
        elif line.startswith("debug_line["):
            dirs, files, last = {}, {}, None
    return [r for r in rows if r[2] and r[3]]


def executed_addresses(options, timeout):
    """Addresses of all instructions that QEMU translated while the test kernel ran."""
    import qemu
    addresses = set()
    for title, fields in options:
        with tempfile.NamedTemporaryFile(suffix=".asm") as log:
            machine = qemu.Machine(kernel=str(IMAGE), extra=("-d", "in_asm", "-D", log.name), **fields)
            status, lines = qemu.capture(machine, timeout)
            print(f"coverage: QEMU, {title}: {lines[-1] if lines else 'no output'} (status {status})", file=sys.stderr)
            for line in open(log.name, errors="replace"):
                if m := re.match(r"^0x([0-9a-f]+):", line):
                    addresses.add(int(m[1], 16))
    return addresses


def qemu_lines(cpus, timeout):
    """({file: lines with code}, {file: lines executed})."""
    rows = line_rows(IMAGE)
    total, hit = collections.defaultdict(set), collections.defaultdict(set)
    runs = [(f"{n} CPUs", dict(smp=n)) for n in cpus]
    runs += [(f"{m}, {c}", dict(smp=2, machine=m, cpu=c)) for m, c in MACHINES]
    runs += [(f"crash={name}", dict(smp=2, append=f"filter=crash_{name}_ crash={name}")) for name in crashes()]
    ran = executed_addresses(runs, timeout)
    ran = sorted(ran | {a + IMAGE_BASE for a in ran if a < 1 << 31})   # the first instructions run at physical addresses

    for start, end, name, line in rows:
        total[name].add(line)
        at = bisect.bisect_left(ran, start)
        if start != 0 and start != end and at < len(ran) and ran[at] < end:
            hit[name].add(line)
    return total, hit


# --- the hosted build ---

def abi_profiles(folder):
    """Runs the programs of ring 3 on the hosted kernel, which writes its counters as it powers off."""
    import abi
    guest, programs = abi.programs()
    abi.packed({"guest": guest, **programs}, abi.WHERE / "base.cpio")
    os.environ["LLVM_PROFILE_FILE"] = str(folder / "abi-%p.profraw")
    results = abi.collect("hosted-cov", list(programs), 2, 3, "coverage")
    del os.environ["LLVM_PROFILE_FILE"]
    print(f"coverage: ring 3, hosted: {sum(results.good.values())} assertions, {len(results.ends)} programs; {'; '.join(results.deaths)}", file=sys.stderr)
    return [str(path) for path in folder.glob("abi-*.profraw")]


def hosted_lines(cpus, timeout, rings):
    profiles = []
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cadre-coverage-"))
    cpus = cpus if 1 in rings else []
    for n in cpus:
        profile = folder / f"{n}.profraw"
        done = subprocess.run([HOSTED, "--cpus", str(n)], capture_output=True, text=True, errors="replace", timeout=timeout,
                              env={**os.environ, "LLVM_PROFILE_FILE": str(profile)})
        print(f"coverage: host, {n} CPUs: {(done.stdout.splitlines() or ['no output'])[-1]} (status {done.returncode})", file=sys.stderr)
        if profile.exists():
            profiles.append(str(profile))
    if 3 in rings:
        profiles += abi_profiles(folder)
    merged = folder / "merged"
    subprocess.run([LLVM / "llvm-profdata", "merge", "-o", merged, *profiles], check=True)
    text = subprocess.run([LLVM / "llvm-cov", "export", "-format=lcov", f"-instr-profile={merged}", HOSTED, "-object", KERNEL],
                          capture_output=True, text=True, check=True).stdout
    PAGES.mkdir(parents=True, exist_ok=True)
    subprocess.run([LLVM / "llvm-cov", "show", "-format=html", f"-output-dir={PAGES}", f"-instr-profile={merged}", "-ignore-filename-regex=/test/|^tests/",
                    HOSTED, "-object", KERNEL], check=True, cwd=ROOT)
    print(f"coverage: page by page: {PAGES}/index.html", file=sys.stderr)
    total, hit, name = collections.defaultdict(set), collections.defaultdict(set), None
    for line in text.splitlines():
        if line.startswith("SF:"):
            name = counted(line[3:])
        elif name and line.startswith("DA:"):
            number, count = map(int, line[3:].split(",")[:2])
            total[name].add(number)
            if count:
                hit[name].add(number)
    return total, hit


# --- the table ---

def safety_sites(name, total):
    """(line of the comment, next line with code or None) of each site."""
    lines = (ROOT / name).read_text(errors="replace").splitlines()
    for number, text in enumerate(lines, 1):
        if "SAFETY:" in text:
            yield number, next((n for n in range(number, min(number + 16, len(lines) + 1)) if n in total), None)


def files():
    for path in sorted([*(ROOT / "framework").rglob("*"), *(ROOT / "services").rglob("*")]):
        name = str(path.relative_to(ROOT))
        if path.suffix in (".c", ".h", ".S") and counted(name):
            yield name


def count_tests():
    tests = collections.Counter()
    for path in [*(ROOT / "framework").rglob("*_test.c"), *(ROOT / "services").rglob("*_test.c")]:
        tests[module_of(str(path.relative_to(ROOT)))] += len(re.findall(r"^(?:PROGRAM_)?TEST\(", path.read_text(), re.M))
    return tests


def ranges(numbers):
    out = []
    for n in sorted(numbers):
        if out and n <= out[-1][1] + 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in out)


def report(total, hit, markdown, uncovered):
    modules, missing = {}, []
    for name in files():
        t, h = total.get(name, set()), hit.get(name, set()) & total.get(name, set())
        row = modules.setdefault(module_of(name), [0, 0, 0, 0])
        row[0] += len(h)
        row[1] += len(t)
        if t - h:
            missing.append(f"{name}: lines {ranges(t - h)}")
        for site, code in safety_sites(name, t):
            row[3] += 1
            row[2] += code in h
            if code not in h:
                missing.append(f"{name}:{site}: SAFETY site not executed" + ("" if code else " (no code follows in this image)"))
    tests, sums = count_tests(), [sum(r[i] for r in modules.values()) for i in range(4)]
    percent = lambda a, b: f"{100 * a / b:.1f} %" if b else "-"
    rows = [(m, tests[m], *r) for m, r in sorted(modules.items())] + [("**all**" if markdown else "all", sum(tests.values()), *sums)]
    if markdown:
        print("| module | tests | lines covered | of | | SAFETY sites covered | of |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        for m, n, a, b, c, d in rows:
            print(f"| {m} | {n} | {a} | {b} | {percent(a, b)} | {c} | {d} |")
    else:
        print(f"{'module':<18}{'tests':>6}{'lines':>8}{'of':>7}{'':>9}{'SAFETY':>8}{'of':>5}")
        for m, n, a, b, c, d in rows:
            print(f"{m:<18}{n:>6}{a:>8}{b:>7}{percent(a, b):>9}{c:>8}{d:>5}")
    if uncovered:
        print("\nNot covered:" if not markdown else "\nNot covered:\n")
        for line in missing:
            print(("- `" + line + "`") if markdown else "  " + line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("qemu", "host"), help="one of the two measurements")
    parser.add_argument("--cpus", default="1,2,4", help="CPU counts to run with (default: 1,2,4)")
    parser.add_argument("--rings", default="1,3", help="of the hosted measurement: 1 unit tests, 3 the programs of tests/abi (default: 1,3)")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for one run (default: 600)")
    parser.add_argument("--markdown", action="store_true", help="a table for docs/")
    parser.add_argument("--uncovered", action="store_true", help="list the lines and sites that are not covered")
    parser.add_argument("--no-build", action="store_true", help="take the images as they are")
    args = parser.parse_args()
    cpus = [int(n) for n in args.cpus.split(",")]
    total, hit = {}, {}
    if args.only != "host":
        if not args.no_build:
            subprocess.run(["make", "-C", ROOT, "-s", "-j2", str(IMAGE.relative_to(ROOT))], check=True)
        total, hit = qemu_lines(cpus, args.timeout)
    if args.only != "qemu":
        if not args.no_build:
            subprocess.run(["make", "-C", ROOT, "-s", "-j2", "TARGET=hosted-cov", str(HOSTED.relative_to(ROOT)), str(KERNEL.relative_to(ROOT))], check=True)
        host_total, host_hit = hosted_lines(cpus, args.timeout, [int(ring) for ring in args.rings.split(",")])
        for name, lines in host_total.items():
            if name not in total:
                total[name] = lines
        for name, lines in host_hit.items():
            hit.setdefault(name, set()).update(lines)
    report(total, hit, args.markdown, args.uncovered)


if __name__ == "__main__":
    main()
