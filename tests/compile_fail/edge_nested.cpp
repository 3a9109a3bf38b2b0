// A wrong edge between two chains inside a network is named by its whole path.
// expect: ashlar: Net.decoder.first takes 128 features but Net.encoder gives 256
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = 128;
#else
inline constexpr std::size_t width = 256;
#endif

struct Encoder {
  ashlar::Linear<20, 256> first;
  ashlar::ReLU relu;
};
struct Decoder {
  ashlar::Linear<width, 64> first;
  ashlar::Linear<64, 10> second;
};
struct Net {
  Encoder encoder;
  Decoder decoder;
};

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  return net(ashlar::Tensor<float, 20>{}).numel() == 0;
}
