// What stands where a file is expected and is none: an address on the network.
#pragma once

#include <string>
#include <string_view>

namespace lupo {

// http://…, https://… or hf:OWNER/REPO.
bool is_address(std::string_view text);

// Every byte but letters, digits, "-._~" and "/" as %XX (RFC 3986): a path that may stand in an address, and in quotes of a
// shell.
std::string percent_encoded(std::string_view path);

// The command that fetches what lies there, and goes on with what an earlier one left; for hf: the one that says what there is.
std::string how_to_fetch(std::string_view address);

}  // namespace lupo
