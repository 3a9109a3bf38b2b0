// Ashlar: the two containers of PyTorch's files.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/name_index.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_unpickler.hpp>
#include <ashlar/io/zip.hpp>
#include <ashlar/io/zip_content.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A zip archive with one folder: data.pkl, a record for each storage, and small texts.
class TorchArchive {
 public:
  TorchArchive(std::span<std::byte const> bytes, std::string_view where, TorchOptions const& options)
      : bytes_(bytes), where_(where), unpacker_(bytes, where, options.check_crc), check_crc_(options.check_crc) {}

  /// `file`: what keeps the bytes; `open`: the file they are of, or null.
  Result<Value> read(std::shared_ptr<void const> const& file, InputFile const* open) {
    // If checksums are compared, every page is touched anyway.
    ZipReader reader(bytes_, where_, check_crc_ ? nullptr : open);
    auto records = reader.read();
    if (!records) return std::move(records).error();
    records_ = std::move(*records);
    index_ = reader.take_index();
    if (auto done = find_root(); !done) return std::move(done).error();
    if (auto done = check_texts(); !done) return std::move(done).error();

    ZipRecord const* const pickle = find("data.pkl");
    if (pickle == nullptr) {
      return fail({"not a PyTorch file: the record data.pkl is missing in the root folder '", printable(root_), "'"});
    }
    auto content = unpacker_.content(*pickle);
    if (!content) return std::move(content).error();
    std::size_t const budget =
        pickle->deflated ? bytes_.size() * 40 + (std::size_t{512} << 10) : std::numeric_limits<std::size_t>::max();
    std::string const where = message({where_, ": data.pkl"});
    TorchUnpickler unpickler(content->bytes, where, 0, false, budget);
    auto value = unpickler.run();
    if (!value) return value;
    if (unpickler.used() != content->bytes.size()) {
      return fail({"data.pkl: ", content->bytes.size() - unpickler.used(), " trailing bytes behind STOP"});
    }
    std::vector<ZipContent> contents;
    contents.reserve(unpickler.storages().size());
    for (TorchStorage const& s : unpickler.storages()) {
      auto storage = storage_content(s);
      if (!storage) return std::move(storage).error();
      contents.push_back(std::move(*storage));
    }
    unpickler.resolve(contents, file);
    return value;
  }

 private:
  ASHLAR_COLD Error fail(std::initializer_list<Part> parts) const {
    return error(Errc::format, {where_, ": ", message(parts)});
  }

  /// The name of a record in the one root folder; null if there is none.
  ZipRecord const* find(std::string_view name) const {
    std::ptrdiff_t const at = index_.find(message({root_, "/", name}));
    return at < 0 ? nullptr : &records_[static_cast<std::size_t>(at)];
  }
  /// The record of a storage. Writers put them in the order in which the pickle names them, so the next one is tried.
  ZipRecord const* find_storage(std::string_view key) {
    constexpr std::string_view folder = "/data/";
    if (next_ < records_.size()) {
      std::string_view const name = records_[next_].name;
      if (name.size() == root_.size() + folder.size() + key.size() && name.ends_with(key) &&
          name.substr(root_.size(), folder.size()) == folder) {
        return &records_[next_++];
      }
    }
    ZipRecord const* const record = find(message({folder.substr(1), key}));
    if (record != nullptr) next_ = static_cast<std::size_t>(record - records_.data()) + 1;
    return record;
  }

  Result<void> find_root() {
    if (records_.empty()) return fail({"not a PyTorch file: a zip archive without records"});
    root_ = records_.front().name.substr(0, records_.front().name.find('/'));
    for (ZipRecord const& r : records_) {
      bool const in_root =
          r.name.size() > root_.size() && r.name.compare(0, root_.size(), root_) == 0 && r.name[root_.size()] == '/';
      if (!in_root) {
        return fail({"not a PyTorch file: a zip archive whose names are expected in one root folder, but there are '",
                     printable(records_.front().name), "' and '", printable(r.name), "'"});
      }
    }
    std::string const code = message({root_, "/code/"});
    bool const has_code =
        std::any_of(records_.begin(), records_.end(), [&](ZipRecord const& r) { return r.name.starts_with(code); });
    if (has_code || find("constants.pkl") != nullptr) {
      return fail({"a TorchScript archive, which holds code: save the state_dict() with torch.save instead"});
    }
    return {};
  }

  /// The content of a small record without the newline behind it; `absent` if there is no such record.
  Result<std::string> text(std::string_view name, std::string_view absent) {
    ZipRecord const* const record = find(name);
    if (record == nullptr) return std::string(absent);
    if (record->size > 16)
      return fail({"the record ", name, " is too large, with ", record->size, " bytes: an unsupported version"});
    auto content = unpacker_.content(*record);
    if (!content) return std::move(content).error();
    std::string out(reinterpret_cast<char const*>(content->bytes.data()), content->bytes.size());
    if (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }
  Result<void> check_texts() {
    auto const version = text("version", "3");
    if (!version) return version.error();
    bool const known = version->size() == 1 ? (*version)[0] >= '1' && (*version)[0] <= '9' : *version == "10";
    if (!known) return fail({"unsupported version '", printable(*version), "' of PyTorch's format: 1 to 10 are known"});
    auto const format = text(".format_version", "1");
    if (!format) return format.error();
    if (*format != "1") return fail({"unsupported .format_version '", printable(*format), "': 1 is known"});
    auto const order = text("byteorder", "little");
    if (!order) return order.error();
    if (*order != "little") return fail({"byteorder is '", printable(*order), "': only little endian is supported"});
    return {};
  }

  Result<ZipContent> storage_content(TorchStorage const& s) {
    ZipRecord const* const record = find_storage(s.key);
    if (record == nullptr)
      return fail({"the record data/", s.key, " is missing, which has the elements of storage '", s.key, "'"});
    if (record->size != s.bytes) {
      return fail({"the record data/", s.key, " has ", record->size, " bytes, but storage '", s.key, "' of ",
                   s.elements, " elements of ", name_of(s.dtype), " takes ", s.bytes});
    }
    return unpacker_.content(*record);
  }

  std::span<std::byte const> bytes_;
  std::string_view where_;
  ZipUnpacker unpacker_;
  bool check_crc_;
  std::vector<ZipRecord> records_;
  NameIndex index_;
  std::size_t next_ = 0;  // behind the record of the storage that was found last
  std::string_view root_;
};

/// The format before PyTorch 1.6: five pickles one behind the other, then the storages.
class TorchLegacy {
 public:
  TorchLegacy(std::span<std::byte const> bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  Result<Value> read(std::shared_ptr<void const> const& file) {
    if (auto done = read_head(); !done) return std::move(done).error();
    TorchUnpickler objects(bytes_.subspan(at_), where_, at_, true);
    auto value = objects.run();
    if (!value) return value;
    at_ += objects.used();
    auto const keys = next();
    if (!keys) return keys.error();
    auto contents = read_storages(objects, *keys);
    if (!contents) return std::move(contents).error();
    objects.resolve(*contents, file);
    return value;
  }

 private:
  static constexpr std::string_view magic = "119547037146038801333356";

  ASHLAR_COLD Error fail(std::initializer_list<Part> parts) const {
    return error(Errc::format, {where_, ": ", message(parts)});
  }
  /// A pickle without tensors.
  Result<Value> next() {
    TorchUnpickler unpickler(bytes_.subspan(at_), where_, at_, true);
    auto value = unpickler.run();
    if (value && !unpickler.storages().empty()) {
      return fail({"a persistent id of a storage in the pickle at byte ", at_, ", where none is expected"});
    }
    at_ += unpickler.used();
    return value;
  }

  Result<void> read_head() {
    auto const number = next();
    if (!number) return number.error();
    if (number->kind() != Value::Kind::big_integer || number->as_decimal() != magic) {
      return fail({"not a PyTorch file: a pickle that does not begin with the magic number of torch.save, but with ",
                   number->describe()});
    }
    auto const version = next();
    if (!version) return version.error();
    if (version->kind() != Value::Kind::integer || version->as_int() != 1001) {
      return fail({"unsupported version of PyTorch's legacy format: ", version->describe(), " instead of 1001"});
    }
    auto const system = next();
    if (!system) return system.error();
    if (!system->is_dict()) return fail({"the legacy header has ", system->describe(), " where a dict is expected"});
    Value const* const little = system->find("little_endian");
    if (little != nullptr && (little->kind() != Value::Kind::boolean || !little->as_bool())) {
      return fail({"the header does not say little endian: big-endian files are unsupported"});
    }
    return {};
  }

  /// For each key of the list a count and so many elements, to the end of the file.
  Result<std::vector<ZipContent>> read_storages(TorchUnpickler const& objects, Value const& keys) {
    auto const& storages = objects.storages();
    if (keys.kind() != Value::Kind::list)
      return fail({"the keys of the storages are ", keys.describe(), ", not a list"});
    std::vector<ZipContent> contents(storages.size());
    std::vector<bool> seen(storages.size());
    for (Value const& key : keys.elements()) {
      std::ptrdiff_t const number = key.kind() == Value::Kind::string ? storages.find(key.as_string()) : -1;
      if (number < 0) return fail({"the list of keys has ", key.describe(), ", which is no storage of a tensor"});
      auto const i = static_cast<std::size_t>(number);
      if (seen[i]) return fail({"the list of keys has a duplicate, ", key.describe()});
      seen[i] = true;
      if (auto done = read_storage(storages[i], contents[i]); !done) return std::move(done).error();
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (!seen[i]) return fail({"the list of keys lacks '", storages[i].key, "': a storage is missing"});
    }
    if (at_ != bytes_.size()) return fail({bytes_.size() - at_, " trailing bytes behind the last storage"});
    return contents;
  }
  Result<void> read_storage(TorchStorage const& s, ZipContent& out) {
    if (bytes_.size() - at_ < 8) return fail({"truncated before storage '", s.key, "'"});
    auto const count = load_le<std::uint64_t>(bytes_, at_);
    if (count != s.elements) {
      return fail({"storage '", s.key, "' at byte ", at_, " counts ", count, " elements, but its tensors have ",
                   s.elements, ": a size mismatch"});
    }
    at_ += 8;
    if (bytes_.size() - at_ < s.bytes) {
      return fail({"truncated: storage '", s.key, "' at byte ", at_, " takes ", s.bytes, " bytes, but ",
                   bytes_.size() - at_, " are left"});
    }
    out.bytes = bytes_.subspan(at_, static_cast<std::size_t>(s.bytes));
    at_ += static_cast<std::size_t>(s.bytes);
    return {};
  }

  std::span<std::byte const> bytes_;
  std::string_view where_;
  std::size_t at_ = 0;
};

ASHLAR_COLD inline Result<Value> read_torch(std::span<std::byte const> bytes, std::string_view where,
                                            TorchOptions const& options, std::shared_ptr<void const> const& file,
                                            InputFile const* open) {
  std::string_view const text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
  if (text.empty()) return error(Errc::format, {where, ": not a PyTorch file: it is empty"});
  if (text.substr(0, 2) == "PK") return TorchArchive(bytes, where, options).read(file, open);
  if (text[0] == '\x80') return TorchLegacy(bytes, where).read(file);
  if (text.size() > 262 && text.substr(257, 5) == "ustar") {
    return error(Errc::format, {where, ": a tar archive, as PyTorch before 0.1.10 wrote: this format is unsupported"});
  }
  return error(Errc::format, {where, ": not a PyTorch file: neither a zip archive nor a pickle"});
}

ASHLAR_IO_FUNCTION Result<Value> read_torch_file(std::string const& path, TorchOptions const& options) {
  auto file = InputFile::open(path);
  if (!file) return std::move(file).error();
  auto mapping = Mapping::map(*file, options.check_crc);
  if (!mapping) return std::move(mapping).error();
  auto const shared = std::make_shared<Mapping const>(std::move(*mapping));
  return read_torch(shared->bytes(), path, options, shared, &*file);
}

ASHLAR_IO_FUNCTION Result<Value> read_torch_image(std::span<std::byte const> bytes, TorchOptions const& options) {
  return read_torch(bytes, "memory", options, nullptr, nullptr);
}

}  // namespace ashlar::detail
