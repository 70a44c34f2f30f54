"""The media relay of an A/V Edge for tests by TCP (ms-media.md 8.7), strict: pseudo-TLS, frames, an allocation that is a port for
connections, the peers' streams of RFC 4571. And a far end that speaks ICE by TCP alone, as behind a relay of its own."""

import asyncio
import os
import socket
import struct

from ice import Agent
from relay import DATA, MAGIC, MAGIC_COOKIE, PAYLOAD, REMOTE, Allocation, Relay, address, attribute

HELLO = (bytes.fromhex("160301002d010000290301"), 32, bytes.fromhex("00000200180100"))
DONE = (bytes.fromhex("160301004e020000460301"), bytes.fromhex("0018000e000000"))
COOKIE = b"\x21\x12\xa4\x42"


def bound(addr=("127.0.0.1", 0)):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(addr)
    s.setblocking(False)
    return s


async def packets(reader):
    """Of a stream of RFC 4571."""
    try:
        while True:
            n = struct.unpack(">H", await reader.readexactly(2))[0]
            yield await reader.readexactly(n)
    except (asyncio.IncompleteReadError, ConnectionError):
        return


class TcpAllocation(Allocation):
    """A port for connections: those that peers open, and those that a Send to somebody new opens."""

    def __init__(self, relay, client):
        super().__init__(relay, client)
        self.transport, self.peers, self.listener = self, {}, bound()
        self.addr = self.listener.getsockname()

    async def listen(self):
        self.server = await asyncio.start_server(self.on_peer, sock=self.listener)

    def close(self):
        self.server.close()
        for w in self.peers.values():
            w.close()

    async def on_peer(self, reader, writer):
        addr = writer.get_extra_info("peername")
        if addr[0] not in {a[0] for a in self.opened}:
            writer.close()  # nobody gets in whose host was not sent to
            return
        self.opened.add(addr)
        self.peers[addr] = writer
        await self.read(reader, addr)

    async def read(self, reader, addr):
        try:
            while True:
                if addr == self.active:
                    n = struct.unpack(">H", await reader.readexactly(2))[0]
                    self.relay.frame(self.client, 3, await reader.readexactly(n))
                    continue
                head = await reader.readexactly(2)
                data = head + await reader.readexactly(struct.unpack(">H", head)[0])
                cut = os.urandom(1)[0] % len(data) + 1  # a stream has no packets
                for piece in (data[:cut], data[cut:]):
                    if piece:
                        attrs = attribute(MAGIC_COOKIE, MAGIC) + attribute(REMOTE, address(addr)) + attribute(PAYLOAD, piece)
                        self.relay.frame(self.client, 2, struct.pack(">HH", DATA, len(attrs)) + COOKIE + os.urandom(12) + attrs)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def sendto(self, data, to):
        """A DATA attribute, or a frame of type 3 after Set Active Destination."""
        asyncio.ensure_future(self.put(data, to))

    async def put(self, data, to):
        if to not in self.peers:
            s = bound(self.addr)
            try:
                await asyncio.get_running_loop().sock_connect(s, to)
                reader, writer = await asyncio.open_connection(sock=s)
            except OSError:
                s.close()
                return
            self.peers[to] = writer
            asyncio.ensure_future(self.read(reader, to))
        self.peers[to].write(data)


class RelayTcp(Relay):
    """port: of TCP; nobody listens to UDP."""

    async def start(self):
        self.hellos, self.clients, self.transport = 0, {}, self
        self.server = await asyncio.start_server(self.on_client, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def stop(self):
        for a in self.of.values():
            a.close()
        self.server.close()
        for w in self.clients.values():
            w.close()

    def frame(self, client, kind, data):
        w = self.clients.get(client)
        if w:
            w.write(struct.pack(">BBH", kind, 0, len(data)) + data)

    def sendto(self, data, client):
        self.frame(client, 2, data)

    async def on_client(self, reader, writer):
        client = writer.get_extra_info("peername")
        try:
            hello = await reader.readexactly(50)
            if not hello.startswith(HELLO[0]) or not hello.endswith(HELLO[2]) or hello[11:43] == bytes(32):
                self.wrong(f"relay: not the pseudo-TLS hello: {hello.hex()}")
                return
            self.hellos += 1
            await asyncio.sleep(0.05)
            if reader._buffer:  # pylint: disable=protected-access
                self.wrong("relay: something was sent before the pseudo-TLS was answered")
            done = DONE[0] + os.urandom(32) + b"\x20" + os.urandom(32) + DONE[1]
            writer.write(done[:20])
            await asyncio.sleep(0.01)
            writer.write(done[20:])
            self.clients[client] = writer
            while True:
                kind, zero, n = struct.unpack(">BBH", await reader.readexactly(4))
                data = await reader.readexactly(n)
                if kind not in (2, 3) or zero:
                    self.wrong(f"relay: a frame of type {kind:02x}{zero:02x}")
                    return
                if kind == 2:
                    self.control(data, client)
                    continue
                a = self.of.get(client)
                if not a or not a.active:
                    self.wrong("relay: end-to-end data without a destination")
                    continue
                a.bare += 1
                a.sendto(struct.pack(">H", n) + data, a.active)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.clients.pop(client, None)
            a = self.of.pop(client, None)
            if a:
                a.close()
            writer.close()

    def control(self, data, client):
        if len(data) < 28 or data[20:28] != attribute(MAGIC_COOKIE, MAGIC):
            self.wrong("relay: a control frame that is no MS-TURN")
            return
        kind = struct.unpack_from(">H", data)[0]
        if kind == 0x0004:
            at = 20
            while at + 4 <= len(data):
                t, n = struct.unpack_from(">HH", data, at)
                if t == PAYLOAD and struct.unpack_from(">H", data, at + 4)[0] != n - 2:
                    self.wrong("relay: DATA is no packet of RFC 4571")
                at += 4 + n
        self.datagram_received(data, client)

    async def place(self, addr):
        a = self.of[addr] = TcpAllocation(self, addr)
        await a.listen()
        return a


class AgentTcp(Agent):
    """Both components by one port for connections. passive: it can be connected to; else it connects to ours."""

    def __init__(self, stream, controlling, wrong, passive):
        super().__init__(stream, controlling, wrong)
        stream.stun = None  # UDP gets nowhere
        self.passive, self.writer, self.listener = passive, None, bound()
        self.tcp, self.up, self.udp = self.listener.getsockname(), asyncio.Event(), stream.rtp.transport
        self.server = None
        stream.rtp.transport = self

    async def start(self):
        if self.passive:
            self.server = await asyncio.start_server(self.on_peer, sock=self.listener)
        return self

    def close(self):  # of the stream's transport
        self.udp.close()
        if self.writer:
            self.writer.close()
        if self.server:
            self.server.close()
        else:
            self.listener.close()

    def address(self, comp):
        return self.tcp

    def lines(self, final=False):
        out = [f"a=ice-ufrag:{self.ufrag}", f"a=ice-pwd:{self.pwd}"]
        kinds = [("TCP-PASS", 174456319, 174455806)] if self.passive else [("TCP-ACT", 174848511, 174847998)]
        for kind, *priority in kinds:
            for comp in (1, 2):
                ip, port = self.tcp
                out.append(f"a=candidate:2 {comp} {kind} {priority[comp - 1]} {ip} {port} typ relay raddr {ip} rport {self.stream.port}")
        if final:
            out.append("a=remote-candidates:" + " ".join(f"{c} {a[0]} {a[1]}" for c, a in sorted(self.chosen.items())))
        return out

    def peer(self, sdp):
        ufrag, pwd = sdp.attrs("ice-ufrag"), sdp.attrs("ice-pwd")
        if not ufrag or not pwd:
            return False
        self.remote_ufrag, self.remote_pwd = ufrag[0].strip(), pwd[0].strip()
        want = "TCP-ACT" if self.passive else "TCP-PASS"
        for c in sdp.candidates:
            f = c.split()
            if f[2] == want and f[7] == "relay":
                self.remote[int(f[1])] = (f[4], int(f[5]))
        if len(set(self.remote.values())) != 1 or set(self.remote) != {1, 2}:
            self.wrong(f"ICE: the relay's {want} candidates are one port for both components, not {self.remote}")
        if not self.task:
            self.task = asyncio.ensure_future(self.begin())
        return True

    async def begin(self):
        if not self.passive:
            for _ in range(100):  # until the relay lets us in
                s = bound(self.tcp)
                await asyncio.get_running_loop().sock_connect(s, self.remote[1])
                reader, writer = await asyncio.open_connection(sock=s)
                asyncio.ensure_future(self.on_peer(reader, writer))
                await asyncio.sleep(0.1)
                if not writer.is_closing() and not reader.at_eof():
                    break
                self.up.clear()
        await self.up.wait()
        await self.run()

    async def on_peer(self, reader, writer):
        self.writer = writer
        addr = writer.get_extra_info("peername")
        self.up.set()
        async for p in packets(reader):
            if p[0] < 4:
                self.stun(p, addr)
            elif 192 <= p[1] <= 223:
                self.stream.on_rtcp(p, addr)
            else:
                self.stream.on_rtp(p, addr)

    def stun(self, p, addr):
        self.input(1, p, addr)
        if p[:2] == b"\0\1":  # one way: a check is one of both components
            self.seen.add(2)
            if 1 in self.chosen and not self.controlling:
                self.chosen[2] = self.chosen[1]

    def send(self, comp, data, to):
        self.sendto(data, to)

    def sendto(self, data, _to):
        if self.writer and not self.writer.is_closing():
            self.writer.write(struct.pack(">H", len(data)) + data)


