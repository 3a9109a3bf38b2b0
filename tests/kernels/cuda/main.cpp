// tests/kernels/cuda/main.cpp: runs the cases of kernels on the first GPU.  SPDX-License-Identifier: BSL-1.0
//
// Exits with 77 where there is none.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <exception>

#include "device.hpp"

namespace cuda_test {
void linear_on_gpu(Failures& failures);
void flat_on_gpu(Failures& failures);
void rows_on_gpu(Failures& failures);
void product_on_gpu(Failures& failures);
void norm_on_gpu(Failures& failures);
void rnn_on_gpu(Failures& failures);
void attention_on_gpu(Failures& failures);
}  // namespace cuda_test

int main() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::puts("skipped: no CUDA device");
    return 77;
  }
  struct Part {
    char const* name;
    void (*run)(cuda_test::Failures&);
  };
  constexpr Part parts[] = {{"linear", cuda_test::linear_on_gpu},      {"flat", cuda_test::flat_on_gpu},
                            {"rows", cuda_test::rows_on_gpu},          {"product", cuda_test::product_on_gpu},
                            {"norm", cuda_test::norm_on_gpu},          {"rnn", cuda_test::rnn_on_gpu},
                            {"attention", cuda_test::attention_on_gpu}};
  bool good = true;
  for (Part const& part : parts) {
    cuda_test::Failures failures;
    try {
      part.run(failures);
    } catch (std::exception const& e) {
      failures.add(e.what());
    }
    std::printf("%s: %s\n%s", part.name, failures.none() ? "good" : "WRONG", failures.text().c_str());
    good = good && failures.none();
  }
  return good ? 0 : 1;
}
