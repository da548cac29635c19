// Gradient descent and its refinements: what is common to all. The rules are in sgd.cpp, adam.cpp, rmsprop.cpp.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ranvier/io/json.h"
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
};

class Optimizer : public RefCounted {
 public:
  /// Reads "learning_rate", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm".
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
  /// Slot k of the segment, null when this optimizer runs without it.
  template <class T>
  static T* slot(const Segment& segment, std::size_t k) {
    return k < segment.slots.size() ? static_cast<T*>(segment.slots[k]) : nullptr;
  }

 private:
  struct Entry {
    Ref<Parameter> parameter;
    std::vector<Tensor> slots;
  };
  void refresh_segments();
  void clip();
  void run_updates();

  std::vector<std::string> slot_names_;
  double weight_decay_ = 0;
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
