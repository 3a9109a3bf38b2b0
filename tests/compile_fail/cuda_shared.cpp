// A kernel whose block wants more shared memory than every GPU gives is refused, also where it runs on the CPU.
// expect: ashlar: a block has 48 KiB of shared memory at most
// forbid: cpu_thread
// errors: 1
#include <ashlar/kernels/device/cpu_launcher.hpp>

namespace device = ashlar::kernels::device;

#ifdef ASHLAR_MUST_FAIL
inline constexpr unsigned size = 12 * 1024 + 1;
#else
inline constexpr unsigned size = 12 * 1024;
#endif

struct Kernel {
  static constexpr unsigned threads = 32;
  struct Shared {
    device::Array<float, size> tile;
  };
  using Local = device::None;
  template <class Block>
  void operator()(Block& block) const {
    block.last([](auto& t, Shared& s, Local&) { s.tile.set(t.index, 1); });
  }
};

int main() {
  device::Faults found;
  device::CpuLauncher(found).launch({}, Kernel{});
}
