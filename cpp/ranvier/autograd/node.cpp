#include "ranvier/autograd/node.h"

#include <algorithm>
#include <atomic>

#include "ranvier/core/parallel.h"

namespace ranvier {
namespace {

std::atomic<std::uint64_t> next_order{1};
std::atomic<std::uint64_t> next_walk{1};
thread_local bool enabled __attribute__((tls_model("initial-exec"))) = true;

Node* node_of(const Tensor& x) { return static_cast<Node*>(x.impl()->node.get()); }

// dst += src, or dst = src: autograd's only arithmetic, kept here so that it needs no kernel.
void add_into(const Tensor& dst, const Tensor& src) {
  dispatch_floating(dst.dtype(), "gradient", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([to = dst.data<T>(), from = src.data<T>(), n = dst.numel()] {
      parallel_for(n, 16384, [to, from](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) to[i] += from[i];
      });
    });
  });
}

}  // namespace

Node::Node(const char* name, const Shape& shape, DType dtype)
    : name_(name), shape_(shape), dtype_(dtype), order_(next_order.fetch_add(1, std::memory_order_relaxed)) {}

Node::~Node() {
  // A long chain would recurse once per op and overflow the stack; take it apart in a loop instead.
  std::vector<Ref<Node>> pending;
  const auto take = [&](Node& node) {
    for (Ref<Node>& input : node.inputs_) {
      if (input) pending.push_back(std::move(input));
    }
    node.inputs_.clear();
  };
  take(*this);
  while (!pending.empty()) {
    const Ref<Node> node = std::move(pending.back());
    pending.pop_back();
    if (node.unique()) take(*node);  // asked here, where the second reference of x·x has already gone
  }
}

const Tensor& Grads::open(int input, bool& accumulate, RowSet** rows) {
  Node& node = *node_.inputs_[static_cast<std::size_t>(input)];
  accumulate = node.filled_;
  if (!node.grad_.defined()) {
    node.grad_ = empty(node.shape_, node.dtype_);
    if (node.rows_) node.rows_->touch_everything(true);
  } else if (accumulate && !node.is_leaf() && !node.grad_.exclusive()) {
    Tensor own = empty(node.shape_, node.dtype_);  // passed on by reference: somebody else still reads it
    copy_into(own, node.grad_);
    node.grad_ = own;
  }
  node.filled_ = true;
  if (RowSet* set = node.rows_.get(); set != nullptr) {
    if (rows == nullptr) {
      exec([set, overwritten = !accumulate] { set->touch_everything(overwritten); });
    } else {
      set->prepare();
      *rows = set;
      if (!accumulate) exec([set, grad = node.grad_.raw(), item = size_of(node.dtype_)] { set->clear(grad, item); });
    }
  }
  return node.grad_;
}

void Grads::pass(int input, const Tensor& grad) {
  if (!wants(input)) return;
  Node& node = *node_.inputs_[static_cast<std::size_t>(input)];
  if (!node.filled_ && !node.is_leaf()) {
    node.grad_ = view(grad, node.shape_);
    node.filled_ = true;
    return;
  }
  bool accumulate = false;
  const Tensor& to = open(input, accumulate);
  if (accumulate) {
    add_into(to, grad);
  } else {
    copy_into(to, grad);
  }
}

bool wants_grad(std::initializer_list<const Tensor*> inputs) {
  return enabled && std::any_of(inputs.begin(), inputs.end(),
                                [](const Tensor* x) { return x->defined() && static_cast<bool>(x->impl()->node); });
}

Tensor attach(const char* name, Tensor y, std::initializer_list<const Tensor*> inputs, Node::Backward backward) {
  if (!wants_grad(inputs)) return y;
  auto node = make_ref<Node>(name, y.shape(), y.dtype());
  node->inputs_.reserve(inputs.size());
  for (const Tensor* x : inputs) node->inputs_.emplace_back(x->defined() ? node_of(*x) : nullptr);
  node->backward_ = std::move(backward);
  y.impl()->node = node;
  return y;
}

Tensor attach(const char* name, Tensor y, const std::vector<Tensor>& inputs, Node::Backward backward) {
  const auto linked = [](const Tensor& x) { return static_cast<bool>(x.impl()->node); };
  if (!enabled || std::none_of(inputs.begin(), inputs.end(), linked)) return y;
  auto node = make_ref<Node>(name, y.shape(), y.dtype());
  for (const Tensor& x : inputs) node->inputs_.emplace_back(node_of(x));
  node->backward_ = std::move(backward);
  y.impl()->node = node;
  return y;
}

// One walk from a root down to what it was computed from.
class Walk {
 public:
  Walk(const Tensor& root, const Tensor& seed);

  /// Drops the branches that lead to none of `of`, and puts aside what leaves among them have collected so far.
  void restrict_to(const std::vector<Tensor>& of);
  void run();
  /// What arrived at x, which restrict_to was told about.
  Tensor arrived(const Tensor& x) const;

 private:
  /// A tensor asked about: a leaf gets a place of its own for this walk.
  struct Target {
    Ref<Node> node;
    Tensor collected;  ///< what a leaf had collected before
    bool filled = false;
    Ref<RowSet> rows;
    Tensor result;
  };
  struct Targets : std::vector<Target> {
    Targets() = default;
    ~Targets() {
      for (Target& t : *this) {
        if (!t.node->is_leaf()) continue;
        t.node->grad_ = t.collected;
        t.node->filled_ = t.filled;
        t.node->rows_ = t.rows;
      }
    }
    Targets(const Targets&) = delete;
    Targets& operator=(const Targets&) = delete;
  };

  Target* find(const Node& node) {
    const auto at =
        std::find_if(targets_.begin(), targets_.end(), [&](const Target& t) { return t.node.get() == &node; });
    return at == targets_.end() ? nullptr : &*at;
  }

  Tensor root_;
  Tensor start_;
  std::vector<Ref<Node>> nodes_;  ///< latest first
  Targets targets_;
};

Walk::Walk(const Tensor& root, const Tensor& seed) : root_(root) {
  check<StateError>(static_cast<bool>(root.impl()->node),
                    "backward: this tensor does not depend on any weight or tensor that requires a gradient");
  Node& top = *node_of(root);
  if (seed.defined()) {
    check(seed.shape() == root.shape() && seed.dtype() == root.dtype(), "backward: expected a gradient of shape ",
          root.shape(), " and dtype ", name_of(root.dtype()), ", received ", seed.shape(), " and ",
          name_of(seed.dtype()));
  } else {
    check(root.numel() == 1, "backward: expected a scalar (one element), received shape ", root.shape(),
          "; reduce it with sum or mean, or pass the gradient to start from");
  }
  check<StateError>(top.is_leaf() || top.backward_,
                    "backward: the values of this computation were freed by an earlier backward(); compute the loss "
                    "again before calling it a second time");

  // The nodes below root, latest first: every node then has its whole gradient before it is asked to pass it on.
  const std::uint64_t walk = next_walk.fetch_add(1, std::memory_order_relaxed);
  nodes_.emplace_back(&top);
  top.visited_ = walk;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Ref<Node> node = nodes_[i];
    check<StateError>(node->is_leaf() || node->backward_, "backward: part of this computation ('", node->name(),
                      "') was freed by an earlier backward(); compute it again");
    for (const Ref<Node>& input : node->inputs_) {
      if (!input || input->visited_ == walk) continue;
      input->visited_ = walk;
      nodes_.push_back(input);
    }
  }
  std::sort(nodes_.begin(), nodes_.end(), [](const auto& a, const auto& b) { return a->order_ > b->order_; });
  start_ = seed.defined() ? seed : full(root.shape(), 1.0, root.dtype());
}

void Walk::restrict_to(const std::vector<Tensor>& of) {
  for (const Tensor& x : of) {
    if (!x.impl()->node || find(*node_of(x)) != nullptr) continue;
    Node& node = *node_of(x);
    Target& target = targets_.emplace_back();
    target.node = Ref<Node>(&node);
    if (!node.is_leaf()) continue;
    target.collected = std::exchange(node.grad_, Tensor());
    target.filled = std::exchange(node.filled_, false);
    target.rows = std::exchange(node.rows_, nullptr);
  }
  const std::uint64_t leads = next_walk.fetch_add(1, std::memory_order_relaxed);
  for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) {  // inputs before what was computed from them
    Node& node = **it;
    bool marked = find(node) != nullptr;
    for (Ref<Node>& input : node.inputs_) {
      if (input && input->visited_ != leads) input = nullptr;
      marked = marked || static_cast<bool>(input);
    }
    if (marked) node.visited_ = leads;
  }
}

void Walk::run() {
  Node& top = *node_of(root_);
  if (top.is_leaf()) {
    if (!targets_.empty() && find(top) == nullptr) return;
    Node link("backward", root_.shape(), root_.dtype());
    link.inputs_.emplace_back(&top);
    Grads(link).pass(0, start_);
    return;
  }
  top.grad_ = start_;
  top.filled_ = true;
  const NoGrad no_history;
  for (const Ref<Node>& node : nodes_) {
    if (node->is_leaf()) continue;
    const Node::Backward step = std::exchange(node->backward_, nullptr);
    const Tensor dy = std::exchange(node->grad_, Tensor());
    if (std::exchange(node->filled_, false)) {
      // Held here, dy is nobody's to write into.
      if (Target* target = find(*node)) target->result = dy;
      Grads to(*node);
      const auto wanted = [](const Ref<Node>& input) { return static_cast<bool>(input); };
      if (std::any_of(node->inputs_.begin(), node->inputs_.end(), wanted)) step(dy, to);
    }
    node->inputs_.clear();
  }
}

Tensor Walk::arrived(const Tensor& x) const {
  if (!x.impl()->node) return {};
  for (const Target& target : targets_) {
    if (target.node.get() != node_of(x)) continue;
    return target.node->is_leaf() ? (target.node->filled_ ? target.node->grad_ : Tensor()) : target.result;
  }
  return {};
}

void backward(const Tensor& root, const Tensor& seed) { Walk(root, seed).run(); }

std::vector<Tensor> gradients(const Tensor& root, const std::vector<Tensor>& of, const Tensor& seed) {
  Walk walk(root, seed);
  walk.restrict_to(of);
  walk.run();
  std::vector<Tensor> found;
  for (const Tensor& x : of) found.push_back(walk.arrived(x));
  return found;
}

void Leaf::require_grad(const Tensor& x, const Tensor& buffer) {
  check<TypeError>(is_floating(x.dtype()), "requires_grad: expected float32 or float64, received ", name_of(x.dtype()));
  check<StateError>(is_leaf(x), "requires_grad: only a tensor that was not computed can become a leaf");
  if (!x.impl()->node) x.impl()->node = make_ref<Node>(nullptr, x.shape(), x.dtype());
  if (buffer.defined()) {
    Node& node = *node_of(x);
    if (node.filled_) copy_into(buffer, node.grad_);
    node.grad_ = buffer;
    if (node.rows_) node.rows_->touch_everything(true);
  }
}

void Leaf::track_rows(const Tensor& x, const Ref<RowSet>& rows) {
  check<StateError>(requires_grad(x) && is_leaf(x), "gradient: this tensor collects none");
  rows->touch_everything(true);  // whatever has been collected so far
  node_of(x)->rows_ = rows;
}

void Leaf::drop(const Tensor& x) {
  check<StateError>(is_leaf(x), "requires_grad: only a tensor that was not computed can be frozen");
  x.impl()->node = nullptr;
}

bool Leaf::requires_grad(const Tensor& x) { return static_cast<bool>(x.impl()->node); }
bool Leaf::is_leaf(const Tensor& x) { return !x.impl()->node || node_of(x)->is_leaf(); }

Tensor Leaf::grad(const Tensor& x) {
  return requires_grad(x) && is_leaf(x) && node_of(x)->filled_ ? node_of(x)->grad_ : Tensor();
}

void Leaf::clear_grad(const Tensor& x) {
  if (requires_grad(x) && is_leaf(x)) node_of(x)->filled_ = false;
}

Tensor Leaf::settled_grad(const Tensor& x) {
  check<StateError>(requires_grad(x) && is_leaf(x), "gradient: this tensor collects none");
  Node& node = *node_of(x);
  RowSet* set = node.rows_.get();
  if (!node.grad_.defined()) {
    node.grad_ = empty(node.shape_, node.dtype_);
    if (set != nullptr) set->touch_everything(true);
  }
  if (node.filled_) return node.grad_;
  if (set != nullptr) {
    exec([set, grad = node.grad_.raw(), item = size_of(node.dtype_)] { set->clear(grad, item); });
  } else {
    exec([data = node.grad_.raw(), bytes = node.grad_.bytes()] {
      std::fill_n(static_cast<std::byte*>(data), bytes, std::byte{0});
    });
  }
  return node.grad_;
}

Tensor stop_gradient(const Tensor& x) { return view(x, x.shape()); }

NoGrad::NoGrad(bool off) : previous_(enabled) { enabled = enabled && !off; }
NoGrad::~NoGrad() { enabled = previous_; }
bool grad_enabled() { return enabled; }
bool set_grad_enabled(bool on) { return std::exchange(enabled, on); }

}  // namespace ranvier
