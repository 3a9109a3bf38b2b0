// Example: devices, with or without a GPU.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>
#include <ashlar/core/to.hpp>

#include <cstdlib>
#include <iostream>

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> out;
};

int main() {
  //! [names]
  ashlar::Cpu const cpu;                         // a device is a type,
  ashlar::Cuda const second{1};                  // and cuda:1 is a value of it
  auto chosen = ashlar::parse_device("cuda:1");  // from a configuration, say
  std::cout << to_string(cpu) << ' ' << to_string(second) << ' ' << to_string(chosen) << '\n';
  //! [names]
  bool ok = chosen == second;

  //! [count]
  int const gpus = ashlar::device_count<ashlar::Cuda>();  // 0 without a GPU, or in a program built without CUDA
  auto device = ashlar::cuda_or_cpu();                    // the first GPU if there is one
  auto devices = ashlar::all_cuda_or_cpu();               // all GPUs, or the CPU alone
  //! [count]
  ok = ok && device.is_cuda() == (gpus > 0) && devices.size() == (gpus > 0 ? static_cast<std::size_t>(gpus) : 1);

  //! [where]
  ashlar::Tensor<float, 2, 20> x;  // on the CPU: BasicTensor<float, Cpu, 2, 20>
  static_assert(std::is_same_v<decltype(ashlar::device_of(x)), ashlar::Cpu>);
  auto& same = ashlar::to<ashlar::Cpu>(x);  // already there: the very object, nothing is copied
  //! [where]
  ok = ok && &same == &x;

  //! [move]
  auto net = ashlar::make<MLP>(ashlar::Rng{0});
  ashlar::save("mlp.ashlar", *net);  // a file knows no device,
  auto mapped = ashlar::map<MLP>("mlp.ashlar");
  auto where = device.visit([&](auto d) {        // so the reader chooses: compiled for each kind of device
    auto const& there = ashlar::to(*mapped, d);  // one transfer from the file's pages; on the CPU, the pages
    return to_string(ashlar::device_of(there));
  });
  //! [move]
  ok = ok && where == to_string(device) && &ashlar::to<ashlar::Cpu>(net) == &net;

  //! [missing]
  try {
    auto there = ashlar::to<ashlar::Cuda>(x, 99);  // BasicTensor<float, Cuda, 2, 20>; x + there does not compile
    ok = false;
  } catch (ashlar::Error const& e) {
    ok = ok && e.code() == ashlar::Errc::device;
    if (gpus == 0) std::cout << e.what() << '\n';
  }
  //! [missing]
  std::cout << (ok ? "fine\n" : "wrong\n");
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
