// Kernels on images: sampling against a pixel by pixel reference, gradients as adjoints, and any size and any map without
// a read or write outside.
#include <algorithm>
#include <array>
#include <limits>

#include "kernels_support.h"
#include "ranvier/kernels/image.h"
#include "ranvier/kernels/image_mix.h"
#include "ranvier/kernels/image_one.h"

namespace ranvier::testing {
namespace {

using kernels::Fill;
using kernels::ImageOp;
using kernels::ImageRule;
using kernels::ImageShape;

constexpr std::array<Fill, 4> fills{Fill::constant, Fill::nearest, Fill::reflect, Fill::wrap};
constexpr std::array<ImageOp, 19> all_ops{
    ImageOp::flip,        ImageOp::rotate,     ImageOp::translate, ImageOp::zoom,        ImageOp::shear,
    ImageOp::perspective, ImageOp::brightness, ImageOp::contrast,  ImageOp::saturation,  ImageOp::hue,
    ImageOp::degenerate,  ImageOp::erase,      ImageOp::blur,      ImageOp::sharpness,   ImageOp::posterize,
    ImageOp::invert,      ImageOp::solarize,   ImageOp::equalize,  ImageOp::autocontrast};

/// Index i of an axis of n pixels as `fill` sees it; −1 where there is none.
Index seen(Fill fill, Index i, Index n) {
  if (i >= 0 && i < n) return i;
  if (fill == Fill::constant) return -1;
  if (fill == Fill::nearest) return std::clamp<Index>(i, 0, n - 1);
  if (fill == Fill::wrap) return ((i % n) + n) % n;
  const Index m = ((i % (2 * n)) + 2 * n) % (2 * n);
  return m < n ? m : 2 * n - 1 - m;
}

double reference(const ImageRule& rule, const ImageShape& s, const double* m, const std::vector<double>& x, Index row,
                 Index column, Index channel) {
  const auto px = static_cast<double>(column);
  const auto py = static_cast<double>(row);
  const double k = m[6] * px + m[7] * py + 1;
  // What a projective map brings from farther than eight images away may come from there.
  const bool flat = m[6] == 0 && m[7] == 0;
  const auto near_by = [flat](double value, Index n) {
    const double far = 8 * static_cast<double>(n);
    return flat ? value : std::clamp(value, -far, far);
  };
  const double u = near_by((m[0] * px + m[1] * py + m[2]) / k, s.width);
  const double v = near_by((m[3] * px + m[4] * py + m[5]) / k, s.height);
  const auto pixel = [&](double r, double c) {
    const Index i = seen(rule.fill, static_cast<Index>(r), s.height);
    const Index j = seen(rule.fill, static_cast<Index>(c), s.width);
    if (i < 0 || j < 0) return rule.fill_values[0];
    return x[static_cast<std::size_t>((i * s.width + j) * s.pixel() + channel * s.channel())];
  };
  if (!rule.bilinear) return pixel(std::nearbyint(v), std::nearbyint(u));
  const double r = std::floor(v), c = std::floor(u), a = v - r, b = u - c;
  return (1 - a) * ((1 - b) * pixel(r, c) + b * pixel(r, c + 1)) +
         a * ((1 - b) * pixel(r + 1, c) + b * pixel(r + 1, c + 1));
}

void sampling() {
  std::mt19937 random(1);
  const auto number = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  for (int round = 0; round < 400; ++round) {
    ImageShape s{1 + static_cast<Index>(random() % 9),
                 1 + static_cast<Index>(round % 40 == 0 ? 1000 + random() % 100 : random() % 80),
                 1 + static_cast<Index>(random() % 4), random() % 2 == 0};
    ImageRule rule;
    rule.fill = fills[random() % 4];
    rule.bilinear = random() % 3 != 0;
    rule.fill_values[0] = 7.5;
    const bool flat = random() % 2 == 0;
    const double m[8] = {number(-2, 2),
                         number(-2, 2),
                         number(-40, 40),
                         number(-2, 2),
                         number(-2, 2),
                         number(-20, 20),
                         flat ? 0 : number(0, 0.01),
                         flat ? 0 : number(0, 0.01)};
    const std::vector<double> x = random_vector<double>(s.numel(), static_cast<unsigned>(round));
    std::vector<double> y(x.size()), expected(x.size());
    kernels::sample_image<double>(rule, s, m, x.data(), y.data());
    for (Index r = 0; r < s.height; ++r) {
      for (Index c = 0; c < s.width; ++c) {
        for (Index k = 0; k < s.channels; ++k) {
          expected[static_cast<std::size_t>((r * s.width + c) * s.pixel() + k * s.channel())] =
              reference(rule, s, m, x, r, c, k);
        }
      }
    }
    expect_all_near(y, expected, 1e-10, 1e-10, "sampling");
    // The gradient is the adjoint: <g, A x> = <Aᵀ g, x>, the fill value aside.
    rule.fill_values[0] = 0;
    kernels::sample_image<double>(rule, s, m, x.data(), y.data());
    const std::vector<double> g = random_vector<double>(s.numel(), static_cast<unsigned>(round) + 1000);
    std::vector<double> dx(x.size());
    kernels::sample_image_backward<double>(rule, s, m, g.data(), dx.data());
    double left = 0, right = 0;
    for (std::size_t i = 0; i < x.size(); ++i) left += g[i] * y[i], right += dx[i] * x[i];
    EXPECT_NEAR(left, right, 1e-9);
  }
}

/// Maps that no layer draws: nothing may be read outside the image.
void absurd_maps() {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> values{0, 1, -1, 1e-300, 1e30, -1e30, 1e300, inf, -inf, std::nan("")};
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    const ImageShape s{1 + static_cast<Index>(random() % 3), 1 + static_cast<Index>(random() % 20), 2, round % 2 == 0};
    ImageRule rule;
    rule.fill = fills[random() % 4];
    rule.bilinear = random() % 2 == 0;
    double m[8];
    for (double& v : m) v = values[random() % values.size()];
    m[6] = 1;  // affine maps are drawn within bounds; of projective ones the denominator may vanish
    const std::vector<float> x = random_vector<float>(s.numel(), 1);
    std::vector<float> y(x.size()), dx(x.size());
    kernels::sample_image<float>(rule, s, m, x.data(), y.data());
    kernels::sample_image_backward<float>(rule, s, m, x.data(), dx.data());
  }
  report(true, __FILE__, __LINE__, "");
}

ImageRule rule_of(ImageOp op, std::mt19937& random) {
  ImageRule rule;
  rule.op = op;
  rule.first = op == ImageOp::posterize ? kernels::Interval{1, 8} : kernels::Interval{0, 1};
  rule.second = {0, 1};
  rule.chance = {0.5, 1};
  rule.values = {0, 1};
  rule.horizontal = random() % 2 == 0;
  rule.vertical = random() % 2 == 0;
  rule.bilinear = random() % 2 == 0;
  rule.fill = fills[random() % 4];
  rule.kernel_height = 1 + 2 * static_cast<std::int32_t>(random() % 6);
  rule.kernel_width = 1 + 2 * static_cast<std::int32_t>(random() % 6);
  rule.bins = 2 + static_cast<std::int32_t>(random() % 300);
  return rule;
}

/// Every op on every small size, with guards behind what is written.
template <class T>
void any_size() {
  std::mt19937 random(3);
  constexpr T guard = T(-77);
  for (int round = 0; round < 1500; ++round) {
    const ImageOp op = all_ops[random() % all_ops.size()];
    const ImageRule rule = rule_of(op, random);
    const ImageShape s{1 + static_cast<Index>(random() % 12), 1 + static_cast<Index>(random() % 12), 3,
                       random() % 2 == 0};
    const Index n = 1 + static_cast<Index>(random() % 5);
    const Index total = n * s.numel();
    std::vector<double> draws(static_cast<std::size_t>(n * kernels::image_draws));
    kernels::draw_images(rule, s, {static_cast<std::uint64_t>(round), 1}, n, draws.data());
    const std::vector<T> x = random_vector<T>(total, static_cast<unsigned>(round), -0.2, 1.2);
    std::vector<T> y(static_cast<std::size_t>(total + 1), guard), dx = y;
    std::vector<T> scratch(static_cast<std::size_t>(2 * total));
    kernels::change_images<T>(rule, s, n, draws.data(), nullptr, x.data(), scratch.data(), y.data());
    EXPECT_THAT(y.back() == guard, "written behind the end by op ", static_cast<int>(op));
    EXPECT(std::all_of(y.begin(), y.end(), [](T v) { return std::isfinite(v); }));
    if (!kernels::has_gradient(rule)) continue;
    kernels::change_images_backward<T>(rule, s, n, draws.data(), y.data(), x.data(), scratch.data(), dx.data(), false);
    EXPECT_THAT(dx.back() == guard, "gradient behind the end by op ", static_cast<int>(op));
    // Accumulating adds the same once more.
    std::vector<T> twice = dx;
    kernels::change_images_backward<T>(rule, s, n, draws.data(), y.data(), x.data(), scratch.data(), twice.data(),
                                       true);
    for (Index i = 0; i < total; ++i) dx[static_cast<std::size_t>(i)] *= 2;
    expect_all_near(twice, dx, 1e-5, 1e-5, "accumulated");
  }
}

void nan_images() {
  std::mt19937 random(4);
  const ImageShape s{5, 6, 3, false};
  std::vector<float> x(static_cast<std::size_t>(s.numel()), std::numeric_limits<float>::quiet_NaN());
  x[7] = std::numeric_limits<float>::infinity();
  x[8] = -x[7];
  std::vector<float> y(x.size()), scratch(2 * x.size());
  for (const ImageOp op : all_ops) {
    const ImageRule rule = rule_of(op, random);
    std::vector<double> draws(kernels::image_draws);
    kernels::draw_images(rule, s, {1, 1}, 1, draws.data());
    kernels::change_images<float>(rule, s, 1, draws.data(), nullptr, x.data(), scratch.data(), y.data());
  }
  report(true, __FILE__, __LINE__, "");
}

void mixtures() {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const ImageShape s{1 + static_cast<Index>(random() % 9), 1 + static_cast<Index>(random() % 9),
                       1 + static_cast<Index>(random() % 3), random() % 2 == 0};
    const Index n = 1 + static_cast<Index>(random() % 6);
    const Index total = n * s.numel();
    std::vector<std::int64_t> partner(static_cast<std::size_t>(n));
    kernels::random_permutation({static_cast<std::uint64_t>(round), 0}, n, partner.data());
    std::vector<double> draws(static_cast<std::size_t>(n * kernels::mix_draws));
    const bool cut = round % 2 == 0;
    const kernels::RandomKey key{static_cast<std::uint64_t>(round), 1};
    if (cut) {
      kernels::draw_cut({0, 1}, s, key, n, draws.data());
    } else {
      kernels::draw_mix(round % 3 == 0 ? 1e-3 : 0.7, key, n, draws.data());
    }
    for (Index i = 0; i < n; ++i) {
      const double share = draws[static_cast<std::size_t>(i * kernels::mix_draws)];
      EXPECT_THAT(share >= 0 && share <= 1, "share ", share);
    }
    const std::vector<double> x = random_vector<double>(total, 1), g = random_vector<double>(total, 2);
    std::vector<double> y(x.size()), dx(x.size());
    if (cut) {
      kernels::cut_images<double>(s, n, draws.data(), partner.data(), x.data(), y.data());
      kernels::cut_images_backward<double>(s, n, draws.data(), partner.data(), g.data(), dx.data());
    } else {
      kernels::mix_rows<double>(n, s.numel(), draws.data(), partner.data(), x.data(), y.data());
      kernels::mix_rows_backward<double>(n, s.numel(), draws.data(), partner.data(), g.data(), dx.data());
    }
    double left = 0, right = 0;
    for (std::size_t i = 0; i < x.size(); ++i) left += g[i] * y[i], right += dx[i] * x[i];
    EXPECT_NEAR(left, right, 1e-9);
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  sampling();
  absurd_maps();
  any_size<float>();
  any_size<double>();
  nan_images();
  mixtures();
  return result();
}
