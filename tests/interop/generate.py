"""Headers generated from files: compiled, loaded strictly, every tensor compared with the file, networks run.

Real networks, those of a builder's guide, every file of torch.save that is a state_dict, checkpoints, and files made
here with random and nasty names. All headers are compiled in one unit.  SPDX-License-Identifier: BSL-1.0
"""
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import zlib

SOURCE = pathlib.Path(os.environ["ASHLAR_SOURCE_DIR"])
GOLDEN = SOURCE / "tests" / "golden"
TOOL = pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "generate"
SIZE = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "u8": 1, "bool": 1}
KINDS = ["parameter", "buffer", "constant", "scalar"]


# ---- files -----------------------------------------------------------------------------------------------------------
def safetensors(path):
    """key -> (dtype, shape, bytes), in the order of the file."""
    raw = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    out = {}
    for key, entry in json.loads(raw[8:8 + length]).items():
        if key != "__metadata__":
            begin, end = entry["data_offsets"]
            out[key] = (entry["dtype"].lower(), tuple(entry["shape"]), raw[8 + length + begin:8 + length + end])
    return out


def write_safetensors(path, tensors):
    header, at = {}, 0
    for key, (dtype, shape, data) in tensors.items():
        header[key] = {"dtype": dtype.upper(), "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def elements(dtype, shape, rng):
    count = SIZE[dtype]
    for extent in shape:
        count *= extent
    return bytes(rng.getrandbits(1) for _ in range(count)) if dtype == "bool" else rng.randbytes(count)


def from_keys(name, rng):
    """A file with the keys and shapes of a real network, and elements of no meaning."""
    entries = json.loads((GOLDEN / "real" / name / "keys.json").read_text())["state_dict"]
    tensors = {e["key"]: (e["dtype"], tuple(e["shape"]), elements(e["dtype"], e["shape"], rng)) for e in entries}
    write_safetensors(f"{name}.safetensors", tensors)
    return f"{name}.safetensors"


NASTY = ["", "class", "int", "a b", "a-b", "0", "00", "7", "'\"\\", "\\u0041", "??/", "\u202e\u2066x", "\u00e4\u00f6",
         "\x01\x7f", "\n", "__x", "_X", "EOF", "NULL", "errno", "linux", "std", "ashlar", "Net", "load_options", "weight",
         "bias", "*/", "//", "#include", "x" * 150, "R\"(", "%s", "{}", "<>", "template<", "Unknown", "assert", "version",
         "operator()", "this", "auto", "main", "Linear", "LayerNorm", "running_mean", "group_0", "\u65e5\u672c", "a\\"]
SHAPES = [(), (0,), (1,), (3,), (2, 3), (3, 2), (2, 3, 1), (2, 1, 3, 3), (1, 2, 0, 4), (1, 1, 1, 1, 1, 2), (4,), (4, 4)]


def random_file(path, seed, count):
    """A tree of random names; a key may be a tensor and a front of others."""
    rng = random.Random(seed)
    fronts, tensors = [""], {}
    while len(tensors) < count:
        front = rng.choice(fronts)
        name = rng.choice(NASTY) if rng.random() < 0.6 else rng.choice("abcdefgh") + str(rng.randrange(4))
        key = f"{front}.{name}" if front else name
        if rng.random() < 0.35 and key.count(".") < 5:
            fronts.append(key)
            continue
        if rng.random() < 0.3:  # a layer
            a, b = rng.randrange(1, 5), rng.randrange(1, 5)
            shapes = rng.choice([[(a, b), (a,)], [(a, b, 3, 2), (a,)], [(a, b, 3)], [(a,), (a,)], [(a, b)], [(a, b), (b,)]])
            new = {f"{key}.{n}": ("f32", s) for n, s in zip(["weight", "bias"], shapes)}
        else:
            new = {key: (rng.choice(list(SIZE)), rng.choice(SHAPES))}
        for k, (dtype, shape) in new.items():
            if k != "__metadata__":
                tensors.setdefault(k, (dtype, shape, elements(dtype, shape, rng)))
    write_safetensors(path, tensors)


# ---- cases: name, file, what is in it, options, expectations ----------------------------------------------------------
class Case:
    def __init__(self, name, path, truth, *options, renames=False, contains=(), tied=0):
        self.name, self.path, self.options = name, str(path), options
        self.truth = truth if isinstance(truth, dict) else safetensors(truth)
        self.renames, self.contains, self.tied = renames, contains, tied

    def expected(self, rename):
        """The truth under the keys that load_options() make of the file's."""
        option = dict(o.split("=", 1) for o in self.options if "=" in o)
        out = {}
        for key, tensor in self.truth.items():
            if "at" in option:
                if not key.startswith(option["at"] + "."):
                    continue
                key = key[len(option["at"]) + 1:]
            strip = [o[6:] for o in self.options if o.startswith("strip=")]
            while any(key.startswith(p) for p in strip):
                key = key[len(next(p for p in strip if key.startswith(p))):]
            for old, new in rename:
                if old == "" or key == old or key.startswith(old + "."):
                    rest = key[len(old):] if old == "" else key[len(old) + 1:]
                    key = ".".join(p for p in (new, rest) if p != "" or old == "" == new) if rest else new
                    break
            assert key not in out, key
            out[key] = tensor
        return out


def nested(path):
    """The tensors of a checkpoint: the file has '/' between the keys of its dicts."""
    return {key.replace("/", "."): tensor for key, tensor in safetensors(path).items()}


def is_state_dict(case):
    """A dict of tensors, but for what modules put under _extra_state."""
    if case["expect"] != "load" or not case["value"]["t"].endswith("dict"):
        return False
    return all(value["t"] == "tensor" or key["v"].endswith("_extra_state") for key, value in case["value"]["items"])


def cases():
    rng = random.Random(5)
    d2l, torch, real = GOLDEN / "d2l", GOLDEN / "pytorch", GOLDEN / "real"
    for path in sorted(d2l.glob("*.pt")) + sorted(d2l.glob("*.safetensors")):
        stem = path.name.split(".")[0]
        twice = path.suffix == ".safetensors" and path.with_suffix(".pt").exists()
        if path.name.count(".") == 1 and stem not in ("inits", "rng") and not twice:
            truth = safetensors(d2l / f"{stem}.safetensors")
            if path.suffix == ".pt":
                truth = {e["key"]: truth[e["key"]] for e in json.loads((d2l / f"{stem}.json").read_text())["state_dict"]}
            yield Case("d2l_" + path.name.replace(".", "_"), path, truth)
    for case in json.loads((torch / "cases.json").read_text()):
        name = case["name"]
        if name.startswith(("dtype_", "mlp_")) and name != "mlp_legacy":
            continue  # dtypes_all has them
        if is_state_dict(case):
            truth = safetensors(torch / case["truth"])
            keys = [key["v"] for key, value in case["value"]["items"] if not key["v"].endswith("_extra_state")]
            tensors = {key: truth[key] for key in keys}
            if all(v[0] in SIZE for v in tensors.values()):
                if name == "batchnorm_old":  # load lets it be, as load_state_dict does
                    tensors["bn.num_batches_tracked"] = ("i64", (), bytes(8))
                yield Case("torch_" + name, torch / f"{name}.pt", tensors, renames=name == "odd_names")
    for name in ("checkpoint_adam", "checkpoint_sgd", "checkpoint_adam_legacy"):
        truth = nested(torch / (name.removesuffix("_legacy") + ".safetensors"))
        yield Case(name, torch / f"{name}.pt", truth, "at=model", contains=["ashlar::Linear<4, 8> hidden;"])
    truth = nested(torch / "checkpoint_adam.safetensors")
    yield Case("adam_state", torch / "checkpoint_adam.pt", truth, "at=optimizer.state.0")
    prefix = safetensors(torch / "prefix_both.safetensors")
    names = [f"module._orig_mod.{layer}.{p}" for layer in ("hidden", "out") for p in ("weight", "bias")]
    yield Case("prefix", torch / "prefix_both.pt", {n: prefix[n] for n in names}, "strip=module.", "strip=_orig_mod.")
    yield Case("front", d2l / "nest_mlp.safetensors", d2l / "nest_mlp.safetensors", "at=net")
    yield Case("plain", d2l / "lenet.safetensors", d2l / "lenet.safetensors", "plain",
               contains=["ashlar::Parameter<float, 6, 1, 5, 5> weight;"])
    yield Case("as_double", d2l / "mlp.safetensors", d2l / "mlp.safetensors", "dtype=f64", "chain",
               contains=["ashlar::Linear<20, 256, double>"])

    yield Case("pnet", real / "pnet" / "pnet.pt", real_keys("pnet"), contains=["ashlar::PReLU<10> prelu1;"])
    yield Case("lenet_cifar", real / "lenet_cifar" / "cifar_torchvision.pt", real_keys("lenet_cifar"),
               contains=["ashlar::Conv2d<3, 6, 5> conv1;", "ashlar::Linear<84, 10> fc3;"])
    for name, lines in {
        "rnet": ["ashlar::Conv2d<48, 64, 2> conv3;", "ashlar::Linear<576, 128> dense4;"],
        "onet": ["ashlar::Linear<1152, 256> dense5;", "The keys have the order of the file."],
        "silero_vad_16k": ["ashlar::LSTMCell<128, 128> lstm_cell;",
                           "ashlar::Conv1d<1, 258, 256, ashlar::ConvOptions{.bias = false}> stft_conv;"],
        "all_minilm_l6_v2": ["std::array<Layer, 6> layer;", "ashlar::Embedding<30522, 384> word_embeddings;",
                             "ashlar::Buffer<std::int64_t, 1, 512> position_ids;", "ashlar::LayerNorm<384> LayerNorm;",
                             "another order than a state_dict"],
    }.items():
        path = from_keys(name, rng)
        yield Case(name, path, path, contains=lines)

    yield recurrent()
    yield chosen()
    for seed in range(4):
        random_file(f"random_{seed}.safetensors", seed, 60)
        yield Case(f"random_{seed}", f"random_{seed}.safetensors", f"random_{seed}.safetensors", renames=True)
    wide = {f"p{i}" if i % 3 else f"m{i}.w": ("f32", (1,), rng.randbytes(4)) for i in range(500)}
    write_safetensors("wide.safetensors", wide)
    yield Case("wide", "wide.safetensors", wide, renames=True)
    deep = {".".join(["a"] * 40 + ["w"]): ("f32", (2,), rng.randbytes(8)), "a.b": ("f32", (1,), rng.randbytes(4))}
    write_safetensors("deep.safetensors", deep)
    yield Case("deep", "deep.safetensors", deep, renames=True)
    yield from ties()
    yield from own_files()


def real_keys(name):
    """Of a file in a format that is not read here: what keys.json says, without the elements."""
    entries = json.loads((GOLDEN / "real" / name / "keys.json").read_text())["state_dict"]
    return {e["key"]: (e["dtype"], tuple(e["shape"]), None) for e in entries}


def recurrent():
    """Every recurrent layer, and one that only looks like it."""
    rng, tensors = random.Random(7), {}

    def add(front, gates, size, hidden, layers=1, bias=True, ways=("",), cell=False):
        for layer in range(layers):
            for way in ways:
                for stem in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[:4 if bias else 2]:
                    width = hidden if stem == "weight_hh" else size if layer == 0 else hidden * len(ways)
                    shape = (gates * hidden, width) if stem[0] == "w" else (gates * hidden,)
                    key = f"{front}.{stem}" if cell else f"{front}.{stem}_l{layer}{way}"
                    tensors[key] = ("f32", shape, elements("f32", shape, rng))

    add("lstm", 4, 3, 2, 2, ways=("", "_reverse"))
    add("gru", 3, 5, 4, bias=False)
    add("rnn", 1, 3, 4, 3)
    add("lstm_cell", 4, 2, 3, cell=True)
    add("gru_cell", 3, 2, 3, cell=True)
    add("rnn_cell", 1, 2, 3, bias=False, cell=True)
    add("other", 5, 3, 2)
    write_safetensors("recurrent.safetensors", tensors)
    return Case("recurrent", "recurrent.safetensors", tensors, contains=[
        "ashlar::LSTM<3, 2, ashlar::RNNOptions{.num_layers = 2, .bidirectional = true}> lstm;",
        "ashlar::GRU<5, 4, ashlar::RNNOptions{.bias = false}> gru;", "ashlar::RNN<3, 4, ashlar::RNNOptions{.num_layers = 3}>",
        "ashlar::LSTMCell<2, 3>", "ashlar::GRUCell<2, 3>", "ashlar::RNNCell<2, 3, ashlar::RNNCellOptions{.bias = false}>",
        "ashlar::Parameter<float, 10, 3> weight_ih_l0;"])


def chosen():
    """Layers that the caller names, because a number of theirs is in no file or because they look like others."""
    rng, tensors = random.Random(11), {}

    def add(front, **shapes):
        for key, shape in shapes.items():
            dtype = "i64" if key == "num_batches_tracked" else "f32"
            tensors[f"{front}.{key.replace('__', '.')}"] = (dtype, shape, elements(dtype, shape, rng))

    for i in range(2):
        add(f"blocks.{i}.norm", weight=(6,), bias=(6,))
        add(f"blocks.{i}.attention", in_proj_weight=(18, 6), in_proj_bias=(18,), out_proj__weight=(6, 6), out_proj__bias=(6,))
    add("cross", in_proj_weight=(12, 4), out_proj__weight=(4, 4))
    add("each", weight=(3,), bias=(3,), running_mean=(3,), running_var=(3,), num_batches_tracked=())
    add("depthwise", weight=(6, 1, 3, 3), bias=(6,))
    add("up", weight=(4, 3, 2))
    add("head", weight=(5, 6))
    add("slope", weight=(6,))
    write_safetensors("chosen.safetensors", tensors)
    options = ["blocks.*.norm=GroupNorm<3>", "*.*.attention=MultiheadAttention<2>", "cross=MultiheadAttention<4>",
               "each=InstanceNorm1d", "depthwise=Conv2d<6>", "up=ConvTranspose1d<2>", "head=Linear", "slope=PReLU"]
    return Case("chosen", "chosen.safetensors", tensors, *(f"layer={o}" for o in options), contains=[
        "ashlar::GroupNorm<3, 6> norm;", "ashlar::MultiheadAttention<6, 2> attention;", "std::array<net_parts::Block, 2> blocks;",
        "ashlar::MultiheadAttention<4, 4, ashlar::MultiheadAttentionOptions{.bias = false}> cross;",
        "ashlar::InstanceNorm1d<3, ashlar::InstanceNormOptions{.affine = true, .track_running_stats = true}> each;",
        "ashlar::Conv2d<6, 6, 3, ashlar::ConvOptions{.groups = 6}> depthwise;", "ashlar::LinearNoBias<6, 5> head;",
        "ashlar::ConvTranspose1d<4, 6, 2, ashlar::ConvTransposeOptions{.groups = 2, .bias = false}> up;",
        "ashlar::PReLU<6> slope;"])


def ties():
    """Tensors and modules that are tied, also to names that stand between them and their target."""
    rng = random.Random(3)
    f = lambda *shape: ("f32", shape, elements("f32", shape, rng))  # noqa: E731
    base = {"embed.weight": f(7, 4), "decoder.bias": f(7), "a.hidden.weight": f(4, 4), "a.hidden.bias": f(4),
            "b.inner.a.hidden.other": f(2), "b.inner.w": f(3), "list.0.weight": f(2, 2), "list.0.bias": f(2),
            "w": f(5), "c.w": f(5), "c.x": f(1), "blocks.0.own": f(1), "blocks.1.own": f(1)}
    write_safetensors("ties.safetensors", base)
    tied = {"decoder.weight": "embed.weight", "b.hidden.weight": "a.hidden.weight", "b.hidden.bias": "a.hidden.bias",
            "b.inner.again": "a.hidden.weight", "list.2.weight": "list.0.weight", "list.2.bias": "list.0.bias",
            "c.tied": "w", "blocks.0.shared": "embed.weight", "blocks.1.shared": "embed.weight", "last": "w"}
    subprocess.run([TOOL, "tie", "ties.safetensors", "ties.pt", *(f"{old}={new}" for new, old in tied.items())], check=True)
    truth = {**base, **{new: base[old] for new, old in tied.items()}}
    # c.tied: c has a w of its own, which hides the other, so it is a copy.
    yield Case("ties", "ties.pt", truth, tied=9, contains=[
        'ashlar::Tied<"embed.weight"> weight;', 'ashlar::Tied<"a.hidden"> hidden;', 'ashlar::Tied<"0">', "a copy",
        'ashlar::Tied<"embed.weight"> shared;', "std::array<net_parts::Block, 2> blocks;"])


def own_files():
    """Files of ours: with a list of modules, and without one, by the Python package."""
    sys.path.insert(0, str(SOURCE / "codegen" / "python"))
    import ashlar
    import numpy as np
    subprocess.run([TOOL, "own", "own.ashlar"], check=True)
    own = ashlar.File("own.ashlar")
    truth = {k: (own.dtype(k), v.shape, v.tobytes(), own.kind(k)) for k, v in own.items()}
    yield Case("own", "own.ashlar", truth, tied=2, contains=[
        "Conv2d<1, 6, 5, ConvOptions{.padding = 2}> conv;", "std::array<Encoder, 2> encoders;", "ReLU relu;",
        'Named<"the head", Sequential<Flatten, Linear<4, 3>, ReLU, Linear<3, 3>, Tied<"1">>>', "using Net ="])
    yield Case("own_at", "own.ashlar", truth, "at=encoders", contains=["ashlar::BatchNorm2d<6>"])
    tensors = {"conv.weight": np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3), "conv.bias": np.ones(2, np.float32),
               "bn.weight": np.ones(2, np.float32), "bn.bias": np.ones(2, np.float32),
               "bn.running_mean": np.ones(2, np.float32), "bn.running_var": np.ones(2, np.float32),
               "bn.num_batches_tracked": np.array(3), "mean": np.ones((2, 2)), "epoch": 7, "int": 3, "a b": 2.5, "on": True}
    kinds = {k: "buffer" for k in ("bn.running_mean", "bn.running_var", "bn.num_batches_tracked")} | {"mean": "constant"}
    ashlar.save_file(tensors, "python.ashlar", kinds=kinds)
    file = ashlar.File("python.ashlar")
    truth = {k: (file.dtype(k), v.shape, v.tobytes(), file.kind(k)) for k, v in file.items()}
    yield Case("python", "python.ashlar", truth, renames=True,
               contains=["ashlar::BatchNorm2d<2> bn;", "ashlar::Constant<double, 2, 2> mean;", "std::int64_t epoch;"])


# ---- the test --------------------------------------------------------------------------------------------------------
def buffer_names(key, dtype):
    known = ("running_mean", "running_var", "num_batches_tracked", "position_ids", "inv_freq")
    return key.split(".")[-1] in known or dtype not in ("f64", "f32", "f16", "bf16")


def check(case, header, shown):
    rename = [tuple(bytes(map(ord, text)).decode() for text in pair) for pair in shown["rename"]]
    assert bool(rename) == case.renames, (case.name, rename)
    expected = case.expected(rename)
    rows = {bytes(map(ord, row[0])).decode(): row[1:] for row in shown["rows"]}
    assert len(rows) == len(shown["rows"])
    assert set(rows) == set(expected), (case.name, set(rows) ^ set(expected))
    assert shown["kept"] == (case.name == "torch_batchnorm_old") and shown["unused"] == 0, case.name
    wide = "dtype=f64" in case.options
    for key, (dtype, shape, data, *kind) in expected.items():
        got_kind, got_dtype, got_shape, _, crc = rows[key]
        assert got_dtype == ("f64" if wide else dtype) and tuple(got_shape) == shape, (case.name, key, rows[key])
        if wide:
            data = struct.pack(f"<{len(data) // 4}d", *struct.unpack(f"<{len(data) // 4}f", data))
        assert data is None or crc == zlib.crc32(data), (case.name, key)
        told = kind[0] if kind else "buffer" if buffer_names(key, dtype) else "parameter"
        assert KINDS[got_kind] == told, (case.name, key, KINDS[got_kind])
    assert sum(row[3] for row in rows.values()) == case.tied or case.name.startswith(("d2l", "torch")), case.name
    for line in case.contains:
        assert line in header, (case.name, line)
    assert header.isascii() and all(len(x) < 200 for x in re.findall("//.*", header)), case.name
    if "at=" not in "".join(case.options):
        in_order = list(rows) == list(expected)
        assert in_order == ("The keys have the order of the file." in header or "list of modules" in header), case.name


def golden(found):
    """Whole headers, so that a change shows in review: tests/golden/codegen/<case>.hpp."""
    for path in sorted((GOLDEN / "codegen").glob("*.hpp")):
        case = next(case for case, _ in found if case.name == path.stem)
        name = pathlib.Path(case.path).name
        subprocess.run([TOOL, "header", case.path, path.name, "Net", "", f"file={name}", *case.options], check=True)
        assert pathlib.Path(path.name).read_text() == path.read_text(), f"{path}: the header is another one now"


def main():
    unit, found = ['#include "_generated.hpp"\n'], []
    for number, case in enumerate(cases()):
        out = f"{case.name}.hpp"
        subprocess.run([TOOL, "header", case.path, out, "Net", f"test::n{number}", *case.options], check=True)
        header = pathlib.Path(out).read_text(encoding="ascii")
        again = subprocess.run([TOOL, "header", case.path, "again.hpp", "Net", f"test::n{number}", *case.options])
        assert again.returncode == 0 and pathlib.Path("again.hpp").read_text() == header
        found.append((case, header))
        unit.append(f'#include "{out}"\n')
    for number, (case, header) in enumerate(found):
        space = f"test::n{number}"
        options = f"{space}::net_parts::load_options()" if "load_options() {" in header else "{}"
        unit.append(f"void show_{number}() {{ show<{space}::Net>({json.dumps(case.name)}, {json.dumps(case.path)}, "
                    f"{options}); }}\n")
    unit.append("int main() {\n" + "".join(f"  show_{n}();\n" for n in range(len(found))))
    for number, (case, _) in enumerate(found):
        if case.name in ("pnet", "lenet_cifar"):
            data = GOLDEN / "real" / case.name / "io.safetensors"
            unit.append(f'  run_{case.name}<test::n{number}::Net>("{case.path}", "{data}");\n')
    unit.append("}\n")
    pathlib.Path("unit.cpp").write_text("".join(unit))
    flags = os.environ["ASHLAR_CXXFLAGS"].split() + ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-O0"]
    flags = [f.replace("-I", "-isystem", 1) if f.startswith("-I") and "/ashlar" not in f else f for f in flags]
    folder = str(SOURCE / "tests" / "interop")
    subprocess.run([os.environ["ASHLAR_CXX"], *flags, f"-I{folder}", "-I.", "unit.cpp", "-o", "unit", "-lz"], check=True)
    lines = subprocess.run(["./unit"], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    results = [json.loads(line) for line in lines]
    failed = [r["failed"] for r in results if "failed" in r]
    assert not failed, failed
    for (case, header), shown in zip(found, results):
        assert shown["name"] == case.name
        check(case, header, shown)
    golden(found)
    print(len(found), "headers;", "; ".join(r["agrees"] for r in results if "agrees" in r))


if __name__ == "__main__":
    main()
