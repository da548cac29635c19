#include <cmath>
#include <memory>

#include "ranvier/nn/families.h"
#include "ranvier/ops/embedding.h"

namespace ranvier::nn {
namespace {

/// table[x]: a trained row of `output_dim` numbers for each index below `input_dim`.
class Embedding final : public Layer {
 public:
  explicit Embedding(const io::Json& config)
      : Layer(config),
        rows_(config.integer("input_dim")),
        width_(config.integer("output_dim")),
        mask_zero_(config.flag("mask_zero", false)) {
    if (rows_ < 1 || width_ < 1) {
      reject("expected input_dim >= 1 and output_dim >= 1, received ", rows_, " and ", width_);
    }
  }

  /// float32 holds whole numbers to 2^24 only, and a table may have more rows.
  DType input_dtype(bool integral) const override { return integral ? DType::int64 : DType::float64; }
  Shape output_shape(const Shape& input) const override {
    Shape out = input;
    out.push_back(width_);
    return out;
  }

  bool supports_masking() const override { return mask_zero_; }
  bool streams() const override { return true; }

 protected:
  void make_parameters(const Shape& input) override {
    Embedding::check_input(input);
    table_ = add_parameter("embeddings", {rows_, width_}, "RandomUniform");
    table_->track_rows();
  }
  void check_input(const Shape& input) const override {
    if (input.rank() < max_rank) return;
    reject("expected indices of rank ", max_rank - 1, " or less, received shape ", input);
  }
  Tensor call(const Tensor& x, Context& context) override {
    const auto stray = std::make_shared<kernels::Stray>();
    const bool asked = context.checks != nullptr || Program::recording() == nullptr;
    Tensor y = ops::embedding(table_->value, x, asked ? stray.get() : &unread_);
    context.check_step([this, stray, shape = x.shape()](std::span<const Index> rows) {
      if (stray->position >= 0) refuse(*stray, shape, rows);
    });
    if (mask_zero_) y.set_mask(ops::not_zero(x));
    return y;
  }

 private:
  /// The complaint about an index; `rows` are those of the data that make the batch, if it was taken from data.
  [[noreturn]] void refuse(const kernels::Stray& stray, const Shape& shape, std::span<const Index> rows) const {
    Index at = stray.position;
    std::string place;
    for (int axis = shape.rank() - 1; axis > 0; --axis) {
      const std::string step = std::to_string(at % shape[axis]);
      place = place.empty() ? step : step + ", " + place;
      at /= shape[axis];
    }
    const bool of_data = shape.rank() > 0 && shape[0] == static_cast<Index>(rows.size());
    if (of_data) at = rows[static_cast<std::size_t>(at)];
    const double value = stray.value;
    const bool whole = std::trunc(value) == value && std::abs(value) < 9e15;
    const std::string received = whole               ? std::to_string(static_cast<Index>(value))
                                 : std::isnan(value) ? "NaN"
                                                     : concat_text(value);
    reject("expected whole numbers in [0, ", rows_, "), the vocabulary (input_dim=", rows_, "), received ", received,
           " at row ", at,
           place.empty()       ? ""
           : shape.rank() == 2 ? ", step "
                               : ", position ",
           place,
           value >= static_cast<double>(rows_) ? "; input_dim must be at least the largest index + 1."
           : value < 0                         ? "; indices count from 0."
                                               : "; give each word an index that is a whole number.");
  }

  Index rows_;
  Index width_;
  bool mask_zero_;
  Ref<Parameter> table_;
  kernels::Stray unread_;  ///< where replays nobody asks leave their notes
};

}  // namespace

Family embedding_layers() { return {layer_class<Embedding>("Embedding")}; }

}  // namespace ranvier::nn
