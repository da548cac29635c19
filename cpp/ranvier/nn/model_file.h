// A Sequential in an .rv file, as Python's model.save() and load_model() write and read it.
#pragma once

#include "ranvier/nn/sequential.h"

namespace ranvier::nn {

/// Writes layers and weights; StateError unless the network is built and made of built-in layers only.
void save_model(const Sequential& model, const std::string& path);

/// The network with its weights, ready to predict; ValueError saying what is wrong with the file otherwise. What Python
/// stored besides (optimizer, generators) is left aside.
Ref<Sequential> load_model(const std::string& path);

}  // namespace ranvier::nn
