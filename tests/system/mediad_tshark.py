"""What mediad sends, in tshark's eyes: no sequence number lost or wrong over a tone, a handover, a change of codec; RTCP that
dissects without complaint; events of RFC 4733."""
from lib_mediad import *

need("tshark", "dumpcap")
BAD = 0


def check(ok, what):
    global BAD
    print("ok  " if ok else "BAD ", what)
    BAD += not ok


def tshark(pcap, ports, *args):
    decode = [x for p in ports for x in ("-d", f"udp.port=={p},{'rtcp' if p % 2 else 'rtp'}")]
    return subprocess.run(["tshark", "-n", "-r", pcap, *decode, *args], capture_output=True, text=True).stdout


def main():
    pcm = speech(10, 5)
    with Suite(1, ports=100, conf="rtcp-interval = 1s\n") as s:
        m, pcap = s.soft(), s.dir + "/lo.pcap"
        net, radio, next_radio = Voice(8, G711(True), pcm), Voice(8, G711(True), pcm), Voice(8, G711(True), pcm)
        trans = Voice(116, Spandsp("g726", 32000, True), pcm)
        other = Voice(8, G711(True), pcm)
        sid, legs = m.create(1, f"network:remote={net.far.at},pt={PCMA}/8+{TE}/101", f"radio:remote={radio.far.at},pt={PCMA}/8+{TE}/101")
        sid2, legs2 = m.create(2, f"network:remote={trans.far.at},pt={AAL2_32}/116+{TE}/101",
                               f"radio:remote={other.far.at},pt={PCMA}/8+{TE}/101")
        net.to, radio.to, next_radio.to = legs["network"][1], legs["radio"][1], legs["radio"][1]
        trans.to, other.to = legs2["network"][1], legs2["radio"][1]
        ports = [l[side][1] for l in (legs, legs2) for side in ("network", "radio")]
        # Tests beside this one have the same ports at other addresses of the loopback.
        here = "src 127.0.0.1 and dst 127.0.0.1 and (" + " or ".join(f"udp port {p} or udp port {p + 1}" for p in ports) + ")"
        cap = subprocess.Popen(["dumpcap", "-q", "-i", "lo", "-w", pcap, "-f", here],
                               stderr=subprocess.PIPE, text=True)
        end = time.time() + 5
        while not os.path.exists(pcap) and time.time() < end and cap.poll() is None:
            time.sleep(0.1)
        if cap.poll() is not None or not os.path.exists(pcap):
            skip("dumpcap may not capture on lo: " + cap.stderr.read().strip().splitlines()[-1])
        time.sleep(0.5)
        talk([net, radio, trans, other], 1.5)
        m.cmd(f"tone {sid} network 2 500")  # ring-back to the network for half a second
        talk([net, radio, trans, other], 1.5)
        m.cmd(f"update {sid} radio:remote={next_radio.far.at}")  # handover
        talk([net, next_radio, trans, other], 1.5)
        m.cmd(f"dtmf {sid} network 42#")
        m.cmd(f"dtmf {sid2} network 7")
        talk([net, next_radio, trans, other], 1.5)
        m.cmd(f"update {sid} network:pt={PCMU}/0+{TE}/101")  # another codec
        talk([net, next_radio, trans, other], 1.5)
        m.cmd(f"drop {sid}")
        m.cmd(f"drop {sid2}")
        time.sleep(0.5)
        cap.terminate()
        cap.wait()
        both = ports + [p + 1 for p in ports]
        streams = {}
        for line in tshark(pcap, both, "-q", "-z", "rtp,streams").splitlines():
            w = line.split()
            if len(w) > 10 and w[2].startswith("127.") and w[3].isdigit():
                streams.setdefault(int(w[3]), []).append((w, line))
        names = dict(zip(ports, ("network", "radio", "network, transcoded", "radio, transcoded")))
        for p in ports:
            mine = streams.get(p, [])
            check(bool(mine) and len({w[6] for w, _ in mine}) == 1, f"{names[p]}: one SSRC of ours ({len(mine)} streams by address)")
            # The columns before "Lost": SSRC, payload names, packets.
            lost = [line.split("(")[0].split()[-1] for _, line in mine]
            check(all(v == "0" for v in lost), f"{names[p]}: lost {lost}")
        seqs = {}
        for line in tshark(pcap, both, "-Y", "rtp", "-T", "fields", "-e", "udp.srcport", "-e", "rtp.seq", "-e", "rtp.timestamp",
                           "-e", "rtp.p_type", "-e", "rtp.ssrc").splitlines():
            w = line.split("\t")
            if int(w[0]) in ports:
                seqs.setdefault(int(w[0]), []).append((int(w[1]), int(w[2]), int(w[3]), w[4]))
        for p, v in seqs.items():
            steps = {(b[0] - a[0]) & 65535 for a, b in zip(v, v[1:])}
            check(steps == {1} and len({x[3] for x in v}) == 1, f"{names[p]}: {len(v)} packets, one SSRC, steps {steps}")
            back = [b for a, b in zip(v, v[1:]) if a[2] != 101 and b[2] != 101 and (b[1] - a[1]) & 0xffffffff > 16000]
            check(not back, f"{names[p]}: time never steps back or far ahead")
        ev = tshark(pcap, both, "-Y", f"rtpevent && udp.srcport == {ports[0]}", "-T", "fields", "-e", "rtpevent.event_id", "-e",
                    "rtpevent.end_of_event", "-e", "rtp.timestamp").splitlines()
        keys = []
        for e in (x.split("\t") for x in ev):
            if not keys or keys[-1][1] != e[2]:
                keys.append([e[0], e[2], 0])
            keys[-1][2] += e[1] in ("1", "True")
        check([k[0] for k in keys] == ["4", "2", "11"] and all(k[2] == 3 for k in keys), f"digits 42#, each ended three times: {keys}")
        rtcp = tshark(pcap, both, "-Y", "rtcp", "-T", "fields", "-e", "udp.srcport", "-e", "rtcp.pt").splitlines()
        ours = [r.split("\t")[1] for r in rtcp if int(r.split("\t")[0]) - 1 in ports]
        check(sum("200" in r for r in ours) >= 8 and sum("203" in r for r in ours) == 4 and any("207" in r for r in ours),
              f"RTCP: {len(ours)} packets, sender reports, extended reports, 4 BYE")
        wrong = tshark(pcap, both, "-Y", "_ws.malformed || (rtcp && _ws.expert.severity >= 6291456)")
        check(wrong == "", "nothing malformed " + wrong[:300])
    sys.exit(1 if BAD else 0)


main()
