// Example: the handwritten digits of examples/digits.cpp, trained on a GPU.  SPDX-License-Identifier: BSL-1.0
//
// Compiled whole by nvcc; docs/cuda.md shows how units of the host's compiler do the same. Without a GPU it says what
// is missing.
#include "digits/data.hpp"

#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/train.hpp>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <span>
#include <vector>

using namespace digits;

//! [model]
struct Classifier {
  ashlar::Linear<64, 128> hidden;
  ashlar::ReLU relu;
  ashlar::Dropout dropout{.p = 0.2};
  ashlar::Linear<128, 10> output;
};
//! [model]

namespace {

constexpr std::size_t epochs = 40;
constexpr std::size_t batch_size = 32;

int train(Split const& data, ashlar::Cuda device) {
  //! [train]
  auto const net = ashlar::make<Classifier>(ashlar::Rng{0});  // on the host, with PyTorch's initial values
  auto gpu = ashlar::to(*net, device);                        // one transfer
  auto grads = ashlar::zeros_like(gpu);
  auto optimizer = ashlar::make<ashlar::Adam<Classifier>>();
  optimizer->lr = 3e-3;
  ashlar::CudaOptimizer on_gpu(*optimizer, device);  // its moments are on the device, its settings here
  ashlar::CosineAnnealingLR scheduler{.T_max = epochs, .base_lr = 3e-3};
  ashlar::Rng rng{1};
  ashlar::Tape tape(gpu, grads, rng);

  std::vector<std::size_t> order(data.train.rows());
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    rng.shuffle(std::span(order));
    float loss_of_last = 0;
    for (std::size_t row = 0; row < order.size(); row += batch_size) {
      std::size_t const end = std::min(row + batch_size, order.size());
      Digits const batch = batch_of(data.train, order, row, end);
      ashlar::zero_grad(grads);
      auto loss = ashlar::cross_entropy(tape(ashlar::to(batch.images, device)), ashlar::to(batch.labels, device));
      tape.backward(loss);  // queued, as all before it: nobody waits
      on_gpu.step(gpu, grads);
      if (end == order.size()) loss_of_last = loss.item();  // waits
    }
    scheduler.step(*optimizer);
    std::printf("epoch %2zu  loss of the last batch %.4f\n", epoch + 1, static_cast<double>(loss_of_last));
  }
  //! [train]

  auto const predicted = ashlar::argmax(ashlar::to<ashlar::Cpu>(gpu(ashlar::to(data.test.images, device))));
  std::size_t right = 0;
  for (std::size_t r = 0; r < data.test.rows(); ++r) right += predicted(r) == data.test.labels(r);
  std::printf("%zu of %zu held-out digits are read rightly\n", right, data.test.rows());
  return 100 * right >= 97 * data.test.rows() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main() {
  try {
    ashlar::Cuda const device{0};
    if (auto there = ashlar::try_require(device); !there) {
      std::puts(there.error().what());  // which says what to do
      return EXIT_SUCCESS;
    }
    ashlar::CudaInfo const gpu = ashlar::info(device);
    std::printf("%s, compute capability %d.%d, %zu MiB free\n", gpu.name.c_str(), gpu.major, gpu.minor,
                gpu.free_bytes >> 20);
    return train(read_digits(ASHLAR_EXAMPLE_SOURCE_DIR "/examples/data"), device);
  } catch (std::exception const& e) {
    std::puts(e.what());
    return EXIT_FAILURE;
  }
}
