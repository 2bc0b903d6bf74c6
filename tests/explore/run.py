#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Explores every interleaving of the synchronisation primitives, for small cases: `run.py [FILTER]`.

Each model must hold in every memory model. Then bugs are planted, by replacing text in the primitives' own sources, and each must be found.
Ends in `N passed, N failed`.
"""
import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "explore"
CC = "/usr/lib/llvm-22/bin/clang"
FLAGS = ("-std=gnu23 -O1 -g -ffreestanding -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-function -Wno-unused-parameter -fno-strict-aliasing "
         "-fno-delete-null-pointer-checks -ftrivial-auto-var-init=zero -fwrapv -fno-builtin -fno-pic -fno-pie").split()
FLAGS += ["-Duninitialized="]   # locals that nothing fills would make states of what lies about on the stack
TSAN = "-fsanitize=thread -mllvm -tsan-instrument-func-entry-exit=0".split()
ENGINE = ["sched.c", "access.c", "switch.S"]

# Model file -> the framework's sources that it runs, beside what it includes.
MODELS = {
    "engine_model.c": [],
    "raw_lock_model.c": [],
    "ref_model.c": [],
    "call_model.c": ["framework/cpu/call.c"],
    "sync_model.c": ["tests/explore/env_task.c", *(f"framework/sync/{f}.c" for f in ("park", "wait", "mutex", "rw_lock", "spin", "held"))],
    "rcu_model.c": ["tests/explore/env_task.c", *(f"framework/sync/{f}.c" for f in ("rcu", "park", "wait", "held"))],
    "shootdown_model.c": ["framework/mm/kspace.c", "framework/mm/stack.c", "framework/cpu/call.c"],
}

# A planted bug: model file, model, file to change, text, replacement, and the memory models that must find it.
PLANTS = {
    "relaxed_unlock": ("engine_model.c", "mini_mutex", "tests/explore/engine_model.c",
                       "__atomic_store_n(&lock, 0, __ATOMIC_RELEASE)", "__atomic_store_n(&lock, 0, __ATOMIC_RELAXED)", {"race"}),
    "no_fence": ("engine_model.c", "dekker", "tests/explore/engine_model.c",
                 "__atomic_thread_fence(__ATOMIC_SEQ_CST);", "", {"tso"}),
    "announce_late": ("engine_model.c", "sleep_and_wake", "tests/explore/engine_model.c",
                      "__atomic_store_n(&sleeping, 1, __ATOMIC_SEQ_CST); /* plant: announce_late */\n"
                      "\tif (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) == 0)\n",
                      "if (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) == 0 && (__atomic_store_n(&sleeping, 1, __ATOMIC_SEQ_CST), 1))\n",
                      {"sc", "tso", "race"}),
    "put_in_two_steps": ("engine_model.c", "last_put_frees", "tests/explore/engine_model.c",
                         "if (__atomic_fetch_sub(&object.refs, 1, __ATOMIC_ACQ_REL) == 1) /* plant: two_steps */",
                         "__atomic_fetch_sub(&object.refs, 1, __ATOMIC_ACQ_REL);\n\tif (__atomic_load_n(&object.refs, __ATOMIC_ACQUIRE) == 0)",
                         {"sc", "tso", "race"}),
    "raw_release_relaxed": ("raw_lock_model.c", "raw_lock_two", "framework/sync/raw_lock.h",
                            "lock->serving + 1, __ATOMIC_RELEASE", "lock->serving + 1, __ATOMIC_RELAXED", {"race"}),
    "raw_acquire_relaxed": ("raw_lock_model.c", "raw_lock_two", "framework/sync/raw_lock.h",
                            "__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE)", "__atomic_load_n(&lock->serving, __ATOMIC_RELAXED)", {"race"}),
    "raw_ticket_in_two_steps": ("raw_lock_model.c", "raw_lock_two", "framework/sync/raw_lock.h",
                                "__atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED)",
                                "__atomic_load_n(&lock->next, __ATOMIC_RELAXED); __atomic_store_n(&lock->next, ticket + 1, __ATOMIC_RELAXED)",
                                {"sc", "tso", "race"}),
    "ref_put_relaxed": ("ref_model.c", "ref_holders", "framework/mm/ref.h",
                        "expected, to, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE", "expected, to, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED", {"race"}),
    "ref_put_without_state": ("ref_model.c", "ref_lookups", "framework/mm/ref.h",
                              "\t\tif (ref_state(old) != state)\n\t\t\treturn false;\n", "", {"sc", "tso", "race"}),
    "ref_saturation_forgotten": ("ref_model.c", "ref_saturates", "framework/mm/ref.h",
                                 "\t\tif (count == REF_MAX)\n\t\t\treturn REF_LEFT;\n", "", {"sc", "tso", "race"}),
    "call_waits_without_serving": ("call_model.c", "call_each_other", "framework/cpu/call.c",
                                   "\t\tmailbox_serve(here);\n\t\tarch_pause();", "\t\tarch_pause();", {"sc", "tso", "race"}),
    "call_answers_relaxed": ("call_model.c", "call_twice", "framework/cpu/call.c",
                             "~((u64)1 << id), __ATOMIC_RELEASE", "~((u64)1 << id), __ATOMIC_RELAXED", {"race"}),
    "call_answers_before_running": ("call_model.c", "call_twice", "framework/cpu/call.c",
                                    "\t\trequest->fn(request->arg);\n", "\t\t__atomic_fetch_and(&request->waiting, ~((u64)1 << id), __ATOMIC_RELEASE);\n"
                                    "\t\trequest->fn(request->arg);\n", {"sc", "tso", "race"}),
    "stack_freed_without_flush": ("shootdown_model.c", "kernel_shootdown", "framework/mm/stack.c",
                                  "\tkspace_flush(STACK_BASE, (STACK_END - STACK_BASE) >> PAGE_SHIFT);\n", "", {"sc", "tso", "race"}),
    "spin_released_twice": ("sync_model.c", "spin_two", "framework/sync/spin.c", "\tticket_release(lock);\n\tpreempt_leave();\n}\n\nvoid\nirq_spin",
                            "\tticket_release(lock);\n\tticket_release(lock);\n\tpreempt_leave();\n}\n\nvoid\nirq_spin", {"sc", "tso", "race"}),
    "spin_release_relaxed": ("sync_model.c", "spin_two", "framework/sync/spin.c",
                             "+ 1), __ATOMIC_RELEASE);", "+ 1), __ATOMIC_RELAXED);", {"race"}),
    "wake_without_sequence": ("sync_model.c", "wait_one", "framework/sync/wait.c",
                              "\t__atomic_fetch_add(&queue->sequence, 1, __ATOMIC_SEQ_CST);\n", "", {"sc", "tso", "race"}),
    "waiter_not_counted": ("sync_model.c", "wait_one", "framework/sync/wait.c",
                           "\t__atomic_fetch_add(&queue->waiters, 1, __ATOMIC_SEQ_CST);\n", "", {"sc", "tso", "race"}),
    "sleeps_without_looking": ("sync_model.c", "wait_one", "framework/sync/park.c",
                               "__atomic_load_n(word, __ATOMIC_SEQ_CST) == expected", "(__atomic_load_n(word, __ATOMIC_SEQ_CST), (void)expected, true)",
                               {"sc", "tso", "race"}),
    "woken_by_nobody": ("sync_model.c", "wait_one", "framework/sync/park.c",
                        "\t\t\t(void)task_wake(batch[i]);\n", "\t\t\t(void)batch[i];\n", {"sc", "tso", "race"}),
    "mutex_wakes_nobody": ("sync_model.c", "mutex_two", "framework/sync/mutex.c",
                           "\tpark_wake(lock, 1);\n", "", {"sc", "tso", "race"}),
    "writer_wakes_nobody": ("sync_model.c", "rw_writer_and_reader", "framework/sync/rw_lock.c",
                            "__atomic_exchange_n(&lock->word, left, __ATOMIC_SEQ_CST);\n\trw_wake(lock, word);",
                            "__atomic_exchange_n(&lock->word, left, __ATOMIC_SEQ_CST);\n\t(void)word;", {"sc", "tso", "race"}),
    "rcu_does_not_wait": ("rcu_model.c", "rcu_readers_end_first", "framework/sync/rcu.c",
                          "while (!rcu_passed(id, period))", "while (false && !rcu_passed(id, period))", {"sc", "tso", "race"}),
    "rcu_wakes_without_fence": ("rcu_model.c", "rcu_idle_reader", "framework/sync/rcu.h",
                                "quiet, 0, __ATOMIC_RELAXED);\n\t__atomic_thread_fence(__ATOMIC_SEQ_CST);", "quiet, 0, __ATOMIC_RELAXED);", {"tso"}),
    "shootdown_does_not_wait": ("shootdown_model.c", "kernel_shootdown", "framework/cpu/call.c",
                                "while (__atomic_load_n(&request->waiting, __ATOMIC_ACQUIRE) != 0)", "for (u32 i = 0; i < 1; i++)",
                                {"sc", "tso", "race"}),
}


def compile_one(source, out, tree, *more):
    """Compiles one file; a changed copy in `tree` takes the place of the original."""
    path = tree / source if tree and (tree / source).exists() else ROOT / source
    dirs = [ROOT / "framework/include", ROOT / "framework", ROOT / "tools/explore/arch", ROOT / "tools/explore", ROOT / "tests/explore"]
    if tree:
        dirs = [tree / "framework/include", tree / "framework", tree / "tests/explore"] + dirs
    dirs.append(path.parent)
    done = subprocess.run([CC, *FLAGS, *more, *(f"-I{d}" for d in dirs), "-c", "-o", str(out), str(path)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{source} does not compile:\n{done.stderr[-3000:]}")
    return out


@functools.cache
def engine():
    OUT.mkdir(parents=True, exist_ok=True)
    return [compile_one(f"tools/explore/{f}", OUT / (f + ".o"), None) for f in ENGINE]


def link(model, objects, name, tree=None):
    parts = [compile_one(f"tests/explore/{model}", OUT / f"{name}.model.o", tree, *TSAN),
             compile_one("tests/explore/env.c", OUT / f"{name}.env.o", tree, *TSAN)]
    for i, source in enumerate(MODELS[model]):
        parts.append(compile_one(source, OUT / f"{name}.{i}.o", tree, *TSAN))
    out = OUT / name
    done = subprocess.run([CC, "-no-pie", "-Wl,-z,now", "-o", str(out), *map(str, objects + parts)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{model} does not link:\n{done.stderr[-3000:]}")
    return out


def symbolize(program, lines):
    """Puts functions and lines in the place of program counters."""
    pcs = sorted({m for line in lines for m in re.findall(r"\[pc ([0-9a-f]+)\]", line)})
    if not pcs:
        return lines
    done = subprocess.run(["/usr/lib/llvm-22/bin/llvm-symbolizer", "-e", str(program), "--output-style=GNU", "-s", "-p", "--no-inlines",
                           *("0x%x" % (int(pc, 16) - 1) for pc in pcs)], capture_output=True, text=True)
    names = dict(zip(pcs, done.stdout.splitlines()))
    return [re.sub(r"\[pc ([0-9a-f]+)\]", lambda m: "at " + names.get(m[1], "?"), line) for line in lines]


def run(program, filter_text=""):
    """Runs one program of models: its lines."""
    try:
        done = subprocess.run([str(program), filter_text], capture_output=True, text=True, timeout=600)
        lines = done.stdout.splitlines()
        if done.returncode not in (0, 1):
            lines.append(f"FAIL {program.name}: ended with status {done.returncode}")
    except subprocess.TimeoutExpired as late:
        lines = (late.stdout or b"").decode().splitlines() + [f"FAIL {program.name}: ran into its timeout"]
    return symbolize(program, lines)


def plant(name):
    """Builds with the bug; true where exactly the memory models that should find it do."""
    model, which, source, old, new, finders = PLANTS[name]
    text = (ROOT / source).read_text()
    if text.count(old) != 1:
        return False, [f"the text to replace is {text.count(old)} times in {source}"]
    tree = OUT / "planted" / name
    (tree / source).parent.mkdir(parents=True, exist_ok=True)
    (tree / source).write_text(text.replace(old, new))
    lines = run(link(model, engine(), "planted_" + name, tree), which)
    found = {m[1] for line in lines if (m := re.match(rf"FAIL {which}\w* \((\w+)\)", line))}
    return finders <= found, lines


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = 0
    for model in MODELS:
        if wanted not in model:
            continue
        try:
            lines = run(link(model, engine(), model.removesuffix(".c")))
        except RuntimeError as error:
            lines = [f"FAIL {model}: {error}"]
        for line in lines:
            passed += line.startswith("ok ")
            failed += line.startswith("FAIL ")
            if not re.match(r"\d+ passed", line):
                print(line, flush=True)
    for name in PLANTS:
        if wanted not in name and wanted not in PLANTS[name][0]:
            continue
        try:
            good, lines = plant(name)
        except RuntimeError as error:
            good, lines = False, [str(error)]
        passed, failed = passed + good, failed + (not good)
        first = next((line for line in lines if line.startswith("FAIL")), "")
        print(f"ok   planted bug {name} is found: {first[5:]}" if good else "FAIL planted bug %s is not found:\n    %s" % (name, "\n    ".join(lines[-40:])), flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
