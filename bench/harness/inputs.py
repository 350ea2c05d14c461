# SPDX-License-Identifier: MIT
"""The inputs of real programs. They are generated, and the same every time."""

import random
import subprocess

LCG, STEP, MASK = 6364136223846793005, 1442695040888963407, 0xffffffffffffffff  # Knuth's MMIX


def states(seed=1):
    """The states of a 64-bit linear congruential generator, without end."""
    while True:
        seed = (seed * LCG + STEP) & MASK
        yield seed


def log_lines(path, megabytes):
    """Text that compresses and sorts like a log."""
    seeds, size = states(), 0
    with open(path, "w", encoding="ascii") as out:
        while size < megabytes << 20:
            lines = []
            for _ in range(20000):
                seed = next(seeds)
                lines.append(f"{seed >> 40:06x} host{seed >> 60} GET /item/{(seed >> 33) % 50000} {(seed >> 20) % 700}\n")
            text = "".join(lines)
            out.write(text)
            size += len(text)


def repeats(path, megabytes):
    """Noise, then 200-byte pieces of it from all over: its matches lie far apart."""
    rng = random.Random(1)
    noise = b"".join(rng.randbytes(1 << 20) for _ in range(megabytes))
    with open(path, "wb") as out:
        out.write(noise)
        for _ in range(megabytes):
            starts = (rng.randrange(len(noise) - 200) for _ in range(8000))
            out.write(b"".join(noise[at:at + 200] for at in starts))


def genome(folder, bases, reads):
    """A random genome, and reads of it with a few errors."""
    rng = random.Random(2)
    text = "".join(rng.choices("ACGT", k=bases))
    (folder / "genome.fa").write_text(">c\n" + text + "\n", encoding="ascii")
    with open(folder / "reads.fq", "w", encoding="ascii") as out:
        for n in range(reads):
            at = rng.randrange(bases - 150)
            read = list(text[at:at + 150])
            for _ in range(3):
                read[rng.randrange(150)] = rng.choice("ACGT")
            out.write(f"@r{n}\n{''.join(read)}\n+\n{'I' * 150}\n")


def picture(path, width, height):
    """A picture in the format PPM; each row is the one above, moved by a pixel."""
    rng = random.Random(3)
    row = rng.randbytes(3 * width)
    with open(path, "wb") as out:
        out.write(f"P6 {width} {height} 255\n".encode())
        for y in range(height):
            out.write(row[y % width * 3:] + row[:y % width * 3])


def generate(folder, quick):
    """Write all inputs into @folder; smaller ones if @quick."""
    small = 4 if quick else 1
    (folder / "password").write_text("password", encoding="ascii")
    log_lines(folder / "data", 1 if quick else 3)
    log_lines(folder / "lines", 80 // small)
    repeats(folder / "repeats", 256 // small)
    subprocess.run(["zstd", "-q", "-3", "--long=31", "-T1", folder / "repeats", "-o", folder / "repeats.zst"], check=True)
    (folder / "repeats").unlink()
    genome(folder, 8_000_000 // small, 20_000 // small)
    subprocess.run(["bwa", "index", folder / "genome.fa"], check=True, stderr=subprocess.DEVNULL)
    picture(folder / "picture.ppm", 6000 // (small // 2 or 1), 4000 // (small // 2 or 1))
