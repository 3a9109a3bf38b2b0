// An Embedding looks up integers.
// expect: ashlar: Embedding takes indices of i64 or i32 but the input is f32
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/embedding.hpp>

#include <cstdint>

#ifdef ASHLAR_MUST_FAIL
using Index = ashlar::Tensor<float, 3>;
#else
using Index = ashlar::Tensor<std::int64_t, 3>;
#endif

int main() { return ashlar::Embedding<10, 4>{}(Index{}).numel() == 0; }
