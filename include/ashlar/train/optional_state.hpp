// Ashlar: state that only some variants of an optimizer keep.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/train/moments.hpp>

#include <type_traits>

namespace ashlar {

/// In the place of a State that is not kept.
struct NoState {};

/// A State that an optimizer has only where its template argument asks for it. No tensors and no keys otherwise.
/// It stands before members of 64-byte alignment, so that its one byte lies in padding.
template <class Net, bool present>
using OptionalState = std::conditional_t<present, Moments<Net>, NoState>;

}  // namespace ashlar
