#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""From services/syscall/syscalls.tbl and names.tbl: prototypes, dispatch and tables of the system calls, and the coverage page.

    gen.py HEADERS SOURCES   writes syscall_handlers.h and syscall_names.h, syscall_dispatch.c and syscall_names.c into these
                             folders; each only if it changes
    gen.py --coverage        prints docs/syscalls.md
    gen.py --present         prints the names of the calls that have a handler; --untested: of those that no program of tests/abi/ names

A handler exists where a service has a line `sys_<name>(` (style: the return type is on its own line).
"""
import glob
import os
import re
import sys

HEAD = "// SPDX-License-Identifier: MPL-2.0\n// Made by tools/syscalls/gen.py from services/syscall/*.tbl. Do not edit.\n"
NAME_MAX = {"call": 24, "value": 52}    # as in services/syscall/syscall_table.h

RESULTS = ["none", "int", "fd", "pid", "size", "long", "ptr"]
# Type of the table: (type in a handler, how it is printed)
TYPES = {
    "fd": ("i32", "INT"), "int": ("i32", "INT"), "pid": ("i32", "INT"), "dirfd": ("i32", "DIRFD"),
    "uint": ("u32", "UINT"), "mode": ("u32", "MODE"), "uid": ("u32", "ID"), "gid": ("u32", "ID"), "flags": ("u32", "HEX32"),
    "long": ("i64", "LONG"), "off": ("i64", "LONG"), "size": ("u64", "ULONG"), "ulong": ("u64", "HEX"),
    "ptr": ("uaddr_t", "POINTER"), "path": ("uaddr_t", "STRING"), "str": ("uaddr_t", "STRING"),
    "in": ("uaddr_t", "IN"), "out": ("uaddr_t", "OUT"),
    "timespec*": ("uaddr_t", "TIMESPEC"), "timeval*": ("uaddr_t", "TIMEVAL"),
}
C_TYPES = {"i32": 32, "u32": 32, "i64": 64, "u64": 64}


def stop(where, what):
    sys.exit(f"{where}: {what}")


def lines(path):
    """Lines that say something, with their place."""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.split("#")[0].rstrip()
            if line:
                yield f"{path}:{number}", line


def number_of(text):
    """A number as C writes it; ~0 is all ones."""
    if text == "~0":
        return -1
    return int(text, 8) if re.fullmatch(r"0[0-7]+", text) else int(text, 0)


class NameSet:
    def __init__(self, index, name, ctype, bits):
        self.index, self.name, self.ctype, self.bits, self.entries = index, name, ctype, bits, []

    def add(self, where, entry):
        match = re.fullmatch(r"(\w+)(?:=(-?\w+)(?:/(~?\w+))?)?", entry)
        if not match or (match[2] is None and (self.bits or not self.entries)):
            stop(where, f"`{entry}` is not NAME, NAME=value or NAME=value/mask")
        ones = (1 << C_TYPES[self.ctype]) - 1
        value = (self.entries[-1][1] + 1 if match[2] is None else number_of(match[2])) & ones
        mask = (number_of(match[3]) if match[3] else value if self.bits else -1) & ones
        if self.bits and mask == 0 or value & ~mask or len(match[1]) >= NAME_MAX["value"]:
            stop(where, f"`{entry}`: a value outside of its mask, no mask, or too long a name")
        self.entries.append((match[1], value, mask))


def read_sets(path):
    sets = {}
    current = None
    for where, line in lines(path):
        words = line.split()
        if words[0] == "set":
            if len(words) != 4 or words[2] not in C_TYPES or words[3] not in ("bits", "one") or words[1] in {**TYPES, **sets}:
                stop(where, "not `set NAME CTYPE bits|one`, or the name is taken")
            current = sets[words[1]] = NameSet(len(sets), words[1], words[2], words[3] == "bits")
        elif current is None or not line[0].isspace():
            stop(where, "neither a set nor an entry of one")
        else:
            for entry in words:
                current.add(where, entry)
    return sets


class Call:
    def __init__(self, where, line, sets):
        left, semicolon, tests = line.partition(";")
        words = left.split()
        if len(words) < 3 or not words[0].isdecimal() or not semicolon:
            stop(where, "not `number name result argument… ; test…`")
        self.number, self.name, self.tests = int(words[0]), words[1], tests.split()
        self.result, plus, enter = words[2].partition("+")
        self.enter = enter == "enter"
        if self.result not in RESULTS or (plus and not self.enter):
            stop(where, f"no result kind `{words[2]}`")
        self.args = [self.arg(where, word, sets) for word in words[3:]]
        if len(self.args) > 6 or len(self.name) >= NAME_MAX["call"]:
            stop(where, "more than 6 arguments, or too long a name")
        for this, after in zip(self.args, self.args[1:] + [None]):
            if this[2] in ("IN", "OUT") and (after is None or after[1] not in C_TYPES):
                stop(where, f"`{this[0]}` is bytes, and no length follows")

    @staticmethod
    def arg(where, word, sets):
        """(name, type in a handler, kind, set or None)"""
        name, _, type_name = word.partition(":")
        if re.fullmatch(r"[a-z]\w*", name) and type_name in TYPES:
            return (name, *TYPES[type_name], None)
        if re.fullmatch(r"[a-z]\w*", name) and type_name in sets:
            return (name, sets[type_name].ctype, "NAMES", sets[type_name])
        if re.fullmatch(r"[a-z]\w*:[a-z]\w*\*", word):
            return (name, "uaddr_t", "POINTER", None)
        return stop(where, f"`{word}` is not name:type with a type that syscalls.tbl or names.tbl explains")

    def prototype(self):
        args = [f"{ctype} {name}" for name, ctype, _, _ in self.args]
        if self.result != "none":
            args.append("u64 *scoped result")
        return f"err_t sys_{self.name}({', '.join(args) or 'void'});"

    def case(self):
        args = [f"UADDR(args->arg[{i}])" if a[1] == "uaddr_t" else f"({a[1]})args->arg[{i}]" for i, a in enumerate(self.args)]
        if self.result != "none":
            args.append("result")
        return f"\tcase {self.number}: *err = sys_{self.name}({', '.join(args)}); return true;"


def read_calls(path, sets):
    calls = []
    for where, line in lines(path):
        call = Call(where, line, sets)
        if calls and call.number <= calls[-1].number or any(call.name == other.name for other in calls):
            stop(where, "numbers go up, and a name occurs once")
        calls.append(call)
    return calls


def find_handlers(calls):
    """Name of a call -> file that defines its handler."""
    found = {}
    names = {call.name for call in calls}
    for path in sorted(glob.glob("services/*/*.c") + glob.glob("services/*/*/*.c")):
        if "/test/" in path:
            continue
        with open(path, encoding="utf-8") as file:
            for name in re.findall(r"^sys_(\w+)\(", file.read(), re.M):
                if name not in names:
                    stop(path, f"sys_{name} is no system call of services/syscall/syscalls.tbl")
                if found.setdefault(name, path) != path:
                    stop(path, f"sys_{name} is defined in {found[name]} as well")
    return found


def handlers_h(calls):
    return (HEAD + "/** The handlers of all system calls of the table, whether they are written yet or not. */\n#pragma once\n\n"
            "#include <cadre/err.h>\n#include <cadre/types.h>\n\n" + "".join(call.prototype() + "\n" for call in calls))


def dispatch_c(calls, handlers):
    cases = "".join(call.case() + "\n" for call in calls if call.name in handlers)
    return (HEAD + "/** From the number of a system call to its handler. */\n"
            "#include \"syscall.h\"\n#include <syscall_handlers.h>\n\n"
            "bool\nsyscall_dispatch(u64 number, const struct syscall_args *scoped args, err_t *scoped err, u64 *scoped result)\n{\n"
            "\t(void)args;\n\t*result = 0;\n\tswitch (number) {\n" + cases +
            "\tdefault: *err = ENOSYS; return false;\n\t}\n}\n")


def names_h(calls, sets):
    return (HEAD + "/** Sizes of the tables of syscall_table.h. */\n#pragma once\n\n#include <cadre/types.h>\n\nenum : u32 {\n"
            f"\tSYSCALL_LIMIT = {calls[-1].number + 1},    /**< numbers of calls are below */\n"
            f"\tSYSCALL_NAME_SETS = {len(sets)},\n"
            f"\tSYSCALL_NAMES = {sum(len(s.entries) for s in sets.values())},\n"
            f"\tSYSCALL_NAMES_SIGNAL = {sets['signal'].index},    /**< the set of the signals */\n}};\n")


def names_c(calls, sets):
    out = [HEAD, "/** What a trace and /proc know of the system calls: tables. */\n#include \"syscall_table.h\"\n\n",
           "const struct syscall_info syscall_infos[SYSCALL_LIMIT] = {\n"]
    for call in calls:
        kinds = ", ".join(f"{{ SYSCALL_ARG_{a[2]}, {a[3].index if a[3] else 0} }}" for a in call.args)
        out.append(f"\t[{call.number}] = {{ {{ \"{call.name}\" }}, {len(call.name)}, {len(call.args)}, "
                   f"SYSCALL_RESULT_{call.result.upper()}, {'true' if call.enter else 'false'}, {{ {kinds} }} }},\n")
    out.append("};\n\nconst struct syscall_name_set syscall_name_sets[SYSCALL_NAME_SETS] = {\n")
    first = 0
    for s in sets.values():
        flags = f"{'true' if s.bits else 'false'}, {'true' if C_TYPES[s.ctype] == 64 else 'false'}, {'true' if s.ctype[0] == 'i' else 'false'}"
        out.append(f"\t{{ {first}, {len(s.entries)}, {flags} }},    /* {s.name} */\n")
        first += len(s.entries)
    out.append("};\n\nconst struct syscall_name syscall_names[SYSCALL_NAMES] = {\n")
    for s in sets.values():
        for name, value, mask in s.entries:
            out.append(f"\t{{ {value:#x}, {mask:#x}, {len(name)}, {{ \"{name}\" }} }},\n")
    return "".join(out) + "};\n"


def write_if_changed(path, text):
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    new = f"{path}.{os.getpid()}"
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(new, path)


def test_files(calls):
    """Name of a call -> tests that name it."""
    tests = {call.name: set(call.tests) for call in calls}
    for path in sorted(glob.glob("tests/abi/*.c")):
        with open(path, encoding="utf-8") as file:
            for listed in re.findall(r"^// syscalls:(.*)$", file.read(), re.M):
                for name in listed.split():
                    if name not in tests:
                        stop(path, f"tests `{name}`, which is no system call of the table")
                    tests[name].add(os.path.basename(path))
    return tests


def coverage(calls, handlers):
    tests = test_files(calls)
    tested = sum(1 for call in calls if call.name in handlers and tests[call.name])
    print("# System calls\n\nMade by `make coverage-page` from services/syscall/syscalls.tbl, the handlers in services/ and "
          "the lines `// syscalls:` in tests/abi/.\n")
    print(f"**{len(calls)}** calls in the table, **{len(handlers)}** present, **{tested}** of these named by a test. "
          "A call that is not present returns ENOSYS.\n")
    print("| number | call | handler | tests |\n| ---: | --- | --- | --- |")
    for call in calls:
        handler = handlers.get(call.name)
        print(f"| {call.number} | {call.name} | {handler or '—'} | {' '.join(sorted(tests[call.name]))} |")


def main():
    if len(sys.argv) != 3 and sys.argv[1:] not in (["--coverage"], ["--present"], ["--untested"]):
        sys.exit(__doc__)
    sets = read_sets("services/syscall/names.tbl")
    calls = read_calls("services/syscall/syscalls.tbl", sets)
    handlers = find_handlers(calls)
    if sys.argv[1] == "--coverage":
        coverage(calls, handlers)
        return
    if sys.argv[1] in ("--present", "--untested"):
        tests = test_files(calls)
        print("\n".join(call.name for call in calls if call.name in handlers and not (sys.argv[1] == "--untested" and tests[call.name])))
        return
    headers, sources = sys.argv[1:]
    os.makedirs(headers, exist_ok=True)
    os.makedirs(sources, exist_ok=True)
    write_if_changed(f"{headers}/syscall_handlers.h", handlers_h(calls))
    write_if_changed(f"{headers}/syscall_names.h", names_h(calls, sets))
    write_if_changed(f"{sources}/syscall_dispatch.c", dispatch_c(calls, handlers))
    write_if_changed(f"{sources}/syscall_names.c", names_c(calls, sets))


if __name__ == "__main__":
    main()
