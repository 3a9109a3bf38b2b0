// Ashlar: LSTM, GRU, RNN and their cells on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/forward.hpp>
#include <ashlar/cuda/op.hpp>
#include <ashlar/cuda/part.hpp>
#include <ashlar/kernels/pointwise/cuda.cuh>
#include <ashlar/kernels/rnn/cuda.cuh>
#include <ashlar/nn/recurrent_op.hpp>

#include <array>
#include <cstddef>
#include <type_traits>

namespace ashlar::detail {

/// What the way back needs is kept by a recording alone, and so is the memory that it works in: launches on that way
/// have the launcher's workspace for themselves.
template <class Traits, std::size_t In>
struct DeviceOp<RecurrentOp<Traits, In>> {
  using Op = RecurrentOp<Traits, In>;
  using T = typename Op::T;
  using Cell = typename Op::Cell;
  static constexpr std::size_t hidden = Op::hidden;

  Op op;
  T* work = nullptr;
  T* d_state = nullptr;  // (states, directions, batch, hidden)

  template <class... V>
  void prepare(CudaRun& run, V const&...) {
    op.gates = run.allocate<T>(Op::directions * op.rows() * Cell::gates * hidden);
    std::size_t room = kernels::cuda::rnn_workspace<Cell, hidden, T>(op.q);
    if (run.recorded()) {
      op.kept = run.allocate<T>(Op::directions * op.rows() * hidden);
      d_state = run.allocate<T>(Traits::states * op.state_size());
      std::size_t const back = kernels::cuda::rnn_backward_workspace<Cell, hidden>(op.q);
      room = back > room ? back : room;
    }
    work = run.allocate<T>(room);
  }
  template <class Y, class... V>
  void forward(CudaLauncher& on, Y y, V const&... operands) const {
    std::array<T const*, sizeof...(V)> const in{operands.data()...};
    T* const state = y.data() + op.rows() * Op::width;
    for (std::size_t k = 0; k < Traits::states; ++k) {
      on.copy(in[1 + k], op.state_size(), state + k * op.state_size());
    }
    for (std::size_t d = 0; d < Op::directions; ++d) {
      kernels::Sequence way = op.q;
      way.reverse = d == 1;
      T* const h = state + d * op.q.batch * hidden;
      kernels::cuda::rnn<Cell, In, hidden>(
          on, way, in[0], Op::weights(in, d), h, Traits::has_c ? h + op.state_size() : nullptr, y.data() + d * hidden,
          Op::width, op.gates_of(d), op.kept != nullptr ? op.kept_of(d) : nullptr, work);
    }
  }
  template <class Y, class... V>
  void pullback(CudaLauncher& on, Y dy, Y y, V const&... operands) const {
    std::array<T const*, sizeof...(V)> const in{operands.data()...};
    std::array<T*, sizeof...(V)> const to{operands.grad...};
    on.copy(dy.data() + op.rows() * Op::width, Traits::states * op.state_size(), d_state);
    for (std::size_t d = 0; d < Op::directions; ++d) {
      kernels::Sequence way = op.q;
      way.reverse = d == 1;
      std::size_t const at = d * op.q.batch * hidden;
      T* const dh = d_state + at;
      kernels::cuda::rnn_backward<Cell, In, hidden>(
          on, way, in[0], Op::weights(in, d), in[1] + at, Traits::has_c ? in[Traits::states] + at : nullptr,
          y.data() + d * hidden, Op::width, op.gates_of(d), static_cast<T const*>(op.kept_of(d)),
          dy.data() + d * hidden, dh, Traits::has_c ? dh + op.state_size() : nullptr, to[0], Op::gradients(to, d),
          work);
    }
    for (std::size_t k = 0; k < Traits::states; ++k) {
      T const* const from = d_state + k * op.state_size();
      if (to[1 + k] != nullptr) kernels::cuda::accumulate(on, op.state_size(), from, to[1 + k]);
    }
  }
};

template <class T, class D>
struct DeviceOp<StackStatesOp<T, D>> {
  StackStatesOp<T, D> op;

  template <class Y, class... V>
  void forward(CudaLauncher& on, Y y, V const&... states) const {
    T* to = y.data();
    ((on.copy(states.data(), states.numel(), to), to += states.numel()), ...);
  }
  template <class Y, class... V>
  void pullback(CudaLauncher& on, Y dy, Y, V const&... states) const {
    T const* from = dy.data();
    auto const add = [&](std::size_t n, T* to) {
      if (to != nullptr) kernels::cuda::accumulate(on, n, from, to);
      from += n;
    };
    (add(states.numel(), states.grad), ...);
  }
};

/// A state of a parameter's type is used where it lies, without a gradient, as on the host.
template <class C, class U, std::size_t... F, class T, std::size_t... E>
struct StateBeside<CudaTraced<C, U, F...>, T, Dims<E...>> {
  using type = CudaTraced<C, T, E...>;
  static type zeros(CudaTraced<C, U, F...> const& x, Dims<E...> const& dims) {
    return {&x.run(), x.run().template allocate_zeros<T>(dims.numel()), nullptr, dims};
  }
  template <class S>
  static type of(CudaTraced<C, U, F...> const& x, Dims<E...> const& dims, S const& state) {
    if constexpr (runs_on_cuda<S>) {
      return part_of(state, 0, dims);
    } else if constexpr (is_on_cuda<S>) {
      T const* const from = state.device_data();
      return {&x.run(), x.run().copy_of(from, dims.numel()), nullptr, dims};
    } else {
      return {&x.run(), const_cast<T*>(x.run().on_device(state.data())), nullptr, dims};  // which nobody writes
    }
  }
};

template <class Y, class S>
struct Kept<RecurrentOutput<Y, S>> {
  static auto of(RecurrentOutput<Y, S> const& y) { return recurrent_output(kept(y.output), kept(y.state)); }
};
template <class H, class C>
struct Kept<LSTMState<H, C>> {
  static auto of(LSTMState<H, C> const& state) { return LSTMState{kept(state.h), kept(state.c)}; }
};

}  // namespace ashlar::detail
