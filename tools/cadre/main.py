# SPDX-License-Identifier: MPL-2.0
"""./cadre: boot, test, measure and debug Cadre. `./cadre COMMAND --help` explains each command."""
import argparse
import os
import pathlib
import subprocess
import sys

import qemu

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "x86_64"


def build(*targets, quiet=True):
    """Runs make; on failure shows its output and exits."""
    command = ["make", "-C", str(ROOT), "-j", str(os.cpu_count() or 1), *targets]
    if not (ROOT / "build").exists():
        print("cadre: first build, about a minute", file=sys.stderr)
    done = subprocess.run(command, capture_output=quiet, text=True)
    if done.returncode:
        sys.stderr.write((done.stdout or "")[-6000:] + (done.stderr or "")[-6000:])
        sys.exit(f"cadre: the build failed: {' '.join(command)}")


def cpus(text):
    """How many CPUs a machine may have."""
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of CPUs from 1 to 64")
    return int(text)


def file_name(text):
    """The path of a file or directory that is there, seen from where ./cadre was called."""
    path = os.path.abspath(os.path.join(os.environ.get("CADRE_FROM", "."), text))
    if not os.path.exists(path):
        raise argparse.ArgumentTypeError(f"{text}: no such file or directory")
    return path


def add_machine_options(parser):
    parser.add_argument("--smp", type=cpus, default=2, metavar="N", help="CPUs (default: 2)")
    parser.add_argument("--mem", metavar="SIZE", help="memory, as QEMU writes it (default: 512M, more for a large root)")
    parser.add_argument("--machine", default="q35", choices=("q35", "pc", "microvm"), help="QEMU's machine type")
    parser.add_argument("--cpu", default="max", help="QEMU's CPU model (default: max)")
    parser.add_argument("--append", default="", metavar="ARGS", help="more words for the kernel's command line")
    parser.add_argument("--initrd", type=file_name, metavar="FILE", help="an initial RAM disk to pass on")


def machine_of(args, kernel, **more):
    return qemu.Machine(kernel=str(kernel), smp=args.smp, mem=args.mem or "512M", machine=args.machine, cpu=args.cpu,
                        append=args.append, initrd=args.initrd, **more)


def command_run(args):
    import run
    return run.main(args)


def command_debug(args):
    import debug
    return debug.main(args)


def command_test(args):
    import suites
    return suites.main(args)


def command_bench(args):
    import bench
    return bench.main(args)


def main():
    os.chdir(ROOT)
    parser = argparse.ArgumentParser(prog="./cadre", description="Boot, test, measure and debug Cadre.")
    commands = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="boot it, in QEMU or hosted: a shell, or one command", usage="./cadre run [OPTIONS] [-- CMD ARGS…]",
                              description="Boots Cadre in QEMU. Without CMD: an interactive shell. With CMD: its standard "
                              "output, standard error and exit status are ours, and its input is empty unless we are on a terminal. "
                              "`exit` in the shell ends the machine. The kernel log goes to build/run.log.")
    add_machine_options(run)
    run.add_argument("--root", type=file_name, metavar="DIR", help="the root file system, from a directory (e.g. made by mmdebstrap); default: busybox")
    run.add_argument("--kernel", default="cadre", choices=("cadre", "linux", "hello-kernel"),
                     help="which kernel (default: cadre); linux is Debian's, on the same machine with the same initramfs")
    run.add_argument("--target", default="qemu", choices=("qemu", "hosted", "hosted-asan", "hosted-tsan"),
                     help="where: a machine of QEMU's (default), or the kernel as a process of this host, with the sanitizer of that name")
    run.add_argument("--seed", type=int, metavar="N", help="a deterministic run, hosted on one CPU: all that happens follows from N")
    run.add_argument("--events", metavar="FILE", help="with --seed: list what happened")
    run.add_argument("--trace", action="store_true", help="print system calls on standard error, as strace would")
    run.add_argument("--timeout", type=float, metavar="S", help="end it after S seconds, with status 124")
    run.add_argument("--gdb", action="store_true", help="wait for gdb before the first instruction, on port 1234")
    run.add_argument("--gdb-port", type=int, default=1234, metavar="N", help="or on this port")
    run.add_argument("--print-command", action="store_true", help="show QEMU's command line instead")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD", help="what to run, and its arguments")
    run.set_defaults(call=command_run)

    test = commands.add_parser("test", help="run all tests; ends in `N passed, N failed`")
    test.add_argument("--quick", action="store_true", help="only what takes below two minutes")
    test.add_argument("--filter", default="", metavar="TEXT", help="only suites whose name has TEXT in it")
    test.add_argument("--ring", type=int, choices=(0, 1, 2, 3), help="0: the tree and its tools; 1: on this host, with sanitizers; "
                      "2: inside the kernel, in QEMU; 3: programs, on Cadre and on Linux")
    test.add_argument("--list", action="store_true", help="name the suites")
    test.set_defaults(call=command_test)

    bench = commands.add_parser("bench", help="speed, memory and size beside Debian's Linux kernel")
    bench.add_argument("--mode", default="instructions", choices=("instructions", "wall"), help="count guest instructions (default), or time interleaved pairs")
    bench.add_argument("--filter", default="", metavar="WORDS", help="only rows with one of these words, separated by commas, in their name")
    bench.add_argument("--quick", action="store_true", help="below three minutes: no programs, one run each")
    bench.add_argument("--pairs", type=int, default=5, metavar="N", help="pairs of timed runs (default: 5)")
    bench.add_argument("--repeats", type=int, default=2, metavar="N", help="counted runs (default: 2)")
    bench.add_argument("--limit", type=int, default=900, metavar="S", help="end one boot after S seconds (default: 900)")
    bench.add_argument("--packaged", action="store_true", help="also measure Linux without mitigations=off init_on_alloc=0")
    bench.add_argument("--append", default="", metavar="ARGS", help="more words for both kernels' command line")
    bench.add_argument("--profile", metavar="NAME", help="where the instructions of row NAME go in Cadre, by function")
    bench.add_argument("--scale", action="store_true", help="what an operation costs with more CPUs, and with more of a thing")
    bench.add_argument("--json", metavar="FILE", help="also write the rows to FILE")
    bench.add_argument("--chart", metavar="FILE", help="also draw the ratios to FILE (SVG)")
    bench.set_defaults(call=command_bench)

    debug = commands.add_parser("debug", help="gdb on the kernel, in QEMU or hosted", usage="./cadre debug [OPTIONS] [-- CMD ARGS…]",
                                description="Boots Cadre and opens gdb on it, stopped at its first instruction, with commands that print the "
                                "kernel's tasks, threads, address spaces, objects, locks and log (`help cadre`). CMD is what its first program runs.")
    add_machine_options(debug)
    debug.add_argument("--target", default="qemu", choices=("qemu", "hosted", "hosted-asan", "hosted-tsan"), help="where it runs (default: qemu)")
    debug.add_argument("--root", type=file_name, metavar="DIR", help="the root file system, from a directory; default: busybox")
    debug.add_argument("--after", metavar="TEXT", help="let it run until its log says TEXT")
    debug.add_argument("--ex", action="append", default=[], metavar="COMMAND", help="run this gdb command (again: more of them) and end")
    debug.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD", help="what to run, and its arguments")
    debug.set_defaults(call=command_debug)

    args = parser.parse_args()
    if getattr(args, "command", None) and args.command[0] == "--":
        del args.command[0]
    return args.call(args)


if __name__ == "__main__":
    sys.exit(main())
