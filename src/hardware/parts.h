// The parts of a machine beside its processor and memory, read through Env. What is missing or makes no sense is left out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "hardware/machine.h"

namespace lupo {

// Nodes of /sys/devices/system/node (sysfs-devices-node); empty where there is one node or none is told.
std::vector<NumaNode> probe_numa(const Env& env);

// /sys/kernel/mm (transhuge.rst, hugetlbpage.rst).
std::string probe_transparent_huge_pages(const Env& env);
std::vector<HugePages> probe_huge_pages(const Env& env);

// Disks of /sys/block (sysfs-block), by name.
std::vector<Disk> probe_disks(const Env& env);

// The disk whose file system holds an absolute path, by the device number or the source in /proc/self/mountinfo. Nothing for
// memory, networks, overlays and file systems over several disks that name none.
std::optional<Disk> disk_holding(const Env& env, const std::string& path);

// GPUs: display controllers on PCI of the vendors that make GPUs, render nodes elsewhere (/sys/class/drm), and what driver
// libraries answered (hardware/drivers.h); one that several name is one. With nominal bandwidths of the device table.
std::vector<Gpu> probe_gpus(const Env& env, const std::string& driver_answers);

}  // namespace lupo
