"""XXH3-64 with seed 0, the checksum of .ashlar files.  SPDX-License-Identifier: BSL-1.0

Long inputs are summed block by block in NumPy, at about 150 MB/s. The package xxhash is used instead if it is there.
"""
import struct

import numpy as np

try:
    import xxhash
except ImportError:
    xxhash = None

MASK = (1 << 64) - 1
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
STRIPES = 16  # of 64 bytes, in a block
BLOCK = 64 * STRIPES
BATCH = 4096  # blocks at a time


def _u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def _u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def _fold(a, b):
    product = a * b
    return (product ^ (product >> 64)) & MASK


def _rotate(h, by):
    return ((h << by) | (h >> (64 - by))) & MASK


def _avalanche(h):
    h = ((h ^ (h >> 37)) * 0x165667919E3779F9) & MASK
    return h ^ (h >> 32)


def _avalanche64(h):
    h = ((h ^ (h >> 33)) * P64_2) & MASK
    h = ((h ^ (h >> 29)) * P64_3) & MASK
    return h ^ (h >> 32)


def _mix(data, at, secret):
    return _fold(_u64(data, at) ^ _u64(SECRET, secret), _u64(data, at + 8) ^ _u64(SECRET, secret + 8))


def _up_to_16(data):
    n = len(data)
    if n > 8:
        low = _u64(data, 0) ^ _u64(SECRET, 24) ^ _u64(SECRET, 32)
        high = _u64(data, n - 8) ^ _u64(SECRET, 40) ^ _u64(SECRET, 48)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return _avalanche((n + swapped + high + _fold(low, high)) & MASK)
    if n >= 4:
        h = ((_u32(data, n - 4) + (_u32(data, 0) << 32)) & MASK) ^ _u64(SECRET, 8) ^ _u64(SECRET, 16)
        h = ((h ^ _rotate(h, 49) ^ _rotate(h, 24)) * 0x9FB21C651E98DF25) & MASK
        h = ((h ^ ((h >> 35) + n)) * 0x9FB21C651E98DF25) & MASK
        return h ^ (h >> 28)
    if n:
        h = data[0] << 16 | data[n >> 1] << 24 | data[n - 1] | n << 8
        return _avalanche64(h ^ _u32(SECRET, 0) ^ _u32(SECRET, 4))
    return _avalanche64(_u64(SECRET, 56) ^ _u64(SECRET, 64))


def _up_to_240(data):
    n = len(data)
    h = n * P64_1
    if n <= 128:
        for i in reversed(range((n - 1) // 32 + 1)):
            h += _mix(data, 16 * i, 32 * i) + _mix(data, n - 16 * (i + 1), 32 * i + 16)
        return _avalanche(h & MASK)
    for i in range(8):
        h += _mix(data, 16 * i, 16 * i)
    h = _avalanche(h & MASK)
    for i in range(8, n // 16):
        h += _mix(data, 16 * i, 16 * (i - 8) + 3)
    return _avalanche((h + _mix(data, n - 16, 136 - 17)) & MASK)


def _words(secret, stripes=1):
    """The secret's words for each stripe, (stripes, 8)."""
    return np.array([[_u64(SECRET, secret + 8 * (s + i)) for i in range(8)] for s in range(stripes)], np.uint64)


_KEYS = _words(0, STRIPES)
_SCRAMBLE = _words(128)[0].tolist()
_SWAP = [1, 0, 3, 2, 5, 4, 7, 6]
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


def _sums(words, keys):
    """What stripes add to the eight sums: words (..., stripes, 8) -> (..., 8)."""
    mixed = words ^ keys
    products = ((mixed & _LOW) * (mixed >> _32)).sum(axis=-2, dtype=np.uint64)
    return products + words.sum(axis=-2, dtype=np.uint64)[..., _SWAP]


def _long(data):
    n = len(data)
    sums = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]
    raw = np.frombuffer(data, np.uint8)
    blocks = (n - 1) // BLOCK
    for begin in range(0, blocks, BATCH):
        count = min(BATCH, blocks - begin)
        words = raw[begin * BLOCK:(begin + count) * BLOCK].view("<u8").reshape(count, STRIPES, 8)
        for added in _sums(words, _KEYS).tolist():  # one block after the other, for which Python's integers are faster
            for i in range(8):
                s = (sums[i] + added[i]) & MASK
                sums[i] = ((s ^ (s >> 47) ^ _SCRAMBLE[i]) * P32_1) & MASK
    sums = np.array(sums, np.uint64)
    stripes = (n - 1 - blocks * BLOCK) // 64
    if stripes:
        words = raw[blocks * BLOCK:blocks * BLOCK + 64 * stripes].view("<u8").reshape(stripes, 8)
        sums = sums + _sums(words, _KEYS[:stripes])
    sums = sums + _sums(raw[n - 64:].view("<u8").reshape(1, 8), _words(121))
    h = n * P64_1
    for i in range(4):
        h += _fold(int(sums[2 * i]) ^ _u64(SECRET, 11 + 16 * i), int(sums[2 * i + 1]) ^ _u64(SECRET, 19 + 16 * i))
    return _avalanche(h & MASK)


def xxh3_64(data):
    """data: contiguous bytes, of any type that has the buffer protocol."""
    data = memoryview(data).cast("B") if len(data) else b""
    if xxhash is not None:
        return xxhash.xxh3_64_intdigest(data)
    return _up_to_16(data) if len(data) <= 16 else _up_to_240(data) if len(data) <= 240 else _long(data)
