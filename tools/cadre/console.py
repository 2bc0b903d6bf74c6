# SPDX-License-Identifier: MPL-2.0
"""The suite `console`: a person at the serial console of `./cadre run`: line editing, job control, and programs that use the whole screen, typed at
busybox' shell on a terminal of the test's own.

The environment chooses: CONSOLE_KERNELS="cadre hosted" (cadre: in QEMU; "linux" is Debian's Linux, which shows the same), CONSOLE_CPUS="1 2".
"""
import importlib.util
import os
import re
import select
import signal
import sys
import time

import abi
import hosted
import root
from main import ROOT

SPEC = importlib.util.spec_from_file_location("terminal", ROOT / "tests/programs/terminal.py")
terminal = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(terminal)
LEFT, UP = "\x02", "\x10"    # no sequences: on a busy machine their bytes may come apart, and are then keys of their own
SECONDS, PROMPT = 240, r"/ # (\x1b\[6n)?$"


class Console(terminal.Terminal):
    """A shell in a machine; carriage returns are dropped. A program's own words are told from the echo of its command by quotes within them: be''gun. Only
    what comes behind these is typed at the program: before, the shell may not have given the terminal up."""

    def __init__(self, kernel, cpus):
        which = ["--target", kernel] if kernel in hosted.TARGETS else ["--kernel", kernel]
        super().__init__(sys.executable, str(ROOT / "tools/cadre/main.py"), "run", *which, "--smp", str(cpus), "--timeout", "1200")
        self.title = ""

    def expect(self, pattern):
        end = time.monotonic() + SECONDS
        while not (match := re.search(pattern, self.text)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"no {pattern!r} in {SECONDS} s, but {self.text[-300:]!r}")
            try:
                self.text += os.read(self.fd, 4096).decode(errors="replace").replace("\r", "")
            except OSError:
                raise AssertionError(f"no {pattern!r} before the end, but {self.text[-300:]!r}") from None
        self.text = self.text[match.end():]

    def end(self):
        """Waits until the machine is off. => the run's status"""
        try:
            self.expect("(?!)")     # never comes
        except AssertionError as why:
            if "before the end" not in str(why):
                raise
        return super().end()


def line_editing(t):
    t.type("echo wrld" + LEFT * 3 + "o\r", "\nworld\n", PROMPT)
    t.type(UP + "\x7f\r", "\nworl\n", PROMPT)
    t.type("echo /etc/passw\t\r", "\n/etc/passwd ?\n", PROMPT)
    t.type("echo not this\x15echo this\r", "\nthis\n", PROMPT)


def canonical_input(t):
    t.type("sh -c 'echo be''gun; read x; echo \"<$x>\"'\r", "begun")
    t.type("ab\x7fc d\x17e\r", "<ac e>", PROMPT)


def interrupt(t):
    t.type("echo never\x03", PROMPT)
    t.type("sh -c 'echo be''gun; exec sleep 3333'\r", "begun")
    t.type("\x03", PROMPT)
    t.type("echo status $?\r", "status 130", PROMPT)
    t.type("sh -c 'echo be''gun; exec sleep 3333'\r", "begun")
    t.type("\x1c", PROMPT)
    t.type("echo status $?\r", "status 131", PROMPT)


def stop_and_go_on(t):
    t.type("sh -c 'echo be''gun; exec cat'\r", "begun\n")
    t.type("one\r", "one\none\n")
    t.type("\x1a", r"Stopped", PROMPT)
    t.type("jobs\r", r"\[1\]\+ +Stopped +sh", PROMPT)
    t.type("fg\r", r"exec cat.?\n")
    t.type("two\r", "two\ntwo\n")
    t.type("\x04", PROMPT)
    t.type("sh -c 'echo be''gun; sleep 2; echo do''ne'\r", "begun")
    t.type("\x1a", r"Stopped", PROMPT)
    t.type("bg\r", "done")
    t.type("wait\r", PROMPT)
    t.type("cat &\r", PROMPT)
    t.type("until grep -q ' T ' /proc/$!/stat; do usleep 50000; done; jobs\r", r"Stopped \(tty input\) +cat", PROMPT)
    t.type("kill -9 $!; wait\r", PROMPT)


def window_size(t):
    t.type("stty size\r", "24 80", PROMPT)
    t.type("stty rows 30 cols 90; stty size\r", "30 90", PROMPT)
    t.type("stty rows 24 cols 80\r", PROMPT)


def editor(t):
    t.type("vi /tmp/file\r", "~")
    t.type("ihello\rworld\x1b", "hello", r"- /tmp/file \[Modified\] 2/2")
    t.type(":wq\r", PROMPT)
    t.type("wc /tmp/file\r", r"2 +2 +12 /tmp/file", PROMPT)


def pager(t):
    t.type("seq 1000 >/tmp/numbers; less /tmp/numbers\r", "\n?23")
    t.type("G", "1000")
    t.type("g", "\n?1\n")
    t.type("q", PROMPT)


def whole_screen(t):
    t.type("top -d 1\r", "Mem: ", "CPU: ", "Mem: ")
    t.type("q", PROMPT)


def pipes_and_documents(t):
    t.type("cat <<X | tr a-z A-Z\r", "> ")
    t.type("here\r", "> ")
    t.type("X\r", "\nHERE\n", PROMPT)
    t.type("seq 10000 | sort -rn | head -n 1\r", "\n10000\n", PROMPT)


STEPS = (line_editing, canonical_input, interrupt, stop_and_go_on, window_size, editor, pager, whole_screen, pipes_and_documents)


def session(tally, kernel, cpus):
    """One machine, one person. What fails ends it."""
    t, step = Console(kernel, cpus), "start"
    try:
        t.expect(PROMPT)
        for each in STEPS:
            step = each.__name__
            each(t)
            tally.case(f"console_{step}_on_{kernel}_with_{cpus}_cpus", True)
        step = "exit_status"
        t.type("exit 7\r")
        status = t.end()
        tally.case(f"console_exit_status_on_{kernel}_with_{cpus}_cpus", status == 7, f"status {status}")
    except AssertionError as why:
        tally.case(f"console_{step}_on_{kernel}_with_{cpus}_cpus", False, f"{why}; again: CONSOLE_KERNELS={kernel} CONSOLE_CPUS={cpus} ./cadre test --filter console")
        os.kill(t.pid, signal.SIGINT)
        os.close(t.fd)
        os.waitpid(t.pid, 0)


def suite(tally):
    """The serial console of `./cadre run`, used as a person would: line editing, job control, programs that take the whole screen."""
    kernels = os.environ.get("CONSOLE_KERNELS", "cadre hosted").split()
    abi.made(kernels)
    root.busybox()
    for kernel in kernels:
        for cpus in os.environ.get("CONSOLE_CPUS", "1 2").split():
            session(tally, kernel, int(cpus))
