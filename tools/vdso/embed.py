#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Writes a file as the elements of a C array, in a header: embed.py FILE NAME >HEADER."""
import sys

data = open(sys.argv[1], "rb").read()
print("// Made by tools/vdso/embed.py.\n#pragma once\n")
print(f"static const unsigned char {sys.argv[2]}[{len(data)}] = {{")
for at in range(0, len(data), 24):
    print("\t" + ", ".join(f"{byte:#x}" for byte in data[at:at + 24]) + ",")
print("};")
