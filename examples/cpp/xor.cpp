// The engine from C++ alone: build a network, train it on XOR, save it, load it back, predict.
//
//   cmake -S . -B build && cmake --build build && ./build/xor
//   ./build/xor from_python.rv      predicts with a network that Python saved
#include <cmath>
#include <iostream>
#include <vector>

#include "ranvier/nn/model_file.h"
#include "ranvier/nn/trainer.h"

namespace nn = ranvier::nn;
using Config = ranvier::io::Json::Object;

// Prints what the model says for every row of x; 0, an exit code, when it is right about all of them.
static int report(nn::Layer& model, const ranvier::Tensor& x, const ranvier::Tensor& y) {
  const auto probability = model.predict(x);
  bool right = true;
  for (ranvier::Index i = 0; i < 4; ++i) {
    const float p = probability.data<float>()[i];
    std::cout << x.data<float>()[2 * i] << " xor " << x.data<float>()[2 * i + 1] << " = " << p << "\n";
    right = right && std::lround(p) == std::lround(y.data<float>()[i]);
  }
  return right ? 0 : 1;
}

int main(int argc, char** argv) {
  const auto x = ranvier::from_values<float>(std::vector<float>{0, 0, 0, 1, 1, 0, 1, 1}, {4, 2});
  const auto y = ranvier::from_values<float>(std::vector<float>{0, 1, 1, 0}, {4, 1});
  if (argc > 1) return report(*nn::load_model(argv[1]), x, y);
  ranvier::set_random_seed(7);

  auto model = ranvier::make_ref<nn::Sequential>();
  model->add("Dense", Config{{"units", 8}, {"activation", "tanh"}});
  model->add("Dense", Config{{"units", 1}, {"activation", "sigmoid"}});

  nn::Trainer trainer(model, nn::make_loss("BinaryCrossentropy", Config{{"reduction", "sum_over_batch_size"}}),
                      nn::make_optimizer("Adam", Config{{"learning_rate", 0.05}}));
  const std::vector<ranvier::Index> order{0, 1, 2, 3};
  for (int epoch = 0; epoch <= 500; ++epoch) {
    const auto losses = trainer.train(nn::rows_of(x), nn::rows_of(y), {}, order, {.batch_size = 4});
    if (epoch % 100 == 0) std::cout << "epoch " << epoch << "  loss " << losses.back() << "\n";
  }

  nn::save_model(*model, "xor.rv");
  return report(*nn::load_model("xor.rv"), x, y);  // Python reads the same file: ranvier.saving.load_model("xor.rv")
}
