#!/bin/sh
# The drill's tool: proves by a kernel lock that it is alone, leaves children that do not want to die, writes what it did.
# Its children hold the lock too: an attempt that starts before the whole tree of the last one is gone finds it taken.
job=$1 record=$2 pieces=$3 code=$4 brood=$5
exec 9>"$record/$job.lock"
if ! flock -n 9; then
    echo "overlap $$" >>"$record/$job.txt"
    exit 99
fi
echo "start $$" >>"$record/$job.txt"
if [ "$brood" = yes ]; then
    setsid sh -c 'trap "" TERM INT HUP; sleep 600' &
fi
piece=0
while [ "$piece" -lt "$pieces" ]; do
    piece=$((piece + 1))
    echo "$job works at piece $piece"
    sleep 0.2
done
if [ "$code" = 0 ]; then word=end; else word=fail; fi
echo "$word $$" >>"$record/$job.txt"
echo "$job says $word"
exit "$code"
