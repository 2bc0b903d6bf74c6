# SPDX-License-Identifier: MPL-2.0
"""The suite `programs`: Debian's own programs (tests/programs/programs.sh), on Debian's Linux and on Cadre, in QEMU and hosted, compared line by line.

The root file system is made once by mmdebstrap and kept as an archive below build/programs/, as is what Linux prints, under names made of
what they depend on. Each check prints one line, and each line that Linux prints is one test. Two machines run at a time; docs/programs.md says
which check covers what.

The environment chooses: PROGRAMS="gcc_compile bb_*" only these checks, PROGRAMS_TARGETS="cadre hosted" (cadre: in QEMU) and PROGRAMS_CPUS="1 2 4" these
machines.
"""
import concurrent.futures
import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
import sys

import abi
import qemu
import root
from main import ROOT

SOURCES, WHERE = ROOT / "tests" / "programs", ROOT / "build" / "programs"
SUITE = "bookworm"
PACKAGES = ("bash coreutils findutils grep sed gawk diffutils tar gzip xz-utils less nano procps make gcc libc6-dev musl-tools perl python3 "
            "sqlite3 stress-ng rt-tests busybox-static lsof psmisc util-linux mount vim-tiny patch").split()
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/zoneinfo/*", "/usr/share/i18n/*",
            "/usr/bin/*lto-dump*", "/usr/lib/gcc/*/lto1", "*/libasan*", "*/libtsan*", "*/libubsan*", "*/liblsan*", "/usr/share/nano/*")
IMAGE_MAX, MEMORY, MACHINE_SECONDS, MACHINES = 350 << 20, "1536M", 1800, 2
CPUS = {"cadre": "4", "hosted": "1 2 4"}
LINE = re.compile(r"^(ok|not ok) (\w+): (.*)$")
PID = re.compile(r"(line \d+:) +\d+ ")


def own_mirrors():
    """Where this machine's apt takes the distribution from, as lines of a sources.list."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) main", "Created-By: Packages", "Component: main"],
                            capture_output=True, text=True)
    return [line for line in listed.stdout.splitlines() if re.search(rf" {SUITE}\b", line)]


def debian():
    """Debian's packages as an archive, made where it is missing; its path."""
    digest = hashlib.sha256(repr((SUITE, PACKAGES, EXCLUDED)).encode()).hexdigest()[:16]
    image, where = WHERE / f"debian-{digest}.cpio", WHERE / "debian"
    if image.exists():
        return image
    root.need("mmdebstrap", "mmdebstrap")
    WHERE.mkdir(parents=True, exist_ok=True)
    print("  programs: fetching Debian's packages (120 MB), once", flush=True)
    command = ["mmdebstrap", "--variant=essential", f"--include={','.join(PACKAGES)}", *(f"--dpkgopt=path-exclude={path}" for path in EXCLUDED),
               SUITE, str(where)]
    for mirrors in ([], own_mirrors()):
        shutil.rmtree(where, ignore_errors=True)
        done = subprocess.run([*command, *mirrors], capture_output=True, text=True)
        if done.returncode == 0:
            break
    else:
        sys.exit(f"cadre: mmdebstrap failed:\n{done.stderr[-3000:]}")
    root.cpio(where, WHERE / "debian.new")
    shutil.rmtree(where)
    (WHERE / "debian.new").rename(image)
    return image


def go_program(source):
    """Compiles a static Go program; its path."""
    out = WHERE / source.stem
    if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
        root.need("go", "golang-go")
        subprocess.run(["go", "build", "-ldflags=-s -w", "-o", str(out), str(source)], check=True, env={**os.environ, "CGO_ENABLED": "0"})
    return out


def packed(out):
    """Debian's archive with tests/programs/ as /t, written to `out`; Go's programs compiled."""
    image, paths = debian(), sorted(SOURCES.iterdir())
    paths = [go_program(path) if path.suffix == ".go" else path for path in paths]
    files = {f"t/{path.name}": (0o100755, path.read_bytes()) for path in paths}
    shutil.copyfile(image, out)
    with open(out, "ab") as image:
        image.write(b"\0" * (-image.tell() % 512) + root.archive({"t": (0o40755, b""), **files}))
    return out


def take(lines):
    """{check: its line}, without the process numbers that a shell prints."""
    matches = filter(None, map(LINE.match, lines))
    return {match[2]: PID.sub(r"\1 PID ", match[0]) for match in matches}


def boot(kernel, cpus, names):
    """Runs the checks on a kernel. => their lines by name; why the machine did not reach the end, or nothing; traps"""
    title = f"{kernel}-{cpus}"
    image, log = WHERE / f"run.{title}.cpio", WHERE / f"{title}.log"
    log.unlink(missing_ok=True)
    root.initramfs(WHERE / "base.cpio", image, ["/t/programs.sh", *names], False, shutil.get_terminal_size(), {"PATH": "/bin:/usr/bin:/sbin:/usr/sbin"})
    machine = dataclasses.replace(abi.machine(kernel, image, cpus, log), mem=MEMORY)
    status, lines = qemu.capture(machine, MACHINE_SECONDS)
    image.unlink()
    (WHERE / f"{title}.out").write_text("\n".join(lines) + "\n", encoding="utf-8")
    death = "" if "all checks are through" in lines else "ran into its timeout" if status is None else f"stopped with status {status}"
    text = log.read_text(errors="replace") if log.exists() else ""
    return take(lines), death, [line for line in text.splitlines() if kernel != "linux" and abi.TRAP.search(line)]


def reference(names):
    """What Linux prints. => as of boot"""
    digest = hashlib.sha256(" ".join(names).encode())
    for path in [WHERE / "base.cpio", root.linux_kernel(), ROOT / "tools/cadre/guest/init.c"]:
        digest.update(path.read_bytes())
    kept = WHERE / f"linux-{digest.hexdigest()[:24]}.txt"
    if kept.exists():
        return take(kept.read_text(encoding="utf-8").splitlines()), ""
    lines, death, _ = boot("linux", 2, names)
    if not death and all(line.startswith("ok ") for line in lines.values()):
        shutil.copy(WHERE / "linux-2.out", kept)
    return lines, death


def compare(tally, kernel, cpus, theirs, results):
    """Counts what one machine printed."""
    ours, death, traps = results
    where, again = f"on_{kernel}_with_{cpus}_cpus", f"PROGRAMS_TARGETS={kernel} PROGRAMS_CPUS={cpus} ./cadre test --filter programs"
    tally.case(f"the_end_is_reached_{where}", not death, f"{death}; again: {again}")
    tally.case(f"no_service_traps_{where}", not traps, f"{'; '.join(traps[:5])}; again: {again}")
    for name, line in theirs.items():
        tally.case(f"{name}_{where}", line.startswith("ok ") and ours.get(name) == line,
                   f"Linux: {line}\n    Cadre: {ours.get(name, 'nothing')}\n    again: PROGRAMS={name} {again}")


def suite(tally):
    """Debian's programs, compared with Debian's Linux, line by line."""
    size = packed(WHERE / "base.cpio").stat().st_size
    tally.case("the_root_is_small_enough", size <= IMAGE_MAX, f"{size >> 20} MiB")
    names = os.environ.get("PROGRAMS", "").split()
    machines = abi.machines("PROGRAMS", CPUS)
    abi.made(dict(machines))
    root.linux_kernel()
    root.guest_init()
    with concurrent.futures.ThreadPoolExecutor(MACHINES) as pool:
        linux, *ours = [pool.submit(reference, names), *(pool.submit(boot, *machine, names) for machine in machines)]
        theirs, death = linux.result()
        tally.case("linux_reaches_the_end", not death, death)
        for machine, results in zip(machines, ours):
            compare(tally, *machine, theirs, results.result())
