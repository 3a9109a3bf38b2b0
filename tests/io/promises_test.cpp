// The promises that design section 5 makes about .ashlar files, each with a test of its number.
// Promise 2 is tested by hostile_test.cpp and tests/fuzz/reader_fuzz.cpp too, 3 by release.cpp, 14 and that map reads
// no data by fault_test.cpp, 17 by tests/interop. SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/file.hpp>
#include <ashlar/io/flat.hpp>

#include "io/damage.hpp"
#include "io/models.hpp"
#include "support/count_allocations.hpp"

#include <catch2/catch.hpp>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

using namespace ashlar;
using namespace ashlar::test;

namespace {

/// Like Small, but for what promise 10 is about.
struct Other {
  std::uint32_t step;
  bool ready;
  Mode mode;
  Dense<4, 5> first;
  std::array<Dense<3, 3, float16>, 2> layers;
  Buffer<std::int64_t> cuont;
  Parameter<bool, 3> mask;
  Named<"block 0", Dense<3, 5, double>> block;
  Parameter<float, 7> extra;
};

struct A {
  Parameter<float, 4> x;
  Parameter<float, 4> y;
};
struct B {
  Parameter<float, 4> y;
  Parameter<float, 4> x;
};

struct Large {
  Parameter<float, 1024, 1024> weight;
  Parameter<float, 3> bias;
  Parameter<float, 2048, 1024> more;
};

struct Huge {
  Parameter<unsigned char, (std::size_t{5} << 30)> big;
  Parameter<float, 1> tail;
};

std::vector<std::byte> small_bytes() { return to_bytes(*make_small()); }

}  // namespace

TEST_CASE("what was saved is loaded, mapped, viewed and listed") {
  auto const saved = make_small(0xcd);
  save("small.ashlar", *saved, {.metadata = {{"source", "a test"}, {"author", "nobody"}}});

  auto loaded = make_small(0, 77);
  load("small.ashlar", *loaded);
  CHECK(same_elements(*loaded, *saved));

  auto const mapped = map<Small>("small.ashlar");
  CHECK(same_elements(*mapped, *saved));
  CHECK(mapped->mode == Mode::both);

  FlatFile const flat = FlatFile::open("small.ashlar");
  CHECK(flat.model() == "Small");
  CHECK(flat.tensors().size() == 13);
  REQUIRE(flat.metadata().size() == 2);
  CHECK(flat.metadata()[0].first == "author");
  REQUIRE(flat.find("again") != nullptr);
  CHECK(flat.find("again")->key == "first.weight");
  CHECK(flat.find("layers.1.bias")->shape == Extents{1, {3}});
  CHECK(flat.find("block 0.weight")->dtype == DType::f64);
  CHECK(flat.find("nothing") == nullptr);

  Report const report = verify<Small>("small.ashlar");
  CHECK(report.headline == "");
  CHECK(report.ok());
  CHECK(report.model == "Small");
  CHECK(report.tensors == 13);
}

TEST_CASE("promise 1: a file is data, and no path in it is followed") {
  // Nothing in the format is a path or code; a key that looks like one is just a key.
  struct Odd {
    Named<"/etc/passwd", Parameter<float, 2>> a;
  };
  auto const bytes = to_bytes(Odd{});
  CHECK(verify_bytes(bytes).ok());
  CHECK(FlatFile::open(bytes).tensors()[0].key == "/etc/passwd");
}

TEST_CASE("promise 2: every truncation is an error for load, verify and map") {
  Aligned const file(small_bytes());
  std::span<std::byte const> const bytes = file.bytes();
  Unnoticed const cut = truncations(bytes, 61);
  CAPTURE(cut.first);
  CHECK(cut.count == 0);
  write_file("cut.ashlar", bytes.first(bytes.size() - 1));
  CHECK(message_of(try_map<Small>("cut.ashlar")) == "cut.ashlar: the file has " + std::to_string(bytes.size() - 1) +
                                                        " bytes but states " + std::to_string(bytes.size()) +
                                                        ": it is cut off");
}

TEST_CASE("promise 4: reading takes memory linear in the manifest, whatever the file claims") {
  auto const bytes = small_bytes();
  std::size_t const before = allocated_bytes;
  REQUIRE(verify_bytes(bytes).ok());
  CHECK(allocated_bytes - before < 64 * 1024);
}

TEST_CASE("promise 5: sizes that overflow are refused") {
  auto row = [](Extents shape, std::size_t bytes) {
    Row r;
    r.key = "x";
    r.shape = shape;
    r.bytes = bytes;
    return r;
  };
  CHECK(detail::row_problem(row({2, {3, 4}}, 48), 48) == "");
  CHECK(detail::row_problem(row({2, {std::size_t{1} << 62, 4}}, 0), 0) ==
        "has the shape (4611686018427387904, 4), which is more than can be addressed");
  CHECK(detail::row_problem(row({2, {std::size_t{1} << 32, std::size_t{1} << 32}}, 0), 0).substr(0, 13) ==
        "has the shape");
  CHECK(detail::row_problem(row({3, {0, std::size_t{1} << 40, std::size_t{1} << 40}}, 0), 0).substr(0, 13) ==
        "has the shape");
  Row far = row({1, {16}}, 64);
  far.offset = ~std::size_t{63};
  CHECK(detail::row_problem(far, 128) == "lies at bytes 18446744073709551552 + 64 of a data segment of 128");
}

TEST_CASE("promise 6: tensors tile the data segment; padding is zero, and checked") {
  auto bytes = to_bytes(*make_small(0xff));  // garbage in the padding in memory
  REQUIRE(verify_bytes(bytes).ok());
  FlatFile const flat = FlatFile::open(bytes);
  std::size_t const front = bytes.size() - flat.data().size();
  FlatTensor const* const bias = flat.find("first.bias");
  std::size_t const padding = front + bias->offset + bias->bytes.size();
  CHECK(bytes[padding] == std::byte{0});
  bytes[padding] = std::byte{1};
  Report const report = verify_bytes(bytes);
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].substr(0, 16) == "padding at bytes");
  auto target = make_small();
  CHECK(!try_from_bytes(bytes, *target));
}

TEST_CASE("promise 7: every tensor lies at a multiple of 64, in the file and in memory") {
  save("small.ashlar", *make_small());
  FlatFile const flat = FlatFile::open("small.ashlar");
  for (FlatTensor const& t : flat.tensors()) {
    CAPTURE(std::string(t.key));
    if (t.kind != Kind::scalar) CHECK(reinterpret_cast<std::uintptr_t>(t.bytes.data()) % 64 == 0);
  }
  auto const mapped = map<Small>("small.ashlar");
  CHECK(reinterpret_cast<std::uintptr_t>(mapped.get()) % 4096 == 0);
}

TEST_CASE("promise 8: tensors and files over 4 GiB") {
  // A sparse file, so that it costs no disk: the front, a hole of 5 GiB, one value at the end.
  constexpr std::size_t offset = offsetof(Huge, tail);
  static_assert(offset >= std::size_t{5} << 30);
  Layout const layout = layout_of<Huge>();
  auto plan = detail::SavePlan::make(layout, {}, {}, "huge");
  REQUIRE(plan);
  plan->finish(layout);
  std::size_t const front = plan->head.bytes.size();
  {
    auto file = detail::AtomicFile::create("huge.ashlar");
    REQUIRE(file);
    float const value = 42;
    REQUIRE(file->write(plan->head.bytes, 0));
    REQUIRE(file->write(std::as_bytes(std::span(&value, 1)), front + offset));
    std::byte const last{0};
    REQUIRE(file->write(std::span(&last, 1), front + sizeof(Huge) - 1));
    REQUIRE(file->commit());
  }
  CHECK(map<Huge>("huge.ashlar")->tail(0) == 42);
  {
    FlatFile const flat = FlatFile::open("huge.ashlar");
    CHECK(flat.tensors()[0].bytes.size() == std::size_t{5} << 30);
    CHECK(flat.find("tail")->offset == offset);
  }
  CHECK(::truncate("huge.ashlar", 5'000'000'000) == 0);
  CHECK(message_of(try_map<Huge>("huge.ashlar")).find("has 5000000000 bytes but states 53687") != std::string::npos);
  ::unlink("huge.ashlar");
}

TEST_CASE("promise 9: the typed and the flat view agree, or the file is refused") {
  // hostile_test.cpp has the files where they do not.
  CHECK(verify_bytes(small_bytes()).ok());
}

TEST_CASE("promise 10: a mismatch names members, in PyTorch's words and with more") {
  auto const bytes = small_bytes();
  static Other other;
  auto const result = try_from_bytes(bytes, other);
  REQUIRE(!result);
  CHECK(result.error().code() == Errc::mismatch);
  CHECK(
      std::string(result.error().what()) ==
      "memory: Error(s) in loading state_dict for Other:\n"
      "  Missing key(s) in state_dict: \"extra\", \"cuont\".\n"
      "  Unexpected key(s) in state_dict: \"count\".\n"
      "  cuont, i64 () of Other: did you mean count, i64 ()?\n"
      "  kind mismatch for mask: a constant in the file, a parameter in Other\n"
      "  size mismatch for first.weight: copying a param with shape (3, 4) from checkpoint, the shape in current model "
      "is (5, 4) (Dense<4, 5>)\n"
      "  size mismatch for first.bias: copying a param with shape (3,) from checkpoint, the shape in current model is "
      "(5,) (Dense<4, 5>)\n"
      "  dtype mismatch for layers.0.weight: f32 in the file, f16 in Dense<3, 3, float16>\n"
      "  dtype mismatch for layers.0.bias: f32 in the file, f16 in Dense<3, 3, float16>\n"
      "  dtype mismatch for layers.1.weight: f32 in the file, f16 in Dense<3, 3, float16>\n"
      "  dtype mismatch for layers.1.bias: f32 in the file, f16 in Dense<3, 3, float16>");
}

TEST_CASE("promise 10: map of another layout says which member lies elsewhere") {
  A const a{{1, 2, 3, 4}, {5, 6, 7, 8}};
  save("a.ashlar", a);
  CHECK(message_of(try_map<B>("a.ashlar")) ==
        "a.ashlar: holds all of B, but laid out otherwise, so it can be loaded and not mapped; load it and save it "
        "again to map it\n"
        "  y: at byte 64 in the file, at byte 0 in B\n"
        "  x: at byte 0 in the file, at byte 64 in B");
  B b{};
  load("a.ashlar", b);
  CHECK(b.x(0) == 1);
  CHECK(b.y(3) == 8);
}

TEST_CASE("promise 11: golden files of format version 1 stay readable") {
  // Written by the first release; tests/golden/io/README.md says how. Never replaced, only joined by others.
  auto expected = make_small();
  auto loaded = make_small(0, 9);
  std::string const path = ASHLAR_TEST_DATA "/io/small_v1.ashlar";
  CHECK(verify<Small>(path).headline == "");
  load(path, *loaded);
  CHECK(same_elements(*loaded, *expected));
  CHECK(same_elements(*map<Small>(path), *expected));
  CHECK(FlatFile::open(path).metadata()[0].second == "format version 1");
}

TEST_CASE("promise 11: the writer makes the very bytes it made when its golden file was last written") {
  std::string const path = ASHLAR_TEST_DATA "/io/small.ashlar";
  auto const bytes = to_bytes(*make_small(), {.metadata = {{"note", "format version 1"}}});
  if (std::getenv("ASHLAR_REGENERATE") != nullptr) write_file(path, bytes);
  std::string const golden = read_file(path);
  REQUIRE(golden.size() == bytes.size());
  std::size_t first = 0;
  while (first < bytes.size() && bytes[first] == as_bytes(golden)[first]) ++first;
  CHECK(first == bytes.size());
}

TEST_CASE("promise 12: every flipped bit is an error for load and verify") {
  Aligned file(small_bytes());
  Unnoticed const flipped = flips(file.bytes(), 7);
  CAPTURE(flipped.first);
  CHECK(flipped.count == 0);
}

TEST_CASE("promise 13: load and save use no staging copy") {
  auto const large = std::make_unique<Large>();
  std::memset(static_cast<void*>(large.get()), 1, sizeof(Large));
  largest_allocation = 0;
  save("large.ashlar", *large);
  CHECK(largest_allocation < 16 * 1024);
  auto target = std::make_unique<Large>();
  largest_allocation = 0;
  load("large.ashlar", *target);
  CHECK(largest_allocation < 16 * 1024);
  CHECK(std::memcmp(large->more.data(), target->more.data(), sizeof large->more) == 0);

  std::size_t const before = allocated_bytes;
  auto const mapped = map<Large>("large.ashlar");
  CHECK(allocated_bytes - before < 1024);
}

TEST_CASE("promise 15: saving over a mapped file leaves the mapping as it is") {
  save("mapped.ashlar", *make_small(0, 1));
  auto const mapped = map<Small>("mapped.ashlar");
  save("mapped.ashlar", *make_small(0, 50));
  CHECK(same_elements(*mapped, *make_small(0, 1)));
  CHECK(same_elements(*map<Small>("mapped.ashlar"), *make_small(0, 50)));
}

TEST_CASE("promise 16: equal objects give equal bytes, whatever is in their padding") {
  SaveOptions const ab{.metadata = {{"a", "1"}, {"b", "2"}}};
  SaveOptions const ba{.metadata = {{"b", "2"}, {"a", "1"}}};
  CHECK(to_bytes(*make_small(0), ab) == to_bytes(*make_small(0xff), ba));
  save("equal.ashlar", *make_small(0x55), ab);
  std::string const file = read_file("equal.ashlar");
  auto const bytes = to_bytes(*make_small(0), ab);
  CHECK(file.size() == bytes.size());
  CHECK(std::memcmp(file.data(), bytes.data(), bytes.size()) == 0);
}

TEST_CASE("promise 18: bools and enums are validated by load, map, view, verify and save") {
  Aligned const good(small_bytes());
  Small const* const in_place = try_view<Small>(good.bytes()).value();
  auto const offset = [&](void const* member) {
    return static_cast<std::size_t>(static_cast<std::byte const*>(member) - good.bytes().data());
  };
  // A typed map looks at the content whatever the checksums say.
  auto bad = good;
  bad.bytes()[offset(&in_place->ready)] = std::byte{2};
  CHECK(message_of(try_view<Small>(bad.bytes())) ==
        "memory: holds values that Small cannot\n  ready holds a value that is no bool in Small");
  write_file("bad.ashlar", bad.bytes());
  CHECK(message_of(try_map<Small>("bad.ashlar")) ==
        "bad.ashlar: holds values that Small cannot\n  ready holds a value that is no bool in Small");
  bad = good;
  bad.bytes()[offset(&in_place->mode)] = std::byte{3};
  CHECK(message_of(try_view<Small>(bad.bytes())) ==
        "memory: holds values that Small cannot\n  mode holds a value that its enum lacks in Small");
  bad = good;
  bad.bytes()[offset(&in_place->mask) + 1] = std::byte{9};
  CHECK(message_of(try_view<Small>(bad.bytes())) ==
        "memory: holds values that Small cannot\n  mask holds a value that is no bool in Small");

  auto small = make_small();
  std::memset(static_cast<void*>(&small->mode), 5, 1);
  auto const saved = try_save("never.ashlar", *small);
  CHECK(message_of(saved) == "never.ashlar: cannot save Small\n  mode holds a value that its enum lacks in Small");
  CHECK(saved.error().code() == Errc::value);
  CHECK(::access("never.ashlar", F_OK) != 0);
}

TEST_CASE("a file of exactly one page more or less than it states is refused") {
  auto bytes = small_bytes();
  bytes.resize(bytes.size() + 4096);
  CHECK(verify_bytes(bytes).headline.find("something was appended") != std::string::npos);
}
