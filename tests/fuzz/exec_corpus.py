#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Programs to begin with, and the dictionary, for libFuzzer's execve: `exec_corpus.py FOLDER` writes FOLDER/* and FOLDER.dict."""
import pathlib
import struct
import sys

LOAD, DYNAMIC, INTERP, NOTE, PHDR, TLS, STACK, PROPERTY = 1, 2, 3, 4, 6, 7, 0x6474E551, 0x6474E553
PAGE = 4096


def header(kind, flags, offset, vaddr, filesz, memsz, align=PAGE):
    return struct.pack("<IIQQQQQQ", kind, flags, offset, vaddr, vaddr, filesz, memsz, align)


def elf(headers, kind=2, entry=0x400100, size=2 * PAGE, interpreter=b"", **changes):
    """An ELF file whose headers stand behind the file's, and the interpreter behind these."""
    fields = {"ident": b"\x7fELF\2\1\1", "machine": 62, "version": 1, "phoff": 64, "ehsize": 64, "phentsize": 56, "phnum": len(headers), **changes}
    head = struct.pack("<16sHHIQQQIHHHHHH", fields["ident"], kind, fields["machine"], fields["version"], entry, fields["phoff"], 0, 0, fields["ehsize"],
                       fields["phentsize"], fields["phnum"], 64, 0, 0)
    return (head + b"".join(headers) + interpreter).ljust(size, b"\x90")


def seeds():
    text, data = header(LOAD, 5, 0, 0x400000, PAGE, PAGE), header(LOAD, 6, PAGE, 0x401000, 0x800, 0x3000)
    stack = header(STACK, 6, 0, 0, 0, 0, 16)
    low = [header(LOAD, 5, 0, 0, PAGE, PAGE), header(LOAD, 6, PAGE, 0x1000, 0x100, 0x8000)]
    place = 64 + 3 * 56
    interp = header(INTERP, 4, place, 0x400000 + place, 7, 7, 1)
    return {
        "static": elf([text, data, stack]), "one": elf([text], size=PAGE), "pie": elf([*low, stack], kind=3, entry=0x100),
        "aligned": elf([header(LOAD, 5, 0, 0, PAGE, PAGE, 1 << 21)], kind=3, entry=0x100), "interp": elf([text, data, interp], interpreter=b"/tmp/i\0"),
        "interp-none": elf([text, data, interp], interpreter=b"/tmp/x\0"), "interp-pie": elf([*low, header(INTERP, 4, place, place, 7, 7, 1)], kind=3, entry=0x100, interpreter=b"/tmp/i\0"),
        "bss": elf([text, header(LOAD, 6, PAGE, 0x401000, 0, 0x100000)]), "execstack": elf([text, data, header(STACK, 7, 0, 0, 0, 0, 16)]),
        "tls": elf([text, data, header(TLS, 4, PAGE, 0x401000, 16, 64, 64), header(PHDR, 4, 64, 0x400040, 4 * 56, 4 * 56, 8)]),
        "notes": elf([text, header(NOTE, 4, 0x200, 0x400200, 32, 32, 8), header(PROPERTY, 4, 0x200, 0x400200, 32, 32, 8)]),
        "unaligned": elf([header(LOAD, 5, 0x123, 0x400123, 0x500, 0x1500)]), "no-headers": elf([]), "32": elf([text], ident=b"\x7fELF\1\1\1"), "short": elf([text], size=100),
        "script": b"#!/tmp/i arg\n", "script-self": b"#!/tmp/e\n", "script-long": b"#!" + b"/tmp/i " * 40 + b"\n", "script-spaces": b"#!  \t /tmp/i\t x y \n", "text": b"echo hello\n", "empty": b"",
    }


def dictionary():
    numbers = [0, 1, 2, 3, 6, 7, 0x38, 0x40, 0xFFF, PAGE, 0x400000, 1 << 21, 1 << 30, (1 << 31) - 1, 1 << 32, (1 << 47) - PAGE, 1 << 47, (1 << 47) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - PAGE]
    words = [struct.pack("<Q", n) for n in numbers] + [struct.pack("<I", n) for n in (LOAD, DYNAMIC, INTERP, NOTE, PHDR, TLS, STACK, PROPERTY, 0xFFFFFFFF)]
    words += [struct.pack("<H", n) for n in (0, 1, 2, 3, 56, 62, 64, 0xFFFF)] + [b"#!", b"/tmp/i", b"/tmp/e", b"/tmp/i\0", b"\n", b"\x7fELF\2\1\1"]
    return "".join(f'"{"".join(f"{chr(92)}x{byte:02x}" for byte in word)}"\n' for word in words)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds().items():
        (folder / name).write_bytes(content)
    folder.with_suffix(".dict").write_text(dictionary())


if __name__ == "__main__":
    main()
