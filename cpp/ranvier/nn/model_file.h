// A Sequential or a Graph in an .rv file, as Python's model.save() and load_model() write and read it.
#pragma once

#include "ranvier/nn/graph.h"
#include "ranvier/nn/sequential.h"

namespace ranvier::nn {

/// Writes layers and weights; StateError unless the network is built, ValueError unless it is a Sequential or
/// a Graph made of built-in layers only.
void save_model(const Layer& model, const std::string& path);

/// The network with its weights, ready to predict; ValueError saying what is wrong with the file otherwise. What Python
/// stored besides (optimizer, generators) is left aside.
Ref<Layer> load_model(const std::string& path);

}  // namespace ranvier::nn
