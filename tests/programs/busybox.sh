# SPDX-License-Identifier: MPL-2.0
# Sourced by programs.sh: each applet of busybox that needs no disk, network, namespace or hardware of its own, and does not end the machine. A line is `NAME COMMAND`, run by busybox' own shell,
# which has its applets before all other programs. The last check says that no applet was forgotten.
mkdir -p /tmp/applets
busybox --install -s /tmp/applets
table=$(cat <<'X'
adjtimex adjtimex | grep -c "tick:"
ar printf "!<arch>\n" >e; ar t e; echo $?
arch arch
ascii ascii | md5sum
ash ash -c "f() { local x=\$1; echo \$((x * 2)); }; f 21; set -- a b c; shift; echo \$# \$*"
awk seq 100 | awk "{ s += \$1; a[\$1 % 3]++ } END { print s, a[0], a[1], a[2]; printf \"%5.2f|%x\\n\", 3.14159, 255 }"
base64 echo hello world | base64; echo aGk= | base64 -d
basename basename /a/b/c.txt .txt
bc echo "scale=20; 4*a(1); 2^100" | bc -l
bunzip2 seq 5000 | bzip2 >f.bz2; bunzip2 f.bz2; md5sum f
bzcat seq 500 | bzip2 >f.bz2; bzcat f.bz2 | tail -1
bzip2 seq 5000 >f; bzip2 -9 f; ls; bzip2 -dc f.bz2 | wc -l
cal cal 2 2024
cat seq 3 >f; cat -n f; cat -A f; echo x | cat f -
chgrp touch f; chgrp 7 f; stat -c %g f
chmod touch f; chmod u=rwx,go-rwx f; stat -c %A f; chmod 4711 f; stat -c %A f
chown touch f; chown 5:6 f; stat -c %u:%g f
chroot mkdir -p r/bin; cp /bin/busybox r/bin/busybox; chroot r /bin/busybox sh -c "pwd; ls /"
clear clear | od -c | head -1
cmp seq 5 >a; seq 6 >b; cmp a b; cmp -s a a; echo $?
cp mkdir -p d/e; seq 9 >d/e/f; ln -s f d/e/l; cp -a d g; find g | sort; readlink g/e/l; cmp d/e/f g/e/f && echo same
cpio mkdir d; seq 9 >d/f; find d | cpio -o -H newc 2>/dev/null >c; rm -r d; cpio -id <c 2>/dev/null; tail -1 d/f
crc32 seq 9 >f; crc32 f
crontab crontab -l; echo $?
cut echo a:b:c:d | cut -d: -f2-3; echo abcdef | cut -c2-4
date date -u -d @1000000000; date -u -d "2020-02-29 12:00" +%s
dc echo "2 3 + 4 * p" | dc
dd seq 1000 | dd bs=100 count=3 skip=1 2>/dev/null | md5sum; dd if=/dev/zero of=f bs=1M count=2 2>/dev/null; stat -c %s f
df df -P /dev/shm | tail -1 | grep -c /dev/shm
diff seq 5 >a; seq 2 6 >b; diff -u -L a -L b a b; mkdir x y; cp a x; cp b y/a; diff -rq x y; echo $?
dirname dirname /a/b/c
dmesg dmesg | head -1 | wc -l
dos2unix printf "a\r\nb\r\n" >f; dos2unix f; od -c f; unix2dos f; od -c f
du mkdir d; dd if=/dev/zero of=d/f bs=1k count=100 2>/dev/null; du -k d/f | cut -f1
echo echo -e "a\tb\x41\0101"; echo -n x; echo
ed printf "a\none\ntwo\n.\n1d\nw f\nq\n" | ed; cat f
egrep seq 100 | egrep "^(1|9)5?$"
env env -i A=b env; env -u HOME A=1 sh -c "echo \$A \${HOME-none}"
expand printf "a\tb\n" | expand; printf "        b\n" | unexpand -a | od -c | head -1
expr expr 6 \* 7; expr abcde : "a\(.*\)e"; expr length hello
factor factor 1234567890 97
fallocate fallocate -l 1M f; stat -c "%s %b" f
false false; echo $?
fgrep printf "a.b\naxb\n" | fgrep a.b
find mkdir -p a/b; touch a/1 a/b/2; find a -type f -exec basename {} \; | sort; find a -name "[0-9]" -size 0 | wc -l; find a -depth -delete; ls
fold echo abcdefghij | fold -w 4; echo "the quick brown" | fold -s -w 8
free free | head -1 | tr -s " "; free -m | grep -c Mem
getopt getopt -o ab: -l long: -- -a -b x --long=y rest
grep seq 100 >f; grep -c 1 f; grep -n ^5 f; grep -v [0-9][0-9] f | wc -l; mkdir d; mv f d; grep -rl 77 d
groups groups root
gunzip seq 9000 | gzip >f.gz; gunzip f.gz; md5sum f
gzip seq 9000 >f; gzip -9 f; ls; gzip -dc f.gz | wc -l; gzip -t f.gz; echo $?
head seq 99 | head -n 3; seq 99 | head -c 5; seq 9 | head -n -7
hexdump seq 5 | hexdump -C
hostid hostid | wc -c
hostname hostname
id id -u; id -g; id -un
ionice ionice true; echo ran
ipcalc ipcalc -n 10.1.2.3/8
kill sleep 50 & kill -l 15; kill $!; wait $! 2>/dev/null; echo $?
killall cp /bin/busybox sleep; ./sleep 60 & until pidof sleep >/dev/null; do usleep 50000; done; killall sleep; wait $! 2>/dev/null; echo $?
last last | wc -l
less seq 9 | less | tail -1
link echo x >a; link a b; stat -c %h a; unlink b; stat -c %h a
linux32 linux32 uname -m; linux64 uname -m
ln echo x >a; ln a b; ln -s a c; ln -sf b c; readlink c; ls -1; stat -c %h b
logname logname >/dev/null 2>&1; echo $?
ls mkdir d; touch d/a d/.h; ln -s a d/l; ls -A1F d; ls -ld d | cut -c1-10
lzcat seq 9 | lzma >f.lzma 2>/dev/null; lzcat f.lzma 2>/dev/null | wc -l
lzop seq 900 >f; lzop f; ls; rm f; lzop -d f.lzo; md5sum f
md5sum seq 9 >f; md5sum f >s; md5sum -c s
mkdir mkdir -p a/b/c; mkdir -m 700 d; stat -c %a d; mkdir a; echo $?
mkdosfs dd if=/dev/zero of=f bs=1k count=2048 2>/dev/null; mkdosfs f >/dev/null; hexdump -C f | head -1 | cut -c1-20
mke2fs dd if=/dev/zero of=f bs=1k count=2048 2>/dev/null; mke2fs -F f >/dev/null; hexdump -s 1080 -n 2 f | head -1
mkfifo mkfifo p; cat p & echo through >p; wait; stat -c %F p
mknod mknod n c 1 3; stat -c "%F %t %T" n; echo x >n; cat n; mknod p p; stat -c %F p
mkpasswd mkpasswd -m sha512 -S abcdefgh secret
mkswap dd if=/dev/zero of=f bs=1k count=64 2>/dev/null; mkswap f >/dev/null; dd if=f bs=1 skip=4086 2>/dev/null; echo
mktemp mktemp -p . t.XXXXXX | wc -c; mktemp -d -p . d.XXXXXX | wc -c; ls | wc -l
more seq 5 | more
mount mkdir m; mount -t tmpfs none m; touch m/f; grep -c " $PWD/m " /proc/mounts; mountpoint=$(mount | grep -c " $PWD/m "); umount m; ls m; echo $mountpoint
mv mkdir d; touch a; mv a d/b; ls d; mv d e; ls e
nc nc 2>&1 | grep -c Usage
nl printf "a\n\nb\n" | nl
nologin nologin; echo $?
nproc test $(nproc) -ge 1; echo $?
nuke mkdir -p d/e; touch d/e/f; nuke d; ls
od seq 5 | od -An -tx1; seq 5 | od -c
passwd passwd --help 2>&1 | grep -c Usage
paste seq 3 >a; seq 4 6 >b; paste a b; paste -s -d, a
patch seq 5 >a; seq 6 >b; diff -u a b >d; patch a d; cmp a b; echo $?
pidof cp /bin/busybox nap; ln -s nap sleep; ./sleep 44 & until pidof sleep >/dev/null; do usleep 50000; done; pidof sleep | wc -w; kill $!
printf printf "%s %05d %x %c %b\n" a 42 255 z "t\tb"
ps ps | head -1; ps -o pid,comm | grep -c " ps$"
pwd mkdir -p a; ln -s a b; cd b; pwd | sed s,.*/,,; pwd -P | sed s,.*/,,
readlink ln -s x/y l; readlink l; readlink -f l | sed s,.*/check,check,
realpath mkdir -p a/b; realpath a/./b/../b | sed s,.*/check,check,
renice sleep 9 & renice -n 5 -p $! | wc -l; cut -d" " -f19 /proc/$!/stat; kill $!
reset reset | wc -c
rev echo abc | rev
rm mkdir -p a/b; touch a/b/c f; rm -r a; rm f; rm nothing; echo $?; rm -f nothing; ls
rmdir mkdir -p a/b/c; rmdir -p a/b/c; mkdir d; touch d/f; rmdir d; echo $?
run_parts mkdir d; printf "#!/bin/sh\necho one\n" >d/a; printf "#!/bin/sh\necho two\n" >d/b; chmod +x d/a d/b; run-parts $PWD/d
sed seq 20 | sed -n "5,7p;s/^1\(.\)/<\1>/p"; echo abc | sed "y/abc/xyz/;s/x/&&/"
seq seq 3 -1 1; seq -w 8 11; seq 0 .5 2
setpriv setpriv --dump | head -1; setpriv --nnp grep NoNewPrivs /proc/self/status
setsid setsid sh -c "ps -o pid,sid | wc -l" >/dev/null; echo $?
sh sh -c "echo \$0 \$1" name arg; for i in a b; do case \$i in a) echo first;; *) echo other;; esac; done
sha1sum seq 9 | sha1sum; seq 9 | sha256sum; seq 9 | sha512sum; seq 9 | sha3sum
shred seq 9 >f; shred -n 1 -z f; stat -c %s f; od f | head -1; shred -u f; ls
shuf seq 100 | shuf | sort -n | md5sum
sleep sleep 0.1; echo $?
sort printf "b 2\na 10\nc 1\n" | sort -k2n; seq 50 | sort -r | head -1; printf "x\nx\ny\n" | sort -u
start_stop_daemon start-stop-daemon -S -b -m -p p -x /bin/busybox -- sleep 55; until [ -s p ]; do usleep 50000; done; start-stop-daemon -K -q -p p; echo $?
stat seq 9 >f; stat -c "%n %s %F %a %h" f; stat -f -c %t /dev/shm
strings printf "\001abcdef\002xy\003" >f; strings f
stty stty 2>&1 | head -1; echo $?
su su nobody -s /bin/sh -c "id -u"
sync sync; echo $?
sysctl sysctl -n kernel.ostype; sysctl -n fs.pipe-max-size
tac seq 3 | tac
tail seq 99 | tail -n 2; seq 99 | tail -n +98; seq 99 | tail -c 5
tar mkdir d; seq 99 >d/f; ln -s f d/l; ln d/f d/h; tar czf t.tgz d; tar tzf t.tgz | sort; rm -r d; tar xzf t.tgz; stat -c %h d/f; readlink d/l
taskset taskset 1 nproc; taskset -p $$ | grep -c affinity
tee seq 3 | tee a >b; cmp a b; echo more | tee -a a | wc -l; wc -l <a
test test -f /etc/passwd && test 3 -gt 2 && [ abc != abd ] && echo yes
time time true 2>&1 | grep -c real
timeout timeout 1 sleep 9; echo $?; timeout -s KILL 1 sleep 9; echo $?
top top -b -n 1 | grep -c "^Mem"
touch touch -d "2001-02-03 04:05:06" f; stat -c %Y f; touch -r f g; stat -c %Y g
tr echo hello | tr a-y b-z; echo aabbcc | tr -s abc; echo a1b2 | tr -d 0-9
true true; echo $?
truncate truncate -s 10k f; stat -c %s f; truncate -s -1k f; stat -c %s f
ts echo x | ts "%%" | cut -c1-3
tty tty; echo $?
uname uname -s; uname -m
uniq printf "a\na\nb\n" | uniq -c; printf "a\na\nb\n" | uniq -d
uptime uptime | grep -c "load average"
usleep usleep 1000; echo $?
unshare unshare --help 2>&1 | grep -c Usage
uuencode seq 9 >f; uuencode name <f >u; uudecode -o g u; cmp f g && echo same
unlzma seq 9 >f; unlzma f; echo $?
unxz printf x | unxz; echo $?
vi python3 /t/terminal.py busybox_vi
w w | head -1 | grep -c USER
watch watch -n 1 echo ticking | grep -m 1 -c ticking
wc seq 99 >f; wc f; wc -l <f; seq 3 | wc -c
which which busybox | wc -l
who who | wc -l
whoami whoami
xargs seq 9 | xargs -n 4 echo; seq 3 | xargs -I{} echo _{}_; printf "a\0b\0" | xargs -0 echo
xxd seq 5 | xxd; echo 68690a | xxd -r -p
xz echo x | xz 2>&1 | wc -c; xzcat /dev/null; echo $?
yes yes ab | head -n 2
zcat seq 9 | gzip >f.gz; zcat f.gz | tail -1
crond timeout 1 crond -f -c . ; echo $?
getty getty --help 2>&1 | grep -c Usage
httpd httpd -m secret | wc -c; httpd -e "<a>"
cttyhack /usr/bin/script -qec "cttyhack echo ran" /dev/null | tr -d "\r"
dpkg dpkg -l bash | grep -c "^ii  *bash"
dpkg_deb mkdir -p d/DEBIAN d/x; echo hello >d/x/f; printf "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: m\nDescription: d\n" >d/DEBIAN/control; PATH=/usr/bin:/bin /usr/bin/dpkg-deb -Zxz -b d p.deb >/dev/null; dpkg-deb -c p.deb | wc -l; dpkg-deb -f p.deb | grep Package; dpkg-deb -x p.deb out; cat out/x/f
init init --help 2>&1 | grep -c Usage
login login --help 2>&1 | grep -c Usage
syslogd syslogd -n -C16 & until logger hello; logread 2>/dev/null | grep -q hello; do usleep 50000; done; logread | sed -n "s/.*: hello/hello/p" | sort -u; kill $!
test2 [[ abc == a* ]] && echo yes; [ 3 -gt 2 ] && echo also
uncompress printf "\037\235\220\150\312\260\141\363\306" >f.Z; uncompress f.Z; od -c f
unzip python3 -c "import zipfile; z = zipfile.ZipFile(chr(122), chr(119)); z.writestr(chr(102), 300 * chr(97)); z.close()"; unzip -l z | wc -l; unzip -q z; wc -c f
mim printf "all:\n\techo made\n" >Mimfile; mim all
svc mkdir -p s/supervise; cd s/supervise; mkfifo ok control; head -c 20 /dev/zero >status; exec 8<>ok 9<>control; svc -u $PWD/..; echo $?; svok $PWD/..; echo $?; timeout 9 head -c 1 <&9
svok mkdir -p s/supervise; svok $PWD/s; echo $?; svok $PWD/t 2>/dev/null; echo $?
X
)
while read -r applet command; do
	check "bb_$applet" "PATH=/tmp/applets:$PATH TERM=vt100 exec busybox sh -c '$command'"
done <<<"$table"

# What has no check, and why.
beyond="network: arp arping brctl dnsdomainname dumpleases ftpget ftpput ifconfig ifdown ifup ip ipneigh nameif netstat nslookup ping ping6 rdate route ssl_client tc telnet
	telnetd tftp traceroute traceroute6 tunctl udhcpc udhcpd uevent vconfig wget
disk: blkdiscard blockdev fatattr fdisk findfs freeramdisk fsfreeze fstrim losetup mt partprobe resume swapoff swapon ubirename
hardware: acpid chvt deallocvt devmem dumpkmap hwclock i2cdetect i2cdump i2cget i2cset i2ctransfer loadfont loadkmap lsscsi mdev microcom openvt setkeycodes watchdog
modules: depmod insmod lsmod modinfo modprobe rmmod
the machine or its root ends: halt linuxrc pivot_root poweroff reboot run-init sulogin switch_root
namespaces: nsenter
packages of another kind: rpm rpm2cpio
the log of Linux' own format: klogd"

# The applets that neither stand in the table nor are beyond reach.
applets_forgotten() {
	local known=" ${beyond//$'\n'/ } $(tr -c '[:alnum:]_[-' ' ' <<<"$table") $(cut -d' ' -f1 <<<"$table" | tr '_\n' '- ') " applet
	known=${known//$'\t'/ }
	for applet in $(busybox --list); do
		[[ $known == *" $applet "* ]] || echo "$applet"
	done
}
export table beyond
export -f applets_forgotten
check bb_none_forgotten applets_forgotten
