#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# A memory hog and a fork bomb, of another user: this shell answers meanwhile, and the machine is as before afterwards.
# A line for each step: "ok NAME" or "not ok NAME: ...".
verdict() {
	[ "$2" = "$3" ] && echo "ok $1" || echo "not ok $1: $2, not $3"
}

as_nobody() {
	su -s /bin/sh nobody -c "$1" >/dev/null 2>&1
}

processes() {
	set -- /proc/[0-9]*
	echo $#
}

chmod 1777 /tmp
before=$(processes)
as_nobody 'dd if=/dev/zero of=/dev/null bs=400M count=1; echo $? >/tmp/status'
verdict more_than_there_is_is_refused "$(cat /tmp/status)" 1
# Each fits, all of them do not: some are killed.
for i in 1 2 3 4; do
	as_nobody 'exec dd if=/dev/zero of=/dev/null bs=200M count=3' &
done
verdict the_shell_answers_among_hogs "$(echo alive | cat)" alive
wait
verdict memory_is_back "$([ "$(awk '/MemFree/ { print $2 }' /proc/meminfo)" -gt 100000 ] && echo yes)" yes

as_nobody 'bomb() { bomb | bomb & }; bomb' &
sleep 8
read -r answer <<-END
	alive
	END
verdict the_shell_answers_in_a_fork_bomb "$answer" alive
i=0
while [ $i -lt 30 ] && [ "$(processes)" -gt $((before + 2)) ]; do
	kill -KILL -1 2>/dev/null
	sleep 1
	i=$((i + 1))
done
verdict the_bomb_is_gone "$([ "$(processes)" -le $((before + 2)) ] && echo yes || processes)" yes
verdict programs_start_again "$(echo alive | cat)" alive
echo "all is through"
