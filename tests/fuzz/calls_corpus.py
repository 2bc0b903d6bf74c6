#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""From services/syscall/*.tbl: inputs to begin with, and the dictionary, for libFuzzer's system calls (the form: tests/unit/calls.h).

    calls_corpus.py FOLDER     writes FOLDER/<call>, an input for each call of the table, FOLDER/pair-<n>, calls that belong together, and FOLDER.dict
    calls_corpus.py --show FILE…    prints inputs as calls
"""
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/syscalls"))
import gen  # noqa: E402

HEAD, RECORD, POKE, POKE_BYTES = 4, 20, 0xFFFE, 15
POINTERS = {"POINTER", "IN", "OUT", "TIMESPEC", "TIMEVAL"}
AREA, IOVEC = 0x10000000, 0x1280   # the place of the struct iovec

# What pointers point at, by the type in the table (or a name in a sequence): each has a place of its own.
STRUCTS = {
    "data": b"hello, world\n", "timespec": struct.pack("<qq", 0, 100000), "timeval": struct.pack("<qq", 0, 100), "itimerspec": struct.pack("<qqqq", 0, 50000, 0, 50000),
    "itimerval": struct.pack("<qqqq", 0, 100, 0, 100), "iovec": struct.pack("<QQ", AREA, 13), "sockaddr": struct.pack("<H", 1) + b"s\0", "int": struct.pack("<i", 16),
    "uint": struct.pack("<I", 1), "sigset": struct.pack("<Q", 0x3E00), "sigaction": struct.pack("<QQQ", 0x10040000, 0x10000000, 0x10040000),
    "epoll_event": struct.pack("<IQ", 5, 7), "pollfd": struct.pack("<ihh", 0, 5, 0), "fd_set": struct.pack("<Q", 7), "flock": struct.pack("<hhqqi", 1, 0, 0, 10, 0),
    "msghdr": struct.pack("<QIIQQQQI", 0, 0, 0, AREA + IOVEC, 1, 0, 0, 0), "msgbuf": struct.pack("<q", 1) + b"abc", "sembuf": struct.pack("<HhH", 0, 1, 0o4000),
    "rlimit": struct.pack("<QQ", 64, 1024), "stack_t": struct.pack("<QiiQ", AREA + 0x8000, 0, 0, 8192), "cap_header": struct.pack("<Ii", 0x20080522, 0),
    "mq_attr": struct.pack("<qqq", 0, 4, 64), "sigevent": struct.pack("<Qii", 0, 10, 0), "open_how": struct.pack("<QQQ", 0o102, 0o644, 0), "u32": struct.pack("<I", 0),
    "sched_param": struct.pack("<i", 0), "sched_attr": struct.pack("<IIQi", 48, 0, 0, 0), "cpu_set": struct.pack("<Q", 1), "off": struct.pack("<q", 0),
    "siginfo": struct.pack("<iiii", 10, 0, -1, 0), "utimbuf": struct.pack("<qq", 1, 2), "robust_list_head": struct.pack("<QQQ", AREA + 0x2000, 0, 0),
    "mmsghdr": struct.pack("<QIIQQQQIxxxx", 0, 0, 0, AREA + IOVEC, 1, 0, 0, 0), "gid": struct.pack("<II", 1, 2), "futex_waitv": struct.pack("<QQII", 0, AREA + 0x2200, 2, 0),
}
PLACES = {name: place for place, name in enumerate(STRUCTS)}   # in steps of 128 bytes from 0x1000 on
PLACES["data"] = -32
assert 0x1000 + 128 * PLACES["iovec"] == IOVEC


def place_of(name):
    """Offset in the area."""
    return 0x1000 + 128 * PLACES[name] if name in PLACES else 0x3000


# Calls that belong together, one sequence a line. A word is a number, names joined by |, a string, @struct, $N (the result N calls before), or - (null).
SEQUENCES = """
open a O_RDWR|O_CREAT 420; write 0 @data 13; lseek 0 0 SEEK_SET; read 0 @buffer 13; fstat 0 @buffer; ftruncate 0 4096; close 0
openat AT_FDCWD a O_RDWR|O_CREAT|O_EXCL 420; pwrite64 0 @data 13 100; pread64 0 @buffer 31 90; fallocate 0 FALLOC_FL_KEEP_SIZE 0 8192; close 0; unlink a
open a O_RDWR|O_CREAT 420; writev 0 @iovec 1; lseek 0 0 SEEK_SET; readv 0 @iovec 1; preadv2 0 @iovec 1 0 0 0; copy_file_range 0 - 0 - 10 0
open a O_RDWR|O_CREAT 420; ftruncate 0 65536; mmap - 8192 PROT_READ|PROT_WRITE MAP_SHARED 0 0; write 0 $1 100; msync $2 4096 MS_SYNC; mremap $3 8192 16384 MREMAP_MAYMOVE -; munmap $4 8192
mmap - 65536 PROT_READ|PROT_WRITE MAP_PRIVATE|MAP_ANONYMOUS -1 0; mprotect $0 4096 PROT_READ; madvise $0 8192 MADV_DONTNEED; mlock $0 4096; munmap $0 65536
mmap - 65536 PROT_READ|PROT_WRITE MAP_SHARED|MAP_ANONYMOUS -1 0; fork; getrandom $0 4096 0; mincore $1 65536 @buffer
brk -; brk $0; mlockall MCL_CURRENT|MCL_FUTURE; munlockall
mkdir d 493; mkdir c 493; rename d c; open c O_RDONLY|O_DIRECTORY 0; getdents64 0 @buffer 1000; rmdir c; chdir c; getcwd @buffer 100
open a O_RDWR|O_CREAT 420; link a b; symlink a c; readlink c @buffer 100; renameat2 AT_FDCWD a AT_FDCWD b RENAME_EXCHANGE; unlink a; unlink b; stat c @buffer
open a O_RDWR|O_CREAT 420; setxattr a user.x @data 5 0; getxattr a user.x @buffer 100; listxattr a @buffer 100; removexattr a user.x; chmod a 0; chown a 1 1; statx AT_FDCWD a 0 STATX_BASIC_STATS @buffer
open a O_RDWR|O_CREAT 420; flock 0 LOCK_EX; fcntl 0 F_SETLK @flock; fcntl 0 F_GETLK @flock; fcntl 0 F_OFD_SETLK @flock; fcntl 0 F_SETLEASE 1; dup 0; close 0
pipe2 @int O_NONBLOCK; write 1 @data 13; tee 0 1 5 SPLICE_F_NONBLOCK; read 0 @buffer 31; close 1; read 0 @buffer 1; fcntl 0 F_SETPIPE_SZ 65536
pipe2 @int 0; open a O_RDWR|O_CREAT 420; write 2 @data 13; splice 2 - 1 - 13 0; sendfile 1 2 - 10; vmsplice 1 @iovec 1 0; splice 0 - 2 - 100 SPLICE_F_NONBLOCK
pipe @int; fork; write 1 @data 13; exit 3; read 0 @buffer 13; wait4 -1 @buffer 0 @buffer
socketpair AF_UNIX SOCK_STREAM 0 @int; sendto 0 @data 13 0 - 0; recvfrom 1 @buffer 31 0 - -; shutdown 0 SHUT_WR; recvfrom 1 @buffer 1 0 - -; close 1
socket AF_UNIX SOCK_STREAM 0; bind 0 @sockaddr 4; listen 0 4; socket AF_UNIX SOCK_STREAM 0; connect 1 @sockaddr 4; accept4 0 - - 0; sendmsg 1 @msghdr 0; recvmsg 2 @msghdr 0; getpeername 2 @buffer @int
socket AF_UNIX SOCK_DGRAM 0; bind 0 @sockaddr 4; sendto 0 @data 13 0 @sockaddr 4; recvmsg 0 @msghdr MSG_DONTWAIT; getsockopt 0 SOL_SOCKET SO_TYPE @buffer @int; setsockopt 0 SOL_SOCKET SO_PASSCRED @uint 4
socket AF_UNIX SOCK_SEQPACKET 0; sendmmsg 0 @mmsghdr 1 0; recvmmsg 0 @mmsghdr 1 MSG_DONTWAIT @timespec
epoll_create1 0; eventfd2 1 EFD_NONBLOCK; epoll_ctl 0 EPOLL_CTL_ADD 1 @epoll_event; epoll_wait 0 @buffer 8 0; write 1 @sigset 8; epoll_ctl 0 EPOLL_CTL_MOD 1 @epoll_event; epoll_pwait2 0 @buffer 8 @timespec - 8; read 1 @buffer 8; close 1; epoll_ctl 0 EPOLL_CTL_DEL 1 -
timerfd_create CLOCK_MONOTONIC TFD_NONBLOCK; timerfd_settime 0 0 @itimerspec -; poll @pollfd 1 1; read 0 @buffer 8; timerfd_gettime 0 @buffer; close 0
rt_sigaction SIGUSR1 @sigaction - 8; rt_sigprocmask SIG_BLOCK @sigset - 8; kill 0 SIGUSR1; rt_sigpending @buffer 8; rt_sigtimedwait @sigset @buffer @timespec 8; rt_sigsuspend @u32 8; rt_sigreturn
rt_sigaction SIGALRM @sigaction - 8; sigaltstack @stack_t -; setitimer ITIMER_REAL @itimerval -; pause; getitimer ITIMER_REAL @buffer; alarm 1
rt_sigprocmask SIG_BLOCK @sigset - 8; signalfd4 -1 @sigset 8 SFD_NONBLOCK; rt_sigqueueinfo 0 SIGUSR1 @siginfo; read 0 @buffer 128
timer_create CLOCK_MONOTONIC @sigevent @int; timer_settime 0 0 @itimerspec -; timer_gettime 0 @buffer; nanosleep @timespec -; timer_getoverrun 0; timer_delete 0
clone CLONE_VM|CLONE_FILES|SIGCHLD - - - -; futex @u32 FUTEX_WAIT 0 @timespec - 0; futex @u32 FUTEX_WAKE 1 - - 0; futex @u32 FUTEX_CMP_REQUEUE 1 - @uint 0; set_robust_list @robust_list_head 24; futex @u32 FUTEX_LOCK_PI 0 @timespec - 0
futex @u32 FUTEX_TRYLOCK_PI 0 - - 0; futex @u32 FUTEX_UNLOCK_PI 0 - - 0; futex @u32 FUTEX_WAIT_BITSET 0 @timespec - 1; futex_waitv @futex_waitv 1 0 @timespec CLOCK_MONOTONIC
shmget 5 8192 IPC_CREAT; shmat $0 - 0; shmctl $1 IPC_STAT @buffer; shmctl $2 IPC_RMID -; shmdt $2
semget 0 3 IPC_CREAT; semop $0 @sembuf 1; semctl $1 0 GETALL @buffer; semtimedop $2 @sembuf 1 @timespec; semctl $3 0 IPC_RMID 0
msgget 0 IPC_CREAT; msgsnd $0 @msgbuf 3 IPC_NOWAIT; msgrcv $1 @buffer 100 0 IPC_NOWAIT; msgctl $2 IPC_STAT @buffer; msgctl $3 IPC_RMID -
mq_open a O_RDWR|O_CREAT|O_NONBLOCK 438 @mq_attr; mq_timedsend 0 @data 13 1 @timespec; mq_notify 0 @sigevent; mq_timedreceive 0 @buffer 64 - @timespec; mq_getsetattr 0 @mq_attr @buffer; mq_unlink a; close 0
inotify_init1 IN_NONBLOCK; inotify_add_watch 0 . IN_CREATE|IN_DELETE; open a O_RDWR|O_CREAT 420; unlink a; read 0 @buffer 1000; inotify_rm_watch 0 1; close 0
open /dev/ptmx O_RDWR|O_NOCTTY 0; ioctl 0 TIOCSPTLCK @u32; ioctl 0 TIOCGPTN @buffer; ioctl 0 TIOCGPTPEER 2; write 0 @data 13; read 1 @buffer 31; ioctl 1 TCGETS @buffer; ioctl 1 TCSETS @buffer; ioctl 1 TIOCSCTTY 0; ioctl 1 TIOCGWINSZ @buffer; close 0; read 1 @buffer 1
open /proc/self/maps O_RDONLY 0; read 0 @buffer 1000; lseek 0 10 SEEK_SET; read 0 @buffer 100; open /proc/self/mem O_RDWR 0; pread64 1 @buffer 16 1048576; open /proc/self/fd O_RDONLY|O_DIRECTORY 0; getdents64 2 @buffer 500
memfd_create a MFD_ALLOW_SEALING; ftruncate 0 4096; fcntl 0 F_ADD_SEALS 2; ftruncate 0 8192; mmap - 4096 PROT_READ MAP_SHARED 0 0; fcntl 0 F_GET_SEALS 0
io_setup 4 @u32; io_submit $0 1 @buffer; io_getevents $1 0 1 @buffer @timespec; io_destroy $2
fork; setsid; getpid; setpgid 0 0; kill 0 SIGSTOP; exit_group 1; waitid P_ALL 0 @buffer WEXITED|WNOHANG @buffer; wait4 -1 @buffer WNOHANG -
vfork; execve a - -; exit 2; wait4 -1 @buffer 0 -
clone CLONE_VM|CLONE_FS|CLONE_FILES - - - -; unshare CLONE_FILES|CLONE_FS; close_range 0 100 0; dup3 0 5 O_CLOEXEC; dup2 0 7
prctl PR_SET_NAME @data 0 0 0; prctl PR_SET_PDEATHSIG 9 0 0 0; prctl PR_SET_CHILD_SUBREAPER 1 0 0 0; prctl PR_CAPBSET_DROP 1 0 0 0; capget @cap_header @buffer; capset @cap_header @buffer; setresuid 1 1 1; setgroups 2 @gid
sched_setscheduler 0 SCHED_FIFO @sched_param; sched_getattr 0 @buffer 48 0; sched_setattr 0 @sched_attr 0; sched_setaffinity 0 8 @cpu_set; sched_getaffinity 0 8 @buffer; sched_yield; ioprio_set IOPRIO_WHO_PROCESS 0 0
getrlimit RLIMIT_NOFILE @buffer; prlimit64 0 RLIMIT_NOFILE @rlimit @buffer; setrlimit RLIMIT_FSIZE @rlimit; open a O_RDWR|O_CREAT 420; write 0 @data 13; getrusage RUSAGE_SELF @buffer; times @buffer
ptrace PTRACE_TRACEME 0 0 0; process_vm_readv 0 @iovec 1 @iovec 1 0; kcmp 0 0 0 0 0; personality 0; membarrier MEMBARRIER_CMD_QUERY 0 0; rseq @buffer 32 0 1
open null O_RDWR 0; write 0 @data 13; open zero O_RDWR 0; mmap - 4096 PROT_READ MAP_PRIVATE 1 0; open fifo O_RDWR|O_NONBLOCK 0; write 2 @data 13; read 2 @buffer 31; ioctl 2 FIONREAD @buffer; select 3 @fd_set - - @timeval; ppoll @pollfd 1 @timespec - 8
""".strip().splitlines()


class Writer:
    """Makes inputs, by the table's types."""

    def __init__(self):
        self.sets = gen.read_sets(ROOT / "services/syscall/names.tbl")
        self.calls = gen.read_calls(ROOT / "services/syscall/syscalls.tbl", self.sets)
        self.by_name = {call.name: call for call in self.calls}
        # As the C side has them, which is the only list.
        body = re.search(r"strings\[STRINGS\] = \{(.*?)\};", (ROOT / "tests/unit/calls.c").read_text(), re.S)[1]
        self.strings = re.findall(r'"(.*?)"', body)
        self.types = {}   # (call, argument) -> the type's name: gen.py keeps only its kind
        for _, line in gen.lines(ROOT / "services/syscall/syscalls.tbl"):
            words = line.partition(";")[0].split()
            for word in words[3:]:
                name, _, kind = word.partition(":")
                self.types[words[1], name] = kind

    @staticmethod
    def number(n):
        """The three bytes of a number."""
        if 0 <= n < 32:
            return bytes([0, n, 0])
        if n < 0 and -n < 65536:
            return bytes([210, -n & 255, -n >> 8])
        if 0 < n < 65536:
            return bytes([170, n & 255, n >> 8])
        if n & (n - 1) == 0:
            return bytes([230, n.bit_length() - 1, 0])
        if n % 4096 == 0 and n >> 28 == 0:
            return bytes([195, n >> 12 & 255, n >> 20])
        return bytes([170, n & 255, n >> 8 & 255])

    def names(self, name_set, words):
        indices = [next((i for i, entry in enumerate(name_set.entries) if entry[0] == word), None) for word in words.split("|")]
        if None in indices:   # a number: as a number is drawn from two bytes
            return bytes([240, 0, int(words, 0) % 32]) if words.lstrip("-").isdecimal() and int(words) >= 0 else bytes([240, 0, 31])
        third = indices[2] if len(indices) > 2 else 0
        second = indices[1] if len(indices) > 1 else 0
        return bytes([min(len(indices), 3) | (third << 2 if third < 54 else 0), indices[0], second])

    def argument(self, arg, word, structs):
        _, _, kind, name_set = arg
        if word.startswith("$"):
            back = int(word[1:])
            return bytes([235, back, 0]) if kind in POINTERS else bytes([255, back, 0])
        if word.startswith("@"):
            structs.add(word[1:])
            place = place_of(word[1:])
            if kind in POINTERS or kind == "STRING":
                return bytes([0, place // 16 & 255, place // 16 >> 8]) if kind != "STRING" else bytes([250, place // 16 >> 8, place // 16 & 255])
            return self.number(place)   # an address in a number: only the fuzzer can make it; see `ulong`
        if word == "-":
            return bytes([205, 0, 0]) if kind in POINTERS else bytes([250, 0, 205]) if kind == "STRING" else self.number(0)
        if kind == "NAMES":
            return self.names(name_set, word) if word != "0" else bytes([0 if name_set.bits else 240, 0, 0])
        if kind == "STRING":
            return bytes([0, self.strings.index(word), 0])
        if kind == "DIRFD":
            return bytes([0, 0, 0]) if word == "AT_FDCWD" else bytes([200, 0, int(word) % 32])
        if kind in POINTERS:
            return bytes([0, int(word) & 255, int(word) >> 8 & 255])
        return self.number(self.value(word))

    def value(self, word):
        """A number, or a name of any set."""
        if re.fullmatch(r"-?\d+", word):
            return int(word)
        for name_set in self.sets.values():
            for name, value, _ in name_set.entries:
                if name == word:
                    return value
        return {"AF_UNIX": 1, "SOCK_STREAM": 1, "SOCK_DGRAM": 2, "SOCK_SEQPACKET": 5, "SOL_SOCKET": 1, "SO_TYPE": 3, "SO_PASSCRED": 16, "SHUT_WR": 1}[word]

    def record(self, call, words, structs):
        out = struct.pack("<H", call.number) + b"".join(self.argument(arg, word, structs) for arg, word in zip(call.args, words))
        return out.ljust(RECORD, b"\2")

    def default(self, call, arg):
        """A plausible word for an argument."""
        name, _, kind, name_set = arg
        type_name = self.types[call.name, name].rstrip("*")
        if kind == "NAMES":
            return name_set.entries[0][0]
        if kind == "STRING":
            return "user.x" if "xattr" in call.name and name == "name" else "a"
        if kind == "DIRFD":
            return "AT_FDCWD"
        if kind in POINTERS:
            return "@" + (type_name if type_name in STRUCTS else "timespec" if kind == "TIMESPEC" else "timeval" if kind == "TIMEVAL" else "data" if kind == "IN" else "buffer")
        if type_name == "mode":
            return "420"
        if re.search(r"sigset|setsize", name):
            return "8"
        return "13" if re.search(r"size|len|count|bytes", name) else "0"

    def pokes(self, structs):
        out = b""
        for name in sorted(structs & set(STRUCTS)):
            content = STRUCTS[name]
            for at in range(0, len(content), POKE_BYTES):
                part = content[at:at + POKE_BYTES]
                out += struct.pack("<HHB", POKE, place_of(name) + at, len(part) - 1) + part.ljust(POKE_BYTES, b"\0")
        return out

    def sequence(self, text):
        structs, records = set(), b""
        for line in text.split(";"):
            words = line.split()
            call = self.by_name[words[0]]
            records += self.record(call, words[1:], structs)
        if "msghdr" in structs or "mmsghdr" in structs:
            structs.add("iovec")
        return bytes([0, 0, 0, 0]) + self.pokes(structs) + records

    def single(self, call):
        """Behind a file as descriptor 0, in which something is."""
        words = " ".join([call.name, *(self.default(call, arg) for arg in call.args)])
        return self.sequence(f"open a O_RDWR|O_CREAT 420; write 0 @data 13; {words}")

    def dictionary(self):
        lines = ["# Numbers of calls, and the values of flags and numbers as they stand in structs."]
        quote = lambda data: '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'
        lines += [f"call_{call.name}={quote(struct.pack('<H', call.number))}" for call in self.calls]
        seen = set()
        for name_set in self.sets.values():
            for name, value, _ in name_set.entries:
                content = struct.pack("<I", value & 0xFFFFFFFF)
                if content not in seen:
                    seen.add(content)
                    lines.append(f"{name_set.name}_{name}={quote(content)}")
        return "\n".join(lines) + "\n"

    def show(self, data):
        by_number = {call.number: call for call in self.calls}
        print(f"as {'nobody' if data[0] & 1 else 'root'}{', in a session of its own' if data[0] & 2 else ''}; memory {data[1] % 4}")
        limit = self.calls[-1].number + 1
        for at in range(HEAD, len(data) - RECORD + 1, RECORD):
            record = data[at:at + RECORD]
            number = record[0] | record[1] << 8
            if number == POKE:
                print(f"    poke {(record[2] | record[3] << 8) % (16384 - 16):#x}: {record[5:6 + record[4] % 15].hex()}")
                continue
            call = by_number.get(number % limit)
            words = [] if call is None else [self.shown(arg, record[2 + 3 * i:5 + 3 * i]) for i, arg in enumerate(call.args)]
            print(f"    {call.name if call else '-'}({', '.join(words)})" + (f" takes {1 + record[19] % 8}" if call and call.name in ("fork", "vfork", "clone") else ""))

    def shown(self, arg, b):
        name, _, kind, name_set = arg
        if kind == "NAMES" and b[0] < 220:
            entries = name_set.entries
            count = b[0] % 4 if name_set.bits else 1
            return f"{name}=" + "|".join(entries[i % len(entries)][0] for i in (b[1], b[2], b[0] >> 2)[:count])
        if kind == "STRING" and b[0] < 230:
            return f'{name}="{self.strings[b[1] % len(self.strings)]}"'
        if kind == "DIRFD" and b[0] < 160:
            return "AT_FDCWD"
        if kind in POINTERS and b[0] < 200:
            return f"{name}=+{(b[1] | b[2] << 8) % 1024 * 16:#x}"
        if kind in POINTERS and 230 <= b[0] < 240 or kind not in POINTERS and b[0] >= 240:
            return f"{name}=$-{b[1]}"
        if kind not in POINTERS and b[0] < 128:
            return f"{name}={b[1] % 32}"
        return f"{name}={bytes(b).hex()}"


def main():
    writer = Writer()
    if len(sys.argv) > 2 and sys.argv[1] == "--show":
        for path in sys.argv[2:]:
            writer.show(pathlib.Path(path).read_bytes())
        return
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for call in writer.calls:
        (folder / call.name).write_bytes(writer.single(call))
    for number, text in enumerate(SEQUENCES):
        (folder / f"pair-{number:02}").write_bytes(writer.sequence(text))
    folder.with_suffix(".dict").write_text(writer.dictionary())


if __name__ == "__main__":
    main()
