# SPDX-License-Identifier: MPL-2.0
"""Prints the size of the trusted half: code lines by module, the share of the kernel, the count of SAFETY sites.

A code line is one that is neither blank nor comment alone. Counted for the build of one real architecture: the other
architectures and arch/hosted are shown apart, tests not at all.
"""
import argparse
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_LINES, LIMIT_SHARE = 10_000, 10.0


def code_lines(path):
    """Code lines of a C or assembly file: comments are removed first, strings respected."""
    text = path.read_text(encoding="utf-8", errors="replace")
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.S)
    keep = lambda m: m.group() if m.group()[0] in "\"'" else "\n" * m.group().count("\n")
    text = pattern.sub(keep, text)
    if path.suffix == ".S":
        text = re.sub(r"(?m)^\s*#(?!\s*(include|define|if|endif|else|elif|undef)\b).*$", "", text)
    return sum(1 for line in text.splitlines() if line.strip())


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".c", ".h", ".S") and "test" not in p.parts)


def table(folder):
    """{module: (files, lines, safety sites)} of a folder."""
    rows = {}
    for path in sources(folder):
        parts = path.relative_to(folder).parts
        name = "/".join(parts[:2]) if parts[0] in ("arch", "include") else parts[0]
        name = "arch" if name.startswith("arch/") and name.count("/") == 1 and path.parent.name == "arch" else name
        files, lines, sites = rows.get(name, (0, 0, 0))
        rows[name] = (files + 1, lines + code_lines(path), sites + path.read_text(errors="replace").count("SAFETY:"))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="x86_64", help="the architecture whose build is counted (default: x86_64)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--check", action="store_true", help="fail where the limit of 10,000 lines is passed")
    args = parser.parse_args()
    rows = table(ROOT / "framework")
    apart = {n: r for n, r in rows.items() if n.startswith("arch/") and n != f"arch/{args.arch}"}
    counted = {n: r for n, r in rows.items() if n not in apart}
    framework = sum(r[1] for r in counted.values())
    sites = sum(r[2] for r in counted.values())
    services = sum(code_lines(p) for p in sources(ROOT / "services"))
    share = 100 * framework / max(1, framework + services)
    if args.json:
        print(json.dumps({"framework": framework, "services": services, "share": round(share, 1), "safety": sites}))
    else:
        print(f"{'module':<24}{'files':>7}{'lines':>8}{'SAFETY':>8}")
        for name, (files, lines, count) in sorted(counted.items()):
            print(f"{name:<24}{files:>7}{lines:>8}{count:>8}")
        print(f"{'framework':<24}{sum(r[0] for r in counted.values()):>7}{framework:>8}{sites:>8}")
        print(f"{'services':<24}{len(sources(ROOT / 'services')):>7}{services:>8}")
        for name, (files, lines, count) in sorted(apart.items()):
            print(f"{'(apart) ' + name:<24}{files:>7}{lines:>8}{count:>8}")
        print(f"trusted share: {share:.1f} % of {framework + services} lines (target: {LIMIT_SHARE:.0f} %); "
              f"budget: {framework} of {LIMIT_LINES} lines")
    return 1 if args.check and framework > LIMIT_LINES else 0


if __name__ == "__main__":
    sys.exit(main())
