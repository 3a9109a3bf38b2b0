// Ashlar: the modules behind the keys of a state_dict, and their versions in PyTorch.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/message.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/type_info.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// The modules that `keys` lie in, parents first, each with its version in PyTorch: 2 for those that track running
/// statistics, as load_state_dict of BatchNorm asks for it, 1 for all others. Layers of the layout with a `version`
/// have that one, so that `load` finds the way back.
ASHLAR_COLD inline std::vector<std::pair<std::string_view, int>> module_versions(std::span<std::string_view const> keys,
                                                                                 Layout const& layout) {
  std::vector<std::pair<std::string_view, int>> out{{"", 1}};
  std::map<std::string_view, std::size_t> index{{"", 0}};
  for (std::string_view const key : keys) {
    for (std::size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1)) {
      if (index.try_emplace(key.substr(0, dot), out.size()).second) out.emplace_back(key.substr(0, dot), 1);
    }
    std::size_t const dot = key.rfind('.');
    bool const alone = dot == std::string_view::npos;
    std::string_view const last = alone ? key : key.substr(dot + 1);
    if (last == "running_mean" || last == "num_batches_tracked") {
      out[index[alone ? std::string_view() : key.substr(0, dot)]].second = 2;
    }
  }
  if (layout.info != nullptr) {
    KeyBuffer key;
    auto const set = [&](std::string_view module, std::uint32_t version) {
      if (auto const at = index.find(module); at != index.end()) out[at->second].second = static_cast<int>(version);
    };
    visit_versions(*layout.info, key, set);
  }
  return out;
}

}  // namespace ashlar::detail
