#!/bin/sh
# Records what lupo's probe reads of this machine: ./record.sh FOLDER
set -eu
out=$1
copy() { # copies a readable file to the same path below $out
  [ -r "$1" ] && [ -f "$1" ] || return 0
  mkdir -p "$out$(dirname "$1")" && cat "$1" > "$out$1" || true
}
for file in /proc/cpuinfo /proc/meminfo /proc/self/cgroup /proc/self/mountinfo /proc/device-tree/model \
  /sys/devices/cpu_core/cpus /sys/devices/cpu_atom/cpus \
  /sys/devices/system/cpu/cpu[0-9]*/topology/core_cpus_list /sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list \
  /sys/devices/system/cpu/cpu[0-9]*/cpu_capacity /sys/devices/system/cpu/cpu[0-9]*/cache/index*/level \
  /sys/devices/system/cpu/cpu[0-9]*/cache/index*/type /sys/devices/system/cpu/cpu[0-9]*/cache/index*/size; do
  copy "$file"
done
for group in $(cut -d: -f3 /proc/self/cgroup | sort -u); do # every hierarchy, from the group up to the root
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*/; do
    below=${group%/}
    while :; do
      for file in cpu.max memory.max memory.current memory.stat cpu.cfs_quota_us cpu.cfs_period_us memory.limit_in_bytes \
        memory.usage_in_bytes; do
        copy "${hierarchy%/}$below/$file"
      done
      [ -n "$below" ] || break
      below=${below%/*}
    done
  done
done
sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status > "$out/affinity"
