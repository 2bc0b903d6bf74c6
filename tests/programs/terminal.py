#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Types at an interactive program on a terminal of its own and tells whether each answer came: terminal.py bash|vi|busybox_vi|nano|less|top"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

SECONDS, QUIET = 60, 10
UP, LEFT = "\x1b[A", "\x1b[D"


class Terminal:
    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {"PATH": os.environ["PATH"], "TERM": "vt100", "PS1": "ready> ", "HISTFILE": "", "HOME": os.getcwd(), "INPUTRC": "inputrc"}
            for number in (signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)
            os.execvpe(command[0], command, environment)
        self.text = ""
        self.resize(24, 80)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern):
        """Waits for the pattern in what has come since the last one; says so if it does not come."""
        end = time.monotonic() + SECONDS
        while not (match := re.search(pattern, self.text)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return self.fail(pattern, "within its time")
            try:
                self.text += os.read(self.fd, 4096).decode(errors="replace")
            except OSError:
                return self.fail(pattern, "before the end")
        self.text = self.text[match.end():]

    def fail(self, pattern, when):
        sys.exit(f"no {pattern!r} {when}, but {self.text[-200:]!r}")

    def foreground(self):
        """Name and state (proc_pid_stat(5)) of the process that leads the terminal's foreground group; None: there is none yet, or no more."""
        try:
            with open(f"/proc/{os.tcgetpgrp(self.fd)}/stat", encoding="utf-8") as file:
                name, state = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            return None
        return name, state.split()[0]

    def settle(self, name):
        """
        Waits until `name` has the terminal and sleeps. A shell that has shown its prompt does not wait for keys yet: readline looks whether a signal
        has come, and only then calls pselect with none blocked, so that a ^C between the two is seen with the next key only. On Linux as well.
        """
        end, quiet = time.monotonic() + SECONDS, 0
        while quiet < QUIET:
            quiet = quiet + 1 if self.foreground() == (name, "S") else 0
            if time.monotonic() > end:
                self.fail(name, "asleep in the foreground")
            time.sleep(0.02)

    def type(self, keys, *patterns):
        os.write(self.fd, keys.encode())
        for pattern in patterns:
            self.expect(pattern)

    def end(self):
        """Reads until it has ended. => its status"""
        try:
            while os.read(self.fd, 4096):
                pass
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def sleeping(terminal, keys, *patterns):
    """Starts a command in the foreground, and types at it once it must be running."""
    terminal.type("sleep 3333\r", "3333\r\n")
    terminal.settle("sleep")
    terminal.type(keys, *patterns)


def bash():
    with open("inputrc", "w", encoding="utf-8") as file:
        file.write("set enable-bracketed-paste off\n")
    t, prompt = Terminal("bash", "--norc", "--noprofile", "-i"), "ready> "
    t.expect(prompt)
    t.type("echo wrld" + LEFT * 3 + "o\r", "\r\nworld\r\n", prompt)
    t.settle("bash")
    t.type("echo it; false" + "\x03", prompt)
    t.type("echo status $?\r", "status 130\r\n", prompt)
    t.type(UP + "\r", "status 0\r\n", prompt)
    t.type("echo /etc/passw\t\r", "\r\n/etc/passwd ?\r\n", prompt)
    sleeping(t, "\x03", prompt)
    t.type("echo status $?\r", "status 130\r\n", prompt)
    sleeping(t, "\x1c", "Quit", prompt)
    sleeping(t, "\x1a", r"\[1\]\+  Stopped +sleep 3333", prompt)
    t.type("echo status $?\r", "status 148\r\n", prompt)
    t.type("jobs\r", r"\[1\]\+  Stopped", prompt)
    t.type("bg\r", r"\[1\]\+ sleep 3333 &", prompt)
    t.type("jobs\r", r"\[1\]\+  Running", prompt)
    t.type("fg\r", "sleep 3333\r\n")
    t.settle("sleep")
    t.type("\x03", prompt)
    t.type("cat\r", "cat\r\n")
    t.settle("cat")     # before, bash may not have given the terminal up
    t.type("one\r", "one\r\none\r\n")
    t.type("\x04", prompt)
    t.type("cat &\r", prompt)
    t.type("while ! jobs -s | grep cat; do sleep 0.1; done; jobs\r", r"\[1\]\+  Stopped +cat", prompt)
    t.type("kill -9 %1; sleep 1\r", "Killed", prompt)
    t.resize(33, 99)
    t.type("stty size\r", "33 99\r\n", prompt)
    t.type("sleep 1 | cat && (exit 4) || echo status $?\r", "status 4\r\n", prompt)
    t.type("exit 5\r")
    print("bash ended with", t.end())


def nano():
    t = Terminal("nano", "f")
    t.expect("GNU nano")
    t.type("hello\rworld")
    t.type("\x0f", "File Name to Write")
    t.type("\r", "Wrote 2 lines")
    t.type("\x18")
    print("nano ended with", t.end(), open("f", encoding="utf-8").read().split())


def vi():
    with open("f", "w", encoding="utf-8") as file:
        file.writelines(f"line {i}\n" for i in range(100))
    t = Terminal("vi", "-u", "NONE", "f")
    t.expect("line 22")
    t.settle("vi")
    t.type("/line 55\r", "line 5")
    t.type("ccreplaced\x1b", "replaced")
    t.type(":2,4d\r", "3 fewer lines")
    t.type(":wq\r")
    status = t.end()
    with open("f", encoding="utf-8") as file:
        text = file.read().split("\n")
    print("vi ended with", status, len(text), text[1], text[52])


def busybox_vi():
    t = Terminal("busybox", "vi", "f")
    t.settle("busybox")
    t.type("ihello\rworld\x1b", "world")
    t.type(":wq\r")
    status = t.end()
    with open("f", encoding="utf-8") as file:
        print("vi ended with", status, file.read().split())


def less():
    with open("f", "w", encoding="utf-8") as file:
        file.writelines(f"line {i}\n" for i in range(1000))
    t = Terminal("less", "f")
    t.expect("line 22")
    t.type("G", "line 999")
    t.type("/line 55$\r")
    t.type("g", "line 0")
    t.type("q")
    print("less ended with", t.end())


def top():
    t = Terminal("top", "-d", "1")
    t.expect("COMMAND")
    t.expect("top - ")
    t.type("q")
    print("top ended with", t.end())


if __name__ == "__main__":
    {"bash": bash, "vi": vi, "busybox_vi": busybox_vi, "nano": nano, "less": less, "top": top}[sys.argv[1]]()
