// What every exchange over libcurl has in common. Internal to net.
#pragma once

#include <curl/curl.h>

#include <string>

namespace lupo {

struct CurlHandle {
  CURL* curl = curl_easy_init();  // null: no memory
  CurlHandle() = default;
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;
  ~CurlHandle() { curl_easy_cleanup(curl); }
};

// Makes ready for one exchange of at most `seconds`, on a connection that is kept: http and https alone, no redirect, no
// decompression, since a few bytes could become many. `detail` has CURL_ERROR_SIZE bytes and outlives the exchange.
void prepare(CURL* curl, const std::string& address, double seconds, char* detail);

}  // namespace lupo
