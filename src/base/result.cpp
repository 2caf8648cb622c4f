#include "base/result.h"

namespace lupo {

std::string_view layer_name(Layer layer) {
  switch (layer) {
    case Layer::hardware: return "hardware";
    case Layer::memory: return "memory";
    case Layer::runtime: return "runtime";
    case Layer::model: return "model";
    case Layer::quantization: return "quantization";
    case Layer::cli: return "cli";
  }
  return "?";
}

}  // namespace lupo
