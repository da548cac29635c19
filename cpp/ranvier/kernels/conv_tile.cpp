#include "ranvier/kernels/conv_tile.h"

#include <array>
#include <utility>

namespace ranvier::kernels::conv_detail {
namespace {

using gemm_detail::Lanes;

// Sums of fewer than eight vectors would wait for each other: multiply-adds take four cycles and two start in each. So
// small tiles deal their steps to several sets of sums.
template <class T, int vectors>
constexpr int chains_of = sizeof(T) > 4 || vectors >= 8 ? 1
                          : vectors >= 4                ? 2
                                                        : 4;

// Steps taken at once; two of them leave the processor more room to look ahead (measured: 6 % where data is in L2).
constexpr int unrolled(int chains) { return chains > 2 ? chains : 2; }

template <class T, int MR, int NV, int chains>
struct Sums {
  Vec<T> at[chains][MR][NV] = {};

  void merge() {
#pragma GCC unroll 4
    for (int chain = 1; chain < chains; ++chain) {
#pragma GCC unroll 32
      for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) at[0][i][v] += at[chain][i][v];
      }
    }
  }
};

template <int G, int L, class T, int MR, int NV, int chains>
RANVIER_INLINE void put_tile(const Tile<T>& t, Sums<T, MR, NV, chains>& sums) {
  constexpr int w = width<T>;
  sums.merge();
  const auto put = [&](int v, bool full) __attribute__((always_inline)) {
    const Lanes<T> lanes(full ? w : t.last);
    const auto get = [&](const T* p) { return full ? load(p) : lanes.load(p); };
    // f(sum, address) for each row; what the tile is asked for is looked at once, not row by row.
    const auto each = [&](auto f) __attribute__((always_inline)) {
      const Index ldc = t.ldc;
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) {
        T* c = t.c[g] + v * w;
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) f(sums.at[0][g * L + i][v], c + i * ldc);
      }
    };
    if (t.accumulate) each([&](Vec<T>& s, T* c) { s += get(c); });
    if (t.bias != nullptr) {
      const Vec<T> bias = get(t.bias + v * w);
      each([&](Vec<T>& s, T*) { s += bias; });
    }
    if (t.relu) each([&](Vec<T>& s, T*) { s = vec::at_least(s, T(0)); });
    each([&](Vec<T>& s, T* c) {
      if (full) {
        store(c, s);
      } else {
        lanes.store(c, s);
      }
    });
  };
#pragma GCC unroll 4
  for (int v = 0; v + 1 < NV; ++v) put(v, true);
  if (t.last == w) {
    put(NV - 1, true);
  } else {
    put(NV - 1, false);
  }
}

// Rows at p, p + s, …: five of them share one pointer by x86's scaled index.
template <class T, int L>
struct PixelReader {
  static constexpr int pointers = (L + 4) / 5;
  const char* base[pointers];

  void start(const T* a, Index s1) {
    for (int i = 0; i < pointers; ++i) base[i] = reinterpret_cast<const char*>(a) + 5 * i * s1;
  }
  T at(int row, int ahead, Index s1, Index s3) const {
    const int r = row % 5;
    return reinterpret_cast<const T*>(base[row / 5] + (r == 3 ? s3 : r * s1))[ahead];
  }
  void advance(int count) {
    for (int i = 0; i < pointers; ++i) base[i] += static_cast<Index>(sizeof(T)) * count;
  }
};

template <class T, int G, int L, int NV>
void pixel_tile(const PixelTile<T>& t) {
  constexpr int w = width<T>;
  constexpr int chains = chains_of<T, G * L * NV>;
  constexpr int unroll = unrolled(chains);
  const Index s1 = t.a_stride * static_cast<Index>(sizeof(T));
  const Index s3 = 3 * s1;
  const Index b_stride = t.b_stride;
  Sums<T, G * L, NV, chains> sums;
  for (const Run *run = t.runs, *end = run + t.count; run != end; ++run) {
    PixelReader<T, L> a[G];
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) a[g].start(t.a[g] + run->a, s1);
    const T* b = t.b + run->b;
    const auto step = [&](int ahead) __attribute__((always_inline)) {
      Vec<T> row[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) row[v] = load(b + ahead * b_stride + v * w);
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) {
          const Vec<T> x = gemm_detail::broadcast<T>(a[g].at(i, ahead, s1, s3));
#pragma GCC unroll 4
          for (int v = 0; v < NV; ++v) sums.at[ahead % chains][g * L + i][v] += x * row[v];
        }
      }
    };
    const auto advance = [&](int count) __attribute__((always_inline)) {
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) a[g].advance(count);
      b += count * b_stride;
    };
    Index left = t.length;
    for (; left >= unroll; left -= unroll) {
#pragma GCC unroll 4
      for (int ahead = 0; ahead < unroll; ++ahead) step(ahead);
      advance(unroll);
    }
    for (; left > 0; --left) {
      step(0);
      advance(1);
    }
  }
  put_tile<G, L>(t, sums);
}

template <class T, int G, int L, int NV>
void channel_tile(const ChannelTile<T>& t) {
  constexpr int w = width<T>;
  constexpr int chains = chains_of<T, G * L * NV>;
  constexpr int unroll = unrolled(chains);
  Sums<T, G * L, NV, chains> sums;
  const T* base[G];
#pragma GCC unroll 8
  for (int g = 0; g < G; ++g) base[g] = t.a[g];
  const T* b = t.b;
  const auto step = [&](const Run& at, int chain) __attribute__((always_inline)) {
    const T* from = b + at.b;
    Vec<T> row[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) row[v] = load(from + v * w);
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) {
      const T* a = base[g] + at.a;
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) {
        const Vec<T> x = gemm_detail::broadcast<T>(a[i]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sums.at[chain][g * L + i][v] += x * row[v];
      }
    }
  };
  const Run* at = t.steps;
  Index left = t.count;
  for (; left >= unroll; left -= unroll, at += unroll) {
#pragma GCC unroll 4
    for (int ahead = 0; ahead < unroll; ++ahead) step(at[ahead], ahead % chains);
  }
  for (; left > 0; --left, ++at) step(*at, 0);
  put_tile<G, L>(t, sums);
}

template <class Tile, int NV>
struct TileTable {
  using Kernel = void (*)(const Tile&);
  std::array<std::array<Kernel, max_rows + 1>, max_groups + 1> kernels{};

  template <int G, int L, class T>
  static constexpr Kernel kernel(const PixelTile<T>*) {
    return &pixel_tile<T, G, L, NV>;
  }
  template <int G, int L, class T>
  static constexpr Kernel kernel(const ChannelTile<T>*) {
    return &channel_tile<T, G, L, NV>;
  }
  template <int G, int... L>
  constexpr void put(std::integer_sequence<int, L...>) {
    const auto one = [&]<int Rows>(std::integral_constant<int, Rows>) {
      if constexpr (has_tile<typename Tile::Element>(G, Rows, NV))
        kernels[G][Rows] = kernel<G, Rows>(static_cast<const Tile*>(nullptr));
    };
    (one(std::integral_constant<int, L + 1>{}), ...);
  }
  template <int... G>
  constexpr explicit TileTable(std::integer_sequence<int, G...>) {
    (put<G + 1>(std::make_integer_sequence<int, max_rows>{}), ...);
  }
};

template <class Tile, int NV>
inline constexpr TileTable<Tile, NV> tiles{std::make_integer_sequence<int, max_groups>{}};

template <class Tile>
void run(const Tile& tile, int groups, int rows, int vectors) {
  const auto g = static_cast<std::size_t>(groups);
  const auto r = static_cast<std::size_t>(rows);
  (vectors == 1 ? tiles<Tile, 1>.kernels[g][r] : tiles<Tile, 2>.kernels[g][r])(tile);
}

}  // namespace

template <class T>
void run_tile(const PixelTile<T>& tile, int groups, int rows, int vectors) {
  run(tile, groups, rows, vectors);
}

template <class T>
void run_tile(const ChannelTile<T>& tile, int groups, int rows, int vectors) {
  run(tile, groups, rows, vectors);
}

#define RANVIER_INSTANTIATE(T)                                   \
  template void run_tile<T>(const PixelTile<T>&, int, int, int); \
  template void run_tile<T>(const ChannelTile<T>&, int, int, int);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels::conv_detail
