// tests/kernels/rnn_test.cpp, mirrors include/ashlar/kernels/rnn.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/rnn/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/rnn/reference.hpp>

#include "support.hpp"

#include <type_traits>

namespace {

// Bound: states are below 1, sums have In + H terms, and each step adds to the error of the one before by a factor
// near 1. Gradients sum over all steps.
template <class Cell, std::size_t In, std::size_t H, class T>
void check_rnn(k::Sequence const& q) {
  constexpr std::size_t out = Cell::gates * H;
  CAPTURE(In, H, Cell::gates, q.steps, q.batch, q.batch_first, q.reverse, sizeof(T));
  std::size_t const rows = q.steps * q.batch;
  std::size_t const ldy = H + 3;  // as if another direction stood beside
  auto x = random_values<T>(rows * In, 1);
  auto ih = random_values<T>(out * In, 2), hh = random_values<T>(out * H, 3), bias = random_values<T>(out, 4),
       bias2 = random_values<T>(out, 5);
  for (std::size_t i = 0; i < hh.size(); ++i) hh[i] /= T(H);  // or errors grow from step to step
  auto h = random_values<T>(q.batch * H, 6), c = random_values<T>(q.batch * H, 7);
  auto h2 = h, c2 = c;
  auto const h0 = h, c0 = c;
  bool const has_c = std::is_same_v<Cell, k::Lstm>;
  k::RnnWeights<T> const w{ih.data(), hh.data(), bias.data(), bias2.data()};
  Guarded<T> y(rows * ldy), y2(rows * ldy), gates(rows * out), gates2(rows * out), kept(rows * H), kept2(rows * H);
  Guarded<T> work(k::rnn_workspace<Cell, H, T>(q));
  T* const none = nullptr;
  k::reference::rnn<Cell, In, H, T>(q, x.data(), w, h2.data(), has_c ? c2.data() : none, y2.data(), ldy, gates2.data(),
                                    kept2.data());
  k::rnn<Cell, In, H>(q, x.data(), w, h.data(), has_c ? c.data() : none, y.data(), ldy, gates.data(), kept.data(),
                      work.data());
  std::size_t const terms = 4 * (In + H);
  CHECK(error(y, y2, terms) < 2);
  CHECK(error(h, h2, terms) < 2);
  CHECK(error(c, c2, terms) < 4);
  CHECK(error(gates, gates2, terms) < 2);
  CHECK((y.intact() && h.intact() && c.intact() && gates.intact() && kept.intact() && work.intact()));
  auto again = h0, again_c = c0;
  Guarded<T> y3(rows * ldy), gates3(rows * out);
  k::rnn<Cell, In, H>(q, x.data(), w, again.data(), has_c ? again_c.data() : none, y3.data(), ldy, gates3.data(), none,
                      work.data());
  CHECK(error(y3, y, terms) < 2);
  CHECK((again.intact() && again_c.intact() && y3.intact() && gates3.intact() && work.intact()));

  auto dy = random_values<T>(rows * ldy, 8), dh = random_values<T>(q.batch * H, 9),
       dc = random_values<T>(q.batch * H, 10), dx = random_values<T>(rows * In, 11);
  auto dih = random_values<T>(out * In, 12), dhh = random_values<T>(out * H, 13), db = random_values<T>(out, 14),
       db2 = random_values<T>(out, 15);
  auto edh = dh, edc = dc, edx = dx, edih = dih, edhh = dhh, edb = db, edb2 = db2;
  Guarded<T> back(k::rnn_backward_workspace<Cell, H>(q));
  auto first = h0, first_c = c0;
  k::rnn_backward<Cell, In, H>(q, x.data(), w, first.data(), has_c ? first_c.data() : none, y2.data(), ldy,
                               gates.data(), kept.data(), dy.data(), dh.data(), has_c ? dc.data() : none, dx.data(),
                               k::RnnGradients<T>{dih.data(), dhh.data(), db.data(), db2.data()}, back.data());
  k::reference::rnn_backward<Cell, In, H, T>(q, x.data(), w, first.data(), has_c ? first_c.data() : none, y2.data(),
                                             ldy, gates2.data(), kept2.data(), dy.data(), edh.data(),
                                             has_c ? edc.data() : none, edx.data(),
                                             k::RnnGradients<T>{edih.data(), edhh.data(), edb.data(), edb2.data()});
  std::size_t const most = 16 * (terms + rows);
  CHECK(error(dh, edh, most) < 2);
  CHECK(error(dc, edc, most) < 2);
  CHECK(error(dx, edx, most) < 2);
  CHECK(error(dih, edih, most) < 2);
  CHECK(error(dhh, edhh, most) < 2);
  CHECK(error(db, edb, most) < 2);
  CHECK(error(db2, edb2, most) < 2);
  CHECK((dh.intact() && dc.intact() && dx.intact() && dih.intact() && dhh.intact() && db.intact() && back.intact()));
}

template <class Cell, std::size_t In, std::size_t H, class T>
void check_steps() {
  for (std::size_t const steps : {0u, 1u, 3u, 4u, 9u}) {
    for (std::size_t const batch : {1u, 3u}) {
      for (int const way : {0, 1, 2}) check_rnn<Cell, In, H, T>({steps, batch, steps, way == 2, way == 1});
    }
  }
}

/// Steps one by one, packed, give what they give together.
template <class Cell, std::size_t In, std::size_t H, class T>
void check_streaming() {
  constexpr std::size_t out = Cell::gates * H;
  std::size_t const steps = 5;
  k::Sequence const q{steps, 1, steps};
  auto x = random_values<T>(steps * In, 1), ih = random_values<T>(out * In, 2), hh = random_values<T>(out * H, 3),
       bias = random_values<T>(out, 4);
  for (std::size_t i = 0; i < hh.size(); ++i) hh[i] /= T(H);
  auto h = random_values<T>(H, 6), c = random_values<T>(H, 7), h2 = h, c2 = c;
  T* const none = nullptr;
  bool const has_c = std::is_same_v<Cell, k::Lstm>;
  k::RnnWeights<T> const w{ih.data(), hh.data(), bias.data(), none};
  Guarded<T> y2(steps * H), gates(steps * out), kept(steps * H), y(H), packed(k::rnn_packed_size<Cell, In, H, T>);
  k::reference::rnn<Cell, In, H, T>(q, x.data(), w, h2.data(), has_c ? c2.data() : none, y2.data(), H, gates.data(),
                                    kept.data());
  k::rnn_pack<Cell, In, H>(w, packed.data());
  for (std::size_t s = 0; s < steps; ++s) {
    k::rnn_packed<Cell, In, H>(1, x.data() + s * In, packed.data(), h.data(), has_c ? c.data() : none, y.data());
    std::memcpy(h.data(), y.data(), H * sizeof(T));
  }
  CHECK(error(h, h2, 4 * (In + H)) < 2);
  CHECK((packed.intact() && y.intact() && h.intact() && c.intact()));
}

template <class Cell, class T>
void check_cell() {
  check_steps<Cell, 3, 16, T>();
  check_steps<Cell, 2, 33, T>();
  check_streaming<Cell, 1, 20, T>();
}

}  // namespace

KERNEL_CASE("recurrent layers and their pullbacks agree with the reference") {
  each_isa([] {
    check_cell<k::Lstm, float>();
    check_cell<k::Gru, float>();
    check_cell<k::Elman<k::ReLU>, float>();
    check_steps<k::Lstm, 1, 1, double>();
    check_steps<k::Gru, 17, 7, double>();
    check_steps<k::Elman<k::Tanh>, 5, 9, double>();
    check_streaming<k::Elman<k::Tanh>, 2, 9, double>();
  });
}

KERNEL_CASE("a part of longer sequences is run where it lies") {
  constexpr std::size_t in = 2, hidden = 3, out = 3 * hidden;
  for (bool const batch_first : {false, true}) {
    k::Sequence const whole{6, 2, 6, batch_first, false};
    k::Sequence const half{3, 2, 6, batch_first, false};
    auto x = random_values<float>(6 * 2 * in, 1), ih = random_values<float>(out * in, 2),
         hh = random_values<float>(out * hidden, 3);
    k::RnnWeights<float> const w{ih.data(), hh.data(), nullptr, nullptr};
    Guarded<float> h(2 * hidden), h2(2 * hidden), y(12 * hidden), y2(12 * hidden), gates(12 * out), work(2 * out);
    float* const none = nullptr;
    k::rnn<k::Gru, in, hidden>(whole, x.data(), w, h.data(), none, y.data(), hidden, gates.data(), none, work.data());
    std::size_t const middle = half.row(3, 0);
    k::rnn<k::Gru, in, hidden>(half, x.data(), w, h2.data(), none, y2.data(), hidden, gates.data(), none, work.data());
    k::rnn<k::Gru, in, hidden>(half, x.data() + middle * in, w, h2.data(), none, y2.data() + middle * hidden, hidden,
                               gates.data(), none, work.data());
    CHECK(error(y, y2, 8) < 1);
    CHECK(error(h, h2, 8) < 1);
  }
}
