// A wrong edge in a chain inside a network is reported once, by make and by the call alike.
// expect: ashlar: Decoder.second takes 128 features but Decoder.first gives 256
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
  ashlar::Linear<256, 256> first;
  ashlar::Linear<width, 10> second;
};
struct Net {
  Encoder encoder;
  Decoder decoder;
};

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  return net(ashlar::Tensor<float, 20>{}).numel() == 0;
}
