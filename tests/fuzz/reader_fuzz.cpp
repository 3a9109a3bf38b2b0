// Any bytes at all through every way of reading an .ashlar file.  SPDX-License-Identifier: BSL-1.0
//
// Random changes hardly ever pass a checksum. So the mutator changes the manifest or the data and then makes all
// checksums, lengths and the fingerprint fit again, and what is behind them gets its share of bad input.
#include <ashlar/io/file.hpp>
#include <ashlar/io/flat.hpp>

#include <ashlar/reflect/structure.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

namespace {

using namespace ashlar;

template <std::size_t In, std::size_t Out>
struct Dense {
  Parameter<float, Out, In> weight;
  Parameter<float, Out> bias;
};
enum class Mode : std::uint8_t { off, on };
struct Model {
  std::uint32_t step;
  bool ready;
  Mode mode;
  Dense<4, 3> first;
  std::array<Dense<3, 3>, 2> layers;
  Buffer<std::int64_t> count;
  Tied<"first.weight"> again;
};

void put32(std::uint8_t* at, std::uint32_t v) { std::memcpy(at, &v, 4); }

/// Makes the prologue say what the bytes behind it are. `length`: of the manifest.
std::size_t mend(std::uint8_t* data, std::size_t size, std::size_t max_size) {
  if (size < 64) return size;
  std::uint32_t length;
  std::memcpy(&length, data + 12, 4);
  std::size_t const most = size - 64;
  if (length == 0 || length > most) length = static_cast<std::uint32_t>(most == 0 ? 1 : most);
  std::size_t const front = detail::data_offset_for(length);
  if (front > max_size) return size;
  if (size < front) {
    std::memset(data + size, 0, front - size);
    size = front;
  }
  std::memset(data + 64 + length, 0, front - 64 - length);
  auto const bytes = std::as_bytes(std::span(data, size));

  detail::Prologue p;
  p.manifest_length = length;
  p.data_offset = static_cast<std::uint32_t>(front);
  p.data_length = size - front;
  std::memcpy(p.fingerprint.data(), data + 40, 16);

  // If the manifest can be walked at all, let each tensor's checksum and the layout's fingerprint be right.
  std::unique_ptr<std::uint64_t[]> aligned(new std::uint64_t[length / 8 + 1]);
  std::memcpy(aligned.get(), data + 64, length);
  auto* const manifest = reinterpret_cast<std::uint8_t*>(aligned.get());
  ::flatbuffers::Verifier verifier(manifest, length);
  if (length > 16) {
    if (auto const root = verifier.VerifyOffset(0)) {
      auto* const table = reinterpret_cast<::flatbuffers::Table*>(manifest + root);
      if (table->VerifyTableStart(verifier) && table->VerifyOffset(verifier, 4)) {
        auto const* const header = table->GetPointer<file::Header const*>(4);
        if (header != nullptr && header->Verify(verifier)) {
          for (std::uint32_t i = 0; i < header->tensors()->size(); ++i) {
            auto const* const t = header->tensors()->Get(i);
            if (t->offset() > size - front || t->bytes() > size - front - t->offset()) continue;
            auto* const tensor = reinterpret_cast<::flatbuffers::Table*>(const_cast<file::Tensor*>(t));
            (void)tensor->SetField<std::uint64_t>(file::Tensor::VT_CHECKSUM,
                                                  detail::checksum(bytes.subspan(front + t->offset(), t->bytes())), 0);
            ::flatbuffers::Verifier again(manifest,
                                          length);  // tables may overlap: the checksum may be another's offset
            if (!header->Verify(again)) return size;
          }
          detail::Fnv128 hash;
          hash({header->layout()->c_str(), header->layout()->size()});
          p.fingerprint = hash.bytes();
        }
      }
    }
    std::memcpy(data + 64, manifest, length);
  }
  p.manifest_checksum = detail::checksum(bytes.subspan(64, length));
  auto const first = detail::encode(p);
  std::memcpy(data, first.data(), first.size());
  return size;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::uint32_t length = 0;
  if (size >= 64) std::memcpy(&length, data + 12, 4);
  if (seed % 8 == 0 || size < 128 || length > size - 64 || length < 8) {
    size = LLVMFuzzerMutate(data, size, max_size);
    return seed % 16 == 0 ? size : mend(data, size, max_size);
  }
  if (seed % 8 < 6) {  // the manifest, in place
    (void)LLVMFuzzerMutate(data + 64, length, length);
    if (seed % 8 == 1) {  // an offset or a size, by little
      std::uint32_t value;
      std::size_t const at = 64 + (seed / 8 % (length / 4)) * 4;
      std::memcpy(&value, data + at, 4);
      put32(data + at, value + (seed / 1024 % 2 == 0 ? 4u : ~3u));
    }
  } else {
    std::size_t const front = detail::data_offset_for(length);
    if (front < size) (void)LLVMFuzzerMutate(data + front, size - front, size - front);
  }
  return mend(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  // The file at a page boundary, as in a mapping, with its end at the end of the allocation so that the sanitizer sees
  // one byte too far.
  std::size_t const pages = size / 4096 + 1;
  std::unique_ptr<std::byte, decltype(&std::free)> const block(
      static_cast<std::byte*>(std::aligned_alloc(4096, pages * 4096)), &std::free);
  std::memcpy(block.get(), data, size);
  std::span<std::byte const> const bytes(block.get(), size);

  bool const sound = verify_bytes(bytes).ok();
  auto const flat = FlatFile::try_open(bytes);
  if (sound && !flat) std::abort();
  if (flat) {
    std::size_t used = 0;
    for (FlatTensor const& t : flat->tensors()) {
      used += t.bytes.size();
      if (t.bytes.size() != 0 &&
          (t.bytes.data() < bytes.data() || t.bytes.data() + t.bytes.size() > bytes.data() + size)) {
        std::abort();
      }
      if (t.shape.numel() * size_of(t.dtype) != t.bytes.size()) std::abort();
    }
    if (used > size) std::abort();
  }

  static std::unique_ptr<Model> const model(new Model{});
  std::memset(static_cast<void*>(model.get()), 0, sizeof(Model));
  model->step = 7;
  bool const loaded = try_from_bytes(bytes, *model).has_value();
  if (loaded && !sound) std::abort();
  if (!loaded && model->step != 7) std::abort();
  if (loaded && (static_cast<unsigned>(model->mode) > 1)) std::abort();
  auto const view = try_view<Model>(bytes);
  if (view && (*view)->step != 0 && loaded && (*view)->step != model->step) std::abort();

  // From an odd address too, where nothing is aligned. Same verdict.
  std::unique_ptr<std::byte[]> const odd(new std::byte[size + 1]);
  std::memcpy(odd.get() + 1, data, size);
  if (verify_bytes({odd.get() + 1, size}).ok() != sound) std::abort();
  return 0;
}
