#include "ranvier/nn/parameter.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "ranvier/ops/elementwise.h"

namespace ranvier::nn {
namespace {

std::atomic<std::uint64_t> layout{1};

bool adjacent(const Parameter& a, const Parameter& b) {
  const auto step = static_cast<std::size_t>(padded_size(a)) * size_of(a.value.dtype());
  return a.value.impl()->storage == b.value.impl()->storage && a.value.impl()->data + step == b.value.impl()->data;
}

bool side_by_side(const Parameters& group) {
  for (std::size_t i = 0; i + 1 < group.size(); ++i) {
    if (!adjacent(*group[i], *group[i + 1])) return false;
  }
  return true;
}

/// Moves the values; returns the places of the gradients.
std::vector<Tensor> pack_group(const Parameters& group, DType dtype) {
  Index total = 0;
  for (const auto& p : group) total += padded_size(*p);
  const Tensor values = zeros({total}, dtype);
  const Tensor grads = zeros({total}, dtype);
  std::vector<Tensor> grad_places;
  Index at = 0;
  for (const auto& p : group) {
    const Index n = p->value.numel();
    const Tensor place = rows(values, at, n);
    std::memcpy(place.raw(), p->value.raw(), p->value.bytes());
    // The impl behind the handle moves, so that every holder of the tensor follows.
    p->value.impl()->storage = place.impl()->storage;
    p->value.impl()->data = place.impl()->data;
    grad_places.push_back(view(rows(grads, at, n), p->value.shape()));
    at += padded_size(*p);
  }
  return grad_places;
}

}  // namespace

std::uint64_t layout_version() { return layout; }
void change_layout() { ++layout; }

Parameter::Parameter(std::string name_, Tensor value_, bool trainable)
    : name(std::move(name_)), path(name), value(std::move(value_)) {
  if (trainable) set_trainable(true);
}

void Parameter::set_trainable(bool trainable) {
  if (trainable == trainable_) return;
  if (trainable) {
    Leaf::require_grad(value, grad_buffer_);
    if (rows_) Leaf::track_rows(value, rows_);
  } else {
    Leaf::drop(value);
  }
  trainable_ = trainable;
  ++layout;
}

void Parameter::track_rows() {
  check(value.rank() == 2, "[", path, "] expected a table of shape (rows, width), received shape ", value.shape());
  rows_ = make_ref<RowSet>(value.dim(0), value.dim(1));
  if (trainable_) Leaf::track_rows(value, rows_);
  ++layout;
}

void Parameter::assign(const Tensor& values) {
  check(values.shape() == value.shape(), "[", path, "] expected values of shape ", value.shape(), ", received ",
        values.shape());
  copy_into(value, ops::cast(values, value.dtype()));
}

Index padded_size(const Parameter& parameter) {
  const auto unit = static_cast<Index>(arena_padding / size_of(parameter.value.dtype()));
  return (parameter.value.numel() + unit - 1) / unit * unit;
}

void pack(const Parameters& parameters) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    Parameters group;
    for (const auto& p : parameters) {
      if (p->value.dtype() == dtype) group.push_back(p);
    }
    const auto placed = [](const Ref<Parameter>& p) { return p->in_arena_; };
    if (std::all_of(group.begin(), group.end(), placed) && side_by_side(group)) continue;
    const std::vector<Tensor> places = pack_group(group, dtype);
    for (std::size_t i = 0; i < group.size(); ++i) {
      Parameter& p = *group[i];
      p.in_arena_ = true;
      p.grad_buffer_ = places[i];
      if (p.trainable()) Leaf::require_grad(p.value, p.grad_buffer_);
    }
    ++layout;
  }
}

}  // namespace ranvier::nn
