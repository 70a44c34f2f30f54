"""The server's side of NTLM in datagram mode (MS-NLMP, connectionless), independent of certd's code: challenge, check of
AUTHENTICATE, the association's keys, signatures with sequence number 100."""

import hashlib
import hmac
import os
import struct
import time

UNICODE, SIGN, DATAGRAM, NTLM, ALWAYS_SIGN, ESS = 0x1, 0x10, 0x40, 0x200, 0x8000, 0x80000
IDENTIFY, TARGET_INFO, VERSION, KEY_128, KEY_EXCH = 0x100000, 0x800000, 0x2000000, 0x20000000, 0x40000000
CHALLENGE_FLAGS = 0xE29882F3
REQUIRED = UNICODE | SIGN | DATAGRAM | NTLM | ALWAYS_SIGN | ESS | TARGET_INFO | KEY_128 | KEY_EXCH
SEQ = struct.pack("<I", 100)


class Refused(Exception):
    pass


def md4(data):
    """RFC 1320; OpenSSL 3 may not have it."""
    def rol(x, n):
        x &= 0xFFFFFFFF
        return (x << n | x >> (32 - n)) & 0xFFFFFFFF
    a, b, c, d = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476
    msg = data + b"\x80" + b"\0" * ((55 - len(data)) % 64) + struct.pack("<Q", len(data) * 8)
    for off in range(0, len(msg), 64):
        x = struct.unpack("<16I", msg[off:off + 64])
        aa, bb, cc, dd = a, b, c, d
        for i in range(16):
            a, b, c, d = d, rol(a + ((b & c) | (~b & d)) + x[i], (3, 7, 11, 19)[i % 4]), b, c
        for i in range(16):
            k = (i % 4) * 4 + i // 4
            a, b, c, d = d, rol(a + ((b & c) | (b & d) | (c & d)) + x[k] + 0x5A827999, (3, 5, 9, 13)[i % 4]), b, c
        for k, i in zip((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), range(16)):
            a, b, c, d = d, rol(a + (b ^ c ^ d) + x[k] + 0x6ED9EBA1, (3, 9, 11, 15)[i % 4]), b, c
        a, b, c, d = ((p + q) & 0xFFFFFFFF for p, q in zip((a, b, c, d), (aa, bb, cc, dd)))
    return struct.pack("<4I", a, b, c, d)


def rc4(key, data):
    s, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + s[i] + key[i % len(key)]) % 256
        s[i], s[j] = s[j], s[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + s[i]) % 256
        s[i], s[j] = s[j], s[i]
        out.append(byte ^ s[(s[i] + s[j]) % 256])
    return bytes(out)


def hmac_md5(key, data):
    return hmac.new(key, data, hashlib.md5).digest()


def utf16(text):
    return text.encode("utf-16-le")


class Acceptor:
    """One handshake: challenge() then accept()."""

    def __init__(self, fqdn, domain="CONTOSO"):
        host, _, dns = fqdn.partition(".")
        self.nonce = os.urandom(8)
        stamp = struct.pack("<Q", int((time.time() + 11644473600) * 10_000_000))
        pairs = ((2, utf16(domain)), (1, utf16(host.upper())), (4, utf16(dns)), (3, utf16(fqdn)), (5, utf16(dns)),
                 (7, stamp), (0, b""))
        self.info = b"".join(struct.pack("<HH", i, len(v)) + v for i, v in pairs)
        self.message = (b"NTLMSSP\0" + struct.pack("<IHHII", 2, 0, 0, 56, CHALLENGE_FLAGS) + self.nonce + b"\0" * 8
                        + struct.pack("<HHI", len(self.info), len(self.info), 56)
                        + struct.pack("<BBHBBBB", 6, 1, 7601, 0, 0, 0, 15) + self.info)

    def accept(self, token, password_of):
        """password_of(user, domain) -> str or None. Returns Keys."""
        if len(token) < 72 or token[:8] != b"NTLMSSP\0" or struct.unpack_from("<I", token, 8)[0] != 3:
            raise Refused("no AUTHENTICATE message")

        def field(off):
            n, most, at = struct.unpack_from("<HHI", token, off)
            if at + n > len(token) or most < n:
                raise Refused(f"field at {off} leaves the message")
            return token[at:at + n]
        nt, dom, user = field(20), field(28).decode("utf-16-le"), field(36).decode("utf-16-le")
        encrypted, flags = field(52), struct.unpack_from("<I", token, 60)[0]
        if flags & REQUIRED != REQUIRED:
            raise Refused(f"flags {flags:08x} lack {REQUIRED & ~flags:08x}")
        if len(encrypted) != 16 or len(nt) < 16 + 28:
            raise Refused("lengths of key or response")
        password = password_of(user, dom)
        if password is None:
            raise Refused("unknown user")
        key = hmac_md5(md4(utf16(password)), utf16(user.upper() + dom))
        proof, temp = nt[:16], nt[16:]
        if hmac_md5(key, self.nonce + temp) != proof:
            raise Refused("wrong password")
        exported = rc4(hmac_md5(key, proof), encrypted)
        at, av = 28, {}
        while at + 4 <= len(temp):
            i, n = struct.unpack_from("<HH", temp, at)
            av[i] = temp[at + 4:at + 4 + n]
            at += 4 + n
            if i == 0:
                break
        if av.get(6) and struct.unpack("<I", av[6])[0] & 2:
            cleared = token[:72] + b"\0" * 16 + token[88:]
            if hmac_md5(exported, self.message + cleared) != token[72:88]:
                raise Refused("the integrity code is wrong")
        if av.get(7) and av[7] != self.info[self.info.index(struct.pack("<HH", 7, 8)) + 4:][:8]:
            raise Refused("the time stamp is not the challenge's")
        return Keys(exported), user, dom


class Keys:
    def __init__(self, exported):
        def derive(direction, kind):
            return hashlib.md5(exported + f"session key to {direction} {kind} key magic constant".encode() + b"\0").digest()
        self.sign = {False: derive("client-to-server", "signing"), True: derive("server-to-client", "signing")}
        self.seal = {False: derive("client-to-server", "sealing"), True: derive("server-to-client", "sealing")}

    def signature(self, server, text):
        check = hmac_md5(self.sign[server], SEQ + text)[:8]
        return (b"\1\0\0\0" + rc4(hashlib.md5(self.seal[server] + SEQ).digest(), check) + SEQ).hex()
