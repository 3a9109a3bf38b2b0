// tests/cuda/driver.cpp, mirrors include/ashlar/cuda/{driver,staging}.cuh: what is asked of CUDA, and in which order.
// Needs CUDA's headers and no GPU: the runtime is a fake.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/cuda/driver.cuh>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "fake_runtime.hpp"

using ashlar::detail::PinnedRing;
using ashlar::detail::RuntimeDriver;
using ashlar::detail::Staging;
using fake::runtime;

namespace {

std::vector<unsigned char> bytes(std::size_t n, unsigned seed) {
  std::vector<unsigned char> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<unsigned char>(i * 7 + i / 251 + seed);
  return out;
}

/// Device memory.
struct Block {
  int ordinal;
  void* at;
  Block(int on, std::size_t n) : ordinal(on), at(RuntimeDriver::allocate(on, n).value()) {}
  Block(Block const&) = delete;
  Block& operator=(Block const&) = delete;
  ~Block() {
    RuntimeDriver::deallocate(ordinal, at);
    RuntimeDriver::wait(ordinal, nullptr).value();
  }
  [[nodiscard]] std::vector<unsigned char> read(std::size_t n) const {
    std::vector<unsigned char> out(n);
    RuntimeDriver::to_host(ordinal, out.data(), at, n).value();
    return out;
  }
};

}  // namespace

TEST_CASE("pageable memory has been read when a copy to the device comes back") {
  std::size_t const piece = PinnedRing::piece;
  for (std::size_t const n : {std::size_t{1}, piece - 1, piece, piece + 1, 8 * piece, 8 * piece + 1, 20 * piece,
                              Staging::least - 1, Staging::least, 5 * Staging::least + 3}) {
    CAPTURE(n);
    for (int const ordinal : {0, 1, 0}) {
      Block const block(ordinal, n);
      auto source = bytes(n, 1);
      RuntimeDriver::to_device(ordinal, block.at, source.data(), n).value();
      source.assign(n, 0);
      CHECK(block.read(n) == bytes(n, 1));
      CHECK(fake::Runtime::device == 0);
    }
  }
}

TEST_CASE("small copies wait for nobody until a ring of them is on its way") {
  Block const block(0, 20 * 100);
  std::vector<unsigned char> expected;
  int const before = runtime.waits;
  for (unsigned i = 0; i < 20; ++i) {
    auto const source = bytes(100, i);
    RuntimeDriver::to_device(0, static_cast<unsigned char*>(block.at) + 100 * i, source.data(), 100).value();
    expected.insert(expected.end(), source.begin(), source.end());
    if (i < 8) CHECK(runtime.waits == before);
  }
  CHECK(runtime.waits == before + 12);
  CHECK(block.read(2000) == expected);
}

TEST_CASE("a copy from pinned memory comes back when it is done, one from managed memory when it is read") {
  Block const block(0, 100);
  void* pinned = nullptr;
  REQUIRE(cudaMallocHost(&pinned, 100) == cudaSuccess);
  auto const source = bytes(100, 3);
  std::memcpy(pinned, source.data(), 100);
  RuntimeDriver::to_device(0, block.at, pinned, 100).value();
  std::memset(pinned, 0, 100);
  CHECK(block.read(100) == source);
  runtime.pinned.erase(static_cast<unsigned char*>(pinned));
  std::free(pinned);

  auto managed = bytes(100, 4);
  runtime.managed.insert(managed.data());
  RuntimeDriver::to_device(0, block.at, managed.data(), 100).value();
  runtime.managed.clear();
  managed.assign(100, 0);
  CHECK(block.read(100) == bytes(100, 4));
}

TEST_CASE("a copy between devices is behind what both were given, and done when it comes back") {
  Block const a(0, 50);
  Block const b(1, 50);
  auto const source = bytes(50, 5);
  RuntimeDriver::clear(1, b.at, 50).value();  // queued on the other device
  RuntimeDriver::to_device(0, a.at, source.data(), 50).value();
  RuntimeDriver::between(1, b.at, 0, a.at, 50).value();
  CHECK(std::memcmp(b.at, source.data(), 50) == 0);
  RuntimeDriver::wait(1, nullptr).value();
  CHECK(b.read(50) == source);
}

TEST_CASE("a device that cannot be set: each call says so, and does nothing on another") {
  Block const block(0, 10);
  unsigned char host[10] = {};
  runtime.broken = 1;
  int const before = runtime.allocations;
  auto const refused = [](auto const& result) {
    REQUIRE(!result.has_value());
    CHECK(result.error().headline() == "cudaSetDevice on cuda:1: refused (device)");
    CHECK(cudaGetLastError() == cudaSuccess);  // nobody else is told of it
  };
  refused(RuntimeDriver::allocate(1, 10));
  refused(RuntimeDriver::to_device(1, block.at, host, 10));
  refused(RuntimeDriver::to_host(1, host, block.at, 10));
  refused(RuntimeDriver::between(0, block.at, 1, block.at, 10));
  refused(RuntimeDriver::clear(1, block.at, 10));
  refused(RuntimeDriver::info(1));
  refused(RuntimeDriver::make_stream(1));
  refused(RuntimeDriver::wait(1, nullptr));
  runtime.broken = -1;
  CHECK(runtime.allocations == before);
  CHECK(fake::Runtime::device == 0);
}

TEST_CASE("no memory left: an error with what is free") {
  runtime.full = true;
  auto const none = RuntimeDriver::allocate(1, 4096);
  runtime.full = false;
  REQUIRE(!none.has_value());
  CHECK(none.error().headline() == "cudaMallocAsync of 4096 bytes on cuda:1: refused (memory)");
  CHECK(std::string(none.error().what()).find("1 of 2 bytes are free on this device") != std::string::npos);
  CHECK(fake::Runtime::device == 0);
}
