#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Runs stress-ng's stressors and hackbench, each alone and then all at once: stress.sh SECONDS INSTANCES STRESSOR...
# A line for each: "ok NAME: ..." where it ended by itself, in time and with success. At the start and the end what the kernel's heap holds.
seconds=$1 instances=$2
shift 2
limit=$((seconds * 4 + 120))
mkdir -p /tmp/stress
chmod 1777 /tmp
mkfifo /tmp/never

# Seconds, without a process, whose objects and names in /proc would be there when it has ended.
pause() {
	read -r -t "$1" _ <>/tmp/never
}

# What the kernel holds, each line after $1. What has ended stays for a grace period, so the end is looked at more than once.
objects() {
	[ -r /proc/cadre/objects ] || return
	for look; do
		pause 2
		echo 2 >/proc/sys/vm/drop_caches
		pause 1
		while read -r line; do
			echo "$look $line"
		done </proc/cadre/objects
	done
}

# 400 tasks that talk in 10 groups, over and over: processes and threads, by sockets and by pipes. Prints how many rounds it made.
hackbench_rounds() {
	end=$(($(date +%s) + seconds)) rounds=0
	while [ $rounds = 0 ] || [ "$(date +%s)" -lt $end ]; do
		for mode in --process --threads "--process --pipe" "--threads --pipe"; do
			timeout -s KILL $limit hackbench --groups 10 --loops 20 $mode >/tmp/hackbench || { cat /tmp/hackbench; return 1; }
			rounds=$((rounds + 1))
		done
	done
	echo "hackbench=$rounds"
}

# options of stress-ng; sets status and ops
stress_ng() {
	timeout -s KILL $limit stress-ng --temp-path /tmp/stress --oomable --timeout "$seconds" --metrics-brief "$@" >/tmp/output 2>&1
	status=$?
	ops=$(sed -n 's/^stress-ng: metrc: \[[0-9]*\] \([a-z][a-z0-9-]*\) *\([0-9][0-9]*\) .*/\1=\2/p' /tmp/output | tr '\n' ' ')
	[ $status = 0 ] || { grep -vE "metrc|dispatching|setting to" /tmp/output | head -20; ps; }
}

# What is called $1 has ended with status $2, and began at $3.
verdict() {
	[ "$2" = 0 ] && word=ok || word="not ok"
	echo "$word $1: status $2 in $(($(date +%s) - $3)) s: $ops"
	killall -q -9 stress-ng hackbench
	rm -rf /tmp/stress/* /tmp/output
}

stress-ng --temp-path /tmp/stress --timeout 1 --cpu 1 --quiet
objects before
all=
for name; do
	start=$(date +%s)
	if [ "$name" = hackbench ]; then
		ops=$(hackbench_rounds)
		status=$?
	else
		all="$all --$name 1"
		stress_ng "--$name" "$instances"
	fi
	verdict "$name" "$status" "$start"
done
if [ $# -gt 1 ]; then
	start=$(date +%s)
	case " $* " in *" hackbench "*) hackbench_rounds >/tmp/rounds & beside=$! ;; *) beside= ;; esac
	stress_ng $all
	[ -z "$beside" ] || { wait $beside || status=$?; ops="$ops$(cat /tmp/rounds)"; }
	verdict all "$status" "$start"
fi
rm -f /tmp/hackbench /tmp/rounds
objects after after2 after3
echo "all stressors are through"
