"""What is spoken, and whether it arrived: sentences by espeak-ng at 8 kHz, compared with recordings by correlation."""

import os
import wave

import numpy

from peers import run

RATE = 8000
AROUND = 480  # samples by which the play-out may move between two blocks
SENTENCES = {
    "ann": ("en+f3", "This is Ann on the first handset. The quick brown fox jumps over the lazy dog, and nobody minds."),
    "bob": ("en+m3", "Bob is speaking from the second handset. Please bring the blue folder to room four hundred and twelve."),
    "cat": ("en+f5", "Here is Cat, the third one. Seven silver swans swam silently seaward, six of them without a sound."),
    "dan": ("en+m7", "Dan at handset number four. How much wood would a woodchuck chuck if a woodchuck could chuck wood?"),
    "desk": ("en+m1", "Good morning, this is the telephone on the desk. All our lines are open, thank you for calling."),
}


def make(directory):
    """WAV files NAME.wav, 16 bit mono at 8 kHz; returns their paths."""
    paths = {}
    for name, (voice, text) in SENTENCES.items():
        raw, path = os.path.join(directory, name + "-22k.wav"), os.path.join(directory, name + ".wav")
        run("espeak-ng", "-v", voice, "-s", "150", "-w", raw, text)
        run("sox", raw, "-r", str(RATE), "-c", "1", "-b", "16", path, "norm", "-6", "pad", "0.1", "0.3")
        os.unlink(raw)
        paths[name] = path
    return paths


def samples(path):
    with wave.open(path, "rb") as w:
        if w.getsampwidth() != 2:
            raise RuntimeError(f"{path}: not 16 bit")
        rate, channels = w.getframerate(), w.getnchannels()
        data = numpy.frombuffer(w.readframes(w.getnframes()), dtype="<i2").astype(numpy.float64)
    if channels > 1:
        data = data.reshape(-1, channels).mean(axis=1)
    if rate != RATE:  # a telephone that records at its own rate
        n = int(len(data) * RATE / rate)
        data = numpy.interp(numpy.arange(n) * rate / RATE, numpy.arange(len(data)), data)
    return data


class Match:
    """How well a recording holds what was spoken. `score`: correlation of the parts with speech, 0 … 1."""

    def __init__(self, score, delay_s, snr_db, covered):
        self.score, self.delay_s, self.snr_db, self.covered = score, delay_s, snr_db, covered

    def __str__(self):
        return f"correlation {self.score:.3f}, segmental SNR {self.snr_db:.1f} dB, {self.covered:.0%} of it"


def compare(spoken, heard, block=0.1):
    """Finds `spoken` (looped by its player) in `heard`; scores each block of the recording that holds speech."""
    a, b = samples(spoken), samples(heard)
    if len(b) < RATE // 2:
        return Match(0.0, 0.0, -99.0, 0.0)
    size = 1 << (len(a) + len(b)).bit_length()
    cross = numpy.fft.irfft(numpy.fft.rfft(b, size) * numpy.conj(numpy.fft.rfft(a, size)), size)
    lag = int(numpy.argmax(numpy.abs(cross)))
    if lag > size // 2:
        lag -= size
    lo, hi = max(0, lag), min(len(b), lag + len(a))
    if hi - lo < RATE // 4:
        return Match(0.0, 0.0, -99.0, 0.0)
    x, y = a[lo - lag:hi - lag], b[lo:hi]
    step, loud = int(block * RATE), 300.0
    scores, snrs, voiced, moved = [], [], 0, 0
    for i in range(0, len(x) - step + 1, step):
        p, q = x[i:i + step], y[i:i + step]
        if numpy.sqrt(numpy.mean(p * p)) < loud:
            continue
        voiced += 1
        # A jitter buffer may have moved the play-out since the block before: look around.
        at = i + moved
        from_, to = max(0, at - AROUND), min(len(y), at + step + AROUND)
        area = y[from_:to]
        if len(area) < step:
            break
        energy = numpy.sqrt(numpy.convolve(area * area, numpy.ones(step), "valid") * numpy.dot(p, p))
        cross = numpy.correlate(area, p, "valid") / numpy.maximum(energy, 1.0)
        k = int(numpy.argmax(cross))
        best, snr = max(0.0, float(cross[k])), -99.0
        if best > 0.9:
            moved = from_ + k - i
        s = area[k:k + step]
        gain = numpy.dot(p, s) / numpy.dot(p, p)
        noise = s - gain * p
        snr = 10 * numpy.log10(max(numpy.dot(gain * p, gain * p), 1e-9) / max(numpy.dot(noise, noise), 1e-9))
        scores.append(best)
        snrs.append(min(float(snr), 60.0))
    if not scores:
        return Match(0.0, lag / RATE, -99.0, 0.0)
    return Match(float(numpy.mean(scores)), lag / RATE, float(numpy.mean(snrs)), (hi - lo) / len(a))


def silent(heard, seconds=0.5):
    """True when the last part of the recording holds no speech."""
    tail = samples(heard)[-int(seconds * RATE):]
    return len(tail) > 0 and float(numpy.sqrt(numpy.mean(tail * tail))) < 60.0


def dtmf(heard):
    """Digits found in a recording by their two tones (Goertzel over 40 ms)."""
    low, high = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    keys = ("123A", "456B", "789C", "*0#D")
    data, found, last = samples(heard), "", None
    for i in range(0, len(data) - 320, 160):
        part = data[i:i + 320]
        total = float(numpy.dot(part, part)) + 1.0
        t = numpy.arange(320) * 2 * numpy.pi / RATE
        power = [abs(numpy.dot(part, numpy.exp(-1j * f * t))) ** 2 / 160 for f in low + high]
        lo, hi = int(numpy.argmax(power[:4])), int(numpy.argmax(power[4:]))
        key = keys[lo][hi] if total > 320 * 250000 and (power[lo] + power[4 + hi]) > 0.6 * total else None
        if key and key != last:
            found += key
        last = key
    return found
