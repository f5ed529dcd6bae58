"""Draw the embedded image set, 100 of each kind: `python tools/draw_dataset.py`.

A thing (boat, fish, flower, house, tree) is a list of pieces: outlines, whose points
are complex numbers x + yj (y down, about -1 to 1), each with its RGB colour.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

Colour = np.ndarray  # float64 (3,): red, green, blue, each 0 to 255
Piece = tuple[list[complex] | np.ndarray, Colour]  # an outline and its filling
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
# Prints in one dark ink on tinted paper: a small network that sees 800 batches can
# learn five such shapes; a rainbow it could not. Each is a mixture of two colours.
INKS = [(28.0, 60, 120), (110.0, 40, 90)]
PAPERS = [(246.0, 230, 200), (208.0, 226, 240)]


def mix(rng: Generator, colours: list[tuple[float, float, float]]) -> Colour:
    """Draw a colour between two."""
    return rng.dirichlet((2, 2)) @ np.array(colours) + rng.normal(0, 5, 3)


def box(colour: Colour, corner: complex, width: float, height: float) -> Piece:
    """Return an upright rectangle, given its top left corner."""
    below = corner + height * 1j
    return [corner, corner + width, below + width, below], colour


def oval(colour: Colour, mid: complex, a: float, b: float, turn: float = 0) -> Piece:
    """Return an ellipse with half axes a and b, turned by radians."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    points = a * np.cos(angle) + b * np.sin(angle) * 1j
    return mid + points * np.exp(1j * turn), colour


def draw_boat(rng: Generator, ink: Colour, soft: Colour, paper: Colour) -> list[Piece]:
    """Return a sailing boat: mast, main sail, jib and hull."""
    deck, keel, boom = 0.4j, rng.uniform(0.8, 0.92) * 1j, 0.26j
    mast, top = rng.uniform(-0.12, 0.12), rng.uniform(-1.1, -0.95) * 1j
    return [
        box(ink, mast - 0.05 + top, 0.1, 0.4 - top.imag),
        ([mast - 0.07 + 0.8 * top, mast - 0.07 + boom, boom - 0.8], soft),
        ([mast + 0.07 + top, mast + 0.07 + boom, 0.9 + boom], soft),
        ([deck - 1, deck + 1, keel + 0.62, keel - 0.68], ink),
    ]


def draw_fish(rng: Generator, ink: Colour, soft: Colour, paper: Colour) -> list[Piece]:
    """Return a fish: tail, two fins, body, a stripe and an eye."""
    high, tail = rng.uniform(0.48, 0.6) * 1j, rng.uniform(0.42, 0.55) * 1j
    x = np.linspace(0.05, 0.25, 6)
    edge = x + high * np.sqrt(1 - (x / 0.72) ** 2)  # the body's lower edge
    return [
        ([0.4, 1.1 - tail, 0.92, 1.1 + tail], soft),
        ([-0.35 - 0.7 * high, 0.15 - high - 0.25j, 0.4 - 0.6 * high], soft),
        ([-0.1 + 0.8 * high, 0.25 + high + 0.2j, 0.35 + 0.6 * high], soft),
        oval(ink, 0, 0.72, high.imag),
        ([*edge, *edge[::-1].conj()], soft),
        oval(paper, -0.36 - 0.1j, 0.16, 0.16),
        oval(ink, -0.38 - 0.1j, 0.07, 0.07),
    ]


def draw_flower(
    rng: Generator, ink: Colour, soft: Colour, paper: Colour
) -> list[Piece]:
    """Return a flower: petals around a heart, on a stem with two leaves."""
    foot, width = rng.uniform(1.25, 1.4), rng.uniform(0.29, 0.34)
    turns = 2 * np.pi * np.arange(5) / 5 - np.pi / 2
    return [
        box(soft, -0.08, 0.16, foot),
        oval(soft, -0.3 + (foot - 0.2) * 1j, 0.32, 0.14, 0.6),
        oval(soft, 0.3 + (foot - 0.2) * 1j, 0.32, 0.14, -0.6),
        *[oval(ink, 0.48 * np.exp(1j * turn), 0.34, width, turn) for turn in turns],
        oval(paper, 0, 0.26, 0.26),
    ]


def draw_house(rng: Generator, ink: Colour, soft: Colour, paper: Colour) -> list[Piece]:
    """Return a house: wall, chimney, gable roof, door and two windows."""
    half, floor = rng.uniform(0.7, 0.8, 2)
    eaves, ridge = half + rng.uniform(0.14, 0.2), rng.uniform(-0.85, -0.7) * 1j
    return [
        box(soft, -half - 0.05j, 2 * half, floor + 0.05),
        box(ink, 0.35 * half + ridge, 0.22, 0.7),
        ([-eaves, ridge, eaves], ink),
        box(ink, -0.16 + (floor - 0.5) * 1j, 0.32, 0.5),
        *[box(paper, x * half - 0.15 + 0.18j, 0.3, 0.3) for x in (-0.6, 0.6)],
    ]


def draw_tree(rng: Generator, ink: Colour, soft: Colour, paper: Colour) -> list[Piece]:
    """Return a conifer: a trunk and three tiers."""
    girth = rng.uniform(0.13, 0.18)
    stump = ([-girth, girth, 1.3 * girth + 1j, -1.3 * girth + 1j], soft)
    tiers = [(0.6j, 0.85), (0.12j, 0.66), (-0.34j, 0.48)]
    return [stump] + [
        ([foot - half, foot - 0.8j, foot + half], ink) for foot, half in tiers
    ]


def draw_background(rng: Generator, side: int, paper: Colour) -> np.ndarray:
    """Return a float32 canvas (side, side, 3), 0-255: plain, shaded or with ground."""
    kind, light = rng.choice(["plain", "shaded", "ground"]), np.ones((side, side))
    if kind == "shaded":
        light *= np.linspace(*rng.uniform(0.86, 1.02, 2), side)[:, None]
    elif kind == "ground":
        light[int(side * rng.uniform(0.6, 0.85)) :] = 0.88
    return (light[..., None] * paper).astype(np.float32)


KINDS = [draw_boat, draw_fish, draw_flower, draw_house, draw_tree]


def draw_image(seed: int, kind: int, index: int, size: int) -> np.ndarray:
    """Draw image number index of a kind of thing (0 to 4, as in KINDS).

    Returns:
        A uint8 RGB array (size, size, 3), 0 to 255, set by the arguments alone.
    """
    rng = np.random.default_rng([seed, kind, index])
    side = 8 * size  # drawn eight times larger, then averaged: smooth edges
    ink, paper = mix(rng, INKS), mix(rng, PAPERS)
    canvas = draw_background(rng, side, paper)
    pieces = KINDS[kind](rng, ink, 0.55 * ink + 0.45 * paper, paper)
    outlines, colours = zip(*pieces, strict=True)
    points = np.concatenate(outlines)
    points.real *= rng.uniform(0.93, 1.07)
    points *= np.exp(1j * rng.uniform(-0.14, 0.14))  # 8 degrees either way
    xy = np.stack([points.real, points.imag], 1)
    xy = (xy - xy.min(0)) / np.ptp(xy, 0).max() * rng.uniform(0.78, 0.88) * side
    xy += (side - xy.max(0)) / 2 + rng.uniform(-0.05, 0.05, 2) * side
    ends = np.cumsum([len(outline) for outline in outlines[:-1]])
    parts = np.split(np.rint(xy).astype(np.int32), ends)
    for part, colour in zip(parts, colours, strict=True):
        cv2.fillPoly(canvas, [part], colour.tolist())
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small, 0, 255)).astype(np.uint8)


def main() -> None:
    """Read the command line and draw the set; exit code 2 if it is refused."""
    parser = argparse.ArgumentParser(description="Draw the embedded image set.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100, help="images per class")
    parser.add_argument("--size", type=int, default=48, help="pixels a side")
    parser.add_argument("--output", type=Path, default=Path("dataset"))
    parser.add_argument("--overwrite", action="store_true", help="redraw the set")
    options = parser.parse_args()
    if options.seed < 0 or options.count < 1 or options.size < 8:
        parser.error("--seed must be at least 0, --count 1 and --size 8.")
    folders = [options.output / kind.__name__.removeprefix("draw_") for kind in KINDS]
    names = [f"{index:04d}.jpg" for index in range(options.count)]
    held = {path for folder in folders for path in folder.glob("*")}
    foreign = held - {folder / name for folder in folders for name in names}
    if held and not options.overwrite:
        parser.error(f"{min(held).parent} already holds files; see --overwrite.")
    if foreign:
        parser.error(f"{min(foreign)} is not an image of this set; nothing is drawn.")
    for kind, folder in enumerate(folders):
        folder.mkdir(parents=True, exist_ok=True)
        for index, name in enumerate(names):
            image = draw_image(options.seed, kind, index, options.size)
            jpeg = cv2.imencode(".jpg", image[..., ::-1], JPEG)[1]
            (folder / name).write_bytes(jpeg.tobytes())


if __name__ == "__main__":
    main()
