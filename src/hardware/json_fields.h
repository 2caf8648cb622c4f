// Fields of a JSON object that somebody else wrote: the first that is missing or of the wrong kind stays as the error.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lupo {

class JsonFields {
 public:
  using Json = nlohmann::ordered_json;
  static constexpr size_t kItemsMax = 4096;  // of an array

  // References must outlive it. `name`: of the object, for the error.
  JsonFields(const Json& object, std::string name) : object_(object), name_(std::move(name)) {
    if (!object.is_object()) error_ = fmt::format("\"{}\" must be an object", name_);
  }

  void read(const char* key, std::string& value) {
    if (const Json* found = find(key, "a string", &Json::is_string)) value = found->get<std::string>();
  }
  void read(const char* key, bool& value) {
    if (const Json* found = find(key, "true or false", &Json::is_boolean)) value = found->get<bool>();
  }
  template <class Integer>
    requires std::is_integral_v<Integer>
  void read(const char* key, Integer& value, int64_t min) {
    const int64_t max = sizeof(Integer) == 4 ? int64_t{1} << 20 : int64_t{1} << 60;
    const std::string wanted = fmt::format("an integer from {} to {}", min, max);
    const Json* found = find(key, wanted, &Json::is_number_integer);
    if (!found) return;
    const bool fits = !found->is_number_unsigned() || found->get<uint64_t>() <= static_cast<uint64_t>(max);
    if (!fits || found->get<int64_t>() < min || found->get<int64_t>() > max) return refuse(key, wanted);
    value = static_cast<Integer>(found->get<int64_t>());
  }
  void read(const char* key, double& value) {
    const Json* found = find(key, "a number, 0 or more", &Json::is_number);
    if (!found) return;
    if (!(found->get<double>() >= 0) || !std::isfinite(found->get<double>())) return refuse(key, "a number, 0 or more");
    value = found->get<double>();
  }
  void read(const char* key, std::vector<std::string>& value) {
    const Json* found = find(key, "an array of strings", &Json::is_array);
    if (!found) return;
    for (const Json& item : *found) {
      if (!item.is_string()) return refuse(key, "an array of strings");
      value.push_back(item.get<std::string>());
    }
  }
  void read(const char* key, std::vector<int>& value) {
    constexpr std::string_view kWanted = "an array of integers from 0 to 1048576";
    const Json* found = find(key, std::string(kWanted), &Json::is_array);
    if (!found) return;
    for (const Json& item : *found) {
      if (!item.is_number_unsigned() || item.get<uint64_t>() > (1u << 20)) return refuse(key, std::string(kWanted));
      value.push_back(item.get<int>());
    }
  }
  // The field may be left out.
  template <class Value, class... Limits>
  void read_if_there(const char* key, Value& value, Limits... limits) {
    if (object_.is_object() && object_.contains(key)) read(key, value, limits...);
  }
  const std::string& error() const { return error_; }

 private:
  const Json* find(const char* key, const std::string& wanted, bool (Json::*is_kind)() const noexcept) {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    if (found != object_.end() && ((*found).*is_kind)() && found->size() <= kItemsMax) return &*found;
    refuse(key, wanted);
    return nullptr;
  }
  void refuse(const std::string& key, const std::string& wanted) {
    if (error_.empty()) error_ = fmt::format("\"{}\" of \"{}\" must be {}", key, name_, wanted);
  }

  const Json& object_;
  std::string name_, error_;
};

}  // namespace lupo
