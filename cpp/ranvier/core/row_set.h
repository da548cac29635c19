// Which rows of a table's gradient may be other than zero: those looked up since it was last cleared.
#pragma once

#include <span>
#include <vector>

#include "ranvier/core/ref.h"
#include "ranvier/core/shape.h"

namespace ranvier {

/// Kept beside a gradient of shape (rows, width) by whoever writes to it. Its state changes inside recorded closures,
/// so it is right whichever program, or eager code, ran last.
class RowSet final : public RefCounted {
 public:
  RowSet(Index rows, Index width) : rows_(rows), width_(width) {}

  Index rows() const { return rows_; }
  Index width() const { return width_; }
  /// Makes room for the lists, once; before the first closure that touches rows.
  void prepare();

  /// Whether any row at all may be other than zero; touched() then says nothing about the others.
  bool everything() const { return everything_; }
  /// Rows that lookups added to, in the order they were first met.
  std::span<const Index> touched() const { return {list_.data(), count_}; }

  /// Makes the gradient zero, `item` bytes an element, where it may be other than zero, and forgets the rows.
  void clear(void* grad, std::size_t item);
  /// Something other than a lookup wrote (`overwritten`) or added to the whole gradient.
  void touch_everything(bool overwritten);

  /// Lists the rows of index[0, n), and groups the positions by row: those of touched()[k] are
  /// order[ends[k − 1], ends[k]) (from 0 for the first), ascending. `order` has room for n; returns ends.
  const Index* group(Index n, const std::int64_t* index, Index* order);

 private:
  void forget();

  Index rows_;
  Index width_;
  bool everything_ = true;  // of memory nobody has written yet
  std::size_t count_ = 0;
  std::vector<Index> list_;
  std::vector<Index> place_;  ///< of each row in the list, −1 when it is not there
  std::vector<Index> ends_;
};

}  // namespace ranvier
