// Ashlar: the tape, which records a forward pass and runs it backwards.  SPDX-License-Identifier: BSL-1.0
//
// Reverse-mode differentiation by operator recording (Griewank and Walther, Evaluating Derivatives, 2008). A
// parameter's gradient needs no bookkeeping: it lies in the gradients struct at the parameter's own offset.
#pragma once

#include <ashlar/core/error.hpp>
#include <ashlar/grad/arena.hpp>
#include <ashlar/grad/trace.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace ashlar {
namespace detail {

/// A part of an object, in bytes from its start.
struct Stretch {
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

template <class Net>
constexpr std::size_t frozen_count() {
  std::size_t n = 0;
  if constexpr (is_storable<Net>) {
    for (Row const& row : manifest<Net>()) n += row.frozen && !row.is_alias() ? 1u : 0u;
  }
  return n;
}
template <class Net>
constexpr auto make_frozen() {
  std::array<Stretch, frozen_count<Net>()> out{};
  if constexpr (!out.empty()) {
    std::size_t n = 0;
    for (Row const& row : manifest<Net>()) {
      if (row.frozen && !row.is_alias()) out[n++] = {row.offset, row.bytes};
    }
  }
  return out;
}
/// The tensors of a Net that training leaves as they are.
template <class Net>
inline constexpr auto frozen_stretches = make_frozen<Net>();

/// The part of a tape that does not know the network's type.
class TapeCore {
 public:
  /// writable_net is net, or null if that is const. is_shadow: the elements of net have no values here
  /// (core/host_shadow.hpp), and grads is on a device.
  TapeCore(void const* net, void* writable_net, void* grads, std::size_t bytes, Rng* rng,
           std::span<Stretch const> frozen, bool is_shadow = false)
      : net_(static_cast<std::byte const*>(net)),
        writable_net_(static_cast<std::byte*>(writable_net)),
        grads_(static_cast<std::byte*>(grads)),
        bytes_(bytes),
        rng_(rng),
        frozen_(frozen),
        is_shadow_(is_shadow) {}
  TapeCore(TapeCore const&) = delete;
  TapeCore& operator=(TapeCore const&) = delete;

  template <class T>
  T* allocate(std::size_t n) {
    start_if_new();
    return static_cast<T*>(arena_.allocate(n * sizeof(T)));
  }
  template <class T>
  T* allocate_zeros(std::size_t n) {
    T* const p = allocate<T>(n);
    std::memset(static_cast<void*>(p), 0, n * sizeof(T));
    return p;
  }
  template <class N>
  N* push(N const& node) {
    static_assert(std::is_trivially_destructible_v<N>, "ashlar: an op lives on the tape, so it owns nothing");
    N* const p = ::new (static_cast<void*>(allocate<std::byte>(sizeof(N)))) N(node);
    p->before = last_;
    last_ = p;
    return p;
  }

  /// Where the gradient of an element of the network lies; null for what is not part of it, and for what is frozen.
  template <class T>
  T* grad_of(T const* element) const {
    std::size_t const offset = offset_in_net(element);
    return offset < bytes_ && !is_frozen(element) ? reinterpret_cast<T*>(grads_ + offset) : nullptr;
  }
  /// True for an element of the network that training leaves as it is.
  [[nodiscard]] bool is_frozen(void const* element) const {
    for (Stretch const& s : frozen_) {
      if (offset_in_net(element) - s.offset < s.bytes) return true;  // unsigned: what lies before it is far behind
    }
    return false;
  }
  /// An element of the network to write to, for layers that keep statistics in training; null for what is not part of
  /// it, and if the network is const.
  template <class T>
  T* writable(T const* element) const {
    std::size_t const offset = offset_in_net(element);
    return writable_net_ != nullptr && offset < bytes_ ? reinterpret_cast<T*>(writable_net_ + offset) : nullptr;
  }

  [[nodiscard]] bool holds(void const* element) const { return offset_in_net(element) < bytes_; }
  /// Beyond the network's size for what is not part of it.
  [[nodiscard]] std::size_t offset_in_net(void const* element) const {
    return reinterpret_cast<std::uintptr_t>(element) - reinterpret_cast<std::uintptr_t>(net_);
  }
  /// True for an element that an op without a traced value must not use: it would not be trained, or is not here.
  [[nodiscard]] bool minds(void const* element, bool is_parameter) const {
    if (is_shadow_) return holds(element);
    return is_parameter && grad_of(static_cast<std::byte const*>(element)) != nullptr;
  }

  [[nodiscard]] Rng* rng() const { return rng_; }

  /// Error: value, for a loss that is not of what this tape has recorded since the last backward().
  void check_loss(TapeCore const* of) const {
    if (of != this) throw Error(Errc::value, "backward() got a loss that another tape recorded");
    if (finished_)
      throw Error(Errc::value, "backward() got a loss of a recording that has ended: run the forward again");
  }
  void run_backward() {
    for (Node* n = last_; n != nullptr; n = n->before) n->pullback(n);
    finish();
  }
  /// The next value recorded starts a new recording.
  void finish() {
    last_ = nullptr;
    finished_ = true;
  }
  /// True if that began now: all memory is taken back.
  bool start_if_new() {
    if (!finished_) return false;
    finished_ = false;
    arena_.reset();
    return true;
  }

 private:
  std::byte const* net_;
  std::byte* writable_net_;
  std::byte* grads_;
  std::size_t bytes_;
  Rng* rng_;
  std::span<Stretch const> frozen_;
  bool is_shadow_;
  Arena arena_;
  Node* last_ = nullptr;
  bool finished_ = true;
};

/// The tape whose forward this thread is in; null outside of one.
inline constinit thread_local TapeCore const* recording = nullptr;

class Recording {
 public:
  explicit Recording(TapeCore const& tape) : before_(recording) { recording = &tape; }
  Recording(Recording const&) = delete;
  Recording& operator=(Recording const&) = delete;
  ~Recording() { recording = before_; }

 private:
  TapeCore const* before_;
};

}  // namespace detail

template <class Net, class... X>
auto forward(Net const& net, X const&... x);  // nn/chain.hpp

namespace detail {

/// The mistake of a loss whose type says that it is no number; what `dyn` hides is found at run time.
template <std::size_t... E>
struct LossMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if (((E == dyn) || ...) || (E * ... * std::size_t{1}) == 1) return s;
    s.add("ashlar: backward() needs a loss of one element but the shape is (");
    std::size_t n = 0;
    ((s.add(n++ == 0 ? "" : ", ").add(E)), ...);
    return s.add("): take its sum or mean");
  }();
};

}  // namespace detail

/// Records what a network computes and brings the gradients of its parameters back.
///
///   auto grads = zeros_like(net);                    // another object of the network's type
///   Tape tape(*net, *grads, rng);                    // rng: for Dropout; may be left out
///   auto loss = cross_entropy(tape(x), labels);
///   tape.backward(loss);                             // adds to *grads, as PyTorch does
///
/// Memory  one arena that grows to the size of a step; the second step of that size allocates nothing.
/// Errors  run time: value, if a layer needs random numbers and the tape has no Rng, or for a loss of another
///         recording; shape, if the loss is no scalar. compile time: the latter, where its type says so.
/// Note    the network, the gradients and the Rng must outlive the tape. A parameter outside the network gets none.
///         A forward in training writes to the network only where a layer keeps statistics (BatchNorm), and that layer
///         takes a network that is not const. Tape<Net, Evaluation> writes to the gradients alone.
template <class Net, class Context = Training>
class Tape {
  static_assert(std::is_trivially_copyable_v<Net>,
                "ashlar: a network is a plain struct: for what make() gives write *net");

 public:
  Tape(Net& net, Net& grads) : Tape(net, &net, grads, nullptr) {}
  Tape(Net& net, Net& grads, Rng& rng) : Tape(net, &net, grads, &rng) {}
  Tape(Net const& net, Net& grads) : Tape(net, nullptr, grads, nullptr) {}
  Tape(Net const& net, Net& grads, Rng& rng) : Tape(net, nullptr, grads, &rng) {}

  /// x on this tape, without a gradient of its own. The values are copied.
  template <class T, class D, std::size_t... E>
  auto input(BasicTensor<T, D, E...> const& x) {
    return lift(x.view(), false);
  }
  template <class T, std::size_t... E>
  auto input(View<T, E...> const& x) {
    return lift(View<std::remove_const_t<T> const, E...>(x), false);
  }
  /// x on this tape; `grad()` of the result is d loss / d x after `backward`.
  template <class T, class D, std::size_t... E>
  auto variable(BasicTensor<T, D, E...> const& x) {
    return lift(x.view(), true);
  }

  /// The network's output for x, recorded.
  template <class... X>
  auto operator()(X const&... x) {
    detail::Recording const now(core_);
    return ashlar::forward(*net_, as_traced(x)...);
  }

  /// Adds d loss / d parameter to the gradients and ends the recording. Returns the loss.
  template <class C, class T, std::size_t... E>
  T backward(Traced<C, T, E...> const& loss) {
    detail::refuse<detail::LossMistake<E...>>();
    if (loss.numel() != 1) {
      throw Error(Errc::shape, "backward() needs a loss of one element but the shape is " + to_string(loss.shape()));
    }
    core_.check_loss(loss.tape());
    T const value = loss.item();
    if (T* const g = loss.grad_data()) *g += T{1};
    core_.run_backward();
    return value;
  }

  /// Forgets what was recorded since the last backward().
  void clear() { core_.finish(); }

  [[nodiscard]] Net const& net() const { return *net_; }

 private:
  Tape(Net const& net, Net* writable_net, Net& grads, Rng* rng)
      : net_(&net), core_(&net, writable_net, &grads, sizeof(Net), rng, detail::frozen_stretches<Net>) {}

  template <class T, std::size_t... E>
  Traced<Context, T, E...> lift(View<T const, E...> x, bool with_grad) {
    std::size_t const n = x.numel();
    T* const value = core_.template allocate<T>(n);
    std::memcpy(static_cast<void*>(value), x.data(), n * sizeof(T));
    T* const grad = with_grad ? core_.template allocate_zeros<T>(n) : nullptr;
    return {&core_, value, grad, x.dims()};
  }
  template <class X>
  auto as_traced(X const& x) {
    if constexpr (detail::is_traced<X>) {
      return x;
    } else {
      return input(x);
    }
  }

  Net const* net_;
  detail::TapeCore core_;
};

}  // namespace ashlar
