#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""
Runs Python's own regression tests in a guest, one line a test: "ok|skip|not ok MODULE.CLASS.TEST: why". Each module runs in a process and in a directory
of its own, so that one which dies takes no other with it. regrtest.py MODULE…
"""
import os
import subprocess
import sys
import tempfile
import time
import unittest

SECONDS = 1800


class Lines(unittest.TestResult):
    def line(self, kind, test, why=""):
        text = " ".join(str(why).split())[:2000]
        os.write(3, f"{kind} {test.id()}: {text}\n".encode(errors="replace"))

    def startTest(self, test):
        super().startTest(test)
        self.begun, self.partly = time.monotonic(), None

    def addSuccess(self, test):
        if not self.partly:
            self.line("ok", test)

    def addSkip(self, test, reason):
        self.line("skip", test, reason)

    def addFailure(self, test, err):
        self.line("not ok", test, f"{err[0].__name__}: {err[1]}")

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None and not self.partly:
            self.partly = True
            self.line("not ok", test, f"{subtest.id()}: {err[0].__name__}: {err[1]}")

    def addExpectedFailure(self, test, err):
        self.line("ok", test, "fails as expected")

    def addUnexpectedSuccess(self, test):
        self.line("not ok", test, "was expected to fail")


def run_module(name):
    from test import support
    support.verbose = False
    support.use_resources = ["cpu", "subprocess", "walltime", "network", "decimal"]
    unittest.defaultTestLoader.loadTestsFromName(f"test.{name}").run(Lines())


def main(names):
    for name in names:
        begun = time.monotonic()
        print(f"begin {name}", flush=True)
        with tempfile.TemporaryDirectory() as where:
            lines = os.dup(1)
            try:
                done = subprocess.run(["sh", "-c", f"exec {sys.executable} {os.path.abspath(__file__)} --module {name} 3>&{lines} >{where}.log 2>&1"], cwd=where,
                                      stdin=subprocess.DEVNULL, pass_fds=(lines,), timeout=SECONDS)
                status = done.returncode
            except subprocess.TimeoutExpired:
                status = "none in its time"
            os.close(lines)
        if status:
            with open(f"{where}.log", encoding="utf-8", errors="replace") as log:
                print(*log.read().splitlines()[-30:], sep="\n")
        print(f"end {name}: status {status}, {time.monotonic() - begun:.0f} s", flush=True)
    print("all modules are through", flush=True)


if sys.argv[1] == "--module":
    run_module(sys.argv[2])
else:
    main(sys.argv[1:])
