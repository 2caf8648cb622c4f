// Caps on what a GGUF header may hold, far above every real model and low enough that a hostile file is refused at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lupo::gguf {

inline constexpr uint32_t kVersionMin = 2, kVersionMax = 3;
inline constexpr uint64_t kKeysMax = 64 * 1024;     // real files: about 50
inline constexpr uint64_t kTensorsMax = 64 * 1024;  // real files: some thousands in one shard
inline constexpr uint64_t kShardsMax = 1000;
inline constexpr uint64_t kKeyBytesMax = 65535;  // as the specification says
inline constexpr uint64_t kStringBytesMax = uint64_t{64} << 20;
// 16 times the largest vocabulary; an array widened to 64-bit items stays within 32 MiB, views of strings within 64 MiB.
inline constexpr uint64_t kArrayItemsMax = uint64_t{4} << 20;
// Keys, values and tensor infos together; real headers stay below 20 MiB. It bounds what opening can touch.
inline constexpr size_t kHeaderBytesMax = size_t{128} << 20;
// llama.cpp allows 63 bytes; builds for image models raise that to 127, and longer names than these are only found in attacks.
inline constexpr uint64_t kTensorNameBytesMax = 127;
inline constexpr uint32_t kDimsMax = 4;
inline constexpr uint32_t kAlignmentMin = 8, kAlignmentMax = 4096, kAlignmentDefault = 32;

}  // namespace lupo::gguf
