#include "doctor/roofline.h"

#include <algorithm>

namespace lupo {

std::vector<RoofPoint> roof_points(const std::vector<OpTime>& ops) {
  double total_ms = 0;
  for (const OpTime& op : ops) total_ms += op.ms;
  std::vector<RoofPoint> points;
  for (const OpTime& op : ops) {
    RoofPoint point{.name = op.type.empty() ? op.op : op.op + " " + op.type, .ms = op.ms};
    if (total_ms > 0) point.share = op.ms / total_ms;
    if (op.gbps > 0 && op.gflops > 0) {
      point.intensity = op.gflops / op.gbps;
      point.gflops = op.gflops;
      point.gbps = op.gbps;
    }
    points.push_back(std::move(point));
  }
  std::ranges::stable_sort(points, std::ranges::greater{}, &RoofPoint::share);
  return points;
}

double attainable_gflops(double intensity, double read_gbps, double peak_gflops) {
  return std::min(intensity * read_gbps, peak_gflops);
}

}  // namespace lupo
