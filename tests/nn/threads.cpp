// tests/nn/threads.cpp: a program of ashlar::threads: oneTBB runs the parts, the bits stay.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/threads.hpp>  // first: shows if the header misses an include

#include <ashlar/nn.hpp>

#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

namespace {

int failures = 0;

#define EXPECT(condition)                                                                \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                                        \
    }                                                                                    \
  } while (false)

}  // namespace

struct Net {
  ashlar::Conv2d<3, 32, 3> conv;
  ashlar::ReLU relu;
  ashlar::Flatten flatten;
  ashlar::Linear<32 * 30 * 30, 10> output;
};

int main() {
  auto const net = ashlar::make<Net>(ashlar::Rng{1});
  ashlar::Tensor<float, ashlar::dyn, 3, 32, 32> x(24);
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<float>(i % 251) / 251;
  EXPECT(ashlar::get_num_threads() == 1);
  auto const expected = net(x);
  auto const same = [&] {
    auto const y = net(x);
    return std::memcmp(y.data(), expected.data(), y.numel() * sizeof(float)) == 0;
  };

  for (std::size_t n : {2u, 5u, 2u, 1u}) {
    ashlar::set_num_threads(n);
    EXPECT(ashlar::get_num_threads() == n);
    EXPECT(same());
  }
  ashlar::set_num_threads(0);
  EXPECT(ashlar::get_num_threads() >= 1);

  // Several threads of the program at once, one of which keeps changing its mind.
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  for (std::size_t t = 0; t < right.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        if (t == 0) ashlar::set_num_threads(1 + static_cast<std::size_t>(i) % 4);
        right[t] += same() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int const times : right) EXPECT(times == 10);

  // What a part throws reaches who called.
  ashlar::set_num_threads(3);
  bool thrown = false;
  try {
    ashlar::detail::in_parts(8, 1, [](std::size_t first, std::size_t) {
      if (first != 0) throw ashlar::Error(ashlar::Errc::shape, "from a part");
    });
  } catch (ashlar::Error const& e) {
    thrown = std::strcmp(e.what(), "from a part") == 0;
  }
  EXPECT(thrown);
  return failures == 0 ? 0 : 1;
}
