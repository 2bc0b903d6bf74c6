# SPDX-License-Identifier: MPL-2.0
"""Root file systems for `./cadre run`: an initramfs from a directory, from Debian packages, or of busybox alone; and Debian's Linux kernel."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CLANG = "/usr/lib/llvm-22/bin/clang"
LINUX = BUILD / "linux"


def apt(words, **options):
    """Runs apt-get, again with fresh lists where it fails: a machine may have none yet. Ends us with its message where that fails too."""
    command = [*([] if os.geteuid() == 0 or words[0] == "download" else ["sudo"]), "apt-get", *words]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        subprocess.run([*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "update"], capture_output=True)
        done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"cadre: {' '.join(command)} failed:\n{done.stderr[-2000:]}")


def need(program, *packages):
    """Installs `packages` where `program`, a command or a file, is missing."""
    if not shutil.which(program) and not pathlib.Path(program).exists():
        print(f"cadre: installing {' '.join(packages)}", file=sys.stderr)
        apt(["install", "-y", *packages])


def fetch(package, where):
    """Downloads a Debian package and unpacks it below `where`."""
    where.mkdir(parents=True, exist_ok=True)
    apt(["download", package], cwd=where)
    deb = next(where.glob(f"{package}_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(deb), str(where)], check=True)
    deb.unlink()


def linux_kernel():
    """Fetches Debian's kernel package and unpacks it; returns the image's path."""
    found = sorted(LINUX.glob("boot/vmlinuz-*"))
    if not found:
        print("cadre: fetching Debian's Linux kernel package (70 MB)", file=sys.stderr)
        fetch("linux-image-amd64", LINUX)   # names the newest; and, where there were no lists of packages, there are now
        depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=True)
        fetch(re.search(r"Depends: (linux-image-\S+)", depends.stdout)[1], LINUX)
        found = sorted(LINUX.glob("boot/vmlinuz-*"))
    return found[-1]


def cpio(directory, out):
    """Packs a directory as an initramfs."""
    need("cpio", "cpio")
    with open(out, "wb") as archive:
        names = subprocess.Popen(["find", ".", "-print0"], cwd=directory, stdout=subprocess.PIPE)
        done = subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet"], cwd=directory,
                              stdin=names.stdout, stdout=archive, stderr=subprocess.PIPE, text=True)
    if names.wait() or done.returncode:
        sys.exit(f"cadre: packing {directory} failed:\n{done.stderr}")
    return out


def busybox():
    """An initramfs of busybox and its applets, made once."""
    image, where = BUILD / "root" / "busybox.cpio", BUILD / "root" / "busybox"
    if image.exists():
        return image
    shutil.rmtree(where, ignore_errors=True)
    fetch("busybox-static", where)
    program = where / "bin" / "busybox"
    applets = subprocess.run([str(program), "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        link = where / applet
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to("/bin/busybox")
    for name in ("dev", "proc", "sys", "tmp", "run", "root", "mnt", "var"):
        (where / name).mkdir(exist_ok=True)
    (where / "tmp").chmod(0o1777)
    shutil.rmtree(where / "usr/share", ignore_errors=True)
    (where / "etc").mkdir(exist_ok=True)
    (where / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    (where / "etc/group").write_text("root:x:0:\ntty:x:5:\nnogroup:x:65534:\n")
    return cpio(where, image)


def guest_init():
    """Compiles the first program of a run; returns its path."""
    source, out = ROOT / "tools/cadre/guest/init.c", BUILD / "guest" / "init"
    out.parent.mkdir(parents=True, exist_ok=True)
    if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([CLANG, "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Os", "-mgeneral-regs-only",
                        "-Wall", "-Wextra", "-Werror", "-fuse-ld=lld", "-o", str(out), str(source)], check=True)
    return out


def archive(files):
    """A cpio archive (newc) of {name: (mode, contents)}, its directories first."""
    out = b""
    for ino, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        device = (5, 1) if mode & 0o170000 == 0o20000 else (0, 0)
        fields = (ino + 0x40000000, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
    return out + b"\0" * (-len(out) % 512)


def overlay(command, terminal, size, environment):
    """The part of the initramfs that a run adds: our init, and what it is to do."""
    words = ["tty" if terminal else "plain", str(size.lines), str(size.columns),
             *(f"{name}={value}" for name, value in environment.items()), "", *command]
    text = b"".join(os.fsencode(word) + b"\0" for word in words)
    return archive({".cadre": (0o40755, b""), ".cadre/init": (0o100755, guest_init().read_bytes()),
                    ".cadre/command": (0o100644, text), "dev": (0o40755, b""), "dev/console": (0o20600, b""),
                    "proc": (0o40755, b""), "sys": (0o40755, b"")})


def initramfs(base, out, command, terminal, size, environment):
    """`base` (a file) with the overlay behind it, as one initial RAM disk; returns its path."""
    with open(out, "wb") as image:
        if base:
            with open(base, "rb") as source:
                shutil.copyfileobj(source, image, 1 << 20)
            image.write(b"\0" * (-image.tell() % 512))
        image.write(overlay(command, terminal, size, environment))
    return out
