// The list of built-in layers, one function a family: what make_layer looks names up in.
#pragma once

#include "ranvier/nn/layer.h"

namespace ranvier::nn {

struct LayerClass {
  const char* name;
  Ref<Layer> (*make)(const io::Json& config);
};
using Family = std::vector<LayerClass>;

template <class T>
LayerClass layer_class(const char* name) {
  return {name, [](const io::Json& config) -> Ref<Layer> { return make_ref<T>(config); }};
}

Family dense_layers();
Family attention_layers();
Family score_attention_layers();
Family embedding_layers();
Family einsum_layers();
Family masking_layers();
Family reversible_layers();
Family position_layers();
Family convolution_layers();
Family activation_layers();
Family noise_layers();
Family normalization_layers();
Family reshaping_layers();
Family pooling_layers();
Family resizing_layers();
Family preprocessing_layers();
Family image_moving_layers();
Family image_colour_layers();
Family image_mixing_layers();
Family container_layers();
Family merging_layers();
Family recurrent_layers();
Family recurrent_cells();
Family conv_lstm_layers();
Family wrapper_layers();

}  // namespace ranvier::nn
