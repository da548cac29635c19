// Prefix beam search: after each row the likeliest prefixes, each with the probability of its last step being a blank.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/ctc.h"

namespace ranvier::kernels {
namespace {

constexpr double impossible = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  const double most = std::max(a, b);
  return most == impossible ? impossible : most + std::log1p(std::exp(std::min(a, b) - most));
}

/// All prefixes met so far, as a tree.
class Prefixes {
 public:
  struct Node {
    Index parent;
    Index label;
  };
  Index extended(Index prefix, Index label, Index classes) {
    const auto [at, fresh] = children_.try_emplace(prefix * classes + label, static_cast<Index>(nodes_.size()));
    if (fresh) nodes_.push_back({prefix, label});
    return at->second;
  }
  const Node& operator[](Index prefix) const { return nodes_[static_cast<std::size_t>(prefix)]; }

 private:
  std::vector<Node> nodes_{{-1, -1}};
  std::unordered_map<Index, Index> children_;
};

struct Beam {
  Index prefix;
  double emitted;  ///< log-probability of the alignments that end with its last label
  double blank;    ///< of those that end with a blank
  double total() const { return log_add(emitted, blank); }
};

void keep_best(std::vector<Beam>& beams, Index most) {
  const auto count = std::min(beams.size(), static_cast<std::size_t>(most));
  // Ties go to the prefix that was met first.
  const auto better = [](const Beam& a, const Beam& b) {
    const double x = a.total();
    const double y = b.total();
    return x > y || (x == y && a.prefix < b.prefix);
  };
  std::partial_sort(beams.begin(), beams.begin() + static_cast<std::ptrdiff_t>(count), beams.end(), better);
  beams.resize(count);
}

template <class T>
void search(const CtcSizes& sizes, Index width, Index steps, const T* logp, Prefixes& prefixes,
            std::vector<Beam>& beams) {
  beams = {{0, impossible, 0}};
  std::unordered_map<Index, std::size_t> places;
  std::vector<Beam> next;
  for (Index t = 0; t < steps; ++t) {
    const T* row = logp + t * sizes.classes;
    places.clear();
    next.clear();
    const auto at = [&](Index prefix) -> Beam& {
      const auto [place, fresh] = places.try_emplace(prefix, next.size());
      if (fresh) next.push_back({prefix, impossible, impossible});
      return next[place->second];
    };
    for (const Beam& beam : beams) {
      const Index last = prefixes[beam.prefix].label;
      const double total = beam.total();
      for (Index c = 0; c < sizes.classes; ++c) {
        const double p = static_cast<double>(row[c]);
        if (c == sizes.blank) {
          Beam& same = at(beam.prefix);
          same.blank = log_add(same.blank, total + p);
          continue;
        }
        Beam& longer = at(prefixes.extended(beam.prefix, c, sizes.classes));
        longer.emitted = log_add(longer.emitted, (c == last ? beam.blank : total) + p);
        if (c == last) {
          Beam& same = at(beam.prefix);
          same.emitted = log_add(same.emitted, beam.emitted + p);
        }
      }
    }
    keep_best(next, width);
    beams.swap(next);
  }
}

}  // namespace

template <class T>
void ctc_beam_search(const CtcSizes& sizes, Index width, Index top, const std::int64_t* steps, const T* logp,
                     std::int32_t* paths, T* scores) {
  std::fill_n(paths, top * sizes.batch * sizes.time, -1);
  std::fill_n(scores, top * sizes.batch, -std::numeric_limits<T>::infinity());
  parallel_for(sizes.batch, 1, [&](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) {
      Prefixes prefixes;
      std::vector<Beam> beams;
      search(sizes, width, std::clamp<Index>(steps[b], 0, sizes.time), logp + b * sizes.time * sizes.classes, prefixes,
             beams);
      keep_best(beams, top);
      for (std::size_t k = 0; k < beams.size(); ++k) {
        scores[b * top + static_cast<Index>(k)] = static_cast<T>(beams[k].total());
        std::vector<std::int32_t> labels;
        for (Index at = beams[k].prefix; at > 0; at = prefixes[at].parent) {
          labels.push_back(static_cast<std::int32_t>(prefixes[at].label));
        }
        std::int32_t* to = paths + (static_cast<Index>(k) * sizes.batch + b) * sizes.time;
        std::reverse_copy(labels.begin(), labels.end(), to);
      }
    }
  });
}

#define RANVIER_INSTANTIATE(T) \
  template void ctc_beam_search<T>(const CtcSizes&, Index, Index, const std::int64_t*, const T*, std::int32_t*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
