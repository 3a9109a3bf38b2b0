// tests/kernels/optimizer_test.cpp, mirrors include/ashlar/kernels/optimizer.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/optimizer/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/optimizer/reference.hpp>

#include "support.hpp"

namespace {

/// Runs five steps of both on n elements; f(reference?, step number, p, g, three states).
template <class T, class F>
void compare(F const& f) {
  for (std::size_t n : {0u, 1u, 7u, 8u, 9u, 16u, 17u, 33u}) {
    auto p = random_values<T>(n, 1);
    auto q = random_values<T>(n, 1);
    Guarded<T> a(n), b(n), c(n), d(n), e(n), h(n);
    for (int step = 1; step <= 5; ++step) {
      auto g = random_values<T>(n, static_cast<std::uint32_t>(10 + step));
      f(false, step, n, p.data(), g.data(), a.data(), b.data(), c.data());
      f(true, step, n, q.data(), g.data(), d.data(), e.data(), h.data());
    }
    CAPTURE(n, sizeof(T));
    CHECK(error(p, q, 20) < 1);
    CHECK(error(a, d, 20) < 1);
    CHECK(error(b, e, 20) < 1);
    CHECK((p.intact() && a.intact() && b.intact() && c.intact()));
  }
}

template <class T>
void check_updates() {
  for (int option = 0; option < 5; ++option) {
    CAPTURE(option);
    compare<T>([&](bool oracle, int t, std::size_t n, T* p, T const* g, T* a, T*, T*) {
      k::SgdStep<T> s{.lr = 0.1,
                      .momentum = option == 0 ? 0.0 : 0.9,
                      .weight_decay = option == 2 ? 0.1 : 0.0,
                      .nesterov = option == 3,
                      .maximize = option == 4,
                      .first = t == 1};
      if (oracle) k::reference::sgd(n, s, p, g, a);
      else k::sgd(n, s, p, g, a);
    });
    compare<T>([&](bool oracle, int t, std::size_t n, T* p, T const* g, T* a, T* b, T* c) {
      k::AdamStep<T> s{.lr = 0.01,
                       .beta1 = option == 4 ? 0.3 : 0.9,
                       .weight_decay = option >= 1 ? 0.1 : 0.0,
                       .decoupled = option == 2,
                       .amsgrad = option == 3};
      s.bias_correction1 = 1 - std::pow(s.beta1, t);
      s.bias_correction2 = 1 - std::pow(s.beta2, t);
      if (oracle) k::reference::adam(n, s, p, g, a, b, c);
      else k::adam(n, s, p, g, a, b, c);
    });
    compare<T>([&](bool oracle, int, std::size_t n, T* p, T const* g, T* a, T* b, T* c) {
      k::RmspropStep<T> s{
          .lr = 0.01, .alpha = 0.9, .eps = 1e-2, .momentum = option == 1 ? 0.9 : 0.0, .centered = option == 2};
      if (oracle) k::reference::rmsprop(n, s, p, g, a, b, c);
      else k::rmsprop(n, s, p, g, a, b, c);
    });
  }
  compare<T>([&](bool oracle, int, std::size_t n, T* p, T const* g, T* a, T*, T*) {
    k::AdagradStep<T> s{.lr = 0.1, .eps = 1e-3, .weight_decay = 0.1};
    if (oracle) k::reference::adagrad(n, s, p, g, a);
    else k::adagrad(n, s, p, g, a);
  });
  compare<T>([&](bool oracle, int, std::size_t n, T*, T const* g, T* a, T*, T*) {
    if (oracle) k::reference::ema(n, 0.99, g, a);
    else k::ema(n, 0.99, g, a);
  });
}

}  // namespace

KERNEL_CASE("optimizer updates agree with the reference") {
  each_isa([] {
    check_updates<float>();
    check_updates<double>();
  });
}
