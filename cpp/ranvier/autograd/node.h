// Reverse-mode automatic differentiation: a graph of nodes, one per op, walked backwards from a scalar.
//
// An op computes its result and, when any input wants a gradient, attaches a closure:
//
//   return attach("exp", y, {&x}, [kept = stop_gradient(y)](const Tensor& dy, Grads& to) { ... to.sink<T>(0) ... });
//
// The closure captures only the tensors its gradient reads, and those without their history: y itself would own its node
// and be owned by it. Gradients are written straight to where they are wanted:
// a sink says "write" for the first contribution and "add" for the later ones, so nothing is zeroed beforehand.
#pragma once

#include <functional>
#include <initializer_list>
#include <vector>

#include "ranvier/core/row_set.h"
#include "ranvier/core/tensor.h"

namespace ranvier {

class Grads;

class Node final : public RefCounted {
 public:
  using Backward = std::function<void(const Tensor& dy, Grads& to)>;

  Node(const char* name, const Shape& shape, DType dtype);
  ~Node() override;

  bool is_leaf() const { return name_ == nullptr; }
  const char* name() const { return name_ == nullptr ? "leaf" : name_; }

 private:
  friend class Grads;
  friend class Leaf;
  friend class Walk;
  friend Tensor attach(const char*, Tensor, std::initializer_list<const Tensor*>, Backward);
  friend Tensor attach(const char*, Tensor, const std::vector<Tensor>&, Backward);

  const char* name_;
  Shape shape_;
  DType dtype_;
  std::uint64_t order_;            ///< when it was made; later nodes are walked first
  std::vector<Ref<Node>> inputs_;  ///< null where no gradient is wanted
  Backward backward_;              ///< empty after the walk: the values it kept are freed
  Tensor grad_;                    ///< a leaf's gradient, or what has arrived so far during the walk
  bool filled_ = false;            ///< whether grad_ holds something yet
  Ref<RowSet> rows_;               ///< of a table: which rows of grad_ hold it; null: any
  std::uint64_t visited_ = 0;
};

/// Where the closure of an op writes the gradients of its inputs.
class Grads {
 public:
  explicit Grads(Node& node) : node_(node) {}

  bool wants(int input) const { return static_cast<bool>(node_.inputs_[static_cast<std::size_t>(input)]); }

  template <class T>
  struct Sink {
    T* data = nullptr;        ///< null when this input wants no gradient
    bool accumulate = false;  ///< add to what is there instead of overwriting it
    explicit operator bool() const { return data != nullptr; }
  };

  /// The place for the gradient of this input, with the input's number of elements. To be written once, fully.
  template <class T>
  Sink<T> sink(int input) {
    if (!wants(input)) return {};
    bool accumulate = false;
    const Tensor& grad = open(input, accumulate);
    return {grad.data<T>(), accumulate};
  }

  /// The place for the gradient of a table that adds to a few rows. `rows` is null where they are not tracked: then it
  /// is an ordinary sink. Else the rows are zero, or hold what came before: add to some, and list them.
  template <class T>
  struct RowSink : Sink<T> {
    RowSet* rows = nullptr;
  };
  template <class T>
  RowSink<T> row_sink(int input) {
    if (!wants(input)) return {};
    bool accumulate = false;
    RowSet* rows = nullptr;
    const Tensor& grad = open(input, accumulate, &rows);
    return {{grad.data<T>(), accumulate}, rows};
  }

  /// The gradient of this input is `grad` itself (same number of elements): shared, copied or added as needed.
  void pass(int input, const Tensor& grad);

 private:
  const Tensor& open(int input, bool& accumulate, RowSet** rows = nullptr);
  Node& node_;
};

/// Links y to its inputs when gradients are being recorded and one of them wants one; returns y.
Tensor attach(const char* name, Tensor y, std::initializer_list<const Tensor*> inputs, Node::Backward backward);
Tensor attach(const char* name, Tensor y, const std::vector<Tensor>& inputs, Node::Backward backward);

/// Whether an op on these inputs should keep what its gradient needs.
bool wants_grad(std::initializer_list<const Tensor*> inputs);

/// Adds d root / d leaf · seed to the gradient of every leaf below root. Without a seed, root must have one element
/// (seed 1). Frees what the graph kept: a second call on it is a StateError.
void backward(const Tensor& root, const Tensor& seed = {});

/// d root / d x · seed for each x of `of`, computed values or leaves; undefined where root does not depend on x. Leaves
/// do not collect anything, and nothing is computed that no x asks for. Frees what the graph kept, as backward does.
std::vector<Tensor> gradients(const Tensor& root, const std::vector<Tensor>& of, const Tensor& seed = {});

/// The gradient side of a tensor that was not computed: a weight, or an input under study.
class Leaf {
 public:
  /// Makes x a leaf that collects gradients; `buffer`, when given, is where they are collected.
  static void require_grad(const Tensor& x, const Tensor& buffer = {});
  static void drop(const Tensor& x);
  /// From now on `rows` knows which rows of the gradient may be other than zero; x is a leaf of shape (rows, width).
  static void track_rows(const Tensor& x, const Ref<RowSet>& rows);
  static bool requires_grad(const Tensor& x);
  static bool is_leaf(const Tensor& x);
  /// The gradient so far; undefined when nothing has arrived since the last clear.
  static Tensor grad(const Tensor& x);
  static void clear_grad(const Tensor& x);
  /// The buffer gradients go to, made when missing; zeroed if nothing has arrived (so that it can be read).
  static Tensor settled_grad(const Tensor& x);
};

/// The same data without the link to its history.
Tensor stop_gradient(const Tensor& x);

/// While it lives, ops on this thread keep no history.
class NoGrad {
 public:
  explicit NoGrad(bool off = true);
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};
bool grad_enabled();
/// Sets the mode of this thread; returns the previous one (for Python's context manager).
bool set_grad_enabled(bool on);

}  // namespace ranvier
