"""The FlatBuffer of an .ashlar file, read with bounds checks and written.  SPDX-License-Identifier: BSL-1.0

schemas/ashlar.fbs has its fixed part; the fields of the root behind the header repeat the tree of the keys.
"""
import struct

import flatbuffers

from ._format import FormatError, Row


class _Table:
    def __init__(self, buffer, at):
        self.buffer, self.at = buffer, at
        self.vtable = at - buffer.number("<i", at)
        self.size = buffer.number("<H", self.vtable)

    def number(self, field, form):
        """The default, 0, if the table does not have it."""
        slot = 4 + 2 * field
        offset = self.buffer.number("<H", self.vtable + slot) if slot + 2 <= self.size else 0
        return self.buffer.number(form, self.at + offset) if offset else 0

    def follow(self, field):
        slot = 4 + 2 * field
        offset = self.buffer.number("<H", self.vtable + slot) if slot + 2 <= self.size else 0
        return self.buffer.follow(self.at + offset) if offset else None

    def text(self, field):
        return self.buffer.text(self.follow(field))

    def vector(self, field, form):
        at = self.follow(field)
        return () if at is None else self.buffer.vector(at, form)

    def tables(self, field):
        """The elements of a vector of tables, one after the other."""
        at = self.follow(field)
        for i in range(0 if at is None else self.buffer.number("<I", at)):
            yield _Table(self.buffer, self.buffer.follow(at + 4 + 4 * i))


class _Buffer:
    def __init__(self, raw):
        self.raw = raw

    def number(self, form, at):
        if at < 0 or at + struct.calcsize(form) > len(self.raw):
            raise FormatError("the manifest is damaged: it points outside of itself")
        return struct.unpack_from(form, self.raw, at)[0]

    def follow(self, at):
        return at + self.number("<I", at)

    def vector(self, at, form):
        count, size = self.number("<I", at), struct.calcsize("<" + form)
        if at + 4 + count * size > len(self.raw):
            raise FormatError("the manifest is damaged: it points outside of itself")
        return struct.unpack_from(f"<{count}{form}", self.raw, at + 4)

    def text(self, at):
        if at is None:
            raise FormatError("the manifest is damaged: a text is missing")
        length = self.number("<I", at)
        if at + 4 + length > len(self.raw):
            raise FormatError("the manifest is damaged: a text goes beyond its end")
        try:
            return self.raw[at + 4:at + 4 + length].decode()
        except UnicodeDecodeError:
            raise FormatError("the manifest has a text that is not UTF-8") from None


def read_manifest(raw):
    """(rows of all keys in the order of the state_dict, metadata, model, library_version, layout text, modules)

    modules: (key, type, version) of every layer, struct and list, outer ones first; empty if the writer knew none.
    """
    buffer = _Buffer(raw)
    if raw[4:8] != b"ASHM":
        raise FormatError("the manifest's identifier is not ASHM")
    at = _Table(buffer, buffer.follow(0)).follow(0)
    if at is None:
        raise FormatError("the manifest has no header")
    header = _Table(buffer, at)
    stored, others = [], {}
    for t in header.tables(0):
        row = Row(t.text(0), t.number(1, "<B"), t.number(2, "<B"), t.vector(3, "Q"), t.number(4, "<Q"),
                  t.number(5, "<Q"), t.number(6, "<Q"))
        if row.kind > 3 or row.dtype > 12:
            raise FormatError(f"{row.key!r}: unknown kind {row.kind} or dtype {row.dtype}")
        positions, names = t.vector(8, "I"), t.follow(7)
        if len(positions) != (0 if names is None else buffer.number("<I", names)):
            raise FormatError(f"{row.key!r}: aliases and alias_positions differ in length")
        for i, position in enumerate(positions):
            name = buffer.text(buffer.follow(names + 4 + 4 * i))
            if position in others:
                raise FormatError(f"two aliases stand at position {position}")
            others[position] = Row(name, row.kind, row.dtype, row.shape, row.offset, row.bytes, row.checksum, row.key)
        stored.append(row)
    rows, rest = [], iter(stored)
    for at in range(len(stored) + len(others)):
        row = others.get(at) or next(rest, None)
        if row is None:
            raise FormatError("the position of an alias lies beyond the end")
        rows.append(row)
    metadata = {pair.text(0): pair.text(1) for pair in header.tables(4)}
    modules = [(m.text(0), m.text(1), m.number(2, "<I")) for m in header.tables(6)]
    return rows, metadata, header.text(1), header.text(2), header.text(3).encode(), modules


# ---- writing ---------------------------------------------------------------------------------------------------------
class _Node:
    def __init__(self, name):
        self.name, self.children, self.inner = name, [], {}


def _tree(keys):
    """The tree of the keys: leaves are (name, index of the key), siblings in the order in which they first appear."""
    root = _Node("")
    for index, key in enumerate(keys):
        *path, leaf = key.split(".")
        node = root
        for name in path:
            if name not in node.inner:
                node.inner[name] = _Node(name)
                node.children.append(node.inner[name])
            node = node.inner[name]
        node.children.append((leaf, index))
    return root


def _structure(node):
    """What two nodes of one structure have in common."""
    return tuple((c[0], None) if isinstance(c, tuple) else (c.name, _structure(c)) for c in node.children)


def _is_list(node):
    children = node.children
    return (all(isinstance(c, _Node) and c.name == str(i) for i, c in enumerate(children))
            and len({_structure(c) for c in children}) == 1)


def _vector(builder, size, items, prepend):
    builder.StartVector(size, len(items), size)
    for item in reversed(items):
        prepend(item)
    return builder.EndVector()


def _typed_view(builder, node, tensor_of, header=None, in_list=False):
    fields = [] if header is None else [header]
    as_list = header is None and not in_list and _is_list(node)
    for c in node.children:
        fields.append(tensor_of[c[1]] if isinstance(c, tuple) else _typed_view(builder, c, tensor_of, None, as_list))
    if as_list:
        return _vector(builder, 4, fields, builder.PrependUOffsetTRelative)
    builder.StartObject(len(fields))
    for slot, offset in enumerate(fields):
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return builder.EndObject()


def write_manifest(rows, metadata, model, library_version, layout):
    builder = flatbuffers.Builder(1024)
    position = {r.key: i for i, r in enumerate(rows)}
    tensor_of = {}
    for i, r in enumerate(rows):
        if r.alias_of is not None:
            continue
        key = builder.CreateString(r.key)
        shape = _vector(builder, 8, r.shape, builder.PrependUint64)
        names = positions = 0
        if r.aliases:
            strings = [builder.CreateString(name) for _, name in r.aliases]
            names = _vector(builder, 4, strings, builder.PrependUOffsetTRelative)
            positions = _vector(builder, 4, [at for at, _ in r.aliases], builder.PrependUint32)
        builder.StartObject(9)
        builder.PrependUOffsetTRelativeSlot(0, key, 0)
        builder.PrependUint8Slot(1, r.kind, 0)
        builder.PrependUint8Slot(2, r.dtype, 0)
        builder.PrependUOffsetTRelativeSlot(3, shape, 0)
        for slot, value in ((4, r.offset), (5, r.bytes), (6, r.checksum)):
            builder.PrependUint64Slot(slot, value, 0)
        builder.PrependUOffsetTRelativeSlot(7, names, 0)
        builder.PrependUOffsetTRelativeSlot(8, positions, 0)
        tensor_of[i] = builder.EndObject()
    stored = list(tensor_of.values())
    for i, r in enumerate(rows):
        if r.alias_of is not None:
            tensor_of[i] = tensor_of[position[r.alias_of]]
    pairs = []
    for key, value in sorted(metadata.items(), key=lambda pair: pair[0].encode()):
        strings = builder.CreateString(key), builder.CreateString(value)
        builder.StartObject(2)
        for slot, offset in enumerate(strings):
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        pairs.append(builder.EndObject())
    fields = [_vector(builder, 4, stored, builder.PrependUOffsetTRelative), builder.CreateString(model),
              builder.CreateString(library_version), builder.CreateString(layout),
              _vector(builder, 4, pairs, builder.PrependUOffsetTRelative)]
    builder.StartObject(6)
    for slot, offset in enumerate(fields):
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.PrependUint32Slot(5, 4096, 0)
    header = builder.EndObject()
    builder.Finish(_typed_view(builder, _tree([r.key for r in rows]), tensor_of, header), file_identifier=b"ASHM")
    return bytes(builder.Output())
