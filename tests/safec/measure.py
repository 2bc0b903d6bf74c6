#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures where the compiler's array-bounds check is strict, and that safec accepts no form where it is not.

Compiles each form of a subscript, looks at the comparisons in the output (`ult` excludes index == bound, `ule` does
not), and asks safec about the same form. To be run again for every new version of the compiler.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INCLUDE = ROOT / "tests/safec/include"
CLANG = "/usr/lib/llvm-22/bin/clang"
HEADER = """
#include <cadre/fw.h>
struct in { int x, y; };
struct s { int x; int arr[7]; struct in in; unsigned bits : 3; };
typedef int row[5];
ARRAY_DECLARE(ints, int); ARRAY_DECLARE(structs, struct s); ARRAY_DECLARE(pointers, int *); ARRAY_DECLARE(rows, row);
static int a[11], m[11][7]; static struct s s[11]; static int *p[11]; static struct s *ps[11]; static int (*fn[11])(void);
static bool b[11]; static unsigned char big[100000]; static union { int w[11]; long l[20]; } u; static enum e { A, B } en[11];
struct holder { struct ints *items; };
static void use(int *scoped x) { *x = 1; }
static int take(struct s x) { return x.x; }
static int id(int x) { return x; }
int f(struct s *t, int (*pa)[11], struct ints *fi, struct structs *fs, struct pointers *fp, struct rows *fr,
      struct holder *h, int i, int j, long l, unsigned long ul, unsigned char c, bool k, enum e e)
"""
FORMS = """
return a[i]|a[i] = 3|(a[i]) = 3|return (a[i])|return (a)[i]|(a)[i] = 3|a[i] += 3|(a[i]) += 3|++a[i]|a[i]++|(a[i])++
return (0, a[i])|return k ? a[i] : 0|return ({ a[i]; })|use(&a[i])|return *&a[i]|*&a[i] = 3|_Generic(0, int: a[i]) = 3
return s[i].x|s[i].x = 3|(s[i]).x = 3|use(&s[i].x)|s[i] = *t|*t = s[i]|(s[i]) = *t|return take(s[i])|struct s q = s[i]; return q.x
s[i].x++|s[i].bits = 1|s[i].bits++|s[i].in = t->in|t->in = s[i].in|return s[i].in.y|(s[i].in).x = 1|(&s[i])->x = 1
return m[i][j]|m[i][j] = 1|(m[i])[j] = 1|use(&m[i][j])|use(m[i])|m[i][j]++|return *m[i]|s[i].arr[j] = 1|use(s[i].arr)|s[i].arr[j]++
return (*pa)[i]|(*pa)[i] = 1|return t->arr[i]|return !a[i]|return *p[i]|*p[i] = 1|(*p[i])++|p[i] = p[j]|return ps[i]->x|ps[i]->x++
return fn[i]()|return (*fn[i])()|return u.w[i]|switch (a[i]) { default: return 2; }|if (a[i]) return 1|b[i] = k|return b[i]|en[i] = A
return a[e]|return a[l]|return a[ul]|return a[c]|return a[k]|return big[ul]|return a[a[i]]|a[i] = a[j] = 3|return (a[i] = 3)
return ((int[]){ 1, 2, 3 })[i]|return (char)a[i]|return id(a[i])|a[i] <<= 1|for (; a[i];) { }|*t = k ? s[i] : *t|*t = (0, s[i])
return fi->items[i]|fi->items[i] = 1|fi->items[i] += 1|fi->items[i]++|(fi->items[i]) = 1|return (fi->items)[i]|return (fi)->items[i]
return fs->items[i].x|fs->items[i].x++|(fs->items[i]).x = 1|return fs->items[i].arr[j]|*t = fs->items[i]|fs->items[i] = *t
return *fp->items[i]|fp->items[i] = nullptr|return fr->items[i][j]|(fr->items[i])[j] = 2|fr->items[i][j]++|return h->items->items[i]
return fi->items[l]|return fi->items[c]|return (k ? fi : h->items)->items[i]|return fi->items[fi->items[i]]|use(&fi->items[i])
"""


def compile_form(path):
    command = [CLANG, "-std=gnu23", "-ffreestanding", f"-I{INCLUDE}", "-O0", "-w", "-S", "-emit-llvm", "-fstrict-flex-arrays=3",
               "-fsanitize=array-bounds", "-fsanitize-trap=all", "-o", "-", path]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    body = re.search(r"define[^\n]* @f\(.*?^}", output, re.S | re.M).group(0)
    return re.findall(r"icmp (ult|ule) i\d+ \S+, \S+, !nosanitize", body)


def accepted(path):
    command = [ROOT / "build/tools/safec", "--framework", INCLUDE, path, "--"]
    return subprocess.run(command, capture_output=True).returncode == 0


def main():
    unsound = 0
    path = pathlib.Path(tempfile.mkdtemp(prefix="safec-")) / "form.c"
    for form in FORMS.replace("\n", "|").strip("|").split("|"):
        path.write_text(HEADER + "{ " + form + "; return 0; }\n")
        checks, safe = compile_form(path), accepted(path)
        hole = safe and ("ule" in checks or len(checks) < form.count("[") - form.count("[]"))
        unsound += hole
        print(f"{form:45} {' '.join(checks) or 'none':10} {'accepted' if safe else 'refused'}{'  UNSOUND' if hole else ''}")
    print(f"{unsound} unsound")
    return 1 if unsound else 0


if __name__ == "__main__":
    sys.exit(main())
