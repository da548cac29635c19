// The matrix product against Eigen's: layouts, odd and empty sizes, padding, accumulation, epilogue, threads.
// gcc 12 believes that Eigen reads unset halves of AVX-512 registers; the warning comes while inlining, far from here.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/gemm.h"

namespace {

using ranvier::Index;
using ranvier::kernels::Epilogue;
using ranvier::kernels::gemm;
using ranvier::kernels::UnaryArgs;

int failures = 0;
int cases = 0;

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Strided = Eigen::Map<const Matrix<T>, 0, Eigen::OuterStride<>>;

// Small reproducible numbers in [-1, 1).
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}
  double next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state_ >> 40) / static_cast<double>(1 << 23) - 1.0;
  }

 private:
  std::uint64_t state_;
};

// A matrix whose rows are `ld` apart; what lies between the rows is NaN, so that reading it shows in the result.
template <class T>
std::vector<T> padded(Index rows, Index cols, Index ld, std::uint64_t seed) {
  std::vector<T> data(static_cast<std::size_t>(rows > 0 ? (rows - 1) * ld + cols : 0),
                      std::numeric_limits<T>::quiet_NaN());
  Numbers numbers(seed);
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < cols; ++j) data[static_cast<std::size_t>(r * ld + j)] = static_cast<T>(numbers.next());
  }
  return data;
}

// y = x·|x| + a: not linear, so that a wrong order of bias, activation and accumulation shows.
template <class T>
T curve(T x, double a) {
  return x * std::abs(x) + static_cast<T>(a);
}
template <class T>
void curve_tile(UnaryArgs args, Index rows, Index cols, T* tile, Index ld) {
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < cols; ++j) tile[r * ld + j] = curve(tile[r * ld + j], args.a);
  }
}

struct Case {
  bool trans_a, trans_b;
  Index m, n, k;
  Index pad;  // extra elements between the rows of every operand
  int beta;
  bool bias, activation, preactivation;
};

void report(const Case& c, const char* type, const char* what, Index i, Index j, double expected, double received) {
  ++failures;
  std::printf(
      "%s %c%c m=%ld n=%ld k=%ld pad=%ld beta=%d bias=%d activation=%d preactivation=%d: %s at (%ld, %ld): "
      "expected %.9g, received %.9g\n",
      type, c.trans_a ? 'T' : 'N', c.trans_b ? 'T' : 'N', static_cast<long>(c.m), static_cast<long>(c.n),
      static_cast<long>(c.k), static_cast<long>(c.pad), c.beta, c.bias, c.activation, c.preactivation, what,
      static_cast<long>(i), static_cast<long>(j), expected, received);
}

template <class T>
void check_case(const Case& q, bool threads = false) {
  ++cases;
  const char* type = sizeof(T) == 4 ? "float32" : "float64";
  const Index lda = (q.trans_a ? q.m : q.k) + q.pad;
  const Index ldb = (q.trans_b ? q.k : q.n) + q.pad;
  const Index ldc = q.n + q.pad;
  const std::vector<T> a = q.trans_a ? padded<T>(q.k, q.m, lda, 1) : padded<T>(q.m, q.k, lda, 1);
  const std::vector<T> b = q.trans_b ? padded<T>(q.n, q.k, ldb, 2) : padded<T>(q.k, q.n, ldb, 2);
  std::vector<T> start = padded<T>(q.m, q.n, ldc, 3);
  const std::vector<T> bias = padded<T>(1, q.n, q.n, 4);

  Matrix<T> linear = Matrix<T>::Zero(q.m, q.n);
  if (q.k > 0) {
    const Eigen::OuterStride<> sa(lda);
    const Eigen::OuterStride<> sb(ldb);
    const Matrix<T> op_a = q.trans_a ? Matrix<T>(Strided<T>(a.data(), q.k, q.m, sa).transpose())
                                     : Matrix<T>(Strided<T>(a.data(), q.m, q.k, sa));
    const Matrix<T> op_b = q.trans_b ? Matrix<T>(Strided<T>(b.data(), q.n, q.k, sb).transpose())
                                     : Matrix<T>(Strided<T>(b.data(), q.k, q.n, sb));
    linear.noalias() = op_a * op_b;
  }
  if (q.beta == 0) {
    // Old contents must not be read.
    for (Index r = 0; r < q.m; ++r) {
      for (Index j = 0; j < q.n; ++j)
        start[static_cast<std::size_t>(r * ldc + j)] = std::numeric_limits<T>::quiet_NaN();
    }
  } else {
    linear += Strided<T>(start.data(), q.m, q.n, Eigen::OuterStride<>(ldc));
  }
  if (q.bias) {
    for (Index j = 0; j < q.n; ++j) linear.col(j).array() += bias[static_cast<std::size_t>(j)];
  }

  Epilogue<T> epilogue;
  epilogue.args.a = 0.25;
  if (q.bias) epilogue.bias = bias.data();
  if (q.activation) epilogue.activation = &curve_tile<T>;
  std::vector<T> c;
  std::vector<T> pre;
  const auto multiply = [&] {
    c = start;
    pre.assign(start.size(), T(-7));
    if (q.preactivation) epilogue.preactivation = pre.data();
    gemm<T>(q.trans_a, q.trans_b, q.m, q.n, q.k, a.data(), lda, b.data(), ldb, static_cast<T>(q.beta), c.data(), ldc,
            q.bias || q.activation || q.preactivation ? &epilogue : nullptr);
  };
  multiply();

  // Sums of k products of numbers below one: the order of the additions moves the last bits, k·eps bounds it amply.
  const double tolerance = std::numeric_limits<T>::epsilon() * (4.0 + static_cast<double>(q.k));
  for (Index i = 0; i < q.m; ++i) {
    for (Index j = 0; j < q.n; ++j) {
      const auto at = static_cast<std::size_t>(i * ldc + j);
      const double before = linear(i, j);
      if (q.preactivation && !(std::abs(pre[at] - before) <= tolerance)) {
        return report(q, type, "preactivation", i, j, before, pre[at]);
      }
      const double after = q.activation ? curve(before, 0.25) : before;
      const double slope = q.activation ? 1.0 + 2.0 * std::abs(before) : 1.0;
      if (!(std::abs(c[at] - after) <= tolerance * slope)) return report(q, type, "result", i, j, after, c[at]);
    }
    // Between the rows nothing may change: NaN in C, the mark in the preactivation.
    for (Index j = q.n; j < ldc && i + 1 < q.m; ++j) {
      const auto at = static_cast<std::size_t>(i * ldc + j);
      if (!std::isnan(c[at])) return report(q, type, "padding of C", i, j, std::nan(""), c[at]);
      if (pre[at] != T(-7)) return report(q, type, "padding of the preactivation", i, j, -7, pre[at]);
    }
  }

  if (!threads || c.empty()) return;
  const std::vector<T> once = c;
  const std::vector<T> pre_once = pre;
  for (const int count : {1, 2, 3, 5}) {
    ranvier::set_num_threads(count);
    multiply();
    if (std::memcmp(c.data(), once.data(), c.size() * sizeof(T)) != 0 ||
        std::memcmp(pre.data(), pre_once.data(), pre.size() * sizeof(T)) != 0) {
      report(q, type, "bits differ with this number of threads", 0, 0, 2, count);
    }
  }
  ranvier::set_num_threads(2);
}

template <class T>
void check_type() {
  ranvier::set_num_threads(2);
  const Index sizes[] = {1, 2, 3, 5, 8, 13, 16, 17, 31, 33, 65};
  for (const bool trans_a : {false, true}) {
    for (const bool trans_b : {false, true}) {
      // Every pair of heights and widths around the edges of tiles, with a few depths.
      for (const Index m : sizes) {
        for (const Index n : sizes) {
          for (const Index k : {1, 2, 7, 16, 35}) {
            const bool odd = (m + n + k) % 2 == 1;
            check_case<T>({trans_a, trans_b, m, n, k, odd ? 3 : 0, odd ? 1 : 0, n % 3 == 0, m % 3 == 1, k % 2 == 1});
          }
        }
      }
      // Each height a tile can have.
      for (Index m = 1; m <= 30; ++m) {
        check_case<T>({trans_a, trans_b, m, 40, 9, m % 2, 1, true, false, false});
        check_case<T>({trans_a, trans_b, m, 150, 9, 0, 0, false, true, false});
      }
      // All combinations of the epilogue, small, of one column, and large.
      for (int bits = 0; bits < 16; ++bits) {
        const bool bias = (bits & 1) != 0;
        const bool activation = (bits & 2) != 0;
        const bool preactivation = (bits & 4) != 0;
        const int beta = bits >> 3;
        check_case<T>({trans_a, trans_b, 9, 20, 6, 0, beta, bias, activation, preactivation}, true);
        check_case<T>({trans_a, trans_b, 37, 1, 70, 0, beta, bias, activation, preactivation}, true);
        check_case<T>({trans_a, trans_b, 1, 301, 33, 0, beta, bias, activation, preactivation}, true);
        check_case<T>({trans_a, trans_b, 130, 171, 600, 2, beta, bias, activation, preactivation}, true);
      }
      // Empty products: k = 0 leaves beta·C and the epilogue, m = 0 or n = 0 nothing.
      for (const int beta : {0, 1}) {
        check_case<T>({trans_a, trans_b, 4, 5, 0, 0, beta, true, true, true}, true);
        check_case<T>({trans_a, trans_b, 1, 5, 0, 1, beta, true, true, true});
        check_case<T>({trans_a, trans_b, 5, 1, 0, 0, beta, true, true, true});
        check_case<T>({trans_a, trans_b, 0, 5, 3, 0, beta, true, true, true});
        check_case<T>({trans_a, trans_b, 4, 0, 3, 0, beta, true, true, true});
      }
      // Several blocks of k, several rounds of columns, long and flat shapes; bit-equal for any number of threads.
      const Index shapes[][3] = {{128, 512, 784},  {784, 512, 128},  {128, 784, 512}, {32, 128, 784}, {784, 10, 300},
                                 {7, 100, 1025},   {784, 1, 3000},   {1, 2000, 1100}, {3, 3000, 300}, {10, 10, 30000},
                                 {5, 1500, 1300},  {257, 1300, 129}, {64, 64, 4096},  {2000, 33, 65}, {200, 256, 1024},
                                 {70, 2100, 1500}, {130, 33, 900},   {301, 70, 1700}};
      for (const auto& s : shapes) {
        check_case<T>({trans_a, trans_b, s[0], s[1], s[2], 0, 0, true, true, false}, true);
        check_case<T>({trans_a, trans_b, s[0], s[1], s[2], 5, 1, false, false, true}, true);
      }
    }
  }
}

}  // namespace

int main() {
  check_type<float>();
  check_type<double>();
  std::printf("%d cases, %d failures\n", cases, failures);
  return failures == 0 && cases > 0 ? 0 : 1;
}
