// Fuzzes the reader of PyTorch's files: any bytes give a tree whose tensors lie in the file, or an error.
// Input: a file, or a bare pickle. Build with clang and -fsanitize=fuzzer,address,undefined
// (cmake/ashlarFuzzTests.cmake). SPDX-License-Identifier: BSL-1.0
#include <ashlar/core/owned.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/torch.hpp>
#include <ashlar/train/adam.hpp>
#include <ashlar/train/schedulers.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

using namespace ashlar;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Looks at everything in a tree, and copies what is not too large.
void use(Value const& v, std::span<std::byte const> file) {
  std::vector<NamedTensor> const tensors = v.tensors();
  require(tensors.size() == v.tensor_count());
  for (NamedTensor const& t : tensors) {
    ValueTensor const& x = t.tensor;
    std::span<std::byte const> const storage = x.storage();
    bool const in_file = storage.data() >= file.data() && storage.data() + storage.size() <= file.data() + file.size();
    require(storage.empty() || x.owner() != nullptr || in_file);
    if (x.size_bytes() > (std::size_t{1} << 20)) continue;
    std::vector<std::byte> copy(x.size_bytes());
    x.copy_to(copy);
    if (x.is_contiguous()) require(x.bytes().size() == copy.size());
  }
  std::vector<Value const*> open{&v};
  for (std::size_t steps = 0; !open.empty() && steps < 10000; ++steps) {
    Value const& top = *open.back();
    open.pop_back();
    require(!top.describe().empty());
    if (top.is_dict()) {
      for (ValueItem const& i : top.items()) {
        require(top.find(i.key) == &i.value);
        open.push_back(&i.value);
      }
      open.push_back(&top.metadata());
    } else if (top.kind() >= Value::Kind::complex && top.kind() <= Value::Kind::set) {
      for (Value const& e : top.elements()) open.push_back(&e);
    }
  }
}

struct Bias {
  Parameter<float, 2> value;
};
struct Net {
  Parameter<float, 2, 3> weight;
  Frozen<Named<"bias 0", Bias>> bias;
};
struct Checkpoint {
  Net model;
  Adam<Net, true> optimizer;
  SequentialLR<StepLR, SequentialLR<MultiStepLR<2>, LinearLR>> scheduler;
  std::array<std::uint8_t, 2> at;
  std::uint64_t epoch;
  bool done;
};

/// Fills a checkpoint by it, or does not.
void fill(Value const& v) {
  Layout const layout = layout_of<Checkpoint>();
  auto const object = make_zeros<Checkpoint>();
  for (LoadOptions const& options :
       {LoadOptions{}, LoadOptions{.partial = true, .rename = {{"lr_scheduler", "scheduler"}}}}) {
    if (!detail::TorchTree::fits(layout, v, options)) continue;
    detail::TorchTree const tree(layout, v, options);
    (void)detail::load_source(layout, object.get(), tree.source(), "fuzz", options);
  }
}

/// The input as data.pkl, with zeros for all storages.
void unpickle(std::span<std::byte const> bytes, bool legacy) {
  detail::TorchUnpickler unpickler(bytes, "fuzz", 0, legacy);
  auto const value = unpickler.run();
  if (!value) return;
  std::vector<detail::ZipContent> contents;
  for (detail::TorchStorage const& s : unpickler.storages()) {
    if (s.bytes > (std::size_t{1} << 20)) return;
    std::shared_ptr<std::byte[]> const zeros(new std::byte[static_cast<std::size_t>(s.bytes)]());
    contents.push_back({{zeros.get(), static_cast<std::size_t>(s.bytes)}, zeros});
  }
  unpickler.resolve(contents, nullptr);
  use(*value, bytes);
  fill(*value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::span<std::byte const> const bytes = std::as_bytes(std::span(data, size));
  auto const checked = try_read_torch(bytes);
  auto const unchecked = try_read_torch(bytes, {.check_crc = false});
  if (checked) {
    require(unchecked.has_value() && unchecked->tensor_count() == checked->tensor_count());
    use(*checked, bytes);
  }
  if (unchecked) use(*unchecked, bytes);
  unpickle(bytes, false);
  unpickle(bytes, true);
  return 0;
}
