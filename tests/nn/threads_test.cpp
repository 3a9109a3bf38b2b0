// tests/nn/threads_test.cpp, mirrors include/ashlar/core/parallel.hpp and what the ops cut into parts.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn.hpp>
#include <ashlar/nn/attention.hpp>
#include <ashlar/nn/multihead_attention.hpp>
#include <ashlar/train.hpp>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using ashlar::dyn;
using ashlar::Tensor;

// A thread for each part: the thread sanitizer, which knows nothing of oneTBB, sees what parts share.
struct Threads : ashlar::detail::Workers {
  mutable std::atomic<std::size_t> cut{0};  // calls with more than one part

  explicit Threads(std::size_t n) : Workers{n, &Threads::run_all} { ashlar::detail::set_workers(this); }
  Threads(Threads const&) = delete;
  Threads& operator=(Threads const&) = delete;
  ~Threads() { ashlar::detail::set_workers(nullptr); }

  static void run_all(Workers const& self, std::size_t parts, void (*part)(void const*, std::size_t),
                      void const* work) {
    CHECK((parts > 1 && parts <= self.threads));
    ++static_cast<Threads const&>(self).cut;
    std::vector<std::jthread> threads;
    for (std::size_t i = parts; i-- > 0;) threads.emplace_back([=] { part(work, i); });
  }
};

void fill(float* x, std::size_t n, unsigned state) {
  for (std::size_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    x[i] = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
}

// y, the gradients and two steps of Adam, as bytes.
template <class Net, class X>
std::vector<std::byte> all_of(X const& x) {
  auto net = ashlar::make<Net>(ashlar::Rng{3});
  auto grads = ashlar::zeros_like(net);
  auto optimizer = std::make_unique<ashlar::Adam<Net>>();
  std::vector<std::byte> out;
  auto const add = [&](void const* p, std::size_t bytes) {
    auto const* const b = static_cast<std::byte const*>(p);
    out.insert(out.end(), b, b + bytes);
  };
  auto const plain = net(x);
  add(plain.data(), plain.numel() * sizeof(float));
  Tensor<float, dyn> dx(x.numel());
  ashlar::Tape<Net> tape{*net, *grads};
  for (int step = 0; step < 2; ++step) {
    ashlar::zero_grad(*grads);
    tape.backward(ashlar::mean(ashlar::tanh(tape(x))));
    add(&*grads, sizeof(Net));
    optimizer->step(*net, *grads);
    add(&*net, sizeof(Net));
  }
  return out;
}

template <class Net, class X>
void check_threads(X const& x, std::size_t least_cuts) {
  auto const expected = all_of<Net>(x);
  for (std::size_t n : {2u, 3u, 8u}) {
    CAPTURE(n);
    Threads const threads(n);
    CHECK(all_of<Net>(x) == expected);
    CHECK(threads.cut >= least_cuts);
  }
}

}  // namespace

namespace threads_test {

struct Dense {
  ashlar::Linear<301, 258> first;
  ashlar::GELU gelu;
  ashlar::Linear<258, 131> second;
};
struct Short {  // goes by the columns of the weight; one row alone would have other bits
  ashlar::Linear<60, 1100> first;
  ashlar::ReLU relu;
  ashlar::Linear<1100, 3> second;
};
struct Convolutions {
  ashlar::Conv2d<6, 24, 3, {.padding = 1}> patches;
  ashlar::Conv2d<24, 24, 3, {.padding = 1, .groups = 24}> windows;
  ashlar::Conv2d<24, 32, 1> pointwise;
  ashlar::Conv2d<32, 32, 3, {.stride = 2, .groups = 4}> grouped;
  ashlar::ConvTranspose2d<32, 2, 3, {.stride = 2}> transposed;
};

struct Attending {
  ashlar::MultiheadAttention<48, 4, ashlar::MultiheadAttentionOptions{.batch_first = true}> attention;
  auto operator()(auto const& x) const { return attention(x, x, x); }
};

}  // namespace threads_test

TEST_CASE("in_parts covers all items once, in even parts, and none below the least") {
  for (std::size_t n : {0u, 1u, 7u, 64u, 65u, 1000u}) {
    for (std::size_t least : {0u, 1u, 3u, 64u}) {
      for (std::size_t threads : {1u, 2u, 5u}) {
        Threads const workers(threads);
        std::vector<std::atomic<int>> seen(n);
        std::atomic<std::size_t> parts = 0, shortest = n, longest = 0;
        ashlar::detail::in_parts(n, least, [&](std::size_t first, std::size_t count) {
          for (std::size_t i = first; i < first + count; ++i) ++seen[i];
          ++parts;
          for (std::size_t s = shortest; count < s && !shortest.compare_exchange_weak(s, count);) {
          }
          for (std::size_t l = longest; count > l && !longest.compare_exchange_weak(l, count);) {
          }
        });
        CAPTURE(n, least, threads, parts.load());
        for (auto const& times : seen) REQUIRE(times == 1);
        CHECK(longest - shortest <= 1);
        CHECK((parts == 1 || (parts <= threads && shortest >= least)));
        CHECK((n < 2 * least || threads == 1 || n < 2 || parts > 1));
      }
    }
  }
}

TEST_CASE("layers, gradients and optimizers have the same bits with any number of threads") {
  Tensor<float, dyn, 301> dense(300);
  fill(dense.data(), dense.numel(), 1);
  check_threads<threads_test::Dense>(dense, 12);
  Tensor<float, dyn, 60> narrow(131);
  fill(narrow.data(), narrow.numel(), 2);
  check_threads<threads_test::Short>(narrow, 5);
  for (std::size_t images : {1u, 2u, 9u}) {
    CAPTURE(images);
    Tensor<float, dyn, 6, 64, 64> x(images);
    fill(x.data(), x.numel(), 4);
    check_threads<threads_test::Convolutions>(x, 5);
  }
  Tensor<float, dyn, dyn, 48> sequences(3, 200);
  fill(sequences.data(), sequences.numel(), 5);
  check_threads<threads_test::Attending>(sequences, 5);
}

TEST_CASE("matmul has the same bits with any number of threads") {
  Tensor<float, dyn, 200> a(300);
  Tensor<float, 200, 190> b;
  fill(a.data(), a.numel(), 5);
  fill(b.data(), b.numel(), 6);
  auto const expected = ashlar::matmul(a, b);
  for (std::size_t n : {2u, 5u}) {
    Threads const threads(n);
    auto const y = ashlar::matmul(a, b);
    CHECK(std::memcmp(y.data(), expected.data(), y.numel() * sizeof(float)) == 0);
    CHECK(threads.cut == 1);
  }
}
