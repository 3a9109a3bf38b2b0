// Writes model.ashlar, whose elements count upwards, and model.fbs: for typed_view.py.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/file.hpp>
#include <ashlar/reflect/structure.hpp>
#include <ashlar/schema/schema.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>

template <std::size_t In, std::size_t Out>
struct Dense {
  ashlar::Parameter<float, Out, In> weight;
  ashlar::Parameter<float, Out> bias;
};
struct Encoder {
  std::array<Dense<4, 4>, 3> layers;
  ashlar::Named<"class", Dense<4, 4>> keyword;
  ashlar::Named<"0", Dense<4, 2>> number;
  ashlar::Named<"block 0", Dense<4, 2>> blank;
};
struct MLP {
  std::uint64_t step;
  double rate;
  Dense<20, 256> hidden;
  Dense<256, 10> output;
  Encoder encoder;
  ashlar::Buffer<std::int64_t> num_batches_tracked;
  ashlar::Constant<bool, 5> mask;
  ashlar::Tied<"output.weight"> again;
};

int main() {
  auto const net = std::make_unique<MLP>();
  float next = 0;
  auto const count = [&](auto& dense) {
    for (auto& x : dense.weight) x = next++;
    for (auto& x : dense.bias) x = -next++;
  };
  net->step = 123456789012345;
  net->rate = 0.25;
  count(net->hidden);
  count(net->output);
  for (auto& layer : net->encoder.layers) count(layer);
  count(net->encoder.keyword);
  count(net->encoder.number);
  count(net->encoder.blank);
  net->num_batches_tracked() = -7;
  net->mask(1) = net->mask(3) = true;
  ashlar::save("model.ashlar", *net, {.metadata = {{"who", "typed_view"}}});

  constexpr auto text = ashlar::schema<MLP>();
  std::FILE* const out = std::fopen("model.fbs", "wb");
  return out != nullptr && std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fclose(out) == 0 ? 0
                                                                                                                 : 1;
}
