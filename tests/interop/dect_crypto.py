"""Ciphers of the base-station link and of DECT, for the independent peer: Blowfish and AES of libcrypto, DSAA and DSAA2 here.

Written from the references alone (rfp-link.md 4, dect-security.md 4-6), without a look at the server's code, so that a
misreading there is not repeated here. `selftest()` proves it with the published vectors.
"""
import ctypes
import ctypes.util
import hashlib
import hmac
import json
import struct

_lib = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")

RFP_IV = bytes.fromhex("68e8364be9c234c1")
OMM_IV = bytes.fromhex("dfe66571fac45a42")
INIT_KEY = bytes.fromhex("e705bc1a92412f3262c547f87946936997e690ada46fad25bbc626f6f5a5a6ce")
SIGN_KEY = bytes.fromhex("e7adda3adb0521f3d3fbdf3a18ee8648b47398b1570c2b45ef8d2a9180a1a32c69284a9c97d444ab"
                         "f87f5c578f9428214dd0183cba969dc5")


class Blowfish:
    def __init__(self, key):
        self.ks = ctypes.create_string_buffer(4168)
        _lib.BF_set_key(self.ks, len(key), bytes(key))

    def cbc(self, data, iv, encrypt):
        """The data in CBC; returns (output, the next IV)."""
        out = ctypes.create_string_buffer(len(data))
        ivec = ctypes.create_string_buffer(bytes(iv), 8)
        _lib.BF_cbc_encrypt(bytes(data), out, ctypes.c_long(len(data)), self.ks, ivec, int(encrypt))
        return out.raw, ivec.raw


def aes_ecb(key, data, encrypt=True):
    ks = ctypes.create_string_buffer(256)
    (_lib.AES_set_encrypt_key if encrypt else _lib.AES_set_decrypt_key)(bytes(key), len(key) * 8, ks)
    step = _lib.AES_encrypt if encrypt else _lib.AES_decrypt
    out = b""
    for i in range(0, len(data), 16):
        block = ctypes.create_string_buffer(16)
        step(bytes(data[i:i + 16]), block, ks)
        out += block.raw
    return out


def cksum(data):
    """POSIX cksum: CRC-32, most significant bit first, the length appended, complemented."""
    n, tail = len(data), b""
    while n:
        tail += bytes([n & 255])
        n >>= 8
    crc = 0
    for b in data + tail:
        crc ^= b << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc ^ 0xFFFFFFFF


def legacy_keys(table):
    """Fixed keys of firmware 7.1 and older: (OMM to RFP, RFP to OMM)."""
    return (bytes(table[i] ^ table[i + 56] for i in range(56)), bytes(table[i + 112] ^ table[i + 168] for i in range(56)))


def legacy_rekey(table, seed4):
    """The key that follows a message whose ciphertext began with seed4."""
    seed = struct.unpack("<I", seed4)[0]
    key = bytearray()
    for i in range(56):
        r = 0
        for take, width in ((2048, 0), (1024, 10), (1024, 10)):
            seed = (seed * 1103515245 + 12345) & 0xFFFFFFFF
            r = (r << width) ^ (seed >> 16) % take
        key.append(table[56 * (r & 3) + i] ^ (r >> 24) & 255)
    return bytes(key)


class Direction:
    """One direction of an encrypted link: messages in, wire octets out, and back. table: old firmware, which re-keys."""
    REKEY = 2500

    def __init__(self, key, iv, table=None):
        self.bf, self.iv, self.table, self.count, self.rekeyed = Blowfish(key), iv, table, 0, 0

    def _counted(self, wire):
        self.count += 1
        if self.table is not None and self.count == self.REKEY:
            self.bf, self.count = Blowfish(legacy_rekey(self.table, wire[:4])), 0
            self.rekeyed += 1

    def seal(self, message, fill=b"\0"):
        padded = message + (fill * 8)[:-len(message) % 8]
        wire, self.iv = self.bf.cbc(padded, self.iv, True)
        self._counted(wire)
        return wire

    def open(self, buffer):
        """(type, payload, octets used), or None while the message is not complete."""
        if len(buffer) < 8:
            return None
        head, _ = self.bf.cbc(buffer[:8], self.iv, False)
        kind, length = struct.unpack(">HH", head[:4])
        if kind > 0x08ff or length > 4096:
            raise ValueError(f"wrong key: type {kind:04x} length {length}")
        used = (length + 4 + 7) & ~7
        if len(buffer) < used:
            return None
        wire = bytes(buffer[:used])
        plain, self.iv = self.bf.cbc(wire, self.iv, False)
        self._counted(wire)
        return kind, plain[4:4 + length], used


def sys_init(form, mac, model, caps, proto, version, auth, branding=0):
    """A signed SYS_INIT with header; form is A, B or C (rfp-link.md 4.3)."""
    size, at = {"A": (0xf4, 0x64), "B": (0x104, 0x64), "C": (0x110, 0x70)}[form]
    p = bytearray(size)
    struct.pack_into(">II6s", p, 0, model, proto, mac)
    struct.pack_into(">I", p, 0x14, caps)
    block = bytes.fromhex("00037a20000529d9") + mac + struct.pack("<H", branding) + bytes(44)
    p[0x18:0x58] = aes_ecb(INIT_KEY, block + struct.pack(">I", cksum(block)))
    struct.pack_into(">I", p, 0x58, proto)
    p[at:at + len(version)] = version.encode()
    head = struct.pack(">HH", 0x0120, size)
    p[-16:] = hashlib.md5(auth + head + bytes(p[:-16]) + SIGN_KEY).digest()
    return head + bytes(p)


# --- DSAA (dect-security.md 5)

SBOX = bytes.fromhex("""
b0686ff67de81685397c7fde43f059a9 fb8032ae5f258cf5946bd8ea8898c229 cf3a50961c0895f482370a562cff4fc4 60a5832130f8f328fa9349344278bffc
61c6f1a71a53034d86d304877e8fa0b7 31b3e70e2fcc69c3c0d9c813dc8b0152 c148efaf73dd5c2e1991df22d53d0da3 58813efd6244242db68d5a0517be2754
5d9dd6ad6ced64cef2723fd446a410a2 3b89974c6e7499e4e3bbee7000bd6520 0f7ae99e9bc7b563e6aae18ac507061e 5e1d3538771411e2b984189f2acbdaf7
a6b2667bb19c6d6af9fecac9a841bc79 dbb867baac36ab924bd7e59a76cd151f 4e4a57711b550951330cb48e2be0d05b 4775454002d13cec23eb0bd2a1902612
""")
M64 = (1 << 64) - 1


def _perm(x, start, step):
    out = 0
    for i in range(64):
        if x >> i & 1:
            out |= 1 << (start + step * i) % 64
    return out


def _mix(x, n):
    b = x.to_bytes(8, "little")
    return int.from_bytes(bytes((b[i ^ n] + (3 if i & n else 2) * b[i]) & 255 for i in range(8)), "little")


def _cassable(start, step, key, block):
    for _ in range(2):
        for n in (4, 2, 1):
            key = _perm(key, start, step)
            block = _mix(int.from_bytes((block ^ key).to_bytes(8, "little").translate(SBOX), "little"), n)
    return block


def dsaa(d1, d2):
    d1, d2 = int.from_bytes(d1, "big"), int.from_bytes(d2, "big")
    outer = (d1 & 0xFFFFFFFF) | (d1 >> 96) << 32
    x = _cassable(46, 35, d2, d1 >> 32 & M64)
    a = _cassable(25, 47, x, d2)
    y = _cassable(60, 27, a, outer)
    b = _cassable(55, 39, y, a)
    return ((b >> 32) << 96 | a << 32 | b & 0xFFFFFFFF).to_bytes(16, "big")


def b1(key):
    """K from UAK or AC: bit i of K is bit i mod len of it."""
    return (key * (16 // len(key)))[:16]


def a11(k, rs):
    return dsaa(k, rs)


def a21(k, rs):
    return bytes(b ^ 0xAA for b in dsaa(k, rs))


def a12(ks, rand_f):
    """(RES1, DCK)."""
    e = dsaa(ks, rand_f)
    return e[12:], e[4:12]


def a22(ks, rand_p):
    return dsaa(ks, rand_p)[12:]


# --- DSAA2 (dect-security.md 6): the natural reading, octets as on the wire

def dsaa2_1(k, rs128, order="natural"):
    """KS from K and RS128 = RS2, RS1 (RS2 most significant): D2 = RS1, D3 = RS2."""
    rs2, rs1 = rs128[:8], rs128[8:]
    if order == "literal":
        return _rev(aes_ecb(_rev(k), aes_ecb(_rev(k), _rev(rs1) + _rev(rs2))))
    return aes_ecb(k, aes_ecb(k, rs1 + rs2))


def dsaa2_2(ks, first, second, order="natural"):
    """(RES, DCK of 16 octets): D2 = first, D3 = second."""
    f = _rev if order == "literal" else bytes
    w = aes_ecb(f(ks), f(first) + f(second))
    return f(w[:4]), f(aes_ecb(f(ks), w[:15] + bytes([w[15] ^ 1])))


def _rev(octets):
    n = len(octets) * 8
    return int(f"{int.from_bytes(octets, 'big'):0{n}b}"[::-1], 2).to_bytes(n // 8, "big")


def ac_key(digits):
    """A code of decimal digits as BCD, right-aligned in 32 bits, F on the left."""
    return bytes.fromhex(digits.rjust(8, "f"))


def unwrap_reenrol(auth, payload, root_hash):
    """RFPA of a SYS_RFP_RE_ENROLEMENT, or None when it is not from who knows the root password's hash."""
    pw = root_hash.encode()
    if not hmac.compare_digest(hashlib.sha256(auth + pw + payload[:64]).digest(), payload[64:96]):
        return None
    return aes_ecb(pw + auth[26:], payload[:64], False)


def selftest(folder):
    """Against the vectors beside the references; returns how many values were compared."""
    link = json.load(open(f"{folder}/rfp-link-vectors.json"))
    dect = json.load(open(f"{folder}/dect-vectors.json"))
    n = 0

    def same(got, want, what):
        nonlocal n
        n += 1
        if got != bytes.fromhex(want):
            raise AssertionError(f"{what}: {got.hex()} instead of {want}")
    c = link["crypto"]
    s = c["session"]
    for way in ("omm_to_rfp", "rfp_to_omm"):
        d = Direction(bytes.fromhex(s[way + "_key"]), bytes.fromhex(s[way + "_iv"]))
        for m in s[way]:
            same(d.seal(bytes.fromhex(m["plain"])), m["cipher"], way)
    table = bytes.fromhex(c["legacy"]["table_224"])
    down, up = legacy_keys(table)
    same(down, c["legacy"]["omm_to_rfp_key"], "fixed key down")
    same(up, c["legacy"]["rfp_to_omm_key"], "fixed key up")
    same(legacy_rekey(table, bytes.fromhex(c["legacy"]["rekey_seed_octets"])), c["legacy"]["rekeyed_key"], "re-keying")
    assert cksum(b"123456789") == 0x377a6011
    vec = {m["name"]: bytes.fromhex(m["hex"]) for m in link["messages"]}
    auth = vec["sys_authenticate"][4:]
    for name in ("sys_init_proto_00080201", "sys_init_proto_00070100"):
        m = vec[name]
        same(hashlib.md5(auth + m[:-16] + SIGN_KEY).digest(), m[-16:].hex(), name)
        block = aes_ecb(INIT_KEY, m[4 + 0x18:4 + 0x58], False)
        same(struct.pack(">I", cksum(block[:60])), block[60:].hex(), name)
    same(unwrap_reenrol(auth, vec["sys_rfp_re_enrolement"][4:], "$1$$ysVNzQc4CTMkp5daOdZ.3/"), s["rfpa"], "re-enrolment")
    for v in dect["dsaa"]["vectors"]:
        same(dsaa(bytes.fromhex(v["d1"]), bytes.fromhex(v["d2"])), v["e"], "dsaa")
    for v in dect["dsaa_process"]["vectors"]:
        k, a, p = b1(ac_key(v["pin"])), v["key_allocation"], v["pt_authentication_with_uak"]
        ks = a11(k, bytes.fromhex(a["rs"]))
        same(ks, a["ks"], "ks")
        same(a12(ks, bytes.fromhex(a["rand_f"]))[0], a["res1"], "res1")
        uak = a21(k, bytes.fromhex(a["rs"]))
        same(uak, a["ks_dash_equals_uak"], "uak")
        same(a22(uak, bytes.fromhex(a["rand_p"])), a["res2"], "res2")
        same(a12(a11(uak, bytes.fromhex(p["rs"])), bytes.fromhex(p["rand_f"]))[1], p["dck"], "dck")
    for v in dect["dsaa2_1"]["vectors"]:
        if v["d1_bits"] == 128 and v["d2_bits"] == v["d3_bits"] == 64:
            same(dsaa2_1(bytes.fromhex(v["d1"]), bytes.fromhex(v["d3"] + v["d2"])), v["e"], "dsaa2-1")
    return n


if __name__ == "__main__":
    import sys
    print(selftest(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/ipdect"), "values agree")
