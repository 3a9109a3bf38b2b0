// all-MiniLM-L6-v2 by the header that `ashlar codegen` writes for it: loaded from both files, and run.
// SPDX-License-Identifier: BSL-1.0
//
//   minilm MODEL.safetensors MODEL.ashlar IO.safetensors
#include "minilm.hpp"  // generated

#include <ashlar/io/read.hpp>
#include <ashlar/nn.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

using namespace ashlar;

namespace {

constexpr std::size_t length = 8;
using Hidden = Tensor<float, length, 384>;

double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
template <class T, std::size_t... E>
Tensor<T, E...> input(Value const& io, char const* key) {
  Tensor<T, E...> x;
  io[key].tensor().copy_to({reinterpret_cast<std::byte*>(x.data()), x.numel() * sizeof(T)});
  return x;
}

/// The eps of BERT, which the file does not hold.
Hidden norm(LayerNorm<384> const& from, Hidden const& x) {
  LayerNorm<384, LayerNormOptions{.eps = 1e-12}> const layer{from.weight, from.bias};
  return layer(x);
}

/// 12 heads of 32.
template <class Self>
Hidden attention(Self const& self, Hidden const& x) {
  Hidden const q = self.query(x);
  Hidden const k = self.key(x);
  Hidden const v = self.value(x);
  Hidden y;
  for (std::size_t head = 0; head < 384; head += 32) {
    for (std::size_t i = 0; i < length; ++i) {
      double weight[length];
      double sum = 0;
      for (std::size_t j = 0; j < length; ++j) {
        double score = 0;
        for (std::size_t d = head; d < head + 32; ++d) score += double{q(i, d)} * double{k(j, d)};
        sum += weight[j] = std::exp(score / std::sqrt(32.0));
      }
      for (std::size_t d = head; d < head + 32; ++d) {
        double out = 0;
        for (std::size_t j = 0; j < length; ++j) out += weight[j] / sum * double{v(j, d)};
        y(i, d) = static_cast<float>(out);
      }
    }
  }
  return y;
}

template <class Layer>
Hidden run(Layer const& layer, Hidden const& x) {
  auto const& attend = layer.attention;
  Hidden const a = norm(attend.output.LayerNorm, attend.output.dense(attention(attend.self, x)) + x);
  return norm(layer.output.LayerNorm, layer.output.dense(gelu(layer.intermediate.dense(a))) + a);
}

/// The largest |y - expected| / (3e-5 + 1e-4 |expected|), ten times what f32 is from f64.
template <class Y>
bool compare(char const* what, Y const& y, Value const& io, char const* key) {
  auto const truth = io[key].tensor().to_vector<float>();
  double worst = y.numel() == truth.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < truth.size() && i < y.numel(); ++i) {
    double const error = std::abs(double{y.data()[i]} - double{truth[i]});
    worst = std::fmax(worst, error / (3e-5 + 1e-4 * std::abs(double{truth[i]})));
  }
  std::printf("%s: %.2g of the tolerance\n", what, worst);
  return worst <= 1;
}

}  // namespace

int main(int, char** argv) {
  double const begin = now();
  auto const net = load<MiniLM>(argv[1]);
  double const middle = now();
  auto const again = load<MiniLM>(argv[2]);
  std::printf("load: .safetensors %.0f ms, .ashlar %.0f ms\n", middle - begin, now() - middle);
  if (std::memcmp(net.get(), again.get(), sizeof(MiniLM)) != 0) return std::puts("the two files differ"), 1;

  save("typed.ashlar", *net);
  double const before = now();
  auto const mapped = map<MiniLM>("typed.ashlar");
  std::printf("map: %.2f ms\n", now() - before);

  Value const io = read(std::string(argv[3]));
  auto const ids = input<std::int64_t, length>(io, "len8/input_ids");
  auto const types = input<std::int64_t, length>(io, "len8/token_type_ids");
  auto const positions = [&] {
    Tensor<std::int64_t, length> out;
    for (std::size_t i = 0; i < length; ++i) out.data()[i] = net->embeddings.position_ids(0, i);
    return out;
  }();
  double const start = now();
  auto const& e = mapped->embeddings;
  Hidden x =
      norm(e.LayerNorm, e.word_embeddings(ids) + e.token_type_embeddings(types) + e.position_embeddings(positions));
  bool good = compare("after the embeddings", x, io, "len8/after_embeddings");
  for (auto const& layer : mapped->encoder.layer) {
    x = run(layer, x);
    if (&layer == &mapped->encoder.layer[0]) good = compare("after layer 0", x, io, "len8/after_layer0") && good;
  }
  double const end = now();
  good = compare("last_hidden_state", x, io, "len8/last_hidden_state") && good;

  Tensor<float, 384> embedding;  // the mean, as a unit vector
  double length_squared = 0;
  for (std::size_t d = 0; d < 384; ++d) {
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i) sum += double{x(i, d)};
    embedding.data()[d] = static_cast<float>(sum / length);
    length_squared += sum / length * sum / length;
  }
  for (float& v : embedding.span()) v = static_cast<float>(double{v} / std::sqrt(length_squared));
  good = compare("embedding", embedding, io, "len8/embedding") && good;
  std::printf("forward of %zu tokens: %.1f ms\n", length, end - start);
  return good ? 0 : 1;
}
