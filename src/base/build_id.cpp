#include "base/build_id.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace lupo {
namespace {

constexpr size_t aligned(size_t bytes) { return (bytes + 3) / 4 * 4; }

// The ID in a segment of notes.
std::string find_id(const char* at, size_t size) {
  ElfW(Nhdr) note;
  while (size >= sizeof note) {
    std::memcpy(&note, at, sizeof note);
    const size_t name = sizeof note, data = name + aligned(note.n_namesz), end = data + aligned(note.n_descsz);
    if (end > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(at + name, "GNU", 4) == 0) {
      std::string id;
      for (size_t i = 0; i < note.n_descsz; ++i) id += fmt::format("{:02x}", static_cast<uint8_t>(at[data + i]));
      return id;
    }
    at += end;
    size -= end;
  }
  return {};
}

}  // namespace

std::string build_id() {
  std::string id;
  // The first object is the program itself.
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_NOTE) continue;
          std::string found = find_id(reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr), segment.p_memsz);
          if (!found.empty()) *static_cast<std::string*>(out) = std::move(found);
        }
        return 1;
      },
      &id);
  return id;
}

}  // namespace lupo
