// The register tile of the matrix product: MR rows × NV vectors of C stay in registers over one block of k.
#pragma once

#include <array>
#include <type_traits>
#include <utility>

#include "ranvier/kernels/gemm_simd.h"

namespace ranvier::kernels::gemm_detail {

constexpr Index rows_ahead = 8;

/// C tile = [C +] A·B [+ bias]. B has its rows `b_stride` apart. A is read in place: with rows `a_stride` apart
/// (A as stored) or with its columns `a_stride` apart (A transposed, or packed).
template <class T>
struct Tile {
  Index k;
  const T* a;
  Index a_stride;
  const T* b;
  Index b_stride;
  T* c;
  Index ldc;
  int columns;  // valid columns; read by the one-vector kernels only, the others are always full
  bool accumulate;
  const T* bias;
};

template <class T>
using TileKernel = void (*)(const Tile<T>&);

// MR rows of A from few pointers: five rows share one, reached as p, p+s, p+2s, p+3s, p+4s by x86's scaled index.
template <class T, int MR>
struct RowReader {
  static constexpr int groups = (MR + 4) / 5;
  const char* base[groups];
  Index s1;
  Index s3;

  RowReader(const T* a, Index stride) : s1(stride * static_cast<Index>(sizeof(T))), s3(3 * s1) {
    for (int g = 0; g < groups; ++g) base[g] = reinterpret_cast<const char*>(a) + 5 * g * s1;
  }
  T at(int row, int ahead) const {
    const int r = row % 5;
    const char* p = base[row / 5] + (r == 3 ? s3 : r * s1);
    return reinterpret_cast<const T*>(p)[ahead];
  }
  void advance(int count) {
    for (int g = 0; g < groups; ++g) base[g] += static_cast<Index>(sizeof(T)) * count;
  }
};

template <class T>
struct ColumnReader {
  const T* a;
  Index stride;

  ColumnReader(const T* p, Index s) : a(p), stride(s) {}
  T at(int row, int ahead) const { return a[ahead * stride + row]; }
  void advance(int count) { a += count * stride; }
};

template <class T, int MR, int NV, bool a_by_columns>
void tile_kernel(const Tile<T>& t) {
  constexpr int w = width<T>;
  constexpr bool masked = NV == 1;
  // Two multiply-adds of latency four per cycle: fewer than eight chains would wait, so k is dealt to several.
  constexpr int chains = MR * NV >= 8 ? 1 : (MR * NV >= 4 ? 2 : 4);
  using Reader = std::conditional_t<a_by_columns, ColumnReader<T>, RowReader<T, MR>>;
  const Lanes<T> lanes(masked ? t.columns : w);
  const auto load_b = [&](const T* p) {
    if constexpr (masked && has_masks) return lanes.load(p);
    return load(p);
  };

  Reader a(t.a, t.a_stride);
  const T* b = t.b;
  const Index b_stride = t.b_stride;
  T* c = t.c;
  const Index ldc = t.ldc;
  Vec<T> sum[chains][MR][NV] = {};
  const auto step = [&](int chain) __attribute__((always_inline)) {
    Vec<T> row[NV];
    // Rows of B read in place lie on one page each; the hardware looks ahead within a page only.
    if constexpr (NV == 2) {
      __builtin_prefetch(b + rows_ahead * b_stride);
      if constexpr (vector_bytes == 64) __builtin_prefetch(b + rows_ahead * b_stride + w);
    }
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) row[v] = load_b(b + chain * b_stride + v * w);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const Vec<T> x = broadcast<T>(a.at(i, chain));
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) sum[chain][i][v] += x * row[v];
    }
  };
  Index p = t.k;
  if constexpr (chains == 1) {
    // The lines of C are asked for one row a step: all at once the requests would hold up the loads of B.
    if (p >= MR) {
      T* line = c;
      for (int i = 0; i < MR; ++i, line += ldc) {
        __builtin_prefetch(line, 1);
        if constexpr (NV * vector_bytes > 64) __builtin_prefetch(line + (NV * w - 1), 1);
        step(0);
        a.advance(1);
        b += b_stride;
      }
      p -= MR;
    }
  }
  for (; p >= chains; p -= chains) {
#pragma GCC unroll 4
    for (int chain = 0; chain < chains; ++chain) step(chain);
    a.advance(chains);
    b += chains * b_stride;
  }
  if constexpr (chains > 1) {
    for (; p > 0; --p) {
      step(0);
      a.advance(1);
      b += b_stride;
    }
#pragma GCC unroll 4
    for (int chain = 1; chain < chains; ++chain) {
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) sum[0][i][v] += sum[chain][i][v];
      }
    }
  }

  const bool full = !masked || t.columns == w;
#pragma GCC unroll 8
  for (int v = 0; v < NV; ++v) {
    if (t.accumulate) {
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) sum[0][i][v] += full ? load(c + i * ldc + v * w) : lanes.load(c + i * ldc + v * w);
    }
    if (t.bias != nullptr) {
      const Vec<T> bias = full ? load(t.bias + v * w) : lanes.load(t.bias + v * w);
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) sum[0][i][v] += bias;
    }
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      if (full) {
        store(c + i * ldc + v * w, sum[0][i][v]);
      } else {
        lanes.store(c + i * ldc + v * w, sum[0][i][v]);
      }
    }
  }
}

// Shapes that exist: one vector with every height, two from three rows on, more only for the flattest tiles,
// where they keep the multipliers busy and read long runs of B.
template <int NV>
constexpr bool has_tile(int rows) {
  return NV == 1 || (NV == 2 ? rows >= 3 : (NV == 4 ? rows <= 3 : rows == 1));
}

template <class T, int NV, bool a_by_columns, int... I>
constexpr std::array<TileKernel<T>, max_rows + 1> tile_table(std::integer_sequence<int, I...>) {
  std::array<TileKernel<T>, max_rows + 1> table{};
  const auto put = [&]<int MR>(std::integral_constant<int, MR>) {
    // One row is the same thing by rows and by columns: multiply() says columns.
    if constexpr (has_tile<NV>(MR) && (MR > 1 || a_by_columns)) table[MR] = &tile_kernel<T, MR, NV, a_by_columns>;
  };
  (put(std::integral_constant<int, I + 1>{}), ...);
  return table;
}

template <class T, int NV, bool a_by_columns>
inline constexpr auto tiles = tile_table<T, NV, a_by_columns>(std::make_integer_sequence<int, max_rows>{});

template <class T>
TileKernel<T> tile_for(int rows, int vectors, bool a_by_columns) {
  const auto r = static_cast<std::size_t>(rows);
  switch (vectors) {
    case 1:
      return a_by_columns ? tiles<T, 1, true>[r] : tiles<T, 1, false>[r];
    case 2:
      return a_by_columns ? tiles<T, 2, true>[r] : tiles<T, 2, false>[r];
    case 4:
      return a_by_columns ? tiles<T, 4, true>[r] : tiles<T, 4, false>[r];
    default:
      return tiles<T, 8, true>[r];
  }
}

}  // namespace ranvier::kernels::gemm_detail
