// The numbers drawn for each image of a batch.
#include <algorithm>
#include <utility>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/image_one.h"
#include "ranvier/kernels/image_random.h"

namespace ranvier::kernels {
namespace {

constexpr double pi = 3.14159265358979323846;
constexpr Index grain = 64;

/// Output pixel (x, y) shows the input at (m0·x + m1·y + m2, m3·x + m4·y + m5), divided by m6·x + m7·y + 1.
struct Map {
  double* m;
  void affine(double a0, double a1, double a2, double b0, double b1, double b2) const {
    m[0] = a0, m[1] = a1, m[2] = a2, m[3] = b0, m[4] = b1, m[5] = b2, m[6] = 0, m[7] = 0;
  }
};

/// The projective map that takes `from[k]` to `to[k]`, four points (x, y): eight linear equations, by elimination with
/// row pivots. False when three of the points lie on a line.
bool projective(const double (&from)[4][2], const double (&to)[4][2], double* m) {
  double a[8][9];
  for (int k = 0; k < 4; ++k) {
    const double x = from[k][0];
    const double y = from[k][1];
    for (int axis = 0; axis < 2; ++axis) {
      double* row = a[2 * k + axis];
      std::fill_n(row, 9, 0.0);
      row[3 * axis] = x;
      row[3 * axis + 1] = y;
      row[3 * axis + 2] = 1;
      row[6] = -to[k][axis] * x;
      row[7] = -to[k][axis] * y;
      row[8] = to[k][axis];
    }
  }
  for (int column = 0; column < 8; ++column) {
    int pivot = column;
    for (int r = column + 1; r < 8; ++r) {
      if (std::abs(a[r][column]) > std::abs(a[pivot][column])) pivot = r;
    }
    if (!(std::abs(a[pivot][column]) > 1e-12)) return false;
    for (int c = 0; c < 9; ++c) std::swap(a[column][c], a[pivot][c]);
    for (int r = 0; r < 8; ++r) {
      if (r == column) continue;
      const double factor = a[r][column] / a[column][column];
      for (int c = column; c < 9; ++c) a[r][c] -= factor * a[column][c];
    }
  }
  for (int k = 0; k < 8; ++k) m[k] = a[k][8] / a[k][k];
  return true;
}

/// A box whose sides are the square roots of two shares of the image's, anywhere inside: x0, x1, y0, y1.
void draw_box(ImageRandom& random, const ImageShape& shape, Interval share, double* box) {
  const double width = std::sqrt(random.uniform(share)) * static_cast<double>(shape.width);
  const double height = std::sqrt(random.uniform(share)) * static_cast<double>(shape.height);
  box[0] = random.unit() * (static_cast<double>(shape.width) - width);
  box[1] = box[0] + width;
  box[2] = random.unit() * (static_cast<double>(shape.height) - height);
  box[3] = box[2] + height;
}

void draw_perspective(ImageRandom& random, const ImageShape& shape, double scale, double* m) {
  const double right = static_cast<double>(shape.width - 1);
  const double bottom = static_cast<double>(shape.height - 1);
  const double corners[4][2] = {{0, 0}, {right, 0}, {0, bottom}, {right, bottom}};
  double moved[4][2];
  for (int k = 0; k < 4; ++k) {
    for (int axis = 0; axis < 2; ++axis)
      moved[k][axis] = corners[k][axis] * (1 + random.uniform({-0.5 * scale, 0.5 * scale}));
  }
  if (!projective(moved, corners, m)) Map{m}.affine(1, 0, 0, 0, 1, 0);
}

}  // namespace

/// d: image_draws numbers.
void draw_one(const ImageRule& rule, const ImageShape& shape, ImageRandom& random, double* d) {
  const auto width = static_cast<double>(shape.width);
  const auto height = static_cast<double>(shape.height);
  double* p = d + 1;
  std::fill_n(d, image_draws, 0.0);
  d[0] = static_cast<double>(rule.op);
  if (rule.chance.low < 1 && !(random.unit() < random.uniform(rule.chance)))
    d[0] = static_cast<double>(ImageOp::nothing);
  switch (rule.op) {
    case ImageOp::flip:
      p[0] = rule.horizontal && random.unit() < 0.5 ? 1 : 0;
      p[1] = rule.vertical && random.unit() < 0.5 ? 1 : 0;
      break;
    case ImageOp::rotate: {  // `first`: turns, about the centre
      const double angle = 2 * pi * random.uniform(rule.first);
      const double s = std::sin(angle), c = std::cos(angle);
      const double cx = 0.5 * (width - 1), cy = 0.5 * (height - 1);
      Map{p}.affine(c, -s, cx - cx * c + cy * s, s, c, cy - cx * s - cy * c);
      break;
    }
    case ImageOp::translate: {  // `first`: share of the height, `second`: of the width
      const double down = random.uniform(rule.first) * height;
      Map{p}.affine(1, 0, -random.uniform(rule.second) * width, 0, 1, -down);
      break;
    }
    case ImageOp::zoom: {  // `first`: height, `second`: width; above 0 shows more of the input
      const double v = 1 + random.uniform(rule.first);
      const double h = rule.shared ? v : 1 + random.uniform(rule.second);
      Map{p}.affine(h, 0, 0.5 * (width - 1) * (1 - h), 0, v, 0.5 * (height - 1) * (1 - v));
      break;
    }
    case ImageOp::shear: {  // `first`: along x, `second`: along y
      const double sign = random.sign();
      const double x = sign * random.uniform(rule.first);
      Map{p}.affine(1, x, 0, sign * random.uniform(rule.second), 1, 0);
      break;
    }
    case ImageOp::perspective:  // `first`: how far corners move
      draw_perspective(random, shape, rule.first.low, p);
      break;
    case ImageOp::brightness:  // `first`: share of the range of values that is added
      p[0] = random.uniform(rule.first) * (rule.values.high - rule.values.low);
      break;
    case ImageOp::saturation: {  // `first`: 0.5 changes nothing
      const double factor = random.uniform(rule.first);
      p[0] = factor / (1 - factor + 1e-7);
      break;
    }
    case ImageOp::hue:  // `first`: 1 is half a turn of the colour circle
      p[0] = 0.5 * random.sign() * random.uniform(rule.first);
      break;
    case ImageOp::contrast:    // `first`: the factor of the distance from the mean
    case ImageOp::degenerate:  // `first`: the share of grey
      p[0] = random.uniform(rule.first);
      break;
    case ImageOp::sharpness:  // `first`: 0 smooth, 0.5 unchanged, 1 sharper
      p[0] = 2 * random.uniform(rule.first);
      break;
    case ImageOp::erase:  // `first`: share of the area
      draw_box(random, shape, rule.first, p);
      break;
    case ImageOp::blur:  // `first`: standard deviations along y and x
      p[0] = random.uniform(rule.first) + 1e-6;
      p[1] = random.uniform(rule.first) + 1e-6;
      break;
    case ImageOp::posterize:  // `first`: bits, both ends included
      p[0] =
          rule.first.low + static_cast<double>(random.below(static_cast<Index>(rule.first.high - rule.first.low) + 1));
      break;
    case ImageOp::solarize:  // `first`: what is added, `second`: from where on, as shares of the range
      p[0] = random.uniform(rule.first);
      p[1] = random.uniform(rule.second);
      break;
    case ImageOp::nothing:
    case ImageOp::invert:
    case ImageOp::equalize:
    case ImageOp::autocontrast:
      break;
  }
}

void draw_images(const ImageRule& rule, const ImageShape& shape, RandomKey key, Index count, double* draws) {
  parallel_for(count, grain, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      ImageRandom random(key, i);
      draw_one(rule, shape, random, draws + i * image_draws);
    }
  });
}

void draw_policy(const ImagePolicy& policy, const ImageShape& shape, RandomKey key, Index count, double* draws) {
  parallel_for(count, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      ImageRandom random(key, i);
      double* d = draws + i * policy.draws();
      for (Index s = 0; s < policy.steps(); ++s, d += 1 + image_draws) {
        // One more choice than there are rules, for chains that may skip a step.
        const Index chosen = random.below(policy.count + (policy.mixes ? 1 : 0));
        ImageRule rule;
        if (chosen < policy.count) rule = policy.rules[static_cast<std::size_t>(chosen)];
        d[0] = static_cast<double>(chosen);
        draw_one(rule, shape, random, d + 1);
      }
      if (!policy.mixes) continue;
      // Dirichlet: gamma variates divided by their sum, over the largest so that small shapes do not underflow.
      double top = -1e300;
      for (Index c = 0; c < policy.chains; ++c) {
        d[c] = random.log_gamma_variate(policy.alpha);
        top = std::max(top, d[c]);
      }
      double total = 0;
      for (Index c = 0; c < policy.chains; ++c) total += d[c] = std::exp(d[c] - top);
      for (Index c = 0; c < policy.chains; ++c) d[c] /= total;
      d[policy.chains] = random.beta(policy.alpha, policy.alpha);
    }
  });
}

void draw_crops(RandomKey key, Index count, Index tops, Index lefts, std::int64_t* corners) {
  for (Index i = 0; i < count; ++i) {
    ImageRandom random(key, i);
    corners[2 * i] = random.below(tops);
    corners[2 * i + 1] = random.below(lefts);
  }
}

}  // namespace ranvier::kernels
