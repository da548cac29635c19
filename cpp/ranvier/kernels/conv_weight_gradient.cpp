#include <cstring>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/conv_dense.h"
#include "ranvier/kernels/conv_region.h"
#include "ranvier/kernels/conv_tile.h"

// dw is the product of the transposed patches of x with dy. A register tile holds some channels of some taps × two vectors
// of output channels while it passes over the pixels of a block; x is read in place or from a copy with the zeros around
// it, dy from a copy in panels. Pieces of the pixels have sums of their own, added up in their order; where pixels are
// few, pieces share the tiles of dw instead.
namespace ranvier::kernels::conv_detail {
namespace {

using Sizes = ConvGeometry::Sizes;

constexpr Index piece_work = Index{1} << 19;  // multiply-adds worth a piece of their own
constexpr Index max_pieces = 16;
constexpr Index max_pixel_pieces = 8;
constexpr Index piece_pixels = 2048;            // each piece costs a pass over dw
constexpr Index block_pixels = 512;             // each block costs two
constexpr Index region_bytes = Index{1} << 19;  // of x in a block
constexpr double room_limit = 1 << 26;          // bytes of a copy; only taps far outside of x need so much

thread_local gemm_detail::Scratch scratch_x;
thread_local gemm_detail::Scratch scratch_dy;
thread_local gemm_detail::Scratch scratch_offsets;
thread_local gemm_detail::Scratch scratch_groups;
thread_local gemm_detail::Scratch scratch_parts;

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

template <class T>
struct Problem {
  const ConvGeometry& g;
  Axes axes;
  Sizes dropped;  // taps in front that never meet x
  Index depth;    // input channels of a group
  Index columns;  // output channels of a group
};

// Blocks of pixels: `images` whole images each, or with images = 1 a part of the outputs along `axis`.
struct Plan {
  std::size_t axis;
  Index images;
  Index parts;         // of an image
  Index blocks;        // in all
  Index pixel_pieces;  // shares of the blocks
  Index panel_shares;
  Index row_shares;
};

// Rows of a tile that share a pointer: where they begin in the view, and their row of dw.
struct Group {
  Index in;
  Index row;
  int rows;
};

template <class T>
Plan plan_of(const Problem<T>& p, const Panels<T>& panels) {
  Plan plan{};
  const Axes& axes = p.axes;
  plan.axis = axes[0].outputs > 1 ? 0 : axes[1].outputs > 1 ? 1 : 2;
  const Axis& cut = axes[plan.axis];
  Index line = p.depth * static_cast<Index>(sizeof(T));
  for (std::size_t a = 0; a < 3; ++a) {
    if (a != plan.axis) line *= std::max<Index>(1, axes[a].highest(axes[a].outputs) - axes[a].lowest(0) + 1);
  }
  const Index shared = std::max<Index>(0, (cut.taps - 1) * cut.tap_step + 1 - cut.step);
  const Index fit = std::max<Index>(1, (region_bytes / line - shared) / cut.step);
  const Index pixels = p.g.pixels_out();
  const Index units = std::clamp<Index>(divide_up(block_pixels * cut.outputs, pixels), 1, fit);
  plan.images = std::clamp<Index>(units / cut.outputs, 1, p.g.batch);
  plan.parts = units >= cut.outputs ? 1 : divide_up(cut.outputs, units);
  plan.blocks = divide_up(p.g.batch, plan.images) * plan.parts;

  const Index taps = axes[0].taps * axes[1].taps * axes[2].taps;
  const Index wanted = std::clamp<Index>(p.g.batch * pixels * taps * p.depth * p.columns / piece_work, 1, max_pieces);
  plan.pixel_pieces =
      std::clamp<Index>(p.g.batch * pixels / piece_pixels, 1, std::min({wanted, max_pixel_pieces, plan.blocks}));
  plan.panel_shares = std::clamp<Index>(wanted / plan.pixel_pieces, 1, panels.count);
  plan.row_shares =
      std::clamp<Index>(wanted / plan.pixel_pieces / plan.panel_shares, 1, divide_up(taps * p.depth, max_rows));
  return plan;
}

template <class T>
class Piece {
 public:
  Piece(const Problem<T>& problem, const Plan& the_plan, const Panels<T>& the_panels)
      : p(problem), g(problem.g), plan(the_plan), panels(the_panels) {
    for (std::size_t a = 0; a < 3; ++a) outputs[a] = {0, g.out[a]};
  }

  void go_to(Index block) {
    first_image = block / plan.parts * plan.images;
    last_image = std::min(g.batch, first_image + plan.images);
    const Index part = block % plan.parts;
    outputs[plan.axis] = {g.out[plan.axis] * part / plan.parts, g.out[plan.axis] * (part + 1) / plan.parts};
  }
  Region region() const { return region_of(p.axes, outputs); }

  // Adds what this share of panels and rows sees in the blocks [first, last) to dw, whose rows are ldw apart.
  void run(Index number, Index first, Index last, const T* x, const T* dy, T* dw, Index ldw, bool accumulate) {
    const Index panel_share = number % plan.panel_shares;
    row_share = number / plan.panel_shares;
    const Index first_panel = panels.count * panel_share / plan.panel_shares;
    const Index last_panel = panels.count * (panel_share + 1) / plan.panel_shares;
    for (Index block = first; block < last; ++block) {
      go_to(block);
      view = view_of(region(), g.in, x, g.channels_in, p.depth, first_image, last_image, scratch_x);
      write_offsets();
      Tile<T> tile{};
      tile.a_stride = p.axes[2].step * view.stride[2];
      tile.offsets = offsets;
      tile.runs = (last_image - first_image) * outputs[0].size() * outputs[1].size();
      tile.length = outputs[2].size();
      tile.ldc = ldw;
      tile.accumulate = accumulate || block > first;
      for (Index panel = first_panel; panel < last_panel; ++panel) {
        place_dy(tile, dy, panel);
        const Index column = panel * panels.width;
        const Index columns = panels.columns_of(panel);
        const int vectors = static_cast<int>(divide_up(columns, width<T>));
        cut_rows(vectors);
        tile.last = static_cast<int>(columns - (vectors - 1) * width<T>);
        for (Index i = first_group; i < last_group; i += cut.groups) {
          const int count = static_cast<int>(std::min<Index>(cut.groups, last_group - i));
          for (int k = 0; k < count; ++k) {
            tile.a[k] = view.origin + groups[i + k].in;
            tile.c[k] = dw + groups[i + k].row * ldw + column;
          }
          tile_for<T, true>(count, groups[i].rows, vectors)(tile);
        }
      }
    }
  }

 private:
  void write_offsets() {
    const Index lines = (last_image - first_image) * outputs[0].size() * outputs[1].size();
    offsets = static_cast<Index*>(scratch_offsets.get(static_cast<std::size_t>(lines) * sizeof(Index)));
    Index* to = offsets;
    for (Index b = 0; b < last_image - first_image; ++b) {
      for (Index o0 = 0; o0 < outputs[0].size(); ++o0) {
        for (Index o1 = 0; o1 < outputs[1].size(); ++o1) {
          *to++ = b * view.image_stride + o0 * p.axes[0].step * view.stride[0] + o1 * p.axes[1].step * view.stride[1];
        }
      }
    }
  }

  // The block's rows of dy: in place when they are one panel without gaps.
  void place_dy(Tile<T>& tile, const T* dy, Index panel) {
    const Index columns = panels.columns_of(panel);
    const Index to_width = panels.width_of(panel);
    const Index pixels = outputs[0].size() * outputs[1].size() * outputs[2].size();
    const Index before = (outputs[0].begin * g.out[1] + outputs[1].begin) * g.out[2] + outputs[2].begin;
    const T* from = dy + (first_image * g.pixels_out() + before) * g.channels_out + panel * panels.width;
    tile.b_stride = to_width;
    if (to_width == g.channels_out) {
      tile.b = from;
      return;
    }
    const Index images = last_image - first_image;
    T* to = static_cast<T*>(scratch_dy.get(static_cast<std::size_t>(images * pixels * to_width) * sizeof(T)));
    tile.b = to;
    for (Index b = 0; b < images; ++b) {
      gemm_detail::pack_rows(columns, pixels, from + b * g.pixels_out() * g.channels_out, g.channels_out,
                             to + b * pixels * to_width, to_width);
    }
  }

  // Lists the groups of rows of dw, and which of them are this piece's.
  void cut_rows(int vectors) {
    const Runs runs = runs_of(p.axes, view, p.depth);
    cut = cut_line(runs.length, vectors);
    const Index count = runs.count * cut.parts;
    groups = static_cast<Group*>(scratch_groups.get(static_cast<std::size_t>(count) * sizeof(Group)));
    Group* group = groups;
    for (Index part = 0; part < cut.parts; ++part) {
      const Index begin = runs.length * part / cut.parts;
      const Index end = runs.length * (part + 1) / cut.parts;
      each_run(p.axes, view, runs.merged, [&](const Sizes& t, Index place) {
        const Index tap =
            ((t[0] + p.dropped[0]) * g.kernel[1] + t[1] + p.dropped[1]) * g.kernel[2] + t[2] + p.dropped[2];
        *group++ = {place + begin, tap * p.depth + begin, static_cast<int>(end - begin)};
      });
    }
    first_group = count * row_share / plan.row_shares;
    last_group = count * (row_share + 1) / plan.row_shares;
  }

  const Problem<T>& p;
  const ConvGeometry& g;
  const Plan& plan;
  const Panels<T>& panels;
  std::array<Span, 3> outputs{};
  Index first_image = 0, last_image = 0, row_share = 0;
  View<T> view{};
  Index* offsets = nullptr;
  Cut cut{};
  Group* groups = nullptr;
  Index first_group = 0, last_group = 0;
};

template <class T>
void multiply(const Problem<T>& p, const Plan& plan, const Panels<T>& panels, const T* x, const T* dy, T* dw,
              bool accumulate) {
  const Index rows = p.g.taps() * p.depth;
  const Index part = rows * p.columns;
  T* parts = static_cast<T*>(scratch_parts.get(static_cast<std::size_t>((plan.pixel_pieces - 1) * part) * sizeof(T)));
  // Taps that never meet x have no tile that would write their rows.
  if (p.axes[0].taps * p.axes[1].taps * p.axes[2].taps < p.g.taps()) {
    std::fill_n(parts, (plan.pixel_pieces - 1) * part, T(0));
  }
  const Index shares = plan.panel_shares * plan.row_shares;
  parallel_for(plan.pixel_pieces * shares, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index piece = i / shares;
      const Index first = plan.blocks * piece / plan.pixel_pieces;
      const Index last = plan.blocks * (piece + 1) / plan.pixel_pieces;
      Piece<T> work(p, plan, panels);
      if (piece == 0) {
        work.run(i % shares, first, last, x, dy, dw, p.g.channels_out, accumulate);
      } else {
        work.run(i % shares, first, last, x, dy, parts + (piece - 1) * part, p.columns, false);
      }
    }
  });
  if (plan.pixel_pieces == 1) return;
  parallel_for(rows, std::max<Index>(1, (Index{1} << 13) / p.columns), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      T* to = dw + r * p.g.channels_out;
      for (Index piece = 0; piece + 1 < plan.pixel_pieces; ++piece) {
        const T* from = parts + piece * part + r * p.columns;
        for (Index j = 0; j < p.columns; ++j) to[j] += from[j];
      }
    }
  });
}

}  // namespace

template <class T>
bool dense_weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw, bool accumulate) {
  Problem<T> p{g, forward_axes(g), {}, g.channels_in / g.groups, g.channels_out / g.groups};
  for (std::size_t a = 0; a < 3; ++a) p.dropped[a] = p.axes[a].trim(g.in[a]);
  const Index taps = p.axes[0].taps * p.axes[1].taps * p.axes[2].taps;
  const Panels<T> panels(p.columns);
  const Plan plan = plan_of(p, panels);
  if (taps > 0) {
    Piece<T> piece(p, plan, panels);
    piece.go_to(0);
    double bytes = static_cast<double>(plan.images * p.depth) * sizeof(T);
    for (const Index size : piece.region().size) bytes *= static_cast<double>(size);
    if (!piece.region().within(g.in) && bytes > room_limit) return false;
  }
  if (taps < g.taps() && !accumulate) {
    std::fill_n(dw, g.taps() * p.depth * g.channels_out, T(0));
    accumulate = true;
  }
  for (Index group = 0; taps > 0 && group < g.groups; ++group) {
    multiply(p, plan, panels, x + group * p.depth, dy + group * p.columns, dw + group * p.columns, accumulate);
  }
  return true;
}

template bool dense_weight_gradient<float>(const ConvGeometry&, const float*, const float*, float*, bool);
template bool dense_weight_gradient<double>(const ConvGeometry&, const double*, const double*, double*, bool);

}  // namespace ranvier::kernels::conv_detail
