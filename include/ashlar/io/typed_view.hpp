// Ashlar: the two views of a manifest agree.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/rules.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/schema/tree.hpp>

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ashlar::detail {

/// Walks the tables of a manifest's typed view beside the tree that its keys give, and compares where tables lie: each
/// leaf has to be the very Tensor table of the flat list, and nothing may be missing or added.
///
/// `places[i]` is the position of the table of row i. Returns what is wrong, or nothing.
/// Cost  one step a node; what the file refers to twice is not followed twice, since the tree decides where to go.
ASHLAR_COLD inline std::string typed_view_problem(::flatbuffers::Verifier& verifier, std::uint8_t const* begin,
                                                  ::flatbuffers::Table const* root, Tree const& tree,
                                                  std::span<Row const> rows, std::span<std::uint32_t const> places) {
  using Offsets = ::flatbuffers::Vector<::flatbuffers::Offset<::flatbuffers::Table>>;
  std::vector<std::size_t> place(tree.nodes.size());  // of each inner node: where its table or vector starts
  place[0] = static_cast<std::size_t>(reinterpret_cast<std::uint8_t const*>(root) - begin);

  for (std::uint32_t at = 0; at != no_index; at = tree.after(at)) {
    TreeNode const& node = tree.nodes[at];
    if (node.is_leaf()) continue;
    auto const fail = [&](std::initializer_list<Part> what) {
      return message({"the typed view", at == 0 ? "" : " of ", printable(node.name), " ", message(what)});
    };
    std::size_t first = 0;  // position of the offset to the first child, if they stand in a vector
    auto const* table = reinterpret_cast<::flatbuffers::Table const*>(begin + place[at]);
    std::size_t const own = at == 0 ? 1 : 0;  // the root's field 0 is the header
    if (node.list) {
      auto const* list = reinterpret_cast<Offsets const*>(begin + place[at]);
      if (!verifier.VerifyVector(list)) return fail({"lies outside"});
      if (list->size() != node.children) {
        return fail({"has ", list->size(), " elements, but the keys give ", node.children});
      }
      first = place[at] + 4;
    } else {
      if (!table->VerifyTableStart(verifier)) return fail({"lies outside"});
      (void)verifier.EndTable();
      std::size_t const fields = (::flatbuffers::ReadScalar<::flatbuffers::voffset_t>(table->GetVTable()) - 4u) / 2;
      if (fields != node.children + own) {
        return fail({"has ", fields, " fields, but the keys give ", node.children + own});
      }
    }
    std::size_t index = 0;
    for (std::uint32_t c = node.first_child; c != no_index; c = tree.nodes[c].next, ++index) {
      TreeNode const& child = tree.nodes[c];
      std::size_t reference = first + 4 * index;
      if (!node.list) {
        auto const field = table->GetOptionalFieldOffset(static_cast<::flatbuffers::voffset_t>(4 + 2 * (index + own)));
        if (field == 0) return fail({"has no ", printable(child.name)});
        reference = place[at] + field;
      }
      std::size_t const offset = verifier.VerifyOffset(reference);
      if (offset == 0) return fail({"has ", printable(child.name), " outside"});
      place[c] = reference + offset;
      if (child.is_leaf() && place[c] != places[child.key]) {
        return message(
            {"the typed view has another tensor for ", printable(rows[child.key].key), " than the flat list"});
      }
    }
  }
  return {};
}

}  // namespace ashlar::detail
