// Gradient descent and its refinements: what is common to all. The rules are in sgd.cpp, adam.cpp, rmsprop.cpp.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ranvier/io/json.h"
#include "ranvier/kernels/pieces.h"
#include "ranvier/nn/parameter.h"

namespace ranvier::nn {

/// A run of weights, gradients and slots that lie side by side: one pass of the update.
struct Segment {
  DType dtype;
  Index size;
  void* weight;
  void* grad;
  std::vector<void*> slots;
  bool decay;
  RowSet* rows = nullptr;  ///< of a table: the rows its gradient reaches
  bool partly = false;     ///< whether this step changes those rows only
};

class Optimizer : public RefCounted {
 public:
  /// Reads "learning_rate", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "lazy_embeddings": tables of
  /// which a step looks up a few rows keep the weights and slots of the others, also where the rule would move them.
  Optimizer(const io::Json& config, std::vector<std::string> slot_names);

  /// Packs the parameters side by side and makes their slots; parameters it has already are left alone.
  void build(const Parameters& parameters);
  bool built() const { return !entries_.empty(); }

  /// One update of every trainable parameter from its gradient (no gradient counts as zero). Recordable: learning rate
  /// and step count are read when it runs.
  void step();
  /// Forgets the gradients.
  void zero_grad();

  Parameters parameters() const;
  /// "momentum/0", "momentum/1" …, in the order of the parameters; the tensors are the state itself.
  std::vector<std::pair<std::string, Tensor>> slots() const;
  /// Sets slots and step count; ValueError before anything has changed when names or shapes do not fit.
  void load_slots(const std::vector<std::pair<std::string, Tensor>>& slots, Index iterations);

  double learning_rate;
  Index iterations = 0;

 protected:
  /// The rule for one segment; called inside exec, so it may read this object's numbers.
  virtual void update(const Segment& segment) const = 0;
  /// Whether a gradient of zero changes neither weight nor slots, so that rows without one may be left out.
  virtual bool zero_changes_nothing() const { return false; }
  /// f(n, weights, gradients, slots of the first kind, of the second, of the third) for what this step changes: the
  /// whole segment at once, or the rows of a table one by one. Slots this optimizer runs without are null.
  template <class T, class F>
  static void each_run(const Segment& s, const F& f) {
    const auto run = [&](Index first, Index n) {
      const auto slot = [&](std::size_t k) {
        return k < s.slots.size() ? static_cast<T*>(s.slots[k]) + first : nullptr;
      };
      f(n, static_cast<T*>(s.weight) + first, static_cast<T*>(s.grad) + first, slot(0), slot(1), slot(2));
    };
    if (!s.partly) {
      run(0, s.size);
      return;
    }
    const std::span<const Index> rows = s.rows->touched();
    const auto count = static_cast<Index>(rows.size());
    const Index width = s.rows->width();
    parallel_for(count, kernels::rows_for(count, width, 8192), [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) run(rows[static_cast<std::size_t>(k)] * width, width);
    });
  }

 private:
  struct Entry {
    Ref<Parameter> parameter;
    std::vector<Tensor> slots;
  };
  void refresh_segments();
  bool changes_rows_only(const Segment& segment) const;
  void clip();
  void run_updates();

  std::vector<std::string> slot_names_;
  double weight_decay_ = 0;
  bool lazy_embeddings_;
  std::optional<double> clipnorm_;
  std::optional<double> clipvalue_;
  std::optional<double> global_clipnorm_;
  std::vector<Entry> entries_;
  std::vector<Segment> segments_;  ///< merged runs
  std::vector<Segment> singles_;   ///< one per trainable parameter, for clipnorm
  std::uint64_t segments_layout_ = 0;
};

/// SGD, RMSprop, Adam, AdamW from Keras's config; ValueError otherwise.
Ref<Optimizer> make_optimizer(const std::string& class_name, const io::Json& config);

Ref<Optimizer> make_sgd(const io::Json& config);
Ref<Optimizer> make_rmsprop(const io::Json& config);
Ref<Optimizer> make_adam(const io::Json& config);

}  // namespace ranvier::nn
