// An op without a form for CUDA is refused there, by name.
// expect: ashlar: embedding_bag has no kernel for cuda yet: copy what it takes with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/cuda.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cuda;
#else
using Device = ashlar::Cpu;
#endif
using X = ashlar::BasicTensor<float, Device, 20>;

struct Op {
  static constexpr std::string_view name = "embedding_bag";
  template <class V>
  auto output(V x) const {
    return ashlar::Like<float, 20>{x.dims()};
  }
  template <class Y, class V>
  void forward(Y, V) const {}
};

void use(X const& x) { (void)ashlar::apply(Op{}, x); }

int main() {}
