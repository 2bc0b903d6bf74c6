#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# Real programs of Debian, run in a guest: what each `check` prints must be the same on Cadre and on Linux (tools/cadre/programs.py
# compares). One line a check: "ok NAME: first lines of output, joined by |", or "not ok" with the status; then how long it took.
# Usage: programs.sh [PATTERN…]
export LC_ALL=C TZ=UTC HOME=/tmp PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
wanted=("$@")

# Whether the check of this name is to run.
is_wanted() {
	[ ${#wanted[@]} -gt 0 ] || return 0
	local pattern
	for pattern in "${wanted[@]}"; do
		# shellcheck disable=SC2053
		[[ $1 == $pattern ]] && return 0
	done
	return 1
}

# check NAME COMMAND…: runs it by bash in an empty directory, at most 4 minutes. A check waits for what must come (`await`), never for a time in which it
# should have come: machines may be slow.
check() {
	local name=$1
	shift
	is_wanted "$name" || return
	local where=/tmp/check.$name
	rm -rf "$where"
	mkdir -p "$where"
	local out status begun=$EPOCHREALTIME
	out=$(cd "$where" && timeout 240 bash -c "$*" 2>&1 </dev/null)
	status=$?
	printf '%s %s: %s [%d]\n' "$([ $status = 0 ] && echo ok || echo 'not ok')" "$name" "$(printf %s "$out" | head -c 600 | tr '\n' '|')" "$status"
	echo "took $name $(((${EPOCHREALTIME/./} - ${begun/./}) / 1000)) ms"
	rm -rf "$where"
}

# await COMMAND…: until it succeeds. For the checks.
await() {
	until "$@" >/dev/null 2>&1; do sleep 0.05; done
}
export -f await

# --- shells ---
check bash_arithmetic 'echo $((6 * 7)) $((1 << 40))'
check bash_pipeline 'seq 1 100000 | sort -rn | head -3 | tr "\n" " "'
check bash_here_document 'cat <<X | wc -l
one
two
X'
check bash_process_substitution 'diff <(seq 3) <(seq 4); echo $?'
check bash_job_control 'set -m; exec 2>/dev/null; sleep 50 & kill -STOP %1; await grep -q stopped /proc/$!/status; kill -CONT %1; kill %1; wait $!; echo $?'
check bash_trap 'trap "echo caught" USR1; kill -USR1 $$; echo after'
check bash_wait 'for i in 1 2 3; do (exit $i) & p="$p $!"; done; for p in $p; do wait $p; echo $?; done'
check bash_coproc 'coproc cat; echo hi >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x'
check bash_read_timeout 'read -t 0.2 x < <(sleep 2); echo $?'
check bash_ulimit 'ulimit -n 64; ulimit -n; exec 200>/dev/null || true'
check dash_script 'printf "#!/bin/dash\necho script \$1\n" >s; chmod +x s; ./s arg'
check script_interpreter_chain 'printf "#!/usr/bin/env bash\necho env\n" >a; chmod +x a; ./a'
check script_without_interpreter 'printf "#!/no/such\n" >a; chmod +x a; ./a; echo $?'
check busybox_applets 'busybox sh -c "echo a b c | busybox awk \"{print \\\$2}\"; busybox seq 3 | busybox wc -l"'
# --- coreutils ---
check cp_mv_ln 'echo x >a; cp a b; ln a c; ln -s a d; mv b e; ls -1; cat d; stat -c %h a'
check ls_long 'touch -d "2020-01-02 03:04:05" f; chmod 640 f; ls -l f | cut -c1-10; stat -c "%a %s %Y" f'
check dd_seek 'dd if=/dev/zero of=f bs=1k count=4 seek=8 status=none; stat -c %s f; du -k f | cut -f1'
check sparse_file 'truncate -s 1G f; stat -c "%s %b" f; cp --sparse=always f g; stat -c %s g'
check split_join 'seq 1000 >f; split -l 100 f p; ls p* | wc -l; cat p* | cmp - f && echo same'
check sha256 'seq 100000 | sha256sum'
check md5_b2 'seq 1000 | md5sum; seq 1000 | b2sum | cut -c1-20'
check sort_unique 'for i in $(seq 300); do echo $((i * 7919 % 100)); done | sort -n | uniq -c | wc -l'
check mkfifo_cat 'mkfifo p; (echo through >p &) ; cat p'
check tee_files 'echo x | tee a b >/dev/null; cat a b'
check chmod_denied 'echo secret >f; chmod 600 f; chmod 711 .; setpriv --reuid 1000 --regid 1000 --clear-groups cat f; echo $?'
check touch_reference 'touch -d @1000000000 a; touch -r a b; stat -c %Y b'
check realpath_readlink 'mkdir -p a/b; ln -s ../a a/b/c; realpath a/b/c/b/c | sed "s,.*/check,check,"; readlink a/b/c'
check df_tmp 'df -h /dev/shm >/dev/null && echo fine'
check nproc_count 'test $(nproc) -ge 1 && echo fine'
check timeout_kill 'timeout 0.3 sleep 9; echo $?; timeout -s KILL 0.3 sleep 9; echo $?'
check env_clear 'env -i A=1 env'
check id_root 'id -u; id -g'
check tty_none 'tty; echo $?'
check nice_value 'nice -n 5 nice; nice -n 25 nice'
check date_utc 'date -u -d @86400 +%F'
check shuf_head 'shuf -i 1-1000 | sort -n | tail -1; yes | head -100000 | wc -l'
check install_mkdir 'install -m 750 -D /bin/true x/y/true; stat -c %a x/y/true'
check rm_recursive 'mkdir -p a/b/c/d; touch a/b/c/d/f; rm -r a; ls | wc -l'
# --- find, grep, sed, awk, diff ---
check find_tree 'mkdir -p a/b c; touch a/1 a/b/2 c/3; find . -type f | sort | tr "\n" " "; find . -name b -exec echo {} +'
check find_times 'touch -d "3 days ago" old; touch new; find . -type f -mtime +1'
check xargs_parallel 'seq 20 | xargs -P 4 -n 1 sh -c "echo \$0" | sort -n | tail -1'
check grep_recursive 'mkdir d; for i in $(seq 50); do echo line $i >d/$i; done; grep -r "line 4" d | wc -l; grep -c . d/1'
check sed_in_place 'echo hello >f; sed -i s/l/L/g f; cat f'
check gawk_arrays "seq 1000 | gawk '{ s[\$1 % 7] += \$1 } END { for (i = 0; i < 7; i++) print s[i] }'"
check gawk_system "gawk 'BEGIN { system(\"echo sub\"); \"date -u -d @0 +%Y\" | getline y; print y }'"
check diff_unified 'seq 5 >a; seq 6 >b; diff -u --label a --label b a b; echo $?'
check cmp_difference 'seq 5 >a; seq 6 >b; cmp a b; echo $?'
check diff3_merge 'seq 5 >o; sed s/2/two/ o >a; sed s/4/four/ o >b; diff3 -m a o b; echo $?; sdiff -s a b; echo $?'
check patch_applies 'seq 9 >a; sed s/5/five/ a >b; diff -u a b >p; patch -s a p && cmp a b && echo same'
# --- archives ---
check tar_gzip 'mkdir d; seq 1000 >d/f; ln -s f d/l; tar czf t.tgz d; rm -r d; tar xzf t.tgz; cmp d/f <(seq 1000) && readlink d/l'
check tar_xz 'seq 20000 >f; tar cJf t.txz f; rm f; tar xJf t.txz; md5sum <f'
check gzip_levels 'seq 50000 >f; gzip -9 -k f; gunzip -c f.gz | cmp - f && echo same'
check xz_threads 'seq 50000 >f; xz -T2 -k f; xz -dc f.xz | cmp - f && echo same'
# --- editors and pagers, on a terminal of their own ---
check less_pipe 'seq 5 | less'
check script_pty 'script -qec "tty; stty size" /dev/null | tr -d "\r" | sed "s,/dev/pts/[0-9]*,pts,"'
check pty_interrupt 'python3 - <<X
import os, pty, time, signal
pid, fd = pty.fork()
if pid == 0:
    os.execlp("sleep", "sleep", "30")
while "(sleep) S" not in open(f"/proc/{pid}/stat").read():
    time.sleep(0.05)
os.write(fd, b"\x03")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
X'
check bash_terminal 'python3 /t/terminal.py bash'
check vi_edit 'python3 /t/terminal.py vi'
check nano_edit 'python3 /t/terminal.py nano'
check less_terminal 'python3 /t/terminal.py less'
check top_terminal 'python3 /t/terminal.py top'
# --- procps ---
check ps_self 'ps -o comm= -p $$; ps -e -o pid= | grep -c "^ *1$"'
check ps_tree 'sleep 3 & ps -o ppid= -p $! | tr -d " " | grep -qx $$ && echo child; kill $!'
check pgrep_pkill 'cp /bin/sleep nap; ./nap 77 & await pgrep -x nap; pgrep -x nap | wc -l; pkill -x nap; wait $!; echo $?'
check free_columns 'free | head -1 | tr -s " "; free | grep -c "^Mem"'
check uptime_runs 'uptime | grep -c "load average"'
check top_batch 'top -b -n 1 | grep -c "COMMAND"'
check vmstat_runs 'vmstat | tail -1 | wc -w'
check lsof_self 'exec 9</etc/passwd; lsof -p $$ -a -d 9 -Fn | grep ^n'
check pidof_w 'cp /bin/sleep slumber; ./slumber 88 & await pidof slumber; pidof slumber | wc -w; kill $!; w | head -1 | grep -c user'
check killall_name 'cp /bin/sleep doze; ./doze 88 & await pidof doze; killall doze; wait $!; echo $?'
# --- languages ---
check perl_fork 'perl -e "my \$p = fork; if (!\$p) { exit 7 } waitpid(\$p, 0); print \$? >> 8, qq(\n)"'
check perl_sockets 'perl -MIO::Socket::UNIX -e "my \$l = IO::Socket::UNIX->new(Local => q(s), Listen => 1) or die; if (!fork) { my \$c = IO::Socket::UNIX->new(Peer => q(s)); print \$c qq(hello\n); exit } my \$a = \$l->accept; print <\$a>"'
check perl_regex 'perl -e "my \$n = 0; for (1..100000) { \$n++ if /7\$/ } print \$n"'
check python_threads 'python3 -c "
import threading
n = 0
lock = threading.Lock()
def f():
    global n
    for _ in range(1000):
        with lock: n += 1
t = [threading.Thread(target=f) for _ in range(8)]
[x.start() for x in t]; [x.join() for x in t]
print(n)"'
check python_multiprocessing 'python3 -c "
import multiprocessing as m
def f(x): return x * x
if __name__ == \"__main__\":
    with m.Pool(4) as p: print(sum(p.map(f, range(100))))"'
check python_subprocess 'python3 -c "
import subprocess
print(subprocess.run([\"sh\", \"-c\", \"echo out; exit 3\"], capture_output=True))"'
check python_asyncio 'python3 -c "
import asyncio
async def f(i): await asyncio.sleep(0.01); return i
async def main(): print(sum(await asyncio.gather(*[f(i) for i in range(100)])))
asyncio.run(main())"'
check python_mmap_shared 'python3 -c "
import mmap, os
m = mmap.mmap(-1, 4096)
if os.fork() == 0: m[0:2] = b\"hi\"; os._exit(0)
os.wait(); print(m[0:2])"'
check python_select_epoll 'python3 -c "
import select, os
r, w = os.pipe(); e = select.epoll(); e.register(r, select.EPOLLIN); os.write(w, b\"x\"); print(e.poll(1) == [(r, 1)])"'
check python_signal_alarm 'python3 -c "
import signal, time
signal.signal(signal.SIGALRM, lambda *a: print(\"alarm\")); signal.setitimer(signal.ITIMER_REAL, 0.1); time.sleep(1)"'
check gcc_compile 'printf "#include <stdio.h>\nint main(void) { puts(\"compiled\"); }\n" >a.c; gcc -O2 a.c -o a && ./a'
check gcc_static_threads 'printf "#include <pthread.h>\n#include <stdio.h>\nstatic void *f(void *p) { return p; }\nint main(void) { pthread_t t[50]; for (int i = 0; i < 50; i++) pthread_create(t + i, 0, f, 0); for (int i = 0; i < 50; i++) pthread_join(t[i], 0); puts(\"joined\"); }\n" >a.c; gcc -static -pthread a.c -o a && ./a'
check gcc_static_pie 'printf "int main(void) { return 42; }\n" >a.c; gcc -static-pie a.c -o a && ./a; echo $?'
check gcc_shared_library 'printf "int f(void) { return 5; }\n" >l.c; printf "int f(void); int main(void) { return f(); }\n" >m.c; gcc -shared -fPIC l.c -o libl.so && gcc m.c -L. -ll -Wl,-rpath,. -o m && ./m; echo $?'
check musl_static 'printf "#include <pthread.h>\n#include <stdio.h>\nstatic void *f(void *p) { return p; }\nint main(void) { pthread_t t[50]; for (int i = 0; i < 50; i++) pthread_create(t + i, 0, f, 0); for (int i = 0; i < 50; i++) pthread_join(t[i], 0); puts(\"musl\"); }\n" >a.c; musl-gcc -static a.c -o a && ./a'
check musl_static_pie 'printf "#include <stdio.h>\nint main(void) { puts(\"musl\"); return 7; }\n" >a.c; musl-gcc -static-pie -fPIE a.c -o a && ./a; echo $?; readelf -h a | grep Type'
check musl_dynamic 'printf "#include <stdio.h>\nint main(void) { puts(\"musl\"); }\n" >a.c; musl-gcc a.c -o a && ./a'
check go_goroutines '/t/goroutines'
check binutils_tools 'printf "int g = 3; int main(void) { return g - 3; }\n" >a.c; gcc -g a.c -o a; readelf -h a | grep Machine; size a | wc -l; objcopy --only-keep-debug a a.debug; strip a; nm a; ./a; echo $?; printf "\t.globl _start\n_start:\tmov \$60, %%eax\n\tmov \$9, %%edi\n\tsyscall\n" >b.s; as b.s -o b.o && ld b.o -o b && ./b; echo $?'
check gcc_big_program 'for i in $(seq 300); do printf "int f%d(int x) { return x * %d; }\n" $i $i; done >l.c; gcc -g -O2 -c l.c && nm l.o | grep -c " T "; ar r l.a l.o 2>/dev/null; objdump -d l.o | grep -c ">:"'
check make_parallel 'printf "all: a b c\na b c:\n\t@echo \$@ >\$@\n" >Makefile; make -s -j3; cat a b c | tr -d "\n"'
check sqlite_database 'cd $(mktemp -d -p /dev/shm); stat -fc %T .; sqlite3 t.db "create table t(a, b); insert into t select value, value * 2 from generate_series(1, 10000); select count(*), sum(b) from t; pragma integrity_check;"'
check sqlite_wal 'cd $(mktemp -d -p /dev/shm); sqlite3 t.db "pragma journal_mode=wal; create table t(a); begin; insert into t values (1); commit; select * from t;"; for i in $(seq 8); do sqlite3 t.db ".timeout 60000" "insert into t values ($i)" & done; wait; sqlite3 t.db "select count(*), sum(a) from t; pragma integrity_check;"'
check segment_fault 'sh -c "kill -SEGV \$\$"; echo $?'
check stress_short 'stress-ng --cpu 1 --pipe 1 --timeout 1 --quiet; echo $?'
check hackbench_short 'hackbench -g 1 -l 20 | grep -c Time; hackbench -g 1 -l 20 -T | grep -c Time; hackbench -g 1 -l 20 -p | grep -c Time'
check lscpu_runs 'lscpu | grep -c "^Architecture: *x86_64"'
check flock_exclusive 'flock f -c "flock -n f echo no || echo locked"'
check mount_lists 'mount | grep -c " on /proc type proc"'
check taskset_cpu 'taskset -c 0 nproc; chrt -f 10 chrt -p $$ | head -1 | sed "s/pid [0-9]*/pid/"'
check dmesg_runs 'dmesg | head -1 | wc -l'
check sysctl_overcommit 'a="python3 -c \"import mmap; print(len(mmap.mmap(-1, 64 << 30)))\""; eval "$a" 2>&1 | tail -1; sysctl -w vm.overcommit_memory=1; eval "$a"; sysctl -w vm.overcommit_memory=0; sysctl -w vm.overcommit_memory=3; sysctl -w vm.overcommit_memory=x; echo $?'
check sysctl_randomize 'sysctl -wq kernel.randomize_va_space=0; a=$(grep -h stack /proc/self/maps); b=$(grep -h stack /proc/self/maps); sysctl -wq kernel.randomize_va_space=2; [ "$a" = "$b" ] && echo same; [ "$(grep -h stack /proc/self/maps)" = "$(grep -h stack /proc/self/maps)" ] || echo different'
check sysctl_limits 'cd /proc/sys; for f in fs/pipe-max-size fs/inotify/max_user_watches vm/max_map_count; do v=$(cat $f); echo 5000 >$f; echo "$f $(cat $f)"; echo $v >$f; done'
check ipcs_lists 'ipcs -m | head -2 | tail -1; ipcmk -M 4096 | tr -d "0-9"; ipcs -m | grep -c 4096; ipcrm -a'
check mktemp_unique 'for i in $(seq 50); do mktemp ./XXXXXX; done | sort -u | wc -l'
check inotify_tail '(sleep 0.3; echo line >>f; sleep 0.3; echo end >>f) & touch f; timeout 60 tail -f f | sed /end/q'
. "$(dirname "$0")/busybox.sh"
echo all checks are through
