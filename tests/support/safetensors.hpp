// Reads safetensors files, for golden data: an independent reader, so that the library's own is not its own oracle.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>

#include "support/file.hpp"
#include "support/json.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::test {

/// One tensor of a file.
struct GoldenTensor {
  std::string dtype;  ///< as in the file: F32, F64, I64
  std::vector<std::size_t> shape;
  std::span<char const> bytes;
};

/// The tensors of a safetensors file, by name.
class SafeTensors {
 public:
  explicit SafeTensors(std::string const& path) : content_(read_file(path)) {
    std::uint64_t length = 0;
    if (content_.size() < 8) throw std::runtime_error("no safetensors file: " + path);
    std::memcpy(&length, content_.data(), 8);
    if (length > content_.size() - 8) throw std::runtime_error("header too long: " + path);
    header_ = parse_json(std::string_view(content_).substr(8, length));
    data_ = std::span<char const>(content_).subspan(8 + length);
  }
  SafeTensors(SafeTensors const&) = delete;
  SafeTensors& operator=(SafeTensors const&) = delete;

  [[nodiscard]] bool has(std::string const& name) const { return header_.has(name); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (auto const& [name, entry] : header_.members) {
      if (name != "__metadata__") out.push_back(name);
    }
    return out;
  }
  [[nodiscard]] GoldenTensor operator[](std::string const& name) const {
    Json const& entry = header_[name];
    GoldenTensor out{.dtype = entry["dtype"].string, .shape = {}, .bytes = {}};
    for (double const d : entry["shape"].numbers()) out.shape.push_back(static_cast<std::size_t>(d));
    auto const begin = static_cast<std::size_t>(entry["data_offsets"].at(0).number);
    out.bytes = data_.subspan(begin, static_cast<std::size_t>(entry["data_offsets"].at(1).number) - begin);
    return out;
  }

  /// The elements, which must be of type T.
  template <class T>
  [[nodiscard]] std::vector<T> values(std::string const& name) const {
    GoldenTensor const tensor = (*this)[name];
    if (tensor.dtype != dtype_name<T>()) throw std::runtime_error(name + " is " + tensor.dtype);
    std::vector<T> out(tensor.bytes.size() / sizeof(T));
    std::memcpy(out.data(), tensor.bytes.data(), out.size() * sizeof(T));
    return out;
  }

 private:
  template <class T>
  static std::string dtype_name() {
    switch (dtype_of<T>) {
      case DType::f64: return "F64";
      case DType::f32: return "F32";
      case DType::i64: return "I64";
      default: return "?";
    }
  }

  std::string content_;
  Json header_;
  std::span<char const> data_;
};

}  // namespace ashlar::test
