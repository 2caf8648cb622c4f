#include "hardware/measured_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "test_folder.h"

namespace lupo {
namespace {

const Measured kMeasured{.read_gbps = 27.5,
                         .threads = 2,
                         .by_threads = {{1, 15}, {2, 27.5}},
                         .gather_1m_gbps = 26,
                         .gather_4k_gbps = 9.25,
                         .disk_read_gbps = 0};

class MeasuredCache : public testing::Test {
 protected:
  std::string file() const { return folder_.path() + "/machines/0123456789abcdef.json"; }
  void save() const { ASSERT_TRUE(save_measured(folder_.path(), kKey, {kMeasured, 1.5, 1795798963, 0.125})); }
  std::string content() const {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const std::string kKey = "0123456789abcdef";
  TestFolder folder_;
};

TEST_F(MeasuredCache, ComesBack) {
  EXPECT_FALSE(load_measured(folder_.path(), kKey));
  save();
  const auto cached = load_measured(folder_.path(), kKey);
  ASSERT_TRUE(cached);
  EXPECT_EQ(cached->measured, kMeasured);
  EXPECT_EQ(cached->seconds, 1.5);
  EXPECT_EQ(cached->unix_seconds, 1795798963);
  EXPECT_EQ(cached->busy, 0.125);
  EXPECT_FALSE(load_measured(folder_.path(), "fedcba9876543210"));
  EXPECT_FALSE(load_measured("", kKey));
}

TEST_F(MeasuredCache, WhatIsCutOrChangedIsMeasuredAnew) {
  save();
  const std::string whole = content();
  for (size_t n = 0; n + 2 < whole.size(); n += 7) {
    std::ofstream(file(), std::ios::trunc) << whole.substr(0, n);
    EXPECT_FALSE(load_measured(folder_.path(), kKey)) << n;
  }
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    std::ofstream(file(), std::ios::trunc) << text.replace(at, from.size(), to);
    return load_measured(folder_.path(), kKey).has_value();
  };
  EXPECT_TRUE(changed("1.5", "2.5"));
  EXPECT_FALSE(changed("\"format\": 1", "\"format\": 2"));
  EXPECT_FALSE(changed(kKey, "fedcba9876543210")) << "the file of another machine";
  EXPECT_FALSE(changed("27.5", "-27.5"));
  EXPECT_FALSE(changed("\"read_gbps\": 27.5", "\"read_gbps\": 0"));
  EXPECT_FALSE(changed("\"read_gbps\": 27.5", "\"read_gbps\": \"fast\""));
  EXPECT_FALSE(changed("1795798963", "-1"));
}

TEST_F(MeasuredCache, AFolderThatCannotBeWrittenIsAnError) {
  EXPECT_FALSE(save_measured("/proc/none", kKey, {kMeasured, 1.5, 1, 0}));
}

TEST(MeasurementKey, IsOfTheMachineAndNotOfTheMoment) {
  const RecordedEnv env("/nonexistent");
  Machine machine;
  machine.cpu.model = "A";
  const std::string key = measurement_key(machine, env);
  EXPECT_EQ(key.size(), 16u);
  machine.ram.available_bytes = 5;
  machine.measured = kMeasured;
  EXPECT_EQ(measurement_key(machine, env), key);
  Machine other = machine;
  other.cpu.model = "B";
  EXPECT_NE(measurement_key(other, env), key);
  other = machine;
  other.cpu.quota_cores = 1.5;
  EXPECT_NE(measurement_key(other, env), key);
  other = machine;
  other.ram.total_bytes = 1;
  EXPECT_NE(measurement_key(other, env), key);
}

TEST(CacheFolder, FollowsTheVariables) {
  const auto folder = [](std::map<std::string, std::string> variables) { return cache_folder(RecordedEnv("/none", variables)); };
  EXPECT_EQ(folder({{"LUPO_CACHE", "/a"}, {"XDG_CACHE_HOME", "/b"}, {"HOME", "/c"}}), "/a");
  EXPECT_EQ(folder({{"XDG_CACHE_HOME", "/b"}, {"HOME", "/c"}}), "/b/lupo");
  EXPECT_EQ(folder({{"XDG_CACHE_HOME", "b"}, {"HOME", "/c"}}), "/c/.cache/lupo");
  EXPECT_EQ(folder({}), "");
}

}  // namespace
}  // namespace lupo
