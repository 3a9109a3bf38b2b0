// Example: networks as parts of a program: a global, a member of a class, shared by threads, without allocation.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

//! [policy]
template <std::size_t Width>
struct Policy {
  ashlar::Constant<float, 12> mean;  // of the observations; in the file, beside the weights
  ashlar::Linear<12, Width> hidden;
  ashlar::Linear<Width, 4> out;

  auto operator()(auto const& x) const { return tanh(out(relu(hidden(x - mean)))); }
};
static_assert(std::is_trivially_copyable_v<Policy<64>>);  // so it may lie in shared memory, too
//! [policy]

//! [global]
static Policy<64> fallback;  // zeros, no constructor runs; load fills it, or initialise draws it
//! [global]

//! [class]
class Controller {
 public:
  explicit Controller(std::string const& path) : policy_(ashlar::map<Policy<64>>(path)) {}

  void step(ashlar::Tensor<float, 12> const& observation, ashlar::Tensor<float, 4>& command) const {
    command = policy_(observation);  // static extents: nothing is allocated
  }

 private:
  ashlar::Mapped<Policy<64>> policy_;  // of its own weights: Owned, or the struct itself
};
//! [class]

int main() {
  //! [call]
  ashlar::initialise(fallback, ashlar::Rng{0});
  ashlar::Tensor<float, 12> observation;
  observation.fill(0.5f);
  auto const direct = fallback(observation);                  // it has an operator();
  auto const always = ashlar::forward(fallback, observation);  // a struct whose members run in order is run so
  //! [call]
  ashlar::save("policy.ashlar", fallback);

  Controller const controller("policy.ashlar");
  ashlar::Tensor<float, 4> command;
  controller.step(observation, command);

  //! [threads]
  std::atomic<int> agree = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {  // a forward is const and keeps nothing in the network
      agree += ashlar::bitwise_equal(ashlar::forward(std::as_const(fallback), observation), direct);
    });
  }
  for (auto& thread : threads) thread.join();
  //! [threads]

  bool const ok = agree == 4 && ashlar::bitwise_equal(direct, always) && ashlar::bitwise_equal(command, direct);
  std::cout << (ok ? "all agree\n" : "they differ\n");
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
