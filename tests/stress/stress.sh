#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Runs stress-ng's stressors, each alone and then all at once: stress.sh SECONDS INSTANCES STRESSOR...
# A line for each: "ok NAME: ..." where stress-ng ended by itself, in time and with success. At the start and the end what the kernel's heap holds.
seconds=$1 instances=$2
shift 2
mkdir -p /tmp/stress
chmod 1777 /tmp

objects() {
	[ -r /proc/cadre/objects ] || return
	echo 2 >/proc/sys/vm/drop_caches
	sleep 3
	sed "s/^/$1 /" /proc/cadre/objects
}

# title, options
one() {
	title=$1
	shift
	start=$(date +%s)
	timeout -s KILL $((seconds * 4 + 120)) stress-ng --temp-path /tmp/stress --oomable --timeout "$seconds" --metrics-brief "$@" >/tmp/output 2>&1
	status=$?
	took=$(($(date +%s) - start))
	ops=$(sed -n 's/^stress-ng: metrc: \[[0-9]*\] \([a-z][a-z0-9-]*\) *\([0-9][0-9]*\) .*/\1=\2/p' /tmp/output | tr '\n' ' ')
	verdict=ok
	[ $status = 0 ] || verdict="not ok"
	echo "$verdict $title: status $status in $took s: $ops"
	[ "$verdict" = ok ] || { grep -vE "metrc|dispatching|setting to" /tmp/output | head -20; ps; }
	killall -q -9 stress-ng
	rm -rf /tmp/stress/* /tmp/output
}

stress-ng --temp-path /tmp/stress --timeout 1 --cpu 1 --quiet
objects before
all=
for name; do
	one "$name" "--$name" "$instances"
	all="$all --$name 1"
done
[ $# = 1 ] || one all $all
sleep 1
objects after
echo "all stressors are through"
