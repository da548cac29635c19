#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/conv_dense.h"
#include "ranvier/kernels/conv_region.h"
#include "ranvier/kernels/conv_tile.h"

// dw is the product of the transposed patches of x with dy. A register tile holds some channels of some taps × two vectors
// of output channels while it passes over a list of pixels: those of a block of outputs whose inputs are not padding.
// Where no tap ever meets padding all taps share a list, and a tile takes channels of several taps. So it is, too, where
// channels are few, after a copy of x with the zeros around it. Pieces of the pixels have sums of their own, added up in
// their order; where pixels are few, pieces share the tiles of dw instead.
namespace ranvier::kernels::conv_detail {
namespace {

using Sizes = ConvGeometry::Sizes;

constexpr Index piece_work = Index{1} << 19;  // multiply-adds worth a piece of their own
constexpr Index max_pieces = 16;
constexpr Index max_pixel_pieces = 8;
constexpr Index piece_pixels = 2048;            // each piece costs a pass over dw
constexpr Index block_pixels = 256;             // each block costs two
constexpr Index region_bytes = Index{1} << 19;  // of x in a block
constexpr double room_limit = 1 << 26;          // bytes of a copy; only taps far outside of x need so much

constexpr Index few_channels = 8;
constexpr Index max_steps = Index{1} << 15;  // in the lists of all blocks, to stay in cache

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
  bool each_tap;  // has its own pixels
  bool copies;    // x with its zeros
  bool keeps_lists;
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

// Taps that see the same pixels: their steps, in each image of a block as many, and the groups of their rows.
struct Share {
  std::size_t first_step;
  Index steps;
  std::size_t first_group;
  Index groups;
  int groups_per_tile;
};

// The shares of a part of an image for tiles of so many vectors; the same in all images.
struct List {
  Index part;
  int vectors;
  std::size_t first_share;
  std::size_t end_share;
};

// Kept from call to call: a steady training step asks the system for no memory.
struct Layout {
  gemm_detail::Scratch x;
  gemm_detail::Scratch dy;
  std::vector<Run> steps;
  std::vector<Group> groups;
  std::vector<Share> shares;
  std::vector<List> lists;

  void clear() {
    steps.clear();
    groups.clear();
    shares.clear();
    lists.clear();
  }
};
thread_local Layout this_layout;
thread_local gemm_detail::Scratch scratch_parts;

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

  const Region all = region_of(axes, {Span{0, axes[0].outputs}, {0, axes[1].outputs}, {0, axes[2].outputs}});
  plan.copies = !all.within(p.g.in) && p.depth < few_channels;
  plan.each_tap = !all.within(p.g.in) && !plan.copies;

  const Index taps = axes[0].taps * axes[1].taps * axes[2].taps;
  plan.keeps_lists = plan.images * pixels * taps <= max_steps;
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
  void run(Index share, Index first, Index last, const T* x, const T* dy, T* dw, Index ldw, bool accumulate) {
    const Index panel_share = share % plan.panel_shares;
    row_share = share / plan.panel_shares;
    first_panel = panels.count * panel_share / plan.panel_shares;
    last_panel = panels.count * (panel_share + 1) / plan.panel_shares;
    to = dw;
    ld = ldw;
    this_layout.clear();
    for (Index block = first; block < last; ++block) {
      go_to(block);
      adds = accumulate || block > first;
      low = {};
      if (plan.copies) {
        const Region r = region();
        low = r.low;
        view = copy_of(r, g.in, x, g.channels_in, p.depth, first_image, last_image, this_layout.x);
      } else {
        view = view_of(g.in, x, g.channels_in, first_image);
      }
      place_dy(dy);
      for (Index panel = first_panel; panel < last_panel; ++panel) {
        const auto vectors = static_cast<int>(divide_up(panels.columns_of(panel), width<T>));
        const List list = list_of(block % plan.parts, dy_step > 0 ? dy_step : panels.width_of(panel), vectors);
        for (std::size_t i = list.first_share; i < list.end_share; ++i) {
          run_taps(this_layout.shares[i], panel, vectors);
        }
      }
    }
  }

 private:
  // The block's rows of dy: in place unless the last vector of a pixel would reach beyond dy.
  void place_dy(const T* dy) {
    const Index pixels = outputs[0].size() * outputs[1].size() * outputs[2].size();
    const Index before = (outputs[0].begin * g.out[1] + outputs[1].begin) * g.out[2] + outputs[2].begin;
    const T* from = dy + (first_image * g.pixels_out() + before) * g.channels_out;
    if (dy_step > 0) {
      dy_panels = from;
      dy_panel = panels.width;
      return;
    }
    const Index images = last_image - first_image;
    dy_panel = images * pixels * panels.width;
    T* copy =
        static_cast<T*>(this_layout.dy.get(static_cast<std::size_t>(panels.elements(images * pixels)) * sizeof(T)));
    dy_panels = copy;
    for (Index panel = first_panel; panel < last_panel; ++panel) {
      const Index w = panels.width_of(panel);
      for (Index b = 0; b < images; ++b) {
        gemm_detail::pack_rows(panels.columns_of(panel), pixels,
                               from + b * g.pixels_out() * g.channels_out + panel * panels.width, g.channels_out,
                               copy + panel * dy_panel + b * pixels * w, w);
      }
    }
  }

  List list_of(Index part, Index w, int vectors) {
    Layout& layout = this_layout;
    for (const List& list : layout.lists) {
      if (list.part == part && list.vectors == vectors) return list;
    }
    if (!plan.keeps_lists) layout.clear();
    List list{part, vectors, layout.shares.size(), 0};
    const Sizes count{p.axes[0].taps, p.axes[1].taps, p.axes[2].taps};
    if (plan.each_tap) {
      for (Index t0 = 0; t0 < count[0]; ++t0) {
        for (Index t1 = 0; t1 < count[1]; ++t1) {
          for (Index t2 = 0; t2 < count[2]; ++t2) add_taps({t0, t1, t2}, {1, 1, 1}, w, vectors);
        }
      }
    } else {
      add_taps({0, 0, 0}, count, w, vectors);
    }
    list.end_share = layout.shares.size();
    layout.lists.push_back(list);
    return list;
  }

  void add_taps(const Sizes& first, const Sizes& count, Index w, int vectors) {
    Layout& layout = this_layout;
    Share share{};
    share.first_step = layout.steps.size();
    share.first_group = layout.groups.size();
    list_steps(first, w);
    list_groups(first, count, vectors, share);
    share.steps = static_cast<Index>(layout.steps.size() - share.first_step) / plan.images;
    share.groups = static_cast<Index>(layout.groups.size() - share.first_group);
    layout.shares.push_back(share);
  }

  void run_taps(const Share& share, Index panel, int vectors) const {
    const Layout& layout = this_layout;
    ChannelTile<T> tile{};
    tile.b = dy_panels + panel * dy_panel;
    tile.ldc = ld;
    tile.last = static_cast<int>(panels.columns_of(panel) - (vectors - 1) * width<T>);
    tile.accumulate = adds;
    tile.steps = layout.steps.data() + share.first_step;
    tile.count = share.steps * (last_image - first_image);
    const Index end = share.groups * (row_share + 1) / plan.row_shares;
    for (Index i = share.groups * row_share / plan.row_shares; i < end; i += share.groups_per_tile) {
      const int members = static_cast<int>(std::min<Index>(share.groups_per_tile, end - i));
      const Group* group = layout.groups.data() + share.first_group + i;
      for (int k = 0; k < members; ++k) {
        tile.a[k] = view.origin + group[k].in;
        tile.c[k] = to + group[k].row * ld + panel * panels.width;
      }
      run_tile(tile, members, group->rows, vectors);
    }
  }

  // Where the pixels of the block lie in the view and in dy, those for which the first tap is padding left out.
  void list_steps(const Sizes& tap, Index w) {
    std::array<Span, 3> spans = outputs;
    Sizes shift{};
    for (std::size_t a = 0; a < 3; ++a) {
      shift[a] = p.axes[a].shift + tap[a] * p.axes[a].tap_step - low[a];
      if (!plan.each_tap) continue;
      const Span all = inside(shift[a], p.axes[a].step, g.out[a], g.in[a]);
      spans[a] = {std::max(all.begin, outputs[a].begin), std::min(all.end, outputs[a].end)};
    }
    std::vector<Run>& steps = this_layout.steps;
    const Index in_step = p.axes[2].step * view.stride[2];
    for (Index b = 0; b < plan.images; ++b) {
      for (Index o0 = spans[0].begin; o0 < spans[0].end; ++o0) {
        for (Index o1 = spans[1].begin; o1 < spans[1].end; ++o1) {
          const Index line = b * view.image_stride + (o0 * p.axes[0].step + shift[0]) * view.stride[0] +
                             (o1 * p.axes[1].step + shift[1]) * view.stride[1] +
                             (spans[2].begin * p.axes[2].step + shift[2]) * view.stride[2];
          const Index dy_line =
              ((b * outputs[0].size() + o0 - outputs[0].begin) * outputs[1].size() + o1 - outputs[1].begin) *
                  outputs[2].size() +
              spans[2].begin - outputs[2].begin;
          for (Index i = 0; i < spans[2].size(); ++i) steps.push_back({line + i * in_step, (dy_line + i) * w});
        }
      }
    }
  }

  // Lists the groups of rows of dw. What lies together along the last axis of taps is one line.
  void list_groups(const Sizes& first, const Sizes& count, int vectors, Share& share) const {
    const bool merged = p.axes[2].tap_step == 1 && view.stride[2] == p.depth;
    const Index length = (merged ? count[2] : 1) * p.depth;
    const Index last = merged ? 1 : count[2];
    const Cut cut = cut_lines<T>(length, count[0] * count[1] * last, vectors);
    share.groups_per_tile = cut.groups;
    for (Index part = 0; part < cut.parts; ++part) {
      const Index begin = length * part / cut.parts;
      const Index end = length * (part + 1) / cut.parts;
      for (Index t0 = 0; t0 < count[0]; ++t0) {
        for (Index t1 = 0; t1 < count[1]; ++t1) {
          for (Index t2 = 0; t2 < last; ++t2) {
            const Index tap =
                ((first[0] + t0 + p.dropped[0]) * g.kernel[1] + first[1] + t1 + p.dropped[1]) * g.kernel[2] + first[2] +
                t2 + p.dropped[2];
            const Index in = t0 * p.axes[0].tap_step * view.stride[0] + t1 * p.axes[1].tap_step * view.stride[1] +
                             t2 * p.axes[2].tap_step * view.stride[2];
            this_layout.groups.push_back({in + begin, tap * p.depth + begin, static_cast<int>(end - begin)});
          }
        }
      }
    }
  }

  const Problem<T>& p;
  const ConvGeometry& g;
  const Plan& plan;
  const Panels<T>& panels;
  std::array<Span, 3> outputs{};
  Index first_image = 0, last_image = 0, row_share = 0, first_panel = 0, last_panel = 0;
  View<T> view{};
  Sizes low{};  // where the view begins in x
  const T* dy_panels = nullptr;
  Index dy_panel = 0;
  const Index dy_step = p.columns % width<T> == 0 ? g.channels_out : 0;  // 0: the width of a panel
  T* to = nullptr;
  Index ld = 0;
  bool adds = false;
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
    if (plan.copies && bytes > room_limit) return false;
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
