// tests/kernels/cuda/rnn_cases.hpp: recurrent layers and their pullback against reference.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/rnn/cuda.cuh>

#include <ashlar/kernels/rnn/reference.hpp>

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "device.hpp"

namespace cuda_test {

namespace kernels = ashlar::kernels;

/// States are below 1, sums have In + H terms, and each step adds to the error of the one before by a factor near 1.
/// Gradients sum over all steps.
template <class Cell, std::size_t In, std::size_t H, class Device>
void rnn_case(Device& device, Failures& failures, kernels::Sequence const& q) {
  std::string const what = std::to_string(Cell::gates) + " gates of " + std::to_string(H) + ", " +
                           std::to_string(q.steps) + " steps of " + std::to_string(q.batch) +
                           (q.batch_first ? ", batch first: " : ": ");
  constexpr std::size_t out = Cell::gates * H;
  constexpr bool has_c = std::is_same_v<Cell, kernels::Lstm>;
  auto& launcher = device.launcher();
  std::size_t const rows = q.steps * q.batch;
  std::size_t const ldy = H + 3;  // as if another direction stood beside
  auto const x = random<float>(rows * In, 1), ih = random<float>(out * In, 2), bias = random<float>(out, 4),
             bias2 = random<float>(out, 5), dy = random<float>(rows * ldy, 8);
  auto hh = random<float>(out * H, 3);
  for (float& v : hh) v /= static_cast<float>(H);  // or errors grow from step to step
  auto h = random<float>(q.batch * H, 6), c = random<float>(q.batch * H, 7);
  auto const h0 = h, c0 = c;
  std::vector<float> y(rows * ldy), gates(rows * out), kept(rows * H);
  kernels::RnnWeights<float> const w{ih.data(), hh.data(), bias.data(), bias2.data()};
  float* const none = nullptr;
  auto const on_x = device.upload(x, 1), on_ih = device.upload(ih, 1), on_hh = device.upload(hh, 1),
             on_bias = device.upload(bias, 1), on_bias2 = device.upload(bias2, 1), on_dy = device.upload(dy, 1),
             on_h = device.upload(h, 1), on_c = device.upload(c, 1), on_y = device.upload(y, 1),
             on_gates = device.upload(gates, 1), on_kept = device.upload(kept, 1);
  auto const on_work = device.upload(std::vector<float>(kernels::cuda::rnn_workspace<Cell, H, float>(q), NAN));
  kernels::RnnWeights<float> const on_w{on_ih.data(), on_hh.data(), on_bias.data(), on_bias2.data()};
  kernels::reference::rnn<Cell, In, H>(q, x.data(), w, h.data(), has_c ? c.data() : none, y.data(), ldy, gates.data(),
                                       kept.data());
  kernels::cuda::rnn<Cell, In, H>(launcher, q, static_cast<float const*>(on_x.data()), on_w, on_h.data(),
                                  has_c ? on_c.data() : none, on_y.data(), ldy, on_gates.data(), on_kept.data(),
                                  on_work.data());
  double const bound = rounding<float>(4 * (In + H));
  failures.expect_close(what + "y", device.download(on_y), y, bound);
  failures.expect_close(what + "h", device.download(on_h), h, bound);
  failures.expect_close(what + "c", device.download(on_c), c, 2 * bound);
  failures.expect_close(what + "gates", device.download(on_gates), gates, bound);
  failures.expect_close(what + "kept", device.download(on_kept), kept, 2 * bound);

  auto dh = random<float>(q.batch * H, 9), dc = random<float>(q.batch * H, 10), dx = random<float>(rows * In, 11),
       dih = random<float>(out * In, 12), dhh = random<float>(out * H, 13), db = random<float>(out, 14),
       db2 = random<float>(out, 15);
  auto const on_dh = device.upload(dh, 1), on_dc = device.upload(dc, 1), on_dx = device.upload(dx, 1),
             on_dih = device.upload(dih, 1), on_dhh = device.upload(dhh, 1), on_db = device.upload(db, 1),
             on_db2 = device.upload(db2, 1), on_h0 = device.upload(h0, 1), on_c0 = device.upload(c0, 1);
  auto const on_back = device.upload(std::vector<float>(kernels::cuda::rnn_backward_workspace<Cell, H>(q), NAN));
  kernels::reference::rnn_backward<Cell, In, H>(
      q, x.data(), w, h0.data(), has_c ? c0.data() : nullptr, y.data(), ldy, gates.data(), kept.data(), dy.data(),
      dh.data(), has_c ? dc.data() : none, dx.data(),
      kernels::RnnGradients<float>{dih.data(), dhh.data(), db.data(), db2.data()});
  float const* const c_before = has_c ? on_c0.data() : nullptr;
  kernels::cuda::rnn_backward<Cell, In, H, float>(
      launcher, q, on_x.data(), on_w, on_h0.data(), c_before, on_y.data(), ldy, on_gates.data(), on_kept.data(),
      on_dy.data(), on_dh.data(), has_c ? on_dc.data() : none, on_dx.data(),
      kernels::RnnGradients<float>{on_dih.data(), on_dhh.data(), on_db.data(), on_db2.data()}, on_back.data());
  double const most = 16 * bound + rounding<float>(rows);
  failures.expect_close(what + "dh", device.download(on_dh), dh, most);
  failures.expect_close(what + "dc", device.download(on_dc), dc, most);
  failures.expect_close(what + "dx", device.download(on_dx), dx, most);
  failures.expect_close(what + "dih", device.download(on_dih), dih, most);
  failures.expect_close(what + "dhh", device.download(on_dhh), dhh, most);
  failures.expect_close(what + "db", device.download(on_db), db, most);
  failures.expect_close(what + "db2", device.download(on_db2), db2, most);
}

template <class Device>
void rnn_cases(Device& device, Failures& failures) {
  rnn_case<kernels::Lstm, 7, 9>(device, failures, {5, 3, 5, false, false});
  rnn_case<kernels::Lstm, 7, 9>(device, failures, {4, 1, 4, true, true});
  rnn_case<kernels::Gru, 7, 9>(device, failures, {5, 4, 5, true, false});
  rnn_case<kernels::Elman<kernels::Tanh>, 7, 9>(device, failures, {3, 2, 3, false, true});
  rnn_case<kernels::Lstm, 7, 64>(device, failures, {3, 2, 3, true, true});  // the largest that stays on the GPU
  rnn_case<kernels::Lstm, 7, 65>(device, failures, {3, 2, 3, false, true});
}

}  // namespace cuda_test
