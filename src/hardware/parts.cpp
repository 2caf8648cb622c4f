#include "hardware/parts.h"

#include <algorithm>
#include <sstream>

#include "hardware/text.h"

namespace lupo {
namespace {

const std::string kNodes = "/sys/devices/system/node/", kMemory = "/sys/kernel/mm/", kBlock = "/sys/block/";

bool all_digits(std::string_view text) {
  return !text.empty() && text.size() <= 6 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "always [madvise] never": the word in brackets.
std::string chosen(std::string_view text) {
  const size_t open = text.find('['), close = text.find(']', open);
  if (open == std::string_view::npos || close == std::string_view::npos) return "";
  return std::string(text.substr(open + 1, close - open - 1));
}

bool is_disk(const std::string& name) {
  for (const std::string_view other : {"loop", "ram", "zram", "sr", "fd", "md", "dm-", "nbd"})
    if (name.starts_with(other)) return false;
  return true;
}

// A line of mountinfo that covers a path: proc(5), "36 35 98:0 /root /point options … - ext4 /dev/sda1 options".
struct Mount {
  std::string device, point, source;
};

// The kernel writes blank, tab, newline and backslash as \ooo.
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool covers(const std::string& point, const std::string& path) {
  if (!path.starts_with(point)) return false;
  return point == "/" || path.size() == point.size() || path[point.size()] == '/';
}

std::optional<Mount> mount_of(const Env& env, const std::string& path) {
  std::optional<Mount> best;
  std::istringstream lines(env.read_text("/proc/self/mountinfo").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream head(line.substr(0, dash)), tail(line.substr(dash + 3));
    std::string id, parent, root, type;
    Mount mount;
    if (!(head >> id >> parent >> mount.device >> root >> mount.point) || !(tail >> type >> mount.source)) continue;
    mount.point = unescaped(mount.point);
    // Of two mounts on one point the later one is seen.
    if (covers(mount.point, path) && (!best || mount.point.size() >= best->point.size())) best = std::move(mount);
  }
  return best;
}

Disk read_disk(const Env& env, const std::string& name) {
  const std::string folder = kBlock + name;
  constexpr int64_t kSectorBytes = 512, kSectorsMax = int64_t{1} << 50;  // "size" counts these whatever the disk's own are
  return {.name = name,
          .model = read_trimmed(env, folder + "/device/model"),
          .bytes = std::clamp(read_integer_or(env, folder + "/size", 0), int64_t{0}, kSectorsMax) * kSectorBytes,
          .rotational = read_integer_or(env, folder + "/queue/rotational", 0) == 1};
}

}  // namespace

std::vector<NumaNode> probe_numa(const Env& env) {
  std::vector<NumaNode> nodes;
  for (const std::string& name : env.list(kNodes)) {
    if (!name.starts_with("node") || !all_digits(std::string_view(name).substr(4))) continue;
    const std::string meminfo = env.read_text(kNodes + name + "/meminfo").value_or("");
    NumaNode node{.id = static_cast<int>(integer_or(name.substr(4), 0)),
                  .cpus = parse_cpu_list(env.read_text(kNodes + name + "/cpulist").value_or("")),
                  .total_bytes = meminfo_bytes(meminfo, "MemTotal"),
                  .free_bytes = meminfo_bytes(meminfo, "MemFree")};
    if (!node.cpus.empty() || node.total_bytes > 0) nodes.push_back(std::move(node));
  }
  std::sort(nodes.begin(), nodes.end(), [](const NumaNode& a, const NumaNode& b) { return a.id < b.id; });
  return nodes.size() > 1 ? nodes : std::vector<NumaNode>{};
}

std::string probe_transparent_huge_pages(const Env& env) {
  const std::string mode = chosen(env.read_text(kMemory + "transparent_hugepage/enabled").value_or(""));
  return mode == "always" || mode == "madvise" || mode == "never" ? mode : "";
}

std::vector<HugePages> probe_huge_pages(const Env& env) {
  std::vector<HugePages> sizes;
  for (const std::string& name : env.list(kMemory + "hugepages")) {  // "hugepages-2048kB"
    constexpr std::string_view kPrefix = "hugepages-";
    if (!name.starts_with(kPrefix)) continue;
    const int64_t kib = integer_or(std::string_view(name).substr(kPrefix.size()), 0);
    const std::string folder = kMemory + "hugepages/" + name;
    const auto count = [&](const char* file) {
      return std::clamp(read_integer_or(env, folder + file, -1), int64_t{-1}, int64_t{1} << 40);
    };
    const HugePages pages{.page_bytes = kib * 1024, .n_total = count("/nr_hugepages"), .n_free = count("/free_hugepages")};
    if (kib > 0 && kib < (int64_t{1} << 40) && pages.n_total >= 0 && pages.n_free >= 0) sizes.push_back(pages);
  }
  std::sort(sizes.begin(), sizes.end(), [](const HugePages& a, const HugePages& b) { return a.page_bytes < b.page_bytes; });
  return sizes;
}

std::vector<Disk> probe_disks(const Env& env) {
  std::vector<Disk> disks;
  for (const std::string& name : env.list(kBlock)) {
    if (!is_disk(name)) continue;
    Disk disk = read_disk(env, name);
    if (disk.bytes > 0) disks.push_back(std::move(disk));  // an empty card reader has none
  }
  return disks;
}

std::optional<Disk> disk_holding(const Env& env, const std::string& path) {
  const std::optional<Mount> mount = mount_of(env, path);
  if (!mount) return std::nullopt;
  const auto matches = [&](const std::string& folder, const std::string& name) {
    return read_trimmed(env, folder + "/dev") == mount->device || "/dev/" + name == mount->source;
  };
  for (const std::string& name : env.list(kBlock)) {
    if (matches(kBlock + name, name)) return read_disk(env, name);
    for (const std::string& part : env.list(kBlock + name))  // "nvme0n1p2" of nvme0n1, "sda1" of sda
      if (part.starts_with(name) && matches(kBlock + name + "/" + part, part)) return read_disk(env, name);
  }
  return std::nullopt;
}

}  // namespace lupo
