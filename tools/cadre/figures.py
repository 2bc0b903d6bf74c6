# SPDX-License-Identifier: MPL-2.0
"""Writes docs/figures.md anew: sizes, corpus, coverage, and boot beside Linux, each with the command that made it."""
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = """# Figures

Made by `python3 tools/cadre/figures.py`; not edited by hand. Absolute times are those of a shared machine with two cores and no KVM; take the ratios.
"""


def output(*command):
    """What the command prints; its failure ends the script."""
    print("figures:", *command, file=sys.stderr)
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.rstrip()


def block(title, command, text, note=""):
    return f"\n## {title}\n\n`{command}`\n\n```\n{text}\n```\n{note}"


def main():
    parts = [HEAD]
    parts.append(block("The trusted half", "make tcb", output("make", "-s", "tcb"),
                       "\nThe share falls as services come: networks, disks and drivers are not written yet.\n"))
    parts.append(block("The checker's corpus", "python3 tests/safec/run.py --table",
                       output(sys.executable, "tests/safec/run.py", "--table")))
    with tempfile.NamedTemporaryFile(suffix=".json") as rows:
        bench = output("./cadre", "bench", "--filter", "boot", "--pairs", "5", "--json", rows.name)
        json.loads(pathlib.Path(rows.name).read_text())
        parts.append(block("Boot and size beside Linux", "./cadre bench --filter boot", bench))
    coverage = output(sys.executable, "tools/coverage/coverage.py", "--markdown")
    coverage = coverage[coverage.index("| "):]   # what the build printed comes first
    parts.append(f"\n## Coverage of the trusted half\n\n`make coverage`\n\n{coverage}\n")
    (ROOT / "docs" / "figures.md").write_text("".join(parts))


if __name__ == "__main__":
    main()
