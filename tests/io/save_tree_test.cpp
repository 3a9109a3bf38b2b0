// tests/io/save_tree_test.cpp: .ashlar files without a type, and what types make of them.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/flat.hpp>
#include <ashlar/io/leaves.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/save_copy.hpp>
#include <ashlar/io/save_tree.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/io/verify_any.hpp>
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#include "models.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace ashlar;
using namespace ashlar::test;

namespace {

std::string data(std::string const& name) { return ASHLAR_TEST_DATA "/" + name; }

struct Plain {
  Linear<20, 256> hidden;
  Linear<256, 10> out;
};
struct Normed {
  Linear<4, 8> first;
  BatchNorm1d<8> norm;
  Dropout dropout;
  Tied<"first.weight"> again;
};
struct Run {
  Linear<2, 3> model;
  std::array<double, 2> betas;
  std::int64_t epoch;
  bool done;
};

std::string problem_of(Result<void> const& result) { return result ? "none" : result.error().what(); }

}  // namespace

TEST_CASE("a plain network's state_dict becomes the file that save writes, but for the modules") {
  auto const net = make<Plain>(Rng{3});
  save("typed.ashlar", *net);
  save_torch("net.pt", *net);
  save_tree("tree.ashlar", read("net.pt"), {.metadata = {{"from", "net.pt"}}, .model = "Plain"});
  CHECK(verify("tree.ashlar").ok());
  auto const typed = FlatFile::open("typed.ashlar");
  auto const tree = FlatFile::open("tree.ashlar");
  CHECK(tree.layout() == typed.layout());
  CHECK(tree.fingerprint() == typed.fingerprint());
  CHECK(tree.model() == "Plain");
  CHECK(tree.modules().empty());
  REQUIRE(tree.metadata().size() == 1);
  CHECK(tree.metadata()[0].second == "net.pt");
  auto const mapped = map<Plain>("tree.ashlar");  // no copy: every offset is the struct's
  CHECK(std::memcmp(&*mapped, &*net, sizeof(Plain)) == 0);
}

TEST_CASE("a file without modules is loaded as a state_dict is: kinds, constants and scalars do not count") {
  auto net = make<Normed>(Rng{1});
  net->norm.running_mean.fill(2);
  net->dropout.p = 0.25;
  save_torch("net.pt", *net);
  save_tree("net.ashlar", read("net.pt"));
  auto const flat = FlatFile::open("net.ashlar");
  REQUIRE(flat.find("again") != nullptr);
  CHECK(flat.find("again")->key == "first.weight");  // stored once
  CHECK(flat.find("norm.running_mean")->kind == Kind::buffer);
  CHECK(flat.find("norm.num_batches_tracked")->kind == Kind::buffer);
  CHECK(flat.find("norm.weight")->kind == Kind::parameter);

  auto copy = make<Normed>(Rng{2});
  copy->dropout.p = 0.125;
  LoadReport const report = load("net.ashlar", *copy);
  CHECK(report.kept == std::vector<std::string>{"dropout.p"});
  CHECK(copy->dropout.p == 0.125);
  CHECK(copy->norm.running_mean(7) == 2);
  CHECK(std::memcmp(&copy->first, &net->first, sizeof net->first) == 0);
  CHECK(verify<Normed>("net.ashlar").ok());
  CHECK(!verify<Plain>("net.ashlar").ok());
}

TEST_CASE("a checkpoint of tensors and numbers becomes a file that its struct loads") {
  auto const net = make<Linear<2, 3>>(Rng{5});
  save_torch("model.pt", *net);
  Value const tree = Value::dict({{Value("model"), read("model.pt")},
                                  {Value("betas"), Value::tuple({Value(0.9), Value(0.999)})},
                                  {Value("epoch"), Value(std::int64_t{7})},
                                  {Value("done"), Value(true)}});
  save_tree("run.ashlar", tree);
  auto const run = load<Run>("run.ashlar");
  CHECK(run->betas == std::array{0.9, 0.999});
  CHECK(run->epoch == 7);
  CHECK(run->done);
  CHECK(std::memcmp(&run->model, &*net, sizeof *net) == 0);
  CHECK(FlatFile::open("run.ashlar").find("betas")->kind == Kind::scalar);

  Value const more = Value::dict({{Value("lr"), Value("high")}, {Value("state"), Value::dict({})}, {Value("x"), {}}});
  CHECK(problem_of(try_save_tree("none.ashlar", more)) ==
        "none.ashlar: cannot save as an .ashlar file\n  lr is the string 'high'\n  state is a dict of 0 items\n"
        "  x is none");
}

TEST_CASE("views are written row by row, and empty tensors too") {
  for (char const* name : {"pytorch/views.pt", "pytorch/storage_slices.pt", "pytorch/channels_last.pt",
                           "pytorch/empty.pt", "pytorch/many_keys.pt"}) {
    INFO(name);
    Value const tree = read(data(name));
    save_tree("copy.ashlar", tree);
    CHECK(verify("copy.ashlar").ok());
    auto const x = tree.tensors();
    auto const y = read("copy.ashlar").tensors();
    REQUIRE(x.size() == y.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(x[i].path == y[i].path);
      CHECK(detail::same_elements(x[i].tensor, y[i].tensor));
      CHECK(y[i].tensor.is_contiguous());
    }
  }
}

TEST_CASE("views are gathered a part at a time, and together stand for so much only") {
  std::vector<std::uint32_t> numbers(200'000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint32_t>(i);
  auto const storage = std::as_bytes(std::span(numbers));
  ValueTensor const turned(DType::u32, {2, {200, 1000}}, {1, 200}, storage, 0);  // parts end inside a row
  ValueTensor const repeated(DType::u32, {2, {3, 100'000}}, {0, 2}, storage, 1);
  Value const tree = Value::dict({{Value("turned"), Value(turned)}, {Value("repeated"), Value(repeated)}});
  for (char const* path : {"views.ashlar", "views.safetensors"}) {
    if (path[6] == 'a') save_tree(path, tree);
    else save_safetensors(path, tree);
    CHECK(verify_any(path).ok());
    Value const back = read(path);
    CHECK(back["turned"].tensor().to_vector<std::uint32_t>() == turned.to_vector<std::uint32_t>());
    CHECK(back["repeated"].tensor().to_vector<std::uint32_t>() == repeated.to_vector<std::uint32_t>());
  }

  // Each stands for 600 MiB, and for 2^62 bytes the last, of bools that are looked at.
  ValueTensor const large(DType::u32, {1, {std::size_t{150} << 20}}, ValueTensor::Strides{0}, storage, 0);
  ValueTensor const other(DType::u32, {1, {std::size_t{150} << 20}}, ValueTensor::Strides{0}, storage, 1);
  ValueTensor const most(DType::boolean, {1, {std::size_t{1} << 62}}, ValueTensor::Strides{0}, storage, 0);
  Value const few = Value::dict({{Value("a"), Value(large)}, {Value("b"), Value(other)}, {Value("c"), Value(most)}});
  std::string const why =
      "\n  b repeats its elements and stands for 629145600 bytes"
      "\n  c repeats its elements and stands for 4611686018427387904 bytes";
  CHECK(problem_of(try_save_tree("none.ashlar", few)) == "none.ashlar: cannot save as an .ashlar file" + why);
  CHECK(problem_of(try_save_safetensors("none.safetensors", few)) ==
        "none.safetensors: cannot save as safetensors" + why);
}

TEST_CASE("save_copy changes the name and the metadata, and keeps all else") {
  auto const small = make_small();
  save("small.ashlar", *small, {.metadata = {{"a", "1"}}});
  save_copy("small.ashlar", FlatFile::open("small.ashlar"), "Other", {.metadata = {{"b", "2"}}});  // onto itself
  auto const copy = FlatFile::open("small.ashlar");
  CHECK(verify<Small>("small.ashlar").ok());
  CHECK(std::memcmp(&map<Small>("small.ashlar")->first, &small->first, sizeof small->first) == 0);
  CHECK(copy.model() == "Other");
  REQUIRE(copy.metadata().size() == 1);
  CHECK(copy.metadata()[0].first == "b");
  save("original.ashlar", *small);
  auto const original = FlatFile::open("original.ashlar");
  save_copy("copy.ashlar", original, original.model());
  CHECK(read_file("copy.ashlar") == read_file("original.ashlar"));  // modules included
  auto const before = FlatFile::open(data("io/versions_2.ashlar"));
  save_copy("copy.ashlar", before, "X");
  auto const after = FlatFile::open("copy.ashlar");
  CHECK(after.layout() == before.layout());
  REQUIRE(after.modules().size() == before.modules().size());
  CHECK(after.modules()[2].type == before.modules()[2].type);
  std::string flipped = read_file("original.ashlar");
  flipped[4096 + 64] ^= 1;
  auto const damaged = FlatFile::open(as_bytes(flipped));
  CHECK(problem_of(try_save_copy("none.ashlar", damaged, "X")) ==
        "none.ashlar: cannot save what is damaged\n  first.weight is damaged: its checksum does not fit");
}

TEST_CASE("what no .ashlar file can hold is refused, all of it at once") {
  float const one = 1;
  auto const bytes = std::as_bytes(std::span(&one, 1));
  ValueTensor const f8(DType::f8_e5m2, Extents{1, {4}}, bytes);
  ValueTensor const matrix(DType::f32, Extents{2, {1, 1}}, bytes);
  ValueTensor const huge(DType::f32, Extents{1, {std::size_t{1} << 40}}, ValueTensor::Strides{0}, bytes, 0);
  ValueTensor const flags(DType::boolean, Extents{1, {4}}, bytes);
  std::vector<TreeEntry> const bad{{"a", f8}, {"b", matrix, Kind::scalar}, {"c", huge}, {"d", flags, Kind::buffer}};
  CHECK(problem_of(try_save_tree("none.ashlar", bad)) ==
        "none.ashlar: cannot save as an .ashlar file\n"
        "  a is f8_e5m2 (4,), a dtype that .ashlar files do not have\n"
        "  b is f32 (1, 1), but a scalar has at most 1 dimension\n"
        "  c repeats its elements and stands for 4398046511104 bytes\n"
        "  d holds a value that is no bool");
  std::vector<TreeEntry> const twice{{"a", matrix}, {"a", ValueTensor{}}};
  CHECK(problem_of(try_save_tree("none.ashlar", twice)) == "none.ashlar: a stands twice in the list of keys");
  std::vector<TreeEntry> const empty_part{{"a..b", matrix}};
  CHECK(problem_of(try_save_tree("none.ashlar", empty_part)) == "none.ashlar: the key 'a..b' has an empty part");
  CHECK(!try_read("none.ashlar"));
}

TEST_CASE("leaves are the parts of a tree; of shared parts there can be too many") {
  Value const numbers = Value::list({Value(1.5), Value(2.5)});
  Value const mixed = Value::list({Value(1.5), Value(true)});
  Value const tree =
      Value::dict({{Value("a"), numbers}, {Value(std::int64_t{3}), mixed}, {Value("c"), Value::list({})}});
  auto const parts = leaves(tree);
  std::vector<std::string> paths;
  for (auto const& leaf : parts) paths.push_back(leaf.path);
  CHECK(paths == std::vector<std::string>{"a", "3.0", "3.1", "c"});
  CHECK(as_tensor(parts[0].value)->to_vector<double>() == std::vector{1.5, 2.5});
  CHECK(as_tensor(parts[2].value)->describe() == "bool ()");
  CHECK(!as_tensor(parts[3].value));
  CHECK(leaves(Value::dict({})).empty());
  save_tree("empty.ashlar", Value::dict({}));
  CHECK(verify("empty.ashlar").ok());
  Value shared = Value::list({Value("x"), Value("y")});
  for (int i = 0; i < 30; ++i) shared = Value::list({shared, shared});
  CHECK_THROWS_WITH(leaves(shared),
                    "the tree stands for more parts than can be listed: its containers hold each other "
                    "many times, or its keys are too long");
  std::vector<Value> const many(5000, Value::list({Value("a"), Value(1)}));  // one in many places is listed in each
  CHECK(leaves(Value::list(many)).size() == 10000);
}

TEST_CASE("verify_any checks every format, and lists every damaged record of an archive") {
  for (char const* name : {"pytorch/mlp_zip.pt", "pytorch/mlp_legacy.pt", "pytorch/mlp_deflated.pt", "io/small.ashlar",
                           "safetensors/mlp.safetensors"}) {
    INFO(name);
    Report const report = verify_any(data(name));
    CHECK(report.ok());
    CHECK(report.tensors > 0);
    CHECK(report.bytes == read_file(data(name)).size());
  }
  std::string archive = read_file(data("pytorch/mlp_zip.pt"));
  Value const tree = read(data("pytorch/mlp_zip.pt"));
  for (NamedTensor const& t : tree.tensors()) {  // one bit of each storage
    std::size_t const at = archive.find(std::string(reinterpret_cast<char const*>(t.tensor.bytes().data()), 16));
    REQUIRE(at != std::string::npos);
    archive[at] = static_cast<char>(archive[at] ^ 1);
  }
  write_file("damaged.pt", as_bytes(archive));
  Report const report = verify_any("damaged.pt");
  CHECK(report.headline == "damaged.pt: the data is damaged");
  CHECK(report.problems.size() == tree.tensors().size());
  CHECK(try_read("damaged.pt", {.check_content = false}));  // only looked at
  CHECK(!try_read("damaged.pt"));

  // Bools: a view may hold any byte, and who verifies is told. The second view shares the bytes of the first.
  static constexpr std::array<unsigned char, 4> two{0, 1, 2, 1};
  auto const four = std::as_bytes(std::span(two));
  Value const flags = Value::dict({{Value("flags"), Value(ValueTensor(DType::boolean, Extents{1, {4}}, four))},
                                   {Value("last"), Value(ValueTensor(DType::boolean, Extents{1, {1}}, {1}, four, 3))}});
  save_torch("flags.pt", flags);
  CHECK(verify_any("flags.pt").problems == std::vector<std::string>{"flags holds a value that is no bool"});
  std::string names = R"({"flags":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}})";
  std::string const safetensors = std::string(1, static_cast<char>(names.size())) + std::string(7, '\0') + names;
  write_file("flags.safetensors", as_bytes(safetensors + std::string("\0\1\2\1", 4)));
  CHECK(verify_any("flags.safetensors").problems == std::vector<std::string>{"flags holds a value that is no bool"});
  CHECK(read("flags.safetensors")["flags"].tensor().bytes()[2] == std::byte{2});

  std::uint64_t seen = 0;
  CHECK(verify_any(data("io/small.ashlar"),
                   {[](void* to, std::uint64_t n) { *static_cast<std::uint64_t*>(to) = n; }, &seen})
            .ok());
  CHECK(seen > 4096);
  CHECK(verify_any("absent").code == Errc::io);
  std::string flipped = read_file(data("io/small.ashlar"));
  flipped[4096 + 64] ^= 1;
  write_file("flipped.ashlar", as_bytes(flipped));
  CHECK(!verify_any("flipped.ashlar").ok());
  CHECK(try_read("flipped.ashlar", {.check_content = false}));
}
