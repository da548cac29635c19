// A weight of a network, and the arena that holds many of them side by side.
#pragma once

#include <string>
#include <vector>

#include "ranvier/autograd/node.h"

namespace ranvier::nn {

/// A named tensor that belongs to a layer: trainable weights and state such as moving averages. Python's Variable.
class Parameter final : public RefCounted {
 public:
  Parameter(std::string name, Tensor value, bool trainable);

  std::string name;
  std::string path;    ///< "dense/kernel"; the name until a model sets it
  const Tensor value;  ///< a leaf of autograd while trainable
  double l1 = 0;       ///< penalties l1·Σ|w| + l2·Σw² added to the loss
  double l2 = 0;
  bool decay = true;  ///< whether the optimizer's weight decay applies

  bool trainable() const { return trainable_; }
  void set_trainable(bool trainable);
  /// Copies values of the same shape in, converting the dtype; ValueError naming the weight otherwise.
  void assign(const Tensor& values);

  /// Of a table (rows, width): notes which rows gradients reach, so that a step costs what those cost.
  void track_rows();
  /// Null when they are not tracked.
  RowSet* rows() const { return rows_.get(); }

 private:
  friend void pack(const std::vector<Ref<Parameter>>& parameters);
  bool trainable_ = false;
  bool in_arena_ = false;
  Tensor grad_buffer_;  ///< its place in the arena of gradients, kept while it is frozen
  Ref<RowSet> rows_;
};

using Parameters = std::vector<Ref<Parameter>>;

/// Moves values and gradients of these parameters into two flat buffers per dtype, in order, each parameter padded with
/// zeros to `arena_padding` bytes. Handles to the values stay valid; parameters already side by side are left alone.
void pack(const Parameters& parameters);
constexpr std::size_t arena_padding = 64;
/// Elements the parameter occupies in an arena.
Index padded_size(const Parameter& parameter);

/// Goes up whenever a parameter moved or became (not) trainable: recorded programs made before are then stale.
std::uint64_t layout_version();
/// Makes them stale: a layer moved a buffer of its own.
void change_layout();

}  // namespace ranvier::nn
