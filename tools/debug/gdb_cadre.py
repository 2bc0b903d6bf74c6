# SPDX-License-Identifier: MPL-2.0
"""Commands for gdb on a stopped kernel, in QEMU or hosted: `help cadre` lists them. `./cadre debug` loads this file.

All is read from the kernel's own variables and types, without calling anything in it. What is being changed at that moment may look odd.
"""
import gdb

STATES = {0: "new", 1: "ready", 2: "running", 3: "blocked", 4: "dead"}
ON_CPU = 0x100
AREA_LETTERS = {2: "w", 1: "r", 4: "x"}


def value(expression):
    return gdb.parse_and_eval(expression)


def static(file, name):
    """A variable that is private to one file of the kernel."""
    return value(f"'{file}'::{name}")


def each(first, link):
    """The items of a list: LIST_LINK has null behind the last one."""
    at = first
    while int(at) != 0:
        yield at
        at = at[link]["next"]


def text(array):
    return bytes(int(array[i]) & 0xFF for i in range(array.type.range()[1] + 1)).split(b"\0")[0].decode(errors="replace")


def words_text(array):
    """Text in an array of atomic words."""
    words = (int(array[i]["value"]) for i in range(array.type.range()[1] + 1))
    return b"".join((word & (1 << 64) - 1).to_bytes(8, "little") for word in words).split(b"\0")[0].decode(errors="replace")


def tasks():
    return each(static("registry.c", "all")["head"], "all_link")


def state_of(task):
    number = int(task["state"])
    return STATES.get(number & 0xFF, "?") + (f" on CPU {int(task['last_cpu'])}" if number & ON_CPU else "")


def place_of(address):
    block = gdb.find_pc_line(address)
    symbol = gdb.execute(f"info symbol {address}", to_string=True).split(" in section")[0].strip()
    where = f" at {block.symtab.filename}:{block.line}" if block.symtab else ""
    return (symbol if not symbol.startswith("No symbol") else f"{address:#x}") + where


def thread_of(task):
    """The user thread that a task is, or null."""
    owner, kind = task["owner"], task["owner_type"]
    if int(owner) == 0 or int(kind) == 0 or kind["name"].string() != "thread":
        return None
    return owner.cast(gdb.lookup_type("struct thread").pointer())


def threads():
    for task in tasks():
        thread = thread_of(task)
        if thread is not None and int(thread["process"]) != 0:
            yield thread


def number(atomic):
    """The value of an atomic32 or atomic64: its only field."""
    return int(atomic[atomic.type.fields()[0]])


def nodes(node, link="link"):
    """The items of a red-black tree in order, without recursion: it may be being changed."""
    stack, seen = [], 0
    while (int(node) != 0 or stack) and seen < 100000:
        while int(node) != 0 and len(stack) < 200:
            stack.append(node)
            node = node[link]["child"][0]
        node = stack.pop()
        yield node
        seen += 1
        node = node[link]["child"][1]


class Cadre(gdb.Command):
    """Commands for the kernel of Cadre: cadre-tasks, cadre-stack ID, cadre-threads, cadre-space PID, cadre-objects, cadre-names, cadre-locks, cadre-log."""

    def __init__(self):
        super().__init__("cadre", gdb.COMMAND_USER, prefix=True)

    def invoke(self, argument, from_tty):
        gdb.execute("help cadre")


class Listing(gdb.Command):
    """A command that prints lines; its documentation is the class'."""

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        for line in self.lines(argument.strip()):
            print(line)


class Tasks(Listing):
    """cadre-tasks: every task: id, state, last CPU, time in user mode and in the kernel (millions of ticks of its counter), name."""
    name = "cadre-tasks"

    def lines(self, argument):
        yield f"{'ID':>6}  {'STATE':<16} {'CPU':>3} {'USER':>7} {'KERNEL':>7}  NAME"
        for task in tasks():
            yield (f"{int(task['id']):>6}  {state_of(task):<16} {int(task['last_cpu']):>3} {int(task['user_ticks']) >> 20:>7} "
                   f"{int(task['kernel_ticks']) >> 20:>7}  {text(task['name'])}")


class Stack(Listing):
    """cadre-stack ID: the calls in which the task with that id (cadre-tasks) sleeps. One that runs: use gdb's own `bt` on its CPU's thread."""
    name = "cadre-stack"

    def lines(self, argument):
        task = next((t for t in tasks() if int(t["id"]) == int(argument or "0", 0)), None)
        if task is None:
            raise gdb.GdbError("no task with that id: see cadre-tasks")
        if int(task["state"]) & ON_CPU:
            raise gdb.GdbError("it runs: bt, after `thread N` for its CPU")
        context = task["context"]
        pointer = int(context[context.type.fields()[0]])
        word = lambda at: int(gdb.Value(at).cast(gdb.lookup_type("unsigned long").pointer()).dereference())
        # What the switch has pushed: r15 r14 r13 r12 rbx rbp, and where it returns to (switch.S, context.S).
        frame, at = word(pointer + 40), word(pointer + 48)
        for depth in range(40):
            yield f"#{depth:<2} {place_of(at - (depth != 0))}"
            if frame == 0:
                return
            frame, at = word(frame), word(frame + 8)
            if at == 0:
                return


class Threads(Listing):
    """cadre-threads: the threads of programs, by process: ids, parent, state, the system call that each is in, name."""
    name = "cadre-threads"

    def lines(self, argument):
        yield f"{'PID':>6} {'TID':>6} {'PARENT':>6}  {'STATE':<16} {'TASK':>5} CALL  NAME"
        rows = []
        for thread in threads():
            process, call = thread["process"], int(thread["syscall"])
            parent = int(process["parent"]["pid"]) if int(process["parent"]) != 0 else 0
            rows.append((int(process["pid"]), number(thread["tid"]), parent, state_of(thread["task"]), int(thread["task"]["id"]),
                         "-" if call >= 1 << 32 else str(call), words_text(thread["name"])))
        for pid, tid, parent, state, task, call, name in sorted(rows):
            yield f"{pid:>6} {tid:>6} {parent:>6}  {state:<16} {task:>5} {call:<5} {name}"


class Space(Listing):
    """cadre-space PID: the areas of a process' address space, as /proc/PID/maps has them, and its totals."""
    name = "cadre-space"

    def lines(self, argument):
        pid = int(argument or "1", 0)
        areas = lambda m: nodes(m["areas"]["root"])
        for thread in threads():
            if int(thread["process"]["pid"]) != pid or int(thread["map"]) == 0:
                continue
            vm_map = thread["map"]
            for area in areas(vm_map):
                prot, flags = int(area["prot"]), int(area["flags"])
                letters = "".join(letter if prot & bit else "-" for bit, letter in sorted(AREA_LETTERS.items(), key=lambda p: "rwx".index(p[1])))
                names = [label for bit, label in ((4, "grows down"), (8, "locked"), (0x80, "stack"), (0x100, "heap"), (0x200, "vdso")) if flags & bit]
                backing = f"object {int(area['object']):#x}+{int(area['offset']):#x}" if int(area["object"]) else "anonymous"
                yield f"{int(area['start']):012x}-{int(area['end']):012x} {letters}{'s' if flags & 1 else 'p'} {backing} {', '.join(names)}".rstrip()
            yield (f"{int(vm_map['area_count'])} areas, {int(vm_map['virtual_pages'])} pages, {int(vm_map['charged'])} promised, "
                   f"{number(vm_map['users'])} users")
            return
        raise gdb.GdbError(f"no process {pid} with an address space: see cadre-threads")


def live_objects(kind):
    """The objects of a type that are live, as pointers; `kind` is the name of its structure."""
    header, shift = gdb.lookup_type("struct slot_header"), int(value("(unsigned)REF_STATE_SHIFT"))
    backed, states, live = (int(value(f"(unsigned){name}")) for name in ("SLAB_BACKED", "SLAB_STATES", "SLOT_LIVE"))
    for i in range(1, int(static("slab.c", "heap_last")) + 1):
        heap = value("heaps")[i]
        if heap["type"]["name"].string() != kind:
            continue
        for k in range(int(heap["nwindows"])):
            window = heap["windows"][k]
            for slab in range(max(0, min(int(window["nslabs"]), int(heap["nslabs"]) - int(window["first"])))):
                if int(window["slabs"][slab]["word"]) & states != backed:
                    continue
                base = int(window["base"]) + (slab << int(heap["slab_shift"])) + int(heap["offset"])
                for at in range(base, base + int(heap["slots"]) * int(heap["stride"]), int(heap["stride"])):
                    if int(gdb.Value(at - header.sizeof).cast(header.pointer())["word"]) >> shift == live:
                        yield gdb.Value(at).cast(gdb.lookup_type(f"struct {kind}").pointer())


class Objects(Listing):
    """cadre-objects [TEXT]: live objects of the heap by type (whose name has TEXT in it): how many, of what size, pages behind them.
    Objects that were freed and wait in a processor's cache count as well."""
    name = "cadre-objects"

    def lines(self, argument):
        rows = []
        last, backed_mark = int(static("slab.c", "heap_last")), int(value("(unsigned)SLAB_BACKED"))
        states = int(value("(unsigned)SLAB_STATES"))
        for i in range(1, last + 1):
            heap = value("heaps")[i]
            live = 0
            for k in range(int(heap["nwindows"])):
                window = heap["windows"][k]
                for slab in range(max(0, int(heap["nslabs"]) - int(window["first"]))):
                    if slab >= int(window["nslabs"]):
                        break
                    word = int(window["slabs"][slab]["word"])
                    live += word & ~states if word & states == backed_mark else 0
            name = heap["type"]["name"].string()
            if live and argument in name:
                rows.append((live * int(heap["stride"]), live, int(heap["stride"]), int(heap["backed"]) * int(heap["pages"]), name))
        yield f"{'LIVE':>8} {'SIZE':>7} {'PAGES':>7}  TYPE"
        for _, live, size, pages, name in sorted(rows, reverse=True):
            yield f"{live:>8} {size:>7} {pages:>7}  {name}"


class Names(Listing):
    """cadre-names [TEXT]: the names that the kernel keeps (struct dentry) in whose path TEXT is: users, flags, whether there is a file behind, path."""
    name = "cadre-names"
    FLAGS = ((1, "pinned"), (2, "mounted"), (8, "hashed"), (32, "referenced"))

    def path(self, dentry):
        words = []
        while int(dentry["parent"]) != int(dentry) and len(words) < 50:
            name = b"".join(int(dentry["name"][i]).to_bytes(8, "little") for i in range(dentry["name"].type.range()[1] + 1))
            words.insert(0, name.rstrip(b"\0").decode(errors="replace"))
            dentry = dentry["parent"]
        return text(dentry["sb"]["type"]["name"]) + ":/" + "/".join(words)

    def lines(self, argument):
        yield f"{'ADDRESS':<18} {'USERS':>5}  {'STATE':<32} PATH"
        for dentry in live_objects("dentry"):
            refs, flags, path = number(dentry["refs"]), number(dentry["flags"]), self.path(dentry)
            states = [word for bit, word in self.FLAGS if flags & bit] + ["loose"] * (refs >> 30 & 1) + ["dead"] * (refs >> 31)
            states += ["negative"] if int(dentry["inode"]) == 0 else []
            if argument in path:
                yield f"{int(dentry):#x} {refs & (1 << 30) - 1:>5}  {' '.join(states):<32} {path}"


class Locks(Listing):
    """cadre-locks: the locks that tasks hold, and in which order they took them."""
    name = "cadre-locks"

    def lines(self, argument):
        held = False
        for task in tasks():
            for i in range(int(task["nlocks"])):
                held = True
                one = task["locks"][i]
                symbol = gdb.execute(f"info symbol {int(one['lock'])}", to_string=True).split(" in section")[0].strip()
                where = f"{int(one['lock']):#x}" + ("" if symbol.startswith("No symbol") else f" {symbol}")
                yield f"task {int(task['id'])} ({text(task['name'])}, {state_of(task)}): {one['kind']} {where}"
        if not held:
            yield "no lock is held"


class Log(Listing):
    """cadre-log [LINES]: the last lines of the kernel's log (20)."""
    name = "cadre-log"

    def lines(self, argument):
        ring = static("log.c", "log_ring")
        size, head, tail = ring.type.sizeof, int(static("log.c", "log_head")), int(static("log.c", "log_tail"))
        memory = bytes(gdb.selected_inferior().read_memory(int(ring.address), size))
        start = max(tail, head - size)
        yield from "".join(chr(memory[p % size]) for p in range(start, head)).splitlines()[-int(argument or "20"):]


Cadre()
for command in (Tasks, Stack, Threads, Space, Objects, Names, Locks, Log):
    command()
gdb.execute("set pagination off")
gdb.execute("set print pretty on")
gdb.execute("set confirm off")
