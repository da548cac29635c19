// Depthwise convolution and its gradients against the definition: every window there is code for, its edges, and the rest.
#include "conv_support.h"

namespace ranvier::testing {
namespace {

/// One filter a channel, or several.
ConvGeometry depthwise(Index batch, Index size, Index channels, Index kernel, bool same, Index stride,
                       Index multiplier = 1) {
  return square(batch, size, channels, channels * multiplier, kernel, same, stride, channels);
}

template <class T>
void named_cases() {
  // Around the width of a vector and of what is done at once.
  for (Index channels : {2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 70}) {
    for (Index stride : {1, 2}) {
      check_case<T>(depthwise(2, 9, channels, 3, true, stride), 1);
      check_case<T>(depthwise(2, 9, channels, 3, false, stride), 0);
    }
  }
  for (Index size : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 28}) {
    for (Index kernel : {1, 2, 3, 4, 5, 7}) {
      for (Index stride : {1, 2, 3}) {
        check_case<T>(depthwise(2, size, 18, kernel, true, stride), 3);
        if (kernel <= size) check_case<T>(depthwise(1, size, 5, kernel, false, stride), 0);
      }
    }
  }
  for (int mode = 0; mode < 8; ++mode) {
    check_case<T>(depthwise(3, 9, 20, 3, true, 1), mode);
    check_case<T>(depthwise(3, 9, 20, 3, true, 2), mode);
    check_case<T>(depthwise(2, 6, 4, 3, true, 1, 3), mode);
  }
  // A window that is larger than x, zeros beyond the window, a stride beyond x, dilation with stride.
  check_case<T>(geometry(2, {1, 2, 3}, 6, 6, {1, 7, 7}, {0, 3, 3}, {0, 3, 3}, {1, 1, 1}, {1, 1, 1}, 6), 1);
  check_case<T>(geometry(2, {1, 4, 4}, 6, 6, {1, 3, 3}, {0, 5, 5}, {0, 5, 5}, {1, 1, 1}, {1, 1, 1}, 6), 1);
  check_case<T>(geometry(2, {1, 5, 5}, 6, 6, {1, 3, 3}, {0, 1, 1}, {0, 1, 1}, {1, 100, 70}, {1, 1, 1}, 6), 1);
  check_case<T>(geometry(2, {1, 9, 9}, 6, 6, {1, 3, 3}, {0, 2, 2}, {0, 2, 2}, {1, 4, 6}, {1, 6, 4}, 6), 1);
  check_case<T>(geometry(2, {1, 9, 9}, 6, 6, {1, 3, 3}, {0, 2, 2}, {0, 2, 2}, {1, 2, 2}, {1, 2, 3}, 6), 1);
  // One and three axes.
  check_case<T>(geometry(3, {1, 1, 40}, 20, 20, {1, 1, 5}, {0, 0, 4}, {0, 0, 0}, {1, 1, 1}, {1, 1, 1}, 20), 1, true);
  check_case<T>(geometry(2, {5, 6, 7}, 6, 6, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 6), 1, true);
  check_case<T>(geometry(2, {5, 6, 7}, 6, 6, {2, 3, 3}, {0, 1, 1}, {1, 1, 1}, {2, 2, 2}, {2, 1, 1}, 6), 1, true);
  // Nothing at all.
  check_case<T>(depthwise(0, 6, 8, 3, true, 1), 3);
  check_case<T>(geometry(2, {1, 2, 2}, 3, 3, {1, 3, 3}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, {1, 1, 1}, 3), 0);
  // Large enough for several pieces.
  for (Index stride : {1, 2}) {
    check_case<T>(depthwise(9, 28, 33, 3, true, stride), 3, true);
    check_case<T>(depthwise(8, 7, 256, 3, true, stride), 1, true);
    check_case<T>(depthwise(3, 14, 96, 7, true, stride), 1, true);
  }
}

template <class T>
void random_cases(int count, unsigned seed) {
  std::mt19937 generator(seed);
  const auto pick = [&](Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(generator); };
  for (int i = 0; i < count; ++i) {
    const auto axes = static_cast<std::size_t>(pick(1, 3));
    Sizes in{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, before{}, after{};
    for (std::size_t a = 3 - axes; a < 3; ++a) {
      in[a] = pick(1, axes == 3 ? 6 : 16);
      kernel[a] = pick(1, 7);
      stride[a] = pick(1, 3);
      dilation[a] = pick(0, 3) == 0 ? pick(2, 3) : 1;
      before[a] = pick(0, 4);
      after[a] = pick(0, 4);
    }
    const Index channels = pick(2, 40);
    const Index multiplier = pick(0, 5) == 0 ? pick(2, 3) : 1;
    const ConvGeometry g =
        geometry(pick(1, 3), in, channels, channels * multiplier, kernel, before, after, stride, dilation, channels);
    check_case<T>(g, static_cast<int>(pick(0, 7)), i % 8 == 0);
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  ranvier::set_num_threads(2);
  named_cases<float>();
  named_cases<double>();
  random_cases<float>(1000, 1);
  random_cases<double>(1000, 2);
  return result();
}
