// The FlatBuffers schema of a type: golden text, names, the tree behind it.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/schema/schema.hpp>

#include <ashlar/reflect/structure.hpp>

#include "support/file.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace ashlar;

template <std::size_t In, std::size_t Out>
struct Dense {
  Parameter<float, Out, In> weight;
  Parameter<float, Out> bias;
};

struct Stage {
  std::array<Dense<4, 4>, 2> layers;
};

/// Names that are no identifiers, keywords, and names that clash once they are made identifiers.
struct Odd {
  Parameter<float, 2> header;
  Parameter<float, 2> inProj;
  Parameter<float, 2> in_proj;
  Named<"block 0", Parameter<float, 2>> a;
  Named<"block-0", Parameter<float, 2>> b;
  Named<"0", Dense<4, 4>> c;
  Named<"class", Dense<4, 4>> d;
  Named<"Gr\u00f6\u00dfe", Dense<4, 4>> e;
  std::array<Stage, 3> stages;
  Named<"stages_length", Parameter<float, 1>> f;
  Parameter<float, 3> type;
  Tied<"inProj"> tied;
  double rate;
};

std::vector<std::string_view> fields_of(detail::Tree const& tree, detail::Identifiers const& ids, std::uint32_t at) {
  std::vector<std::string_view> names;
  for (auto c = tree.nodes[at].first_child; c != detail::no_index; c = tree.nodes[c].next) {
    names.push_back(ids.text(ids.field[c]));
  }
  return names;
}

std::vector<std::string_view> names_for(std::vector<std::string_view> const& keys) {
  static detail::Tree tree;
  static detail::Identifiers ids;
  tree = detail::build_tree(keys);
  ids = detail::name_members(tree, "M");
  return fields_of(tree, ids, 0);
}

}  // namespace

TEST_CASE("the schema of a type is this text, a compile-time constant, with every compiler") {
  constexpr std::string_view text = schema<Odd>();
  // tests/golden/schema/odd.fbs; a change of it changes the typed view of files: see design section 5.
  CHECK(std::string(text) == test::read_file(ASHLAR_TEST_DATA "/schema/odd.fbs"));
  CHECK(text == schema_text(manifest<Odd>(), "Odd"));
}

TEST_CASE("names become identifiers that are unique however a generator spells them") {
  using V = std::vector<std::string_view>;
  CHECK(names_for({"weight", "running_mean"}) == V{"weight", "running_mean"});
  CHECK(names_for({"0", "1"}) == V{"m0", "m1"});
  CHECK(names_for({"class", "Class", "class_"}) == V{"class_", "Class__2", "class__3"});
  CHECK(names_for({"a b", "a-b", "a_b", "aB"}) == V{"a_b", "a_b_2", "a_b_3", "aB_4"});
  CHECK(names_for({"header", "headers"}) == V{"header_2", "headers"});
  CHECK(names_for({"_private", "\xc3\xa9"}) == V{"m_private", "m_"});
  CHECK(names_for({"x", "x.y"}) == V{"x", "x_2"});
  CHECK(names_for({"l.0.w", "l.1.w", "l_length"}) == V{"l", "l_length_2"});
}

TEST_CASE("members 0, 1, ... of one structure become a vector, others do not") {
  auto const is_list = [](std::vector<std::string_view> const& keys) {
    auto const tree = detail::build_tree(keys);
    return tree.nodes[tree.nodes[0].first_child].list;
  };
  CHECK(is_list({"l.0.w", "l.1.w"}));
  CHECK(is_list({"l.0.w"}));
  CHECK(is_list({"l.0.w", "l.1.w", "l.0.b", "l.1.b"}));
  CHECK(!is_list({"l.0.w", "l.2.w"}));
  CHECK(!is_list({"l.1.w", "l.0.w"}));
  CHECK(!is_list({"l.0.w", "l.1.b"}));
  CHECK(!is_list({"l.0.w", "l.1.w", "l.1.b"}));
  CHECK(!is_list({"l.0", "l.1"}));
  CHECK(!is_list({"l.00.w"}));
  CHECK(!is_list({"l.0.w.x", "l.1.w"}));
  // Elements of a vector are tables, so that a vector never holds vectors.
  auto const tree = detail::build_tree(std::array<std::string_view, 4>{"l.0.0.w", "l.0.1.w", "l.1.0.w", "l.1.1.w"});
  std::uint32_t const l = tree.nodes[0].first_child;
  CHECK(tree.nodes[l].list);
  CHECK(!tree.nodes[tree.nodes[l].first_child].list);
  // The root holds the header, so it is a table.
  CHECK(!detail::build_tree(std::array<std::string_view, 2>{"0.w", "1.w"}).nodes[0].list);
}

TEST_CASE("children stand in the order in which their first keys do") {
  auto const tree = detail::build_tree(std::array<std::string_view, 4>{"z.a", "b", "z.c", "a.x"});
  std::vector<std::string_view> names;
  for (auto c = tree.nodes[0].first_child; c != detail::no_index; c = tree.nodes[c].next)
    names.push_back(tree.nodes[c].name);
  CHECK(names == std::vector<std::string_view>{"z", "b", "a"});
}

TEST_CASE("reserved words are sorted, in lower case and without duplicates") {
  for (std::size_t i = 1; i < std::size(detail::reserved_words); ++i) {
    CHECK(detail::reserved_words[i - 1] < detail::reserved_words[i]);
  }
  for (auto const word : detail::reserved_words) {
    for (char const c : word) CHECK(detail::lower(c) == c);
  }
}

TEST_CASE("the tree of many keys takes no time that grows with their square") {
  std::vector<std::string> text;
  for (int i = 0; i < 200'000; ++i) text.push_back("layer." + std::to_string(i) + ".weight");
  std::vector<std::string_view> const keys(text.begin(), text.end());
  auto const tree = detail::build_tree(keys);
  CHECK(tree.nodes.size() == 400'002);
  CHECK(tree.nodes[tree.nodes[0].first_child].list);
}

TEST_CASE("a duplicate key and one that is too deep give no tree") {
  CHECK(detail::build_tree(std::array<std::string_view, 3>{"a", "b", "a"}).duplicate != detail::no_index);
  std::string deep = "x";
  for (int i = 1; i < 32; ++i) deep += ".x";
  CHECK(detail::build_tree(std::array<std::string_view, 1>{deep}).ok());
  deep += ".x";
  CHECK(detail::build_tree(std::array<std::string_view, 1>{deep}).too_deep == 0);
}
