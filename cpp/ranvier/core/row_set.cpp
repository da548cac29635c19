#include "ranvier/core/row_set.h"

#include <cstring>

namespace ranvier {

void RowSet::prepare() {
  if (!list_.empty() || rows_ == 0) return;
  const auto n = static_cast<std::size_t>(rows_);
  std::vector<Index> place(n, -1);
  std::vector<Index> ends(n);
  list_.resize(n);
  place_ = std::move(place);
  ends_ = std::move(ends);
}

void RowSet::forget() {
  for (const Index row : touched()) place_[static_cast<std::size_t>(row)] = -1;
  count_ = 0;
}

void RowSet::clear(void* grad, std::size_t item) {
  const std::size_t row_bytes = static_cast<std::size_t>(width_) * item;
  if (everything_) {
    std::memset(grad, 0, static_cast<std::size_t>(rows_) * row_bytes);
  } else {
    auto* bytes = static_cast<std::byte*>(grad);
    for (const Index row : touched()) std::memset(bytes + static_cast<std::size_t>(row) * row_bytes, 0, row_bytes);
  }
  forget();
  everything_ = false;
}

void RowSet::touch_everything(bool overwritten) {
  if (overwritten) forget();
  everything_ = true;
}

const Index* RowSet::group(Index n, const std::int64_t* index, Index* order) {
  for (std::size_t k = 0; k < count_; ++k) ends_[k] = 0;
  for (Index i = 0; i < n; ++i) {
    Index& place = place_[static_cast<std::size_t>(index[i])];
    if (place < 0) {
      place = static_cast<Index>(count_);
      ends_[count_] = 0;
      list_[count_++] = index[i];
    }
    ++ends_[static_cast<std::size_t>(place)];
  }
  Index before = 0;
  for (std::size_t k = 0; k < count_; ++k) before += std::exchange(ends_[k], before);  // starts, for now
  for (Index i = 0; i < n; ++i) {
    order[ends_[static_cast<std::size_t>(place_[static_cast<std::size_t>(index[i])])]++] = i;
  }
  return ends_.data();
}

}  // namespace ranvier
