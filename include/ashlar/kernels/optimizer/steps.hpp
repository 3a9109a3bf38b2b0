// kernels/optimizer/steps.hpp: the settings of one optimizer step over a flat block.
// SPDX-License-Identifier: BSL-1.0
//
// Scalars are double for every T: PyTorch computes with Python's doubles and rounds once, at the end.
#pragma once

namespace ashlar::kernels {

/// torch.optim.SGD. first: the momentum buffer is empty and becomes the gradient.
template <class T>
struct SgdStep {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
  bool first = false;
};

/// torch.optim.Adam; decoupled: AdamW. bias_correctionK is 1 - betaK^t at step t = 1, 2, ...
template <class T>
struct AdamStep {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;
  bool amsgrad = false;
  bool maximize = false;
  double bias_correction1 = 1;
  double bias_correction2 = 1;
};

/// torch.optim.RMSprop.
template <class T>
struct RmspropStep {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
  bool maximize = false;
};

/// torch.optim.Adagrad; lr is already decayed: lr / (1 + (t - 1) * lr_decay).
template <class T>
struct AdagradStep {
  double lr = 1e-2;
  double eps = 1e-10;
  double weight_decay = 0;
  bool maximize = false;
};

}  // namespace ashlar::kernels
