#include "ranvier/kernels/gemm.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/gemm_dot.h"
#include "ranvier/kernels/gemm_kernel.h"
#include "ranvier/kernels/gemm_pack.h"

// The plan, after Goto and van de Geijn (2008): C is cut into register tiles (max_rows × two vectors). B is copied once
// into panels of the tile's width, each then read by every tile of its columns; A is read in place or, where its rows
// would fall on the same cache sets, copied too. Small products read A and B in place and never leave the thread.
// Every cut depends on the sizes alone, and each element of C adds its products in one order: same bits for any
// number of threads.
namespace ranvier::kernels {
namespace gemm_detail {

constexpr Index block_k = 512;              // rows of B a tile passes in one go
constexpr Index packed_limit = 1 << 20;     // elements of B packed at a time
constexpr Index serial_limit = 1 << 20;     // multiply-adds below which a second thread does not pay
constexpr Index piece_limit = 1 << 18;      // multiply-adds below which a piece of work is not cut further
constexpr Index direct_rows = 3 * max_rows; // rows of C from which on B is worth a copy
constexpr Index row_pad = (max_rows + width<double> * 2 - 1) / (width<double> * 2) * (width<double> * 2);

thread_local Scratch scratch_a;
thread_local Scratch scratch_b;

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

template <class T>
struct Product {
  Index m, n, k;
  const T* a;
  Index lda;
  bool a_by_columns;
  const T* b;
  Index ldb;
  bool trans_b;
  bool accumulate;
  T* c;
  Index ldc;
  const Epilogue<T>* epilogue;
  bool column;  // C is one column seen as a row: it has one bias
};

// What follows the last block of k, on a finished piece of C. The row of biases is added by the tiles themselves.
template <class T>
void finish(const Product<T>& g, Index i, Index j, Index rows, Index columns) {
  const Epilogue<T>& e = *g.epilogue;
  T* c = g.c + i * g.ldc + j;
  if (g.column && e.bias != nullptr) {
    for (Index l = 0; l < columns; ++l) c[l] += *e.bias;
  }
  if (e.preactivation != nullptr) {
    for (Index r = 0; r < rows; ++r) {
      std::memcpy(e.preactivation + i * g.ldc + j + r * g.ldc, c + r * g.ldc,
                  static_cast<std::size_t>(columns) * sizeof(T));
    }
  }
  if (e.activation != nullptr) e.activation(e.args, rows, columns, c, g.ldc);
}

template <class T>
bool needs_finish(const Product<T>& g) {
  const Epilogue<T>* e = g.epilogue;
  return e != nullptr && (e->activation != nullptr || e->preactivation != nullptr || (g.column && e->bias != nullptr));
}

// The columns of C in panels: `full` ones of `vectors` vectors, the rest in single vectors, the last one maybe partial.
template <class T>
struct Panels {
  int vectors;
  Index panel_width;
  Index full;
  Index count;

  Panels(Index m, Index n) {
    constexpr Index w = width<T>;
    vectors = m == 1 && n >= 8 * w ? 8 : (m <= 3 && n >= 4 * w ? 4 : (m >= 3 ? 2 : 1));
    panel_width = vectors * w;
    full = n / panel_width;
    count = full + divide_up(n - full * panel_width, w);
  }
  Index begin(Index panel) const {
    return panel <= full ? panel * panel_width : full * panel_width + (panel - full) * width<T>;
  }
  int vectors_of(Index panel) const { return panel < full ? vectors : 1; }
  Index width_of(Index panel) const { return panel < full ? panel_width : width<T>; }
};

// Copies of the columns of B from `from` on, for the rows [k0, k0 + k): panel after panel.
template <class T>
struct PackedB {
  T* data = nullptr;
  Index from = 0;
  T* panel(Index j, Index k) const { return data + (j - from) * k; }
};

template <class T>
void pack_panel(const Product<T>& g, Index j, Index columns, Index panel_width, Index k0, Index k, T* dst) {
  if (g.trans_b) {
    pack_transposed(columns, k, g.b + j * g.ldb + k0, g.ldb, dst, panel_width);
  } else {
    pack_rows(columns, k, g.b + k0 * g.ldb + j, g.ldb, dst, panel_width);
  }
}

// The tiles [first_tile, last_tile) × panels [first_panel, last_panel) of C for the rows [k0, k0 + k) of B.
template <class T>
struct Block {
  Index tiles;  // tiles of rows in the whole of C
  Index first_tile, last_tile;
  Index first_panel, last_panel;
  Index k0, k;
  bool copy_a;

  Index row(Index m, Index tile) const { return m * tile / tiles; }
};

template <class T>
void run(const Product<T>& g, const Panels<T>& panels, const PackedB<T>& packed, const Block<T>& block) {
  const bool first = block.k0 == 0;
  const bool last = block.k0 + block.k == g.k;
  const Index i0 = block.row(g.m, block.first_tile);
  const Index i1 = block.row(g.m, block.last_tile);
  const bool whole_tail = last && needs_finish(g);
  const Index j_begin = panels.begin(block.first_panel);
  const Index j_end = std::min(g.n, panels.begin(block.last_panel));
  // A piece of C that stays in the first-level cache is finished in one call, a larger one panel by panel.
  const bool finish_once = (i1 - i0) * (j_end - j_begin) <= 4096;

  T* a_copy = nullptr;
  if (block.copy_a) {
    const Index count = block.last_tile - block.first_tile;
    a_copy = static_cast<T*>(scratch_a.get(static_cast<std::size_t>(count * row_pad * block.k) * sizeof(T)));
    for (Index t = 0; t < count; ++t) {
      const Index i = block.row(g.m, block.first_tile + t);
      const Index rows = block.row(g.m, block.first_tile + t + 1) - i;
      T* dst = a_copy + t * row_pad * block.k;
      if (g.a_by_columns) {
        pack_rows(rows, block.k, g.a + block.k0 * g.lda + i, g.lda, dst, row_pad);
      } else {
        pack_transposed(rows, block.k, g.a + i * g.lda + block.k0, g.lda, dst, row_pad);
      }
    }
  }
  const bool by_columns = g.a_by_columns || block.copy_a;

  Tile<T> tile{};
  tile.k = block.k;
  tile.a_stride = block.copy_a ? row_pad : g.lda;
  tile.ldc = g.ldc;
  tile.accumulate = g.accumulate || !first;
  const T* bias = last && g.epilogue != nullptr && !g.column ? g.epilogue->bias : nullptr;
  const T* a_origin = g.a_by_columns ? g.a + block.k0 * g.lda : g.a + block.k0;
  const Index a_step = g.a_by_columns ? 1 : g.lda;

  for (Index q = block.first_panel; q < block.last_panel; ++q) {
    const Index j = panels.begin(q);
    const Index columns = std::min(g.n - j, panels.width_of(q));
    if (packed.data != nullptr && j >= packed.from) {
      tile.b = packed.panel(j, block.k);
      tile.b_stride = panels.width_of(q);
    } else {
      tile.b = g.b + block.k0 * g.ldb + j;
      tile.b_stride = g.ldb;
    }
    tile.columns = static_cast<int>(columns);
    tile.bias = bias == nullptr ? nullptr : bias + j;
    const int vectors = panels.vectors_of(q);
    for (Index t = block.first_tile, i = i0; t < block.last_tile; ++t) {
      const Index next = block.row(g.m, t + 1);
      tile.a = block.copy_a ? a_copy + (t - block.first_tile) * row_pad * block.k : a_origin + i * a_step;
      tile.c = g.c + i * g.ldc + j;
      tile_for<T>(static_cast<int>(next - i), vectors, by_columns)(tile);
      i = next;
    }
    if (whole_tail && !finish_once) finish(g, i0, j, i1 - i0, columns);
  }
  if (whole_tail && finish_once) finish(g, i0, j_begin, i1 - i0, j_end - j_begin);
}

// Everything on the calling thread; B is copied only where its layout asks for it.
template <class T>
void multiply_small(const Product<T>& g, const Panels<T>& panels, Index tiles) {
  PackedB<T> packed;
  if (g.trans_b || (!has_masks && g.n % width<T> != 0)) {
    packed.from = g.trans_b ? 0 : g.n / width<T> * width<T>;
    const Index copied = divide_up(g.n - packed.from, width<T>) * width<T>;
    packed.data = static_cast<T*>(scratch_b.get(static_cast<std::size_t>(copied * g.k) * sizeof(T)));
    for (Index q = 0; q < panels.count; ++q) {
      const Index j = panels.begin(q);
      if (j < packed.from) continue;
      pack_panel(g, j, std::min(g.n - j, panels.width_of(q)), panels.width_of(q), 0, g.k, packed.panel(j, g.k));
    }
  }
  run(g, panels, packed, Block<T>{tiles, 0, tiles, 0, panels.count, 0, g.k, false});
}

// Rows a power of two of a page apart share their cache sets.
template <class T>
bool rows_collide(Index ld) {
  return (ld * static_cast<Index>(sizeof(T))) % 1024 == 0;
}

template <class T>
void multiply_large(const Product<T>& g, const Panels<T>& panels, Index tiles) {
  const bool pack_all = g.trans_b || g.m >= direct_rows;
  const bool pack_tail = !has_masks && g.n % width<T> != 0;
  const Index k_blocks = divide_up(g.k, block_k);
  const auto k_begin = [&](Index b) { return g.k * b / k_blocks; };

  // Columns and blocks of k are taken in rounds, so that the copy of B stays bounded.
  const Index round_panels = pack_all ? std::min(panels.count, std::max<Index>(1, 1024 / panels.panel_width)) : panels.count;
  const Index rounds_n = divide_up(panels.count, round_panels);
  const Index round_width = std::min(divide_up(g.n, width<T>) * width<T>, round_panels * panels.panel_width);
  const Index round_blocks =
      pack_all ? std::clamp<Index>(packed_limit / (round_width * block_k), 1, k_blocks) : k_blocks;

  for (Index rn = 0; rn < rounds_n; ++rn) {
    const Index q0 = panels.count * rn / rounds_n;
    const Index q1 = panels.count * (rn + 1) / rounds_n;
    const Index from = pack_all ? panels.begin(q0) : (pack_tail ? g.n / width<T> * width<T> : g.n);
    const Index end = std::min(divide_up(g.n, width<T>) * width<T>, panels.begin(q1));
    const Index copied = end - from;
    for (Index b0 = 0; b0 < k_blocks; b0 += round_blocks) {
      const Index b1 = std::min(k_blocks, b0 + round_blocks);
      const Index k0 = k_begin(b0);
      T* data = nullptr;
      if (copied > 0) {
        data = static_cast<T*>(scratch_b.get(static_cast<std::size_t>(copied * (k_begin(b1) - k0)) * sizeof(T)));
        const Index units = (q1 - q0) * (b1 - b0);
        const Index grain = std::max<Index>(1, units * 16384 / (copied * (k_begin(b1) - k0)));
        parallel_for(units, grain, [&](Index begin, Index stop) {
          for (Index u = begin; u < stop; ++u) {
            const Index q = q0 + u / (b1 - b0);
            const Index b = b0 + u % (b1 - b0);
            const Index j = panels.begin(q);
            if (j < from) continue;
            const Index kb = k_begin(b);
            const Index depth = k_begin(b + 1) - kb;
            const PackedB<T> packed{data + (kb - k0) * copied, from};
            pack_panel(g, j, std::min(g.n - j, panels.width_of(q)), panels.width_of(q), kb, depth,
                       packed.panel(j, depth));
          }
        });
      }

      // A grid of pieces; their number is a power of two so that equal shares of it are equal work.
      Index grid_m = static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(divide_up(tiles, 10))));
      Index grid_n = static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(divide_up(q1 - q0, 16))));
      const Index work = g.m * (end - panels.begin(q0)) * (k_begin(b1) - k0);
      while (grid_m * grid_n < 16 && work / (grid_m * grid_n) >= 2 * piece_limit) {
        if (tiles / grid_m >= (q1 - q0) / grid_n) {
          grid_m *= 2;
        } else {
          grid_n *= 2;
        }
      }
      grid_m = std::min(grid_m, tiles);
      grid_n = std::min(grid_n, q1 - q0);
      parallel_for(grid_m * grid_n, 1, [&](Index begin, Index stop) {
        for (Index piece = begin; piece < stop; ++piece) {
          const Index im = piece / grid_n;
          const Index in = piece % grid_n;
          Block<T> block{};
          block.tiles = tiles;
          block.first_tile = tiles * im / grid_m;
          block.last_tile = tiles * (im + 1) / grid_m;
          block.first_panel = q0 + (q1 - q0) * in / grid_n;
          block.last_panel = q0 + (q1 - q0) * (in + 1) / grid_n;
          block.copy_a = g.m > 3 && block.last_panel - block.first_panel >= 4 &&
                         (g.a_by_columns || rows_collide<T>(g.lda));
          for (Index b = b0; b < b1; ++b) {
            block.k0 = k_begin(b);
            block.k = k_begin(b + 1) - block.k0;
            run(g, panels, PackedB<T>{data == nullptr ? nullptr : data + (block.k0 - k0) * copied, from}, block);
          }
        }
      });
    }
  }
}

// A row of C from rows of B that are contiguous in k.
template <class T>
void multiply_dots(const Product<T>& g) {
  const T* x = g.a;
  if (g.lda != 1) {
    T* copy = static_cast<T*>(scratch_a.get(static_cast<std::size_t>(g.k) * sizeof(T)));
    for (Index p = 0; p < g.k; ++p) copy[p] = g.a[p * g.lda];
    x = copy;
  }
  const Index grain = g.n * g.k <= serial_limit ? g.n : std::max<Index>(1, piece_limit / g.k);
  parallel_for(g.n, grain, [&](Index begin, Index end) {
    dot_products(end - begin, g.k, x, g.b + begin * g.ldb, g.ldb, g.c + begin, g.accumulate);
    if (g.epilogue == nullptr) return;
    if (!g.column && g.epilogue->bias != nullptr) {
      for (Index j = begin; j < end; ++j) g.c[j] += g.epilogue->bias[j];
    }
    if (needs_finish(g)) finish(g, 0, begin, 1, end - begin);
  });
}

template <class T>
void multiply(Product<T>& g) {
  // One row of A is read along k whichever way it is stored.
  if (g.m == 1) {
    g.lda = g.a_by_columns ? g.lda : 1;
    g.a_by_columns = true;
  }
  // A stored n×1 matrix is a row.
  if (g.trans_b && g.k == 1 && g.ldb == 1) {
    g.trans_b = false;
    g.ldb = g.n;
  }
  if (g.m == 1 && g.trans_b) return multiply_dots(g);
  const Panels<T> panels(g.m, g.n);
  const Index tiles = divide_up(g.m, max_rows);
  if (g.m * g.n * g.k <= serial_limit) {
    multiply_small(g, panels, tiles);
  } else {
    multiply_large(g, panels, tiles);
  }
}

}  // namespace gemm_detail

template <class T>
void gemm(bool trans_a, bool trans_b, Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb, T beta,
          T* c, Index ldc, const Epilogue<T>* epilogue) {
  if (m <= 0 || n <= 0) return;
  using gemm_detail::Product;
  const bool accumulate = beta != T(0);
  if (n == 1 && ldc == 1 && m > 1) {
    // A column of C is a row of its transpose: op(B)ᵀ·op(A)ᵀ.
    Product<T> g{1, m, k, b, ldb, !trans_b, a, lda, !trans_a, accumulate, c, m, epilogue, true};
    gemm_detail::multiply(g);
    return;
  }
  Product<T> g{m, n, k, a, lda, trans_a, b, ldb, trans_b, accumulate, c, ldc, epilogue, false};
  gemm_detail::multiply(g);
}

template void gemm<float>(bool, bool, Index, Index, Index, const float*, Index, const float*, Index, float, float*,
                          Index, const Epilogue<float>*);
template void gemm<double>(bool, bool, Index, Index, Index, const double*, Index, const double*, Index, double,
                           double*, Index, const Epilogue<double>*);

}  // namespace ranvier::kernels
