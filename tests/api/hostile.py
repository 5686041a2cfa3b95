# SPDX-License-Identifier: Apache-2.0
"""Disk images as an attacker makes them: headers that name files of the host, formats that lie, disks without end."""
import struct

TARGET = b"/etc/passwd"


def qcow2(backing=b"", data_file=b"", features=0, autoclear=0, size=1 << 20, clusters=5):
    """A QCOW2 of version 3 with clusters of 64 KiB."""
    extension = b""
    if data_file:
        extension = struct.pack(">II", 0x44415441, len(data_file)) + data_file
        extension += b"\0" * (-len(extension) % 8)
    offset = 104 + len(extension) + 8 if backing else 0
    entries = max(1, min(-(-size // (1 << 29)), 1 << 16))
    head = struct.pack(">IIQIIQIIQQIIQ", 0x514649fb, 3, offset, len(backing), 16, size, 0, entries, 0x30000, 0x10000, 1, 0, 0)
    head += struct.pack(">QQQII", features, 0, autoclear, 4, 104)
    whole = head + extension + b"\0" * 8 + backing
    return whole.ljust(max(clusters << 16, 0x30000 + entries * 8), b"\0")


def vmdk_descriptor(kind, *extents, parent=None):
    lines = ["# Disk DescriptorFile", "version=1", "CID=fffffffe", "parentCID=%s" % ("fffffffe" if parent else "ffffffff"),
             'createType="%s"' % kind]
    if parent:
        lines.append('parentFileNameHint="%s"' % parent)
    lines += list(extents) + ["", "#DDB", 'ddb.adapterType = "ide"', ""]
    return "\n".join(lines).encode()


def vmdk(descriptor, at=1, size=20, sectors=2048):
    """A sparse extent with an embedded descriptor."""
    head = b"KDMV" + struct.pack("<IIQQQQIQQQB", 1, 3, sectors, 128, at, size, 512, 21, 26, 128, 0)
    return (head.ljust(512 * at, b"\0") + descriptor).ljust(128 * 512, b"\0")


def qed(backing=b""):
    head = struct.pack("<4sIIIQQQQQII", b"QED\0", 65536, 4, 1, 1, 0, 0, 65536, 1 << 20, 72 if backing else 0, len(backing))
    return (head.ljust(72, b"\0") + backing).ljust(6 * 65536, b"\0")


def vdi(kind=4):
    """Kind 4: a differencing image, whose parent is another file."""
    head = b"<<< haneul >>>".ljust(64, b"\0") + struct.pack("<IIII", 0xbeda107f, 0x00010001, 400, kind)
    head = head.ljust(340, b"\0") + struct.pack("<II", 512, 1024)
    head = head.ljust(368, b"\0") + struct.pack("<QIIII", 1 << 20, 1 << 20, 0, 1, 0)
    return head.ljust(424, b"\0") + b"\1" * 64 + b"\0" * 4096


def vhd(kind=4):
    """Kind 4: a differencing image."""
    footer = b"conectix" + struct.pack(">IIQIIIIQQHBBI", 2, 0x10000, 512, 0, 0x716d7520, 0, 0, 1 << 20, 1 << 20, 30, 4, 17, kind)
    footer = footer.ljust(512, b"\0")
    footer = footer[:64] + struct.pack(">I", ~sum(footer) & 0xffffffff) + footer[68:]
    head = b"cxsparse" + struct.pack(">QQIII", 0xffffffffffffffff, 1536, 0x10000, 1, 2 << 20)
    return footer + head.ljust(1024, b"\0") + b"\xff" * 512 + footer


def iso(inside=b""):
    """An ISO 9660, with what 'inside' begins with where no reader of ISO looks."""
    return inside.ljust(16 * 2048, b"\0")[:16 * 2048] + b"\1CD001\1".ljust(2048, b"\0") + b"\xffCD001\1".ljust(2048, b"\0")


FLAT = 'RW 2048 FLAT "%s" 0' % TARGET.decode()

# What names a file of the host: (name, label, bytes).
REFERENCES = [
    ("qcow2 with a backing file", "qcow2", qcow2(backing=TARGET)),
    ("qcow2 with a backing file as JSON", "qcow2", qcow2(backing=b'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}')),
    ("qcow2 with a backing file on the network", "qcow2", qcow2(backing=b"nbd://127.0.0.1:10809/x")),
    ("qcow2 with an external data file", "qcow2", qcow2(data_file=TARGET, features=4)),
    ("qcow2 with the bit of an external data file", "qcow2", qcow2(features=4)),
    ("qcow2 with the name of an external data file", "qcow2", qcow2(data_file=TARGET)),
    ("qcow2 with a raw external data file", "qcow2", qcow2(data_file=TARGET, features=4, autoclear=2)),
    ("qcow2 with unknown features", "qcow2", qcow2(features=1 << 40)),
    ("qed with a backing file", "qcow2", qed(TARGET)),
    ("vmdk descriptor alone", "vmdk", vmdk_descriptor("monolithicFlat", FLAT)),
    ("vmdk descriptor after comments", "vmdk", b"# x\n\n" + vmdk_descriptor("monolithicFlat", FLAT)[22:]),
    ("vmdk with a parent", "vmdk", vmdk(vmdk_descriptor("monolithicSparse", 'RW 2048 SPARSE "x.vmdk"', parent="/etc/passwd"))),
    ("vmdk with a path as extent", "vmdk", vmdk(vmdk_descriptor("monolithicSparse", 'RW 2048 SPARSE "/etc/passwd"'))),
    ("vmdk with two extents", "vmdk", vmdk(vmdk_descriptor("monolithicSparse", 'RW 2048 SPARSE "x.vmdk"', FLAT))),
    ("vmdk that tells its type twice", "vmdk",
     vmdk(vmdk_descriptor("monolithicSparse", 'createType="monolithicFlat"', 'RW 2048 SPARSE "x.vmdk"'))),
    ("vdi with a parent", "vdi", vdi()),
    ("vhd with a parent", "vhd", vhd()),
] + [("vmdk of type " + kind, "vmdk", vmdk(vmdk_descriptor(kind, FLAT))) for kind in (
    "monolithicFlat", "twoGbMaxExtentFlat", "twoGbMaxExtentSparse", "vmfs", "vmfsSparse", "vmfsRDM", "vmfsRaw",
    "fullDevice", "partitionedDevice", "vmfsThin", "custom")]
