// What sequences rest on: masks that travel with tensors, calls with further arguments, streams.

#include "check.h"
#include "graph_support.h"
#include "ranvier/nn/loss.h"
#include "ranvier/nn/stream.h"

namespace {

using namespace ranvier;
using namespace ranvier::testing;
using nn::Call;
using nn::Context;
using nn::Shapes;
using nn::Tensors;

io::Json named(const char* name) { return io::Json::Object{{"name", name}}; }

Tensor mask_of(std::initializer_list<int> steps, const Shape& shape) {
  const Tensor mask = empty(shape, DType::boolean);
  Index i = 0;
  for (const int step : steps) mask.data<bool>()[i++] = step != 0;
  return mask;
}

/// Running sums over time, from "initial" if given; steps that "mask" leaves out add nothing. The option "last" gives the
/// last sum as a second output. Sums of a piece go on from those before.
class RunningSum final : public nn::KeywordLayer {
 public:
  using KeywordLayer::KeywordLayer;
  using KeywordLayer::output_shapes;
  using KeywordLayer::outputs;
  std::vector<std::string> argument_names() const override { return {"sequence", "initial", "mask"}; }
  std::vector<std::string> option_names() const override { return {"last"}; }
  bool streams() const override { return true; }
  std::size_t outputs(const Call& call) const override { return call.flag("last", false) ? 2 : 1; }
  Shapes output_shapes(const Call& call, const Shapes& inputs) const override {
    Shapes made{inputs[0]};
    if (outputs(call) == 2) made.push_back({inputs[0][0], inputs[0][2]});
    return made;
  }

 protected:
  void check_inputs(const Call& call, const Shapes& inputs) const override {
    const Shape* initial = call.find(inputs, "initial");
    if (initial != nullptr && initial->rank() != 2)
      reject("expected initial of shape (batch, size), received ", *initial);
  }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor& x = xs[0];
    const Tensor mask = call.find(xs, "mask").defined() ? call.find(xs, "mask") : x.mask();
    Tensor before = call.find(xs, "initial");
    nn::StreamSlot* slot = context.stream != nullptr ? &context.stream->slot(*this) : nullptr;
    if (slot != nullptr && !slot->state().empty()) before = slot->state()[0];
    const Tensor y = empty(x.shape(), x.dtype());
    const Tensor last = empty({x.dim(0), x.dim(2)}, x.dtype());
    exec([batch = x.dim(0), time = x.dim(1), size = x.dim(2), px = x.data<float>(), py = y.data<float>(),
          sums = last.data<float>(), start = before.defined() ? before.data<float>() : nullptr,
          counts = mask.defined() ? mask.data<bool>() : nullptr] {
      for (Index b = 0; b < batch; ++b) {
        for (Index i = 0; i < size; ++i) sums[b * size + i] = start == nullptr ? 0 : start[b * size + i];
        for (Index t = 0; t < time; ++t) {
          for (Index i = 0; i < size; ++i) {
            const Index at = (b * time + t) * size + i;
            if (counts == nullptr || counts[b * time + t]) sums[b * size + i] += px[at];
            py[at] = sums[b * size + i];
          }
        }
      }
    });
    if (slot != nullptr) slot->advance({last}, x.dim(1));
    return outputs(call) == 2 ? Tensors{y, last} : Tensors{y};
  }
};

/// Passes on what it is given.
class Pass final : public nn::Layer {
 public:
  Pass(const char* name, bool masking) : Layer(named(name)), masking_(masking) {}
  bool supports_masking() const override { return masking_; }

 protected:
  Tensor call(const Tensor& x, Context&) override { return x; }

 private:
  bool masking_;
};

void masks_go_as_far_as_layers_let_them() {
  Context context;
  const Tensor x = normal({2, 3, 4}, 1);
  const Tensor mask = mask_of({1, 1, 0, 1, 0, 0}, {2, 3});
  x.set_mask(mask);
  Pass keeps("keeps", true);
  Pass ends("ends", false);
  EXPECT(keeps(x, context).mask().same_as(mask));
  const Tensor bare = ends(x, context);
  EXPECT(!bare.has_mask() && bare.raw() == x.raw() && x.has_mask());
  EXPECT(!view(x, {6, 4}).has_mask());

  nn::Sequential stack(
      "stack", {make_ref<Pass>("a", true),
                nn::make_layer("Dense", {io::Json::Object{{"name", "dense"}, {"units", 3}, {"activation", "relu"}}}),
                make_ref<Pass>("b", false)});
  EXPECT(!stack(x, context).has_mask());
}

void a_call_says_what_its_tensors_are_for() {
  const auto sum = make_ref<RunningSum>(named("sum"));
  const Tensor x = normal({2, 3, 4}, 2);
  const Tensor initial = normal({2, 4}, 3);
  const Tensor mask = mask_of({1, 0, 1, 1, 1, 0}, {2, 3});
  Context context;
  const Tensors plain = (*sum)(Tensors{x}, context);
  const auto masked = nn::bind(sum, {{"sequence", "mask"}});
  const auto both = nn::bind(sum, {{"sequence", "initial", "mask"}, io::Json::Object{{"last", true}}});
  EXPECT(masked->name() == "sum" && masked->outputs() == 1 && both->outputs() == 2);
  const Tensor y = (*masked)(Tensors{x, mask}, context)[0];
  EXPECT(y.data<float>()[4] == x.data<float>()[0]);  // the second step counts for nothing
  EXPECT(y.data<float>()[12] == plain[0].data<float>()[12]);
  x.set_mask(mask);
  EXPECT(values_of((*sum)(x, context)) == values_of(y));
  const Tensors two = (*both)(Tensors{x, initial, mask}, context);
  EXPECT(two.size() == 2 && two[1].shape() == Shape({2, 4}));
  EXPECT_NEAR(two[1].data<float>()[0], y.data<float>()[8] + initial.data<float>()[0], 1e-6);

  EXPECT(masked->input_dtype_at(1, true) == DType::boolean && masked->input_dtype_at(0, false) == DType::float32);
  EXPECT_THROWS(nn::bind(sum, {{"sequence", "state"}}), ValueError,
                "[sum] expected tensors for sequence, initial, mask");
  EXPECT_THROWS(nn::bind(sum, {{"mask"}}), ValueError, "expected sequence as the first argument");
  EXPECT_THROWS(nn::bind(sum, {{"sequence"}, io::Json::Object{{"first", true}}}), ValueError, "'first'");
  EXPECT_THROWS(nn::bind(make_ref<Pass>("pass", true), {{"x", "mask"}}), ValueError, "[pass] expected no further");
  EXPECT_THROWS((*masked)(Tensors{x}, context), ValueError, "[sum] expected 2 tensors (sequence, mask), received 1");
  const auto begun = nn::bind(sum, {{"sequence", "initial"}});
  EXPECT_THROWS((*begun)(Tensors{x, x}, context), ValueError, "[sum] expected initial of shape");
  EXPECT_THROWS((*sum)(Tensors{x, x, x, x}, context), ValueError, "at most 3 inputs");
}

void a_graph_keeps_calls() {
  const auto sum = make_ref<RunningSum>(named("sum"));
  nn::Wiring wiring{{sum}, {}, 2, {2, 3}};
  wiring.nodes.push_back({0, {0, 1}, 2, {}, {{"sequence", "initial"}, io::Json::Object{{"last", true}}}});
  const auto graph = make_ref<nn::Graph>("graph", std::move(wiring));
  const Shapes shapes = graph->output_shapes({{-1, 3, 4}, {-1, 4}});
  EXPECT(shapes.size() == 2 && shapes[1] == Shape({-1, 4}));
  const Tensor x = normal({2, 3, 4}, 2);
  const Tensors made = graph->predict(Tensors{x, normal({2, 4}, 3)});
  EXPECT(made.size() == 2 && made[1].data<float>()[0] == made[0].data<float>()[8]);
  const std::string text = graph->config().dump();
  EXPECT(text.find(R"("initial":{"class_name":"__keras_tensor__")") != std::string::npos);
  EXPECT(text.find(R"("last":true)") != std::string::npos);
}

void pieces_of_a_stream_are_the_whole() {
  const auto sum = make_ref<RunningSum>(named("sum"));
  const auto model = make_ref<nn::Sequential>("model", std::vector<Ref<nn::Layer>>{sum});
  const Tensor x = normal({1, 5, 4}, 4);
  const Tensor whole = model->predict(x);
  nn::Stream stream(model);
  const auto piece = [&](Index from, Index to) {
    return from_values<float>({x.data<float>() + from * 4, static_cast<std::size_t>((to - from) * 4)},
                              {1, to - from, 4});
  };
  const auto same = [&](const Tensor& y, Index from) {
    return std::equal(y.data<float>(), y.data<float>() + y.numel(), whole.data<float>() + from * 4);
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT(same(stream(piece(0, 2)), 0));
    EXPECT(same(stream(piece(2, 3)), 2));
    EXPECT_THROWS(stream(normal({2, 1, 4}, 5)), ValueError, "[model] stream: expected 1 sequences");
    EXPECT(same(stream(piece(3, 5)), 3));
    stream.reset();
  }

  // A layer that comes later fails: the sum before it has not moved on.
  const auto narrow = make_ref<nn::Sequential>(
      "narrow", std::vector<Ref<nn::Layer>>{sum, make_ref<Pass>("step", true), make_ref<Pass>("whole", false)});
  nn::Stream refused(narrow);
  EXPECT_THROWS(refused(piece(0, 2)), ValueError, "[whole] expected layers that can go on");
  EXPECT(refused.batch() == -1);
}

void losses_leave_out_masked_steps() {
  const Tensor prediction = normal({2, 3, 1}, 6);
  const Tensor target = normal({2, 3, 1}, 7);
  const Tensor weight = normal({2, 3}, 8);
  const Tensor mask = mask_of({1, 1, 0, 1, 0, 0}, {2, 3});
  const auto loss_of = [&](const char* reduction, const Tensor& w) {
    const auto loss = nn::make_loss("MeanSquaredError", io::Json::Object{{"name", "mse"}, {"reduction", reduction}});
    return (*loss)(target, prediction, w);
  };
  double sum = 0;
  double weighted = 0;
  double weights = 0;
  for (const Index i : {0, 1, 3}) {
    const double d = prediction.data<float>()[i] - target.data<float>()[i];
    sum += d * d;
    weighted += d * d * weight.data<float>()[i];
    weights += weight.data<float>()[i];
  }
  prediction.set_mask(mask);
  EXPECT_NEAR(item(loss_of("sum_over_batch_size", {})), sum / 3, 1e-6);
  EXPECT_NEAR(item(loss_of("sum_over_batch_size", weight)), weighted / 3, 1e-6);
  EXPECT_NEAR(item(loss_of("sum", {})), sum, 1e-6);
  EXPECT_NEAR(item(loss_of("mean_with_sample_weight", weight)), weighted / weights, 1e-5);
  EXPECT(loss_of("none", {}).data<float>()[2] == 0);
  prediction.set_mask(mask_of({0, 0, 0, 0, 0, 0}, {2, 3}));
  EXPECT(item(loss_of("sum_over_batch_size", {})) == 0);
  prediction.set_mask(mask_of({1, 1}, {2, 1}));
  EXPECT_THROWS(loss_of("sum", {}), ValueError, "expected a mask for the losses");
}

}  // namespace

int main() {
  masks_go_as_far_as_layers_let_them();
  a_call_says_what_its_tensors_are_for();
  a_graph_keeps_calls();
  pieces_of_a_stream_are_the_whole();
  losses_leave_out_masked_steps();
  return ranvier::testing::result();
}
