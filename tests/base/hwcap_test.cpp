#include "base/hwcap.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace lupo {
namespace {

TEST(Hwcap, GivesTilesOnlyWhereTheProcessorHasThem) {
  std::ifstream file("/proc/cpuinfo");
  const std::string info{std::istreambuf_iterator<char>(file), {}};
  if (request_tiles()) {
    EXPECT_NE(info.find(" amx_tile"), std::string::npos);
    EXPECT_TRUE(request_tiles());  // asking twice is allowed
  }
}

}  // namespace
}  // namespace lupo
