#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Writes the kernel's symbol table as an assembly file, from a linked image with DWARF line tables.

Two passes: link the image without the table, run this on it, link again with the table's object added. The
table lies in section .ksyms, which the linker script puts behind .text, so no function moves between the links.

    ld.lld … OBJECTS -o build/kernel.pass1
    tools/ksyms/ksyms.py build/kernel.pass1 build/ksyms.S
    clang-22 --target=x86_64-unknown-none-elf -c build/ksyms.S -o build/ksyms.o
    ld.lld … OBJECTS build/ksyms.o -o build/kernel
    tools/ksyms/ksyms.py --check build/kernel      (optional: the table in the image is that of the image)

A row's place is where the innermost code stands that is not an inline function of a public framework header
(--skip): what a service's reader wants to see of an out-of-bounds `bytes_get` is the service's line.

Format (little endian; framework/debug/symbols.c reads it; addresses count from the first row's, names from the table's
start):
    u32 magic "KSY2", nrows, anchor, 0
    rows:   u32 address, name, file, u16 offset, line: the code from `address` on, up to the next row, belongs to the
            function `name`, which begins `offset` bytes before, and to one source line. Names and files of 0: unknown.
            A last row without a name stands behind the text. Bit 15 of line: code of the framework (or its tests), not
            of a service.
    names:  NUL-terminated strings
`anchor` is the address of symbol_find(): its reader learns from it how far the image was moved.
"""
import argparse
import os
import struct
import subprocess
import sys

MAGIC = 0x3259534B
HEADER = struct.Struct("<4I")
ROW = struct.Struct("<3I2H")
IN_FRAMEWORK = 0x8000
FRAMEWORK_FOLDERS = ("framework/", "tests/unit/", "/")


def run(tool, *args, text=None):
    for name in (f"{tool}-22", f"/usr/lib/llvm-22/bin/{tool}", tool):
        try:
            return subprocess.run([name, *args], input=text, capture_output=True, text=True, check=True).stdout
        except FileNotFoundError:
            continue
    sys.exit(f"ksyms: no {tool}")


def read_functions(elf):
    """Text symbols as {address: name}, global ones first, a nameless one behind the last; and the address of symbol_find."""
    functions, anchor, end = {}, 0, 0
    for line in run("llvm-nm", "--defined-only", "--numeric-sort", "--format=posix", elf).splitlines():
        name, kind, address, *size = line.split()
        address = int(address, 16)
        if name == "symbol_find":
            anchor = address
        if kind in "tTwW" and not name.startswith((".L", "__cfi_")) and (address not in functions or kind in "TW"):
            functions[address] = name.split(".llvm.")[0]   # a static function that the linker made reachable for other units
    # The kernel's functions lie close together; what a boot stub has elsewhere (low addresses) is not for the table.
    functions = {a: name for a, name in functions.items() if abs(a - anchor) < 1 << 28}
    for line in run("llvm-readelf", "--sections", "--wide", elf).splitlines():
        fields = line.replace("[ ", "[").split()
        if len(fields) > 5 and fields[1] == ".text":
            end = int(fields[3], 16) + int(fields[5], 16)
    functions.setdefault(max(end, max(functions, default=0) + 1), "")
    return functions, anchor


def read_addresses(elf):
    """Where the line tables' rows begin."""
    lines = run("llvm-dwarfdump", "--debug-line", elf).splitlines()
    return sorted({int(line[:18], 16) for line in lines if line.startswith("0x") and not line.endswith("end_sequence")})


def pick_place(frames, skip):
    """Of 'file:line:column' frames, innermost first: the first that is not a framework header's, else the outermost."""
    for frame in frames:
        if not any(part in frame for part in skip):
            return frame
    return frames[-1]


def read_places(elf, addresses, functions, skip, strip):
    """[(address, file, line)] without repetitions within a function."""
    text = "".join(f"{a:#x}\n" for a in addresses)
    output = run("llvm-symbolizer", "--functions=none", "--inlining", "--obj=" + elf, text=text)
    rows, last = [], None
    for address, block in zip(addresses, output.split("\n\n")):
        frames = block.strip().splitlines()
        if not frames:
            continue
        file, line, _ = pick_place(frames, skip).rsplit(":", 2)
        place = (os.path.normpath(file.removeprefix(strip)) if file != "??" else "?", int(line))
        if place[1] != 0 and (place != last or address in functions):
            rows.append((address, *place))
            last = place
    return rows


def merge_rows(functions, places):
    """[(address, start, name, file, line)]: a row wherever a function or a source line begins."""
    starts, rows = sorted(functions), []
    at = dict((address, (file, line)) for address, file, line in places)
    start = starts[0]
    for address in sorted(set(starts) | set(at)):
        if address in functions:
            start = address
        if address >= start:
            rows.append((address, start, functions[start], *at.get(address, ("", 0))))
    return rows


def build(elf, skip, strip):
    functions, anchor = read_functions(elf)
    if anchor == 0:
        return b""
    base = min(functions)
    addresses = [a for a in read_addresses(elf) if 0 <= a - base < 1 << 32]
    rows = merge_rows(functions, read_places(elf, addresses, functions, skip, strip))

    names_at = HEADER.size + len(rows) * ROW.size
    names, offsets = bytearray(b"\0"), {"": 0}

    def name_of(text):
        if text not in offsets:
            offsets[text] = names_at + len(names)
            names.extend(text.encode() + b"\0")
        return offsets[text]

    body = bytearray(HEADER.pack(MAGIC, len(rows), (anchor - base) % (1 << 32), 0))
    for address, start, name, file, line in rows:
        mark = IN_FRAMEWORK if file.startswith(FRAMEWORK_FOLDERS) else 0
        offset, line = min(address - start, 0xFFFF), min(line, 0x7FFF) | mark
        body += ROW.pack(address - base, name_of(name), name_of(file), offset, line)
    return bytes(body + names)


def write_assembly(table, path):
    padded = table + b"\0" * (-len(table) % 8)
    quads = struct.unpack(f"<{len(padded) // 8}Q", padded)
    lines = [f"\t.quad {', '.join(map(hex, quads[i:i + 8]))}" for i in range(0, len(quads), 8)]
    with open(path, "w", encoding="ascii") as out:
        out.write("// Generated by tools/ksyms/ksyms.py.\n\t.section .ksyms, \"a\", %progbits\n\t.balign 8\n"
                  "\t.globl ksyms_start\nksyms_start:\n" + "\n".join(lines) +
                  "\n\t.globl ksyms_end\nksyms_end:\n\t.section .note.GNU-stack, \"\", %progbits\n")


def section_of(elf, name):
    path = "/tmp/ksyms-check.%d" % os.getpid()
    run("llvm-objcopy", f"--dump-section={name}={path}", elf, "/dev/null")
    with open(path, "rb") as file:
        data = file.read()
    os.unlink(path)
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("elf")
    parser.add_argument("output", nargs="?", default="ksyms.S")
    parser.add_argument("--skip", action="append",
                        help="a path part of headers whose inline functions are not places (framework/include/)")
    parser.add_argument("--strip", default=os.getcwd() + "/",
                        help="prefix to take off file names (the working directory)")
    parser.add_argument("--check", action="store_true",
                        help="compare the table in the image with the one made from it")
    options = parser.parse_args()
    table = build(options.elf, options.skip or ["framework/include/"], options.strip)
    if options.check:
        if not section_of(options.elf, ".ksyms").startswith(table):
            sys.exit("ksyms: the image's table is not the image's")
        return
    write_assembly(table, options.output)


if __name__ == "__main__":
    main()
