// Ashlar: the same .ashlar file with another name or metadata.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/io/flat.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/modules.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/type_info.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {

/// The structure of a file as that of a type, which the writer of files takes.
class ModuleTypes {
 public:
  /// `modules` are those of a file that was read, so each follows those it lies in.
  ASHLAR_COLD explicit ModuleTypes(std::span<Module const> modules) : types_(modules.size()), members_(modules.size()) {
    std::vector<std::size_t> around;
    for (std::size_t i = 0; i < modules.size(); ++i) {
      Module const& m = modules[i];
      types_[i].name = m.type;
      types_[i].version = m.version;
      while (!around.empty() && !lies_in(m.key, modules[around.back()].key)) around.pop_back();
      if (!around.empty()) {
        std::size_t const parent = around.back();
        std::string_view const front = modules[parent].key;
        MemberInfo member;
        member.key = front.empty() ? m.key : m.key.substr(front.size() + 1);
        member.type = &types_[i];
        members_[parent].leaves_before.push_back(m.leaves_before);
        members_[parent].modules.push_back(member);
      }
      around.push_back(i);
    }
  }
  ModuleTypes(ModuleTypes const&) = delete;
  ModuleTypes& operator=(ModuleTypes const&) = delete;

  /// Null if there are no modules. Error: value, if modules stand behind more tensors than the file has.
  ASHLAR_COLD Result<TypeInfo const*> root(std::size_t tensors, std::string_view where) {
    for (std::size_t i = 0; i < types_.size(); ++i) {
      auto& all = members_[i].all;
      std::uint32_t leaves = 0;
      for (std::size_t k = 0; k < members_[i].modules.size(); ++k) {
        for (; leaves < members_[i].leaves_before[k]; ++leaves) {
          if (tensors-- == 0)
            return error(Errc::value, {where, ": the modules stand behind more tensors than there are"});
          all.emplace_back();
        }
        all.push_back(members_[i].modules[k]);
      }
      types_[i].members = all;
    }
    return types_.empty() ? nullptr : types_.data();
  }

 private:
  struct Members {
    std::vector<MemberInfo> modules;
    std::vector<std::uint32_t> leaves_before;  // each of them
    std::vector<MemberInfo> all;
  };
  std::vector<TypeInfo> types_;
  std::vector<Members> members_;
};

}  // namespace detail

/// Writes what an .ashlar file holds to another one, or to its own path: tensors, layout, fingerprint and modules stay,
/// so that `load` and `map` take the one where they took the other. `model` and the metadata of `options` are new.
///
/// Errors  io; format, for damaged data; value, for bad metadata.
inline Result<void> try_save_copy(std::string const& path, FlatFile const& file, std::string_view model,
                                  SaveOptions const& options = {}) {
  std::vector<std::string> damaged = file.damage();
  if (!damaged.empty()) {
    return Error(Errc::format, detail::message({path, ": cannot save what is damaged"}), std::move(damaged));
  }
  detail::ModuleTypes types(file.modules());
  auto const root = types.root(file.rows().size(), path);
  if (!root) return root.error();
  Layout const layout{file.rows(), file.data().size(), file.fingerprint(), model, *root};
  return detail::save_places(path, layout, {.object = file.data().data()}, options);
}
inline void save_copy(std::string const& path, FlatFile const& file, std::string_view model,
                      SaveOptions const& options = {}) {
  try_save_copy(path, file, model, options).value();
}

}  // namespace ashlar
