// Every fault of the catalogue is found, and named in the same words by all readers.  SPDX-License-Identifier: BSL-1.0
#include "io/hostile.hpp"

#include <ashlar/io/file.hpp>
#include <ashlar/io/flat.hpp>

#include "io/models.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace ashlar;
using namespace ashlar::test;

namespace ashlar::test {

namespace {

// Faults that several cases have in common: each gives what spoils a Spec.

/// A number of the prologue, whose checksum then fits.
template <class Number>
auto prologue(std::size_t at, Number value) {
  return [=](Spec& s) { s.patch_prologue_bytes = [=](auto& bytes) { detail::put<Number>(bytes, at, value); }; };
}
/// A byte of the file.
auto byte(std::size_t at, char value) {
  return [=](Spec& s) { s.patch_file = [=](auto& f) { f[at] = static_cast<std::byte>(value); }; };
}
auto flipped(std::size_t at) {
  return [=](Spec& s) { s.patch_file = [=](auto& f) { f[at] ^= std::byte{1}; }; };
}

/// A root without a typed view.
Offset<> header_alone(Builder& b, std::vector<Offset<file::Tensor>> const&, Offset<file::Header> header) {
  auto const start = b.StartTable();
  b.AddOffset(4, header);
  return Offset<>(b.EndTable(start));
}
/// A root with the members `a` and `step`, whose `a` has these fields.
Offset<> view_of(Builder& b, Offset<file::Header> header,
                 std::vector<std::pair<::flatbuffers::voffset_t, Offset<file::Tensor>>> const& fields_of_a,
                 Offset<file::Tensor> step) {
  auto start = b.StartTable();
  for (auto const& [field, tensor] : fields_of_a) b.AddOffset(field, tensor);
  Offset<> const a(b.EndTable(start));
  start = b.StartTable();
  b.AddOffset(4, header);
  b.AddOffset(6, a);
  b.AddOffset(8, step);
  return Offset<>(b.EndTable(start));
}

}  // namespace

std::vector<BadFile> const& bad_files() {
  using T = file::Tensor;
  static std::string const invalid = "memory: the manifest is not valid: ";
  static std::vector<BadFile> const all{
      // ---- the prologue
      {"no magic", byte(0, 'Z'), "memory: not an .ashlar file: the first bytes are not \\x89ASHLR"},
      {"another version", prologue<std::uint16_t>(6, 2), "memory: format version 2, but this library reads version 1"},
      {"prologue checksum", flipped(20), "memory: the first 64 bytes are damaged: their checksum does not fit"},
      {"manifest elsewhere", prologue<std::uint32_t>(8, 128), "memory: the manifest does not start at byte 64"},
      {"manifest of 0 bytes", prologue<std::uint32_t>(12, 0),
       "memory: a manifest of 0 bytes, but 1 to 67108864 are allowed"},
      {"manifest of 64 MiB + 1", prologue<std::uint32_t>(12, (64u << 20) + 1),
       "memory: a manifest of 67108865 bytes, but 1 to 67108864 are allowed"},
      {"manifest of 4 GiB - 1", prologue<std::uint32_t>(12, ~0u),
       "memory: a manifest of 4294967295 bytes, but 1 to 67108864 are allowed"},
      {"data too early", prologue<std::uint32_t>(16, 64), "memory: the data starts at byte 64 instead of 4096"},
      {"data too late", prologue<std::uint32_t>(16, 8192), "memory: the data starts at byte 8192 instead of 4096"},
      {"lengths that wrap",
       [](Spec& s) {
         s.patch_prologue_bytes = [](auto& b) {
           detail::put<std::uint64_t>(b, 24, ~std::uint64_t{0});
           detail::put<std::uint64_t>(b, 32, 4095);
         };
       },
       "memory: the file length stated, 4095, is not 4096 + 18446744073709551615"},
      {"file length stated wrong", prologue<std::uint64_t>(32, 4289),
       "memory: the file length stated, 4289, is not 4096 + 192"},
      {"data length beyond the end",
       [](Spec& s) {
         s.patch_prologue_bytes = [](auto& b) {
           detail::put<std::uint64_t>(b, 24, std::uint64_t{1} << 60);
           detail::put<std::uint64_t>(b, 32, (std::uint64_t{1} << 60) + 4096);
         };
       },
       "memory: the file has 4288 bytes but states 1152921504606851072: it is cut off"},
      {"one byte appended", [](Spec& s) { s.patch_file = [](auto& f) { f.push_back({}); }; },
       "memory: the file has 4289 bytes but states 4288: something was appended"},
      {"text between manifest and data", byte(4095, '!'), "memory: bytes that are not zero between manifest and data"},
      {"another fingerprint", [](Spec& s) { s.patch_prologue = [](auto& p) { p.fingerprint[0] ^= std::byte{1}; }; },
       invalid + "the fingerprint in the first 64 bytes is that of another layout"},
      // ---- the manifest as a FlatBuffer
      {"manifest checksum", flipped(64), "memory: the manifest is damaged: its checksum does not fit"},
      {"manifest of 4 bytes", [](Spec& s) { s.patch_manifest = [](auto& m) { m.resize(4); }; },
       invalid + "its identifier is not ASHM"},
      {"another identifier", [](Spec& s) { s.patch_manifest = [](auto& m) { m[4] = std::byte{'B'}; }; },
       invalid + "its identifier is not ASHM"},
      {"root outside", [](Spec& s) { s.patch_manifest = [](auto& m) { poke(m, 0, 0x7fffffff); }; },
       invalid + "its root lies outside"},
      {"root at 0", [](Spec& s) { s.patch_manifest = [](auto& m) { poke(m, 0, 0); }; },
       invalid + "its root lies outside"},
      {"root misaligned", [](Spec& s) { s.patch_manifest = [](auto& m) { poke(m, 0, peek(m, 0) + 1); }; },
       invalid + "its root lies outside"},
      {"vtable outside", [](Spec& s) { s.patch_manifest = [](auto& m) { poke(m, peek(m, 0), 0x7ffffff0); }; },
       invalid + "its root lies outside"},
      {"a manifest cut in the middle", [](Spec& s) { s.patch_manifest = [](auto& m) { m.resize(m.size() / 2); }; },
       invalid + "tensor 0: tensor lies outside"},
      {"zeros as a manifest",
       [](Spec& s) {
         s.patch_manifest = [](auto& m) {
           for (std::size_t i = 8; i < m.size(); ++i) m[i] = {};
         };
       },
       invalid + "no header"},
      {"no header",
       [](Spec& s) {
         s.root = [](Builder& b, auto&, auto) {
           auto const start = b.StartTable();
           return Offset<>(b.EndTable(start));
         };
       },
       invalid + "no header"},
      {"header is the root itself",
       [](Spec& s) {
         s.patch_manifest = [](auto& m) {
           std::size_t const root = peek(m, 0);
           std::size_t const field = field_at(m, root, 4);
           poke(m, field, static_cast<std::uint32_t>(root - field));
         };
       },
       invalid + "header lies outside"},
      {"shape misaligned by 4",
       [](Spec& s) {
         s.patch_manifest = [](auto& m) {
           std::size_t const field = field_at(m, tensor_at(m, 1), T::VT_SHAPE);
           poke(m, field, peek(m, field) + 4);
         };
       },
       invalid + "tensor 1, a.bias: shape is misaligned"},
      {"key outside",
       [](Spec& s) {
         s.patch_manifest = [](auto& m) { poke(m, field_at(m, tensor_at(m, 1), T::VT_KEY), 0x01000000); };
       },
       invalid + "tensor 1: key lies outside"},
      {"offset that wraps",
       [](Spec& s) {
         s.patch_manifest = [](auto& m) { poke(m, field_at(m, tensor_at(m, 1), T::VT_KEY), 0xfffffff0); };
       },
       invalid + "tensor 1: key lies outside"},
      {"key without an end",
       [](Spec& s) {
         s.patch_manifest = [](auto& m) {
           std::size_t const field = field_at(m, tensor_at(m, 0), T::VT_KEY);
           std::size_t const string = field + peek(m, field);
           m[string + 4 + peek(m, string)] = std::byte{'x'};
         };
       },
       invalid + "tensor 0: key lies outside"},
      {"one table many times",
       [](Spec& s) {
         s.tensors.resize(1);
         s.root = [](Builder& b, auto& tensors, auto) {
           auto const list = b.CreateVector(std::vector<Offset<file::Tensor>>(100000, tensors[0]));
           auto const name = b.CreateString("M");
           auto const header = file::CreateHeader(b, list, name, name, name, 0, 4096);
           auto const start = b.StartTable();
           b.AddOffset(4, header);
           return Offset<>(b.EndTable(start));
         };
       },
       invalid + "tensor "},
      {"one long string many times",
       [](Spec& s) {
         s.root = [](Builder& b, auto& tensors, auto) {
           auto const text = b.CreateString(std::string(100000, 'x'));
           std::vector<Offset<file::KeyValue>> pairs;
           for (int i = 0; i < 1000; ++i)
             pairs.push_back(file::CreateKeyValue(b, b.CreateString(std::to_string(1000 + i)), text));
           auto const list = b.CreateVector(tensors);
           auto const name = b.CreateString("M");
           auto const header = file::CreateHeader(b, list, name, name, name, b.CreateVector(pairs), 4096);
           auto const start = b.StartTable();
           b.AddOffset(4, header);
           return Offset<>(b.EndTable(start));
         };
       },
       invalid + "its parts overlap"},
      // ---- what the tensors say
      {"unknown kind", [](Spec& s) { s.tensors[0].kind = 4; }, invalid + "tensor 0, a.weight: kind 4 is unknown"},
      {"unknown dtype", [](Spec& s) { s.tensors[0].dtype = 13; }, invalid + "tensor 0, a.weight: dtype 13 is unknown"},
      {"nine dimensions", [](Spec& s) { s.tensors[0].shape = {1, 1, 1, 1, 1, 1, 1, 1, 4}; },
       invalid + "tensor 0, a.weight: 9 dimensions, but 8 are allowed"},
      {"scalar of two dimensions", [](Spec& s) { s.tensors[2].shape = {1, 1}; },
       "memory: step has 2 dimensions, but a scalar has at most 1"},
      {"size of another shape", [](Spec& s) { s.tensors[0].shape = {5}; },
       "memory: a.weight has 16 bytes, but f32 (5,) takes 20"},
      {"shape that wraps", [](Spec& s) { s.tensors[0].shape = {std::uint64_t{1} << 63, 2}; },
       "memory: a.weight has the shape (9223372036854775808, 2), which is more than can be addressed"},
      {"shape that wraps to the right size", [](Spec& s) { s.tensors[0].shape = {(std::uint64_t{1} << 62) + 4}; },
       "memory: a.weight has the shape (4611686018427387908,), which is more than can be addressed"},
      {"an extent of 2^64 - 1", [](Spec& s) { s.tensors[0].shape = {~std::uint64_t{0}}; },
       invalid + "tensor 0, a.weight: an extent of 2^64 - 1"},
      {"beyond the data", [](Spec& s) { s.tensors[1].offset = 192; },
       "memory: a.bias lies at bytes 192 + 16 of a data segment of 192"},
      {"offset that wraps the end", [](Spec& s) { s.tensors[1].offset = ~std::uint64_t{0} - 63; },
       "memory: a.bias lies at bytes 18446744073709551552 + 16 of a data segment of 192"},
      {"misaligned tensor", [](Spec& s) { s.tensors[1].offset = 68; },
       "memory: a.bias lies at byte 68, which is no multiple of 64"},
      {"misaligned scalar", [](Spec& s) { s.tensors[2].offset = 130; },
       "memory: step lies at byte 130, which is no multiple of 4"},
      {"overlap", [](Spec& s) { s.tensors[1].offset = 0; }, "memory: a.bias overlaps a.weight"},
      {"overlap by one element", [](Spec& s) { s.tensors[2].offset = 76; }, "memory: step overlaps a.bias"},
      {"gap that is not zero", byte(4096 + 20, 7),
       "memory: the data is damaged\n  padding at bytes 16 to 64 of the data, before a.bias, is not zero"},
      {"rest that is not zero", [](Spec& s) { s.patch_file = [](auto& f) { f.back() = std::byte{7}; }; },
       "memory: the data is damaged\n  padding at bytes 132 to 192 of the data, at the end, is not zero"},
      {"damaged tensor", [](Spec& s) { s.tensors[1].checksum = 5; },
       "memory: the data is damaged\n  a.bias is damaged: its checksum does not fit"},
      {"a bool of 2",
       [](Spec& s) {
         s.tensors[0].dtype = 9;
         s.tensors[0].shape = {16};
         s.patch_file = [](auto& f) { f[4096] = std::byte{2}; };
         std::vector<std::byte> content(16, std::byte{1});
         content[0] = std::byte{2};
         s.tensors[0].checksum = detail::checksum(content);
       },
       "memory: the data is damaged\n  a.weight holds a value that is no bool"},
      // ---- keys
      {"duplicate key", [](Spec& s) { s.tensors[1].key = "a.weight"; },
       "memory: a.weight stands twice in the list of keys"},
      {"empty key", [](Spec& s) { s.tensors[0].key = ""; }, "memory: the key '' is empty"},
      {"key with an empty part", [](Spec& s) { s.tensors[0].key = "a..weight"; },
       "memory: the key 'a..weight' has an empty part"},
      {"key with a line feed", [](Spec& s) { s.tensors[0].key = "a\nb"; },
       "memory: the key 'a?b' has a control character"},
      {"key that is not UTF-8", [](Spec& s) { s.tensors[0].key = "a\xc0\xaf"; },
       invalid + "tensor 0, a??: key is not UTF-8"},
      {"key with half a surrogate", [](Spec& s) { s.tensors[0].key = "a\xed\xa0\x80"; },
       invalid + "tensor 0, a???: key is not UTF-8"},
      {"key of 1025 bytes", [](Spec& s) { s.tensors[0].key = std::string(1025, 'k'); },
       "memory: the key '" + std::string(200, 'k') + "...' has 1025 bytes, but 1024 are allowed"},
      {"key of 33 parts",
       [](Spec& s) {
         for (int i = 0; i < 32; ++i) s.tensors[0].key.insert(0, "d.");
       },
       "memory: d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.a.weight has more than 32 parts"},
      {"too many members",
       [](Spec& s) {
         s.tensors.clear();
         s.data_bytes = 64;
         for (int i = 0; i < 16001; ++i) s.tensors.push_back({.key = "k" + std::to_string(i), .shape = {0}});
         s.root = header_alone;
       },
       "memory: the model has 16001 members, but 16000 are allowed"},
      // ---- ties
      {"alias that is a key", [](Spec& s) { s.tensors[0].aliases = {"a.bias"}, s.tensors[0].positions = {1}; },
       "memory: a.bias stands twice in the list of keys"},
      {"alias of itself", [](Spec& s) { s.tensors[0].aliases = {"a.weight"}, s.tensors[0].positions = {1}; },
       "memory: a.weight stands twice in the list of keys"},
      {"alias without position", [](Spec& s) { s.tensors[0].aliases = {"b"}; },
       invalid + "tensor 0, a.weight: aliases and alias_positions differ in length"},
      {"position without alias", [](Spec& s) { s.tensors[0].positions = {1}; },
       invalid + "tensor 0, a.weight: aliases and alias_positions differ in length"},
      {"alias beyond the end", [](Spec& s) { s.tensors[0].aliases = {"b"}, s.tensors[0].positions = {4}; },
       invalid + "the position of the alias b, 4, is taken or beyond the end"},
      {"two aliases at one place",
       [](Spec& s) {
         s.tensors[0].aliases = {"b"}, s.tensors[0].positions = {1};
         s.tensors[1].aliases = {"c"}, s.tensors[1].positions = {1};
       },
       invalid + "the position of the alias c, 1, is taken or beyond the end"},
      {"aliases out of order", [](Spec& s) { s.tensors[0].aliases = {"b", "c"}, s.tensors[0].positions = {2, 1}; },
       invalid + "tensor 0, a.weight: alias_positions are out of order"},
      // ---- metadata and text
      {"metadata out of order", [](Spec& s) { s.metadata = {{"b", ""}, {"a", ""}}; },
       invalid + "metadata 'a' is out of order or stands twice"},
      {"metadata twice", [](Spec& s) { s.metadata = {{"a", "1"}, {"a", "2"}}; },
       invalid + "metadata 'a' is out of order or stands twice"},
      {"metadata that is not UTF-8", [](Spec& s) { s.metadata = {{"a", "\xff"}}; },
       invalid + "value of metadata is not UTF-8"},
      {"model that is not UTF-8", [](Spec& s) { s.model = "\x80"; }, invalid + "model is not UTF-8"},
      {"another alignment", [](Spec& s) { s.alignment = 64; }, invalid + "data_alignment is 64 instead of 4096"},
      {"layout text of another model", [](Spec& s) { s.layout = "ashlar layout 1\t192\n"; },
       invalid + "the layout text differs from the list of tensors and modules"},
      // ---- modules
      {"modules without the model", [](Spec& s) { s.modules = {{"a"}}; },
       invalid + "the module 'a' is first but not the model"},
      {"two models", [](Spec& s) { s.modules = {{""}, {""}}; }, invalid + "the module '' has no key"},
      {"module twice", [](Spec& s) { s.modules = {{""}, {"a"}, {"b"}, {"a"}}; },
       invalid + "the module 'a' stands twice"},
      {"module with an empty part", [](Spec& s) { s.modules = {{""}, {"a..b"}}; },
       invalid + "the module 'a..b' has an empty part"},
      {"module of version 0", [](Spec& s) { s.modules = {{""}, {"a", "A", 0}}; },
       invalid + "the module 'a' has the version 0"},
      {"module behind tensors that are not there", [](Spec& s) { s.modules = {{""}, {"a", "A", 1, 4}}; },
       invalid + "the module 'a' stands behind more tensors than there are"},
      {"module without a type", [](Spec& s) { s.modules = {{""}, {"a", ""}}; },
       invalid + "the module 'a' has a type without a name"},
      {"module with a type of two lines", [](Spec& s) { s.modules = {{""}, {"a", "A\nB"}}; },
       invalid + "the module 'a' has a control character in its type"},
      {"module with a key that is not UTF-8", [](Spec& s) { s.modules = {{""}, {"\xff"}}; },
       invalid + "key of a module is not UTF-8"},
      {"modules in more than 64 others",
       [](Spec& s) {
         s.modules = {{""}};
         for (int i = 0; i < 64; ++i) s.modules.push_back({s.modules.back().key + (i == 0 ? "d" : ".d")});
       },
       invalid +
           "the module 'd.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d."
           "d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d.d' lies in more than 64 others"},
      {"a version that the layout text does not have",
       [](Spec& s) {
         s.modules = {{""}, {"a", "A", 2}};
         s.layout =
             "ashlar layout 1\t192\na.weight\tparameter\tf32\t4\t0\na.bias\tparameter\tf32\t2,2\t64\n"
             "step\tscalar\tu32\t\t128\n";
       },
       invalid + "the layout text differs from the list of tensors and modules"},
      // ---- the typed view
      {"typed view is missing", [](Spec& s) { s.root = header_alone; },
       invalid + "the typed view has 1 fields, but the keys give 3"},
      {"typed view with two tensors exchanged",
       [](Spec& s) {
         s.root = [](Builder& b, auto& t, auto header) { return view_of(b, header, {{4, t[1]}, {6, t[0]}}, t[2]); };
       },
       invalid + "the typed view has another tensor for a.weight than the flat list"},
      {"typed view with a tensor of its own",
       [](Spec& s) {
         s.root = [](Builder& b, auto& t, auto header) {
           auto const key = b.CreateString("step");
           auto const shape = b.CreateVector(std::vector<std::uint64_t>{});
           auto const own = file::CreateTensor(b, key, file::Kind::scalar, file::DType::u32, shape, 128, 4, 0);
           return view_of(b, header, {{4, t[0]}, {6, t[1]}}, own);
         };
       },
       invalid + "the typed view has another tensor for step than the flat list"},
      {"typed view without a member",
       [](Spec& s) { s.root = [](Builder& b, auto& t, auto header) { return view_of(b, header, {{6, t[1]}}, t[2]); }; },
       invalid + "the typed view of a has no weight"},
      {"typed view that is a cycle",
       [](Spec& s) {
         s.tensors.resize(1);
         s.patch_manifest = [](auto& m) {
           std::size_t const root = peek(m, 0);
           std::size_t const field = field_at(m, root, 6);
           // Offsets lead forward only, so the nearest thing to a cycle is a table that is its own child's place.
           poke(m, field, 4);
         };
       },
       invalid + "the typed view of a "},
  };
  return all;
}

}  // namespace ashlar::test

namespace {

struct M {
  Dense<1, 1> a;
};

}  // namespace

TEST_CASE("the builder makes sound files") {
  CHECK(verify_bytes(build({})).headline == "");
  Spec tied;
  tied.tensors[0].aliases = {"b", "c.d"};
  tied.tensors[0].positions = {1, 3};
  Report const report = verify_bytes(build(tied));
  CHECK(report.headline == "");
  auto const bytes = build(tied);
  FlatFile const flat = FlatFile::open(bytes);
  REQUIRE(flat.rows().size() == 5);
  CHECK(flat.rows()[1].key == "b");
  CHECK(flat.rows()[3].key == "c.d");
  CHECK(flat.rows()[3].alias_of == 0);
}

TEST_CASE("a list of layers is a vector in the typed view") {
  Spec s;
  s.tensors = {{.key = "l.0.w", .shape = {4}, .offset = 0, .bytes = 16},
               {.key = "l.1.w", .shape = {2}, .offset = 64, .bytes = 8}};
  CHECK(verify_bytes(build(s)).headline == "");
  s.root = [](Builder& b, auto& t, auto header) {  // one element too few
    auto start = b.StartTable();
    b.AddOffset(4, t[0]);
    std::vector<Offset<>> const one{Offset<>(b.EndTable(start))};
    auto const list = b.CreateVector(one);
    start = b.StartTable();
    b.AddOffset(4, header);
    b.AddOffset(6, list);
    return Offset<>(b.EndTable(start));
  };
  CHECK(verify_bytes(build(s)).headline ==
        "memory: the manifest is not valid: the typed view of l has 1 elements, but the keys give 2");
}

TEST_CASE("every fault of the catalogue is found and named") {
  for (BadFile const& bad : bad_files()) {
    CAPTURE(bad.name);
    Spec spec;
    bad.spoil(spec);
    auto const bytes = build(spec);
    Report const report = verify_bytes(bytes);
    std::string const found = report.ok() ? "no error" : report.error().what();
    CHECK(found.substr(0, bad.message.size()) == bad.message);
    M target{};
    auto const loaded = try_from_bytes(bytes, target);
    CHECK(message_of(loaded).substr(0, bad.message.size()) == bad.message);
    if (found.find("the data is damaged") == std::string::npos) {
      CHECK(message_of(FlatFile::try_open(bytes)).substr(0, bad.message.size()) == bad.message);
    }
    if (bytes.size() >= 1) {  // at an odd address, where the reader has to make its own copy of the manifest
      std::vector<std::byte> shifted(bytes.size() + 1);
      std::memcpy(shifted.data() + 1, bytes.data(), bytes.size());
      Report const again = verify_bytes(std::span(shifted).subspan(1));
      CHECK(again.headline == report.headline);
    }
  }
}
