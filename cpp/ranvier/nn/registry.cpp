#include "ranvier/nn/families.h"

namespace ranvier::nn {
namespace {

const Family& classes() {
  static const Family all = [] {
    Family list;
    for (const auto family :
         {dense_layers,           position_layers,      reversible_layers,   einsum_layers,       attention_layers,
          score_attention_layers, embedding_layers,     masking_layers,      convolution_layers,  activation_layers,
          noise_layers,           normalization_layers, reshaping_layers,    pooling_layers,      resizing_layers,
          preprocessing_layers,   container_layers,     merging_layers,      recurrent_layers,    recurrent_cells,
          wrapper_layers,         image_moving_layers,  image_colour_layers, image_mixing_layers, conv_lstm_layers}) {
      const Family members = family();
      list.insert(list.end(), members.begin(), members.end());
    }
    return list;
  }();
  return all;
}

}  // namespace

Ref<Layer> make_layer(const std::string& class_name, const io::Json& config) {
  for (const LayerClass& known : classes()) {
    if (class_name != known.name) continue;
    Ref<Layer> layer = known.make(config);
    layer->class_name_ = class_name;
    return layer;
  }
  // Those that begin alike: nobody reads a page of names.
  std::string names;
  std::size_t others = 0;
  for (const LayerClass& known : classes()) {
    if (class_name.empty() || known.name[0] != class_name[0]) {
      ++others;
    } else {
      names += std::string(known.name) + ", ";
    }
  }
  fail("layer: unknown class '", class_name, "'; known: ", names, others, " others");
}

std::vector<std::string> layer_names() {
  std::vector<std::string> names;
  for (const LayerClass& known : classes()) names.emplace_back(known.name);
  return names;
}

}  // namespace ranvier::nn
