#include "ranvier/nn/optimizer.h"

#include <algorithm>
#include <cmath>

#include "ranvier/kernels/update.h"

namespace ranvier::nn {
namespace {

std::optional<double> positive(const io::Json& config, const char* key) {
  if (config.find(key) == nullptr) return {};
  const double value = config.number(key);
  check(value > 0, "optimizer: expected ", key, " > 0, received ", value);
  return value;
}

std::byte* end_of(void* data, Index size, DType dtype) {
  return static_cast<std::byte*>(data) + static_cast<std::size_t>(size) * size_of(dtype);
}

bool continues(const Segment& a, const Segment& b) {
  if (a.dtype != b.dtype || a.decay != b.decay || a.rows != nullptr || b.rows != nullptr) return false;
  const auto follows = [&](void* x, void* y) { return end_of(x, a.size, a.dtype) == static_cast<std::byte*>(y); };
  bool all = follows(a.weight, b.weight) && follows(a.grad, b.grad);
  for (std::size_t k = 0; k < a.slots.size(); ++k) all = all && follows(a.slots[k], b.slots[k]);
  return all;
}

double sum_of_squares(const Segment& s) {
  return dispatch_floating(s.dtype, "clip", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto* grad = static_cast<const T*>(s.grad);
    if (s.partly) return kernels::sum_of_squares_of_rows<T>(s.rows->touched(), s.rows->width(), grad);
    return kernels::sum_of_squares<T>(s.size, grad);
  });
}

}  // namespace

Optimizer::Optimizer(const io::Json& config, std::vector<std::string> slot_names)
    : learning_rate(config.number("learning_rate")),
      slot_names_(std::move(slot_names)),
      weight_decay_(config.number("weight_decay", 0.0)),
      lazy_embeddings_(config.flag("lazy_embeddings", false)),
      clipnorm_(positive(config, "clipnorm")),
      clipvalue_(positive(config, "clipvalue")),
      global_clipnorm_(positive(config, "global_clipnorm")) {
  check(clipnorm_.has_value() + clipvalue_.has_value() + global_clipnorm_.has_value() <= 1,
        "optimizer: expected at most one of clipnorm, clipvalue and global_clipnorm");
}

void Optimizer::build(const Parameters& parameters) {
  Parameters fresh;
  for (const auto& p : parameters) {
    const bool have = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.parameter == p; });
    if (!have) fresh.push_back(p);
  }
  if (fresh.empty()) return;
  pack(fresh);
  for (const DType dtype : {DType::float32, DType::float64}) {
    Index total = 0;
    for (const auto& p : fresh) total += p->value.dtype() == dtype ? padded_size(*p) : 0;
    if (total == 0) continue;
    std::vector<Tensor> arenas;
    for (std::size_t k = 0; k < slot_names_.size(); ++k) arenas.push_back(zeros({total}, dtype));
    Index at = 0;
    for (const auto& p : fresh) {
      if (p->value.dtype() != dtype) continue;
      Entry entry{p, {}};
      for (const Tensor& arena : arenas) {
        entry.slots.push_back(view(rows(arena, at, p->value.numel()), p->value.shape()));
      }
      entries_.push_back(std::move(entry));
      at += padded_size(*p);
    }
  }
  segments_layout_ = 0;
}

void Optimizer::refresh_segments() {
  segments_.clear();
  singles_.clear();
  for (const Entry& entry : entries_) {
    const Parameter& p = *entry.parameter;
    if (!p.trainable()) continue;
    Segment s{p.value.dtype(), p.value.numel(), p.value.raw(), Leaf::settled_grad(p.value).raw(), {},
              p.decay,         p.rows()};
    for (const Tensor& slot : entry.slots) s.slots.push_back(slot.raw());
    singles_.push_back(s);
    s.size = padded_size(p);  // what pads a parameter stays zero, so a pass may run over it
    if (!segments_.empty() && continues(segments_.back(), s)) {
      segments_.back().size += s.size;
    } else {
      // Alone in its own buffer a parameter has no padding to run over.
      segments_.push_back(s);
    }
  }
  segments_layout_ = layout_version();
}

void Optimizer::step() {
  check<StateError>(built(),
                    "optimizer: it has no weights to update yet; compile and fit the model with it, or call "
                    "optimizer.build(model.trainable_variables)");
  if (segments_layout_ != layout_version()) refresh_segments();
  for (const Entry& entry : entries_) {
    if (entry.parameter->trainable()) (void)Leaf::settled_grad(entry.parameter->value);
  }
  exec([this] { run_updates(); });
}

// A table changes in the rows that lookups reached where that is what the rule says, or what the user asked for.
bool Optimizer::changes_rows_only(const Segment& s) const {
  if (s.rows == nullptr || s.rows->everything()) return false;
  return lazy_embeddings_ || (zero_changes_nothing() && (weight_decay_ == 0 || !s.decay));
}

void Optimizer::clip() {
  const auto scale = [](const Segment& s, double factor) {
    dispatch_floating(s.dtype, "clip", [&](auto tag) {
      using T = typename decltype(tag)::type;
      each_run<T>(s,
                  [factor](Index n, T*, T* g, T*, T*, T*) { kernels::scale_inplace<T>(n, static_cast<T>(factor), g); });
    });
  };
  if (clipvalue_) {
    for (const Segment& s : segments_) {
      dispatch_floating(s.dtype, "clip", [&](auto tag) {
        using T = typename decltype(tag)::type;
        each_run<T>(s, [limit = static_cast<T>(*clipvalue_)](Index n, T*, T* g, T*, T*, T*) {
          kernels::clip_inplace<T>(n, limit, g);
        });
      });
    }
  }
  if (clipnorm_) {
    for (const Segment& s : singles_) {
      const double norm = std::sqrt(sum_of_squares(s));
      if (norm > *clipnorm_) scale(s, *clipnorm_ / norm);
    }
  }
  if (global_clipnorm_) {
    double total = 0;
    for (const Segment& s : singles_) total += sum_of_squares(s);
    const double norm = std::sqrt(total);
    if (norm > *global_clipnorm_) {
      for (const Segment& s : segments_) scale(s, *global_clipnorm_ / norm);
    }
  }
}

void Optimizer::run_updates() {
  ++iterations;
  for (Segment& s : segments_) s.partly = changes_rows_only(s);
  for (Segment& s : singles_) s.partly = changes_rows_only(s);
  clip();
  for (const Segment& s : segments_) {
    if (weight_decay_ != 0 && s.decay) {
      dispatch_floating(s.dtype, "weight_decay", [&](auto tag) {
        using T = typename decltype(tag)::type;
        each_run<T>(s, [rate = weight_decay_ * learning_rate](Index n, T* w, T*, T*, T*, T*) {
          kernels::decay<T>(n, rate, w);
        });
      });
    }
    update(s);
  }
}

void Optimizer::zero_grad() {
  for (const Entry& entry : entries_) Leaf::clear_grad(entry.parameter->value);
}

Parameters Optimizer::parameters() const {
  Parameters all;
  for (const Entry& entry : entries_) all.push_back(entry.parameter);
  return all;
}

std::vector<std::pair<std::string, Tensor>> Optimizer::slots() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (std::size_t k = 0; k < slot_names_.size(); ++k) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      all.emplace_back(slot_names_[k] + "/" + std::to_string(i), entries_[i].slots[k]);
    }
  }
  return all;
}

void Optimizer::load_slots(const std::vector<std::pair<std::string, Tensor>>& given, Index steps) {
  const auto own = slots();
  check(given.size() == own.size(), "optimizer: expected ", own.size(), " slots, received ", given.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto& [name, mine] = own[i];
    const auto& [other, values] = given[i];
    check(name == other && mine.shape() == values.shape() && mine.dtype() == values.dtype(),
          "optimizer: expected slot '", name, "' of shape ", mine.shape(), " and dtype ", name_of(mine.dtype()),
          ", received '", other, "' of shape ", values.shape(), " and dtype ", name_of(values.dtype()));
  }
  for (std::size_t i = 0; i < own.size(); ++i) copy_into(own[i].second, given[i].second);
  iterations = steps;
}

Ref<Optimizer> make_optimizer(const std::string& class_name, const io::Json& config) {
  if (class_name == "SGD") return make_sgd(config);
  if (class_name == "RMSprop") return make_rmsprop(config);
  if (class_name == "Adam" || class_name == "AdamW") return make_adam(config);
  fail("optimizer: unknown class '", class_name, "'; known: SGD, RMSprop, Adam, AdamW");
}

}  // namespace ranvier::nn
