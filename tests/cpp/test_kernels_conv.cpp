// Convolution and its gradients against the definition.
#include "conv_support.h"

namespace ranvier::testing {
namespace {

template <class T>
void named_cases() {
  // What networks are made of, in small: each path of the kernels at its edges.
  for (Index channels_in : {1, 2, 3, 4, 8, 15, 16, 17, 32, 33}) {
    for (Index channels_out : {1, 3, 8, 10, 16, 20, 32, 40, 48, 64, 65}) {
      check_case<T>(square(2, 7, channels_in, channels_out, 3, true), 1);
    }
  }
  for (Index size : {1, 2, 3, 5, 8, 13, 14, 15, 16, 17, 28, 31}) {
    for (bool same : {false, true}) {
      check_case<T>(square(2, size, 16, 32, 3, same), 3);
      check_case<T>(square(1, size, 1, 32, 3, same), 3);
      check_case<T>(square(1, size, 3, 16, 5, same), 0);
      check_case<T>(square(2, size, 8, 24, 3, same, 2), 0);
      check_case<T>(square(2, size, 8, 24, 1, same, 2), 1);
      check_case<T>(square(3, size, 12, 20, 2, same, 3), 0);
      check_case<T>(square(3, size, 5, 7, 1, same), 7);
    }
  }
  for (int mode = 0; mode < 8; ++mode) {
    check_case<T>(square(3, 9, 4, 20, 3, true), mode);
    check_case<T>(square(3, 9, 1, 16, 3, false), mode);
    check_case<T>(square(2, 9, 16, 33, 1, false), mode);
    check_case<T>(square(2, 9, 12, 12, 3, true, 2, 3), mode);
    check_case<T>(square(2, 5, 6, 12, 3, true, 1, 6), mode);
  }
  // Groups of several sizes; groups == channels_in is depthwise.
  check_case<T>(square(2, 6, 32, 64, 3, true, 1, 2), 3, true);
  check_case<T>(square(2, 6, 12, 18, 3, true, 1, 6), 3, true);
  check_case<T>(square(2, 6, 8, 8, 3, true, 1, 8), 3, true);
  check_case<T>(square(2, 6, 8, 24, 3, true, 2, 8), 3, true);
  // A kernel that reaches beyond x on all sides, taps that never meet x, a stride larger than x.
  check_case<T>(geometry(2, {1, 2, 3}, 4, 5, {1, 7, 7}, {0, 3, 3}, {0, 3, 3}), 1);
  check_case<T>(geometry(2, {1, 2, 2}, 4, 5, {1, 3, 3}, {0, 5, 5}, {0, 5, 5}, {1, 1, 1}, {1, 4, 4}), 1);
  check_case<T>(geometry(2, {1, 5, 5}, 4, 5, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}, {1, 100, 7}), 1);
  check_case<T>(geometry(1, {1, 1, 1}, 1, 1, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}), 7);
  // One and three axes, causal padding.
  check_case<T>(geometry(3, {1, 1, 40}, 8, 16, {1, 1, 5}, {0, 0, 4}, {0, 0, 0}), 1, true);
  check_case<T>(geometry(3, {1, 1, 40}, 8, 16, {1, 1, 3}, {0, 0, 8}, {0, 0, 0}, {1, 1, 1}, {1, 1, 4}), 1, true);
  check_case<T>(geometry(2, {5, 6, 7}, 4, 24, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}), 1, true);
  check_case<T>(geometry(2, {5, 6, 7}, 6, 9, {2, 3, 1}, {0, 1, 0}, {1, 1, 0}, {2, 1, 3}), 1, true);
  // Nothing at all: no images, no outputs.
  check_case<T>(square(0, 6, 3, 8, 3, true), 3);
  check_case<T>(geometry(2, {1, 2, 2}, 3, 4, {1, 3, 3}, {0, 0, 0}, {0, 0, 0}), 0);
  // Large enough for several pieces.
  check_case<T>(square(5, 16, 32, 64, 3, true), 1, true);
  check_case<T>(square(9, 28, 1, 32, 3, false), 3, true);
  check_case<T>(square(6, 16, 3, 32, 3, true), 3, true);
  check_case<T>(square(4, 8, 128, 130, 3, true), 1, true);
  check_case<T>(square(1, 13, 32, 64, 3, false), 3, true);
  check_case<T>(square(7, 12, 40, 48, 3, true, 2), 3, true);
  check_case<T>(square(7, 12, 64, 32, 1, true), 3, true);
  check_case<T>(square(7, 12, 64, 32, 1, true, 2), 3, true);
}

// 3×3 with channels and pixels enough for Winograd's patches: odd sizes, paddings, slices, groups, every epilogue.
template <class T>
void winograd_cases() {
  for (int mode = 0; mode < 8; ++mode) {
    check_case<T>(square(3, 15, 32, 48, 3, mode % 2 == 0), mode);
    check_case<T>(square(6, 12, 48, 32, 3, mode % 2 == 1), mode);
  }
  check_case<T>(square(9, 8, 32, 32, 3, true), 0, true);
  check_case<T>(square(40, 3, 32, 32, 3, true), 1);
  check_case<T>(square(140, 3, 32, 32, 3, false), 1);
  check_case<T>(square(2, 17, 64, 96, 3, true, 1, 2), 3, true);
  check_case<T>(geometry(3, {1, 13, 11}, 32, 32, {1, 3, 3}, {0, 2, 0}, {0, 1, 3}), 5, true);
  check_case<T>(geometry(3, {1, 9, 20}, 32, 32, {1, 3, 3}, {0, 3, 4}, {0, 0, 5}), 3);
  check_case<T>(geometry(2, {4, 9, 9}, 32, 32, {1, 3, 3}, {0, 1, 1}, {0, 1, 1}), 2);
  check_case<T>(geometry(2, {1, 1, 300}, 32, 32, {1, 3, 3}, {0, 1, 1}, {0, 1, 1}), 2);
}

template <class T>
void random_cases(int count, unsigned seed) {
  std::mt19937 generator(seed);
  const auto pick = [&](Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(generator); };
  for (int i = 0; i < count; ++i) {
    const Index groups = pick(0, 3) == 0 ? pick(2, 4) : 1;
    const auto axes = static_cast<std::size_t>(pick(1, 3));
    Sizes in{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, before{}, after{};
    for (std::size_t a = 3 - axes; a < 3; ++a) {
      in[a] = pick(1, axes == 3 ? 6 : 18);
      kernel[a] = pick(1, 4);
      stride[a] = pick(0, 2) == 0 ? pick(2, 3) : 1;
      dilation[a] = pick(0, 3) == 0 ? pick(2, 3) : 1;
      before[a] = pick(0, 4);
      after[a] = pick(0, 4);
    }
    const Index limit = groups > 1 ? 8 : 40;
    const ConvGeometry g = geometry(pick(1, 4), in, groups * pick(1, limit), groups * pick(1, limit), kernel, before,
                                    after, stride, dilation, groups);
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
  winograd_cases<float>();
  winograd_cases<double>();
  random_cases<float>(1000, 1);
  random_cases<double>(1000, 2);
  return result();
}
