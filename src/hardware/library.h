// A shared library that may be missing, and its functions by name.
#pragma once

#include <dlfcn.h>

#include <string>

namespace lupo {

class Library {
 public:
  explicit Library(const std::string& name) : handle_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {}
  // Never closed: drivers leave threads and exit handlers behind.
  explicit operator bool() const { return handle_ != nullptr; }

  // Sets `function` to the symbol; false without it.
  template <class Function>
  bool find(const char* name, Function*& function) const {
    function = handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(handle_, name));
    return function != nullptr;
  }

 private:
  void* handle_;
};

}  // namespace lupo
