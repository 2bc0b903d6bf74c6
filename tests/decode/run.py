#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Tests the decompressors of services/initramfs on this host, under ASan: `run.py`. Ends in `N passed, N failed`.

Data of several kinds is compressed by the host's tools at several levels; the decoders must give it back. Damaged and cut off inputs must be refused.
"""
import pathlib
import random
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/fuzz"))
import run as fuzz  # noqa: E402

OUT = ROOT / "build" / "decode"
TOOLS = {
    "gzip": [["gzip", "-1"], ["gzip", "-6"], ["gzip", "-9"]],
    "xz": [["xz", "-0", "--check=crc32"], ["xz", "-6", "--check=crc64"], ["xz", "--check=none", "--x86", "--lzma2=preset=6,lc=0,lp=2,pb=1"],
           ["xz", "--check=crc32", "--block-size=100000", "-3"], ["xz", "-9e", "--check=crc32", "--x86", "--lzma2=dict=64KiB"]],
    "zstd": [["zstd", "-q", "-1"], ["zstd", "-q", "-3", "--no-check"], ["zstd", "-q", "-19"], ["zstd", "-q", "--ultra", "-22", "--long=27"], ["zstd", "-q", "--fast=5"]],
}


def samples():
    rng = random.Random(1)
    yield "empty", b""
    yield "one", b"x"
    yield "zeroes", bytes(3_000_000)
    yield "random", rng.randbytes(400_000)
    yield "text", b"".join(p.read_bytes() for p in sorted((ROOT / "framework").glob("**/*.c")))
    yield "program", pathlib.Path("/bin/bash").read_bytes()
    yield "sparse", b"".join(rng.randbytes(rng.randrange(40)) + bytes([rng.randrange(3)]) * rng.randrange(900) for _ in range(4000))
    yield "few", bytes(rng.choice(b"ab") for _ in range(300_000))


def build():
    OUT.mkdir(parents=True, exist_ok=True)
    sources = ["tests/decode/decode_host.c", "tests/fuzz/env.c", "tests/fuzz/heap_env.c", "framework/object/slice.c",
               *map(str, sorted((ROOT / "services/initramfs/decode").glob("*.c")))]
    flags = [f.replace("fuzzer,", "") for f in fuzz.FLAGS]
    subprocess.run(["/usr/lib/llvm-22/bin/clang", *flags, "-o", OUT / "decode", *sources], check=True, cwd=ROOT)


def decode(data):
    return subprocess.run([OUT / "decode"], input=data, capture_output=True, timeout=60)


def main():
    build()
    passed, failures = 0, []

    def expect(name, good):
        nonlocal passed
        passed += good
        if not good:
            failures.append(name)
            print("FAIL", name, flush=True)

    rng = random.Random(2)
    for name, data in samples():
        for tools in TOOLS.values():
            for tool in tools:
                packed = subprocess.run([*tool, "-c"], input=data, capture_output=True, check=True).stdout
                result = decode(packed)
                expect(f"{' '.join(tool)} of {name}", result.returncode == 0 and result.stdout == data)
                expect(f"{' '.join(tool)} of {name}, cut off", decode(packed[:-1]).returncode == 1)
                for _ in range(0 if {"--check=none", "--no-check"} & set(tool) else 3):
                    at = rng.randrange(len(packed))
                    bad = packed[:at] + bytes([packed[at] ^ 1 << rng.randrange(8)]) + packed[at + 1:]
                    result = decode(bad)
                    expect(f"{' '.join(tool)} of {name}, bit changed in byte {at}", result.returncode in (0, 1, 4) and (result.returncode or result.stdout in (data, bad)))
    print(f"{passed} passed, {len(failures)} failed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
