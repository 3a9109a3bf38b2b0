// tests/core/error_test.cpp, mirrors include/ashlar/core/{error,result,text,refuse,index}.hpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/core/error.hpp>

#include <ashlar/core/index.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/result.hpp>
#include <ashlar/core/text.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using ashlar::Errc;
using ashlar::Error;
using ashlar::Result;
using namespace std::string_view_literals;

namespace {

// Sentences for the compiler: what cannot be printed is replaced, what is too long is cut.
using ashlar::detail::Sentence;
static_assert(Sentence{}.add("a \"b\" ").add(0).add(" ").add(4096).view() == "a 'b' 0 4096"sv);
static_assert(Sentence{}.add("x\0y"sv).view() == "x y"sv);
static_assert(Sentence{}.empty() && !Sentence{}.add(0).empty());
static_assert([] {
  Sentence s;
  for (int i = 0; i < 1000; ++i) s.add("0123456789");
  return s.add(7).view().size();
}() == 512);

/// The pieces for clang, joined by blanks, are the sentence, and none is too long.
constexpr bool pieces_make(std::string_view sentence, std::size_t count) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < ashlar::detail::piece_count(sentence); ++i) {
    std::string_view const piece = ashlar::detail::piece(sentence, i);
    if (i != 0 && sentence.substr(at++, 1) != " ") return false;
    if (piece.empty() || piece.size() > ashlar::detail::piece_length) return false;
    if (sentence.substr(at, piece.size()) != piece) return false;
    at += piece.size();
  }
  return at == sentence.size() &&
         (ashlar::detail::piece_length == 512 || ashlar::detail::piece_count(sentence) == count);
}
static_assert(pieces_make("short", 1));
static_assert(pieces_make("", 0));
static_assert(pieces_make("MLP.output takes 256 features but MLP.relu gives 128", 2));
static_assert(pieces_make("exactly thirty-five characters aaaa", 1));
static_assert(pieces_make("exactly thirty-six characters, aaaaa", 2));

static_assert(ashlar::text{"block 0"}.view() == "block 0"sv && ashlar::text{""}.size() == 0);

using namespace ashlar::literals;
static_assert(decltype(0_c)::value == 0 && decltype(1'024_c)::value == 1024);

// A Result is small talk: it converts from a value and from an Error, and cannot be dropped silently.
static_assert(std::is_convertible_v<int, Result<int>> && std::is_convertible_v<Error, Result<int>>);
static_assert(!std::is_convertible_v<Result<int>, bool> && std::is_constructible_v<bool, Result<int>>);
static_assert(std::is_same_v<decltype(std::declval<Result<int>&&>().value()), int>);
static_assert(std::is_nothrow_copy_constructible_v<Errc>);

}  // namespace

TEST_CASE("an Error's text is its headline and one line for each problem") {
  Error const plain(Errc::io, "cannot open a.ashlar");
  CHECK(std::string(plain.what()) == "cannot open a.ashlar");
  CHECK(plain.problems().empty());
  Error const many(Errc::mismatch, "2 problems", {"a", "b"});
  CHECK(std::string(many.what()) == "2 problems\n  a\n  b");
  CHECK(many.headline() == "2 problems");
  CHECK(many.problems() == std::vector<std::string>{"a", "b"});
  CHECK(many.code() == Errc::mismatch);
  Error const copy = many;
  CHECK(std::string(copy.what()) == many.what());
}

TEST_CASE("a Result holds a value or the Error that value() throws") {
  Result<std::string> good(std::string("text"));
  REQUIRE(good);
  CHECK(good.value() == "text");
  CHECK(*good == "text");
  CHECK(good->size() == 4);
  CHECK(std::move(good).value() == "text");

  Result<std::unique_ptr<int>> owner(std::make_unique<int>(5));
  CHECK(*std::move(owner).value() == 5);

  Result<int> const bad(Error(Errc::value, "no"));
  REQUIRE_FALSE(bad);
  CHECK_FALSE(bad.has_value());
  CHECK(bad.error().code() == Errc::value);
  CHECK_THROWS_AS(bad.value(), Error);
  CHECK_THROWS_WITH(bad.value(), "no");

  Result<void> done;
  CHECK(done);
  CHECK_NOTHROW(done.value());
  Result<void> const failed(Error(Errc::device, "gone"));
  CHECK_FALSE(failed);
  CHECK_THROWS_WITH(failed.value(), "gone");
  CHECK(failed.error().headline() == "gone");
}
