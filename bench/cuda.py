"""What PyTorch takes for the networks of cuda.cu.  SPDX-License-Identifier: BSL-1.0

usage: cuda.py
Microseconds, the least of 5 means of 100: a forward in inference mode, a training step with Adam, with the fused Adam,
and the replay of a CUDA graph of the latter. Where PyTorch or its GPU is missing it says so.
"""
import sys

sys.path.pop(0)  # the folder of this file, which PyTorch would take for NVIDIA's package cuda

SHAPES = ((20, 256, 10), (64, 128, 10), (784, 512, 10))


def microseconds(run, count=100):
    for _ in range(10):
        run()
    best = float("inf")
    for _ in range(5):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(count):
            run()
        end.record()
        torch.cuda.synchronize()
        best = min(best, begin.elapsed_time(end) * 1e3 / count)
    return best


def measure(features, hidden, classes, rows):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, classes)).cuda()
    x = torch.rand(rows, features, device="cuda")
    labels = torch.randint(0, classes, (rows,), device="cuda")

    def step(optimizer):
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()

    with torch.inference_mode():
        forward = microseconds(lambda: net(x))
    adam = torch.optim.Adam(net.parameters())
    fused = torch.optim.Adam(net.parameters(), fused=True, capturable=True)
    plain_step = microseconds(lambda: step(adam))
    fused_step = microseconds(lambda: step(fused))
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        step(fused)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(fused)
    print(f"  {features:3}-{hidden:3}-{classes}, {rows:5} rows: forward {forward:8.1f} us, training step with Adam "
          f"{plain_step:8.1f} us, fused {fused_step:8.1f} us, as a graph {microseconds(graph.replay):8.1f} us",
          flush=True)


try:
    import torch
except ImportError:
    sys.exit("nothing is measured with PyTorch: it is not installed")
if not torch.cuda.is_available():
    sys.exit(f"nothing is measured with PyTorch {torch.__version__}: it sees no GPU")
print(f"PyTorch {torch.__version__}:")
for row_count in (1, 32, 256, 4096):
    for shape in SHAPES:
        measure(*shape, row_count)
