"""Draw the embedded picture set, 200 of each kind: `python tools/draw_dataset.py`.

A thing (boat, fish, flower, house, tree) is a list of pieces: outlines, whose points
are complex numbers x + yj (y down, about -1 to 1), each with its RGB colour.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

Colour = np.ndarray  # float64 (3,): red, green, blue, each 0 to 255
Piece = tuple[list[complex] | np.ndarray, Colour]  # an outline and its filling
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
# Few colours a kind, on soft backgrounds: a small network that sees 1,600 batches
# can learn these, not a rainbow.
SKY = ["a8d4f4", "c8c4ec", "f0d4b4"]
GROUND = ["a4d080", "dcc48c", "74b4e0"]
SAIL, HULL = ["e0301e", "fff4dc"], ["6b3a1c"]
SCALES, STRIPE = ["ff7a1a", "f04c28"], ["fff4d8"]
PETAL, HEART = ["f0409c", "9a44d0"], ["ffd838"]
WALL, ROOF = ["fce8b4"], ["b02818", "7a3c20"]
DOOR, GLASS = ["5c3a22"], ["3c78b8"]
GREEN, AUTUMN, WOOD = ["1f7a34", "3c8c24"], ["3c8c24"], ["6b4424"]


def pick(rng: Generator, palette: list[str], apart: Sequence[Colour] = ()) -> Colour:
    """Draw a colour near one of the palette that stands apart from the given ones."""
    base = np.array([list(bytes.fromhex(one)) for one in rng.choice(palette, 12)])
    tries = base * rng.uniform(0.92, 1.04, (12, 1)) + rng.normal(0, 5, (12, 3))

    def contrast(colour: Colour) -> float:  # above 120 any will do: the first wins
        return min([120.0, *(np.linalg.norm(colour - other) for other in apart)])

    return max(np.clip(tries, 0, 255), key=contrast)


def box(colour: Colour, corner: complex, width: float, height: float) -> Piece:
    """Return an upright rectangle, given its top left corner."""
    below = corner + height * 1j
    return [corner, corner + width, below + width, below], colour


def oval(colour: Colour, mid: complex, a: float, b: float, turn: float = 0) -> Piece:
    """Return an ellipse with half axes a and b, turned by radians."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    points = a * np.cos(angle) + b * np.sin(angle) * 1j
    return mid + points * np.exp(1j * turn), colour


def draw_boat(rng: Generator, behind: list[Colour]) -> list[Piece]:
    """Return a sailing boat: mast, hull, main sail and mostly a jib."""
    sail, jib = (pick(rng, SAIL, behind) for _ in range(2))
    hull = pick(rng, HULL, [*behind, sail])
    deck, keel, boom = 0.4j, rng.uniform(0.8, 0.92) * 1j, 0.28j
    mast, top = rng.uniform(-0.12, 0.12), rng.uniform(-1.1, -0.9) * 1j
    fore_sail = [([mast - 0.06 + 0.8 * top, mast - 0.06 + boom, boom - 0.75], jib)]
    return [
        box(pick(rng, WOOD), mast - 0.045 + top, 0.09, 0.4 - top.imag),
        ([deck - 1, deck + 1, keel + 0.62, keel - 0.68], hull),
        box(0.7 * hull, deck - 1, 2, 0.1),
        ([mast + 0.06 + top, mast + 0.06 + boom, 0.85 + boom], sail),
        *fore_sail[: int(rng.random() < 0.8)],
    ]


def draw_fish(rng: Generator, behind: list[Colour]) -> list[Piece]:
    """Return a fish: tail, two fins, body, an eye and perhaps a stripe."""
    body = pick(rng, SCALES, behind)
    fin, stripe = 0.8 * body, pick(rng, STRIPE)
    high, tail = rng.uniform(0.42, 0.58) * 1j, rng.uniform(0.38, 0.55) * 1j
    pieces = [
        ([0.4, 1.1 - tail, 0.92, 1.1 + tail], fin),
        ([-0.35 - 0.7 * high, 0.15 - high - 0.25j, 0.4 - 0.6 * high], fin),
        ([-0.1 + 0.8 * high, 0.25 + high + 0.2j, 0.35 + 0.6 * high], fin),
        oval(body, 0, 0.72, high.imag),
    ]
    for left in (0.05,):
        x = np.linspace(left, left + 0.15, 6)
        edge = x + high * np.sqrt(1 - (x / 0.72) ** 2)  # the body's lower edge
        pieces.append(([*edge, *edge[::-1].conj()], stripe))
    eye = rng.uniform(0.13, 0.17)
    pieces.append(oval(np.full(3, 250.0), -0.4 - 0.12j, eye, eye))
    return [*pieces, oval(np.full(3, 30.0), -0.42 - 0.12j, 0.6 * eye, 0.6 * eye)]


def draw_flower(rng: Generator, behind: list[Colour]) -> list[Piece]:
    """Return a flower: petals around a heart, mostly on a stem with leaves."""
    petal, stem = pick(rng, PETAL, behind), pick(rng, GREEN, behind)
    pieces, count, foot = [], int(rng.integers(5, 8)), rng.uniform(1.2, 1.45)
    if True:
        pieces.append(box(stem, -0.07, 0.14, foot))
        for side in ([-1], [1], [-1, 1])[rng.integers(3)]:
            leaf = 0.27 * side + (foot - 0.25) * 1j
            pieces.append(oval(stem, leaf, 0.29, 0.12, -0.6 * side))
    width, start = rng.uniform(0.5, 0.6) * np.sin(np.pi / count), rng.uniform(0, 6)
    for number in range(count):
        turn = start + 2 * np.pi * number / count
        tint = 1 - 0.14 * (number % 2)  # keeps neighbours apart in a small picture
        pieces.append(oval(tint * petal, 0.48 * np.exp(1j * turn), 0.34, width, turn))
    size = rng.uniform(0.22, 0.3)
    return [*pieces, oval(pick(rng, HEART, [petal]), 0, size, size)]


def draw_house(rng: Generator, behind: list[Colour]) -> list[Piece]:
    """Return a house: wall, gable roof, door, one or two windows, a chimney."""
    wall = pick(rng, WALL, behind)
    roof, door = pick(rng, ROOF, [*behind, wall]), pick(rng, DOOR)
    glass = pick(rng, GLASS)
    half, floor = rng.uniform(0.65, 0.85, 2)
    eaves, ridge = half + rng.uniform(0.12, 0.2), rng.uniform(-0.85, -0.65) * 1j
    chimney = [box(0.7 * roof, 0.35 * half + ridge, 0.22, 0.7)]
    # Either a door between two windows, or a door on the left and one window.
    left, panes = [(-0.16, [-0.62, 0.62]), (-0.7 * half, [0.4])][rng.integers(2)]
    return [
        box(wall, -half - 0.05j, 2 * half, floor + 0.05),
        *chimney,
        ([-eaves, ridge, eaves], roof),
        box(door, left + (floor - 0.52) * 1j, 0.32, 0.52),
        *[box(glass, x * half - 0.14 + 0.18j, 0.28, 0.28) for x in panes],
    ]


def draw_tree(rng: Generator, behind: list[Colour]) -> list[Piece]:
    """Return a tree: a trunk with either a three-tier conifer or a round crown."""
    conifer = rng.random() < 0.4
    trunk = pick(rng, WOOD, behind)
    leaves = pick(rng, GREEN if conifer else GREEN + AUTUMN, behind)
    girth, width, height = rng.uniform([0.12, 0.66, 0.55], [0.18, 0.8, 0.68])
    stump = ([-girth, girth, 1.3 * girth + 1j, -1.3 * girth + 1j], trunk)
    if conifer:
        tiers = [(0.6j, 1, 1), (0.15j, 0.78, 1.15), (-0.3j, 0.56, 1.3)]
        return [stump] + [
            ([foot - half * width, foot - 0.8j, foot + half * width], light * leaves)
            for foot, half, light in tiers
        ]
    crown, _ = oval(leaves, 0, width, height)
    lobes = 0.94 + 0.12 * np.abs(np.sin(np.linspace(0, 8 * np.pi, 64, endpoint=False)))
    shine = oval(1.15 * leaves, -0.15 - 0.42j, 0.6 * width, 0.6 * height)
    return [stump, (crown * lobes - 0.3j, leaves), shine]


def draw_background(rng: Generator, side: int) -> tuple[np.ndarray, list[Colour]]:
    """Return a float32 canvas (side, side, 3), 0 to 255, and its main colours."""
    kind = rng.choice(["plain", "gradient", "clouds", "horizon"])
    sky, light = pick(rng, SKY), np.ones((side, side))
    if kind == "gradient":
        light *= np.linspace(0.88, 1.05, side)[:, None]
    elif kind == "clouds":
        patches = rng.normal(1, 0.03, (5, 5))
        light = cv2.resize(patches, (side, side), interpolation=cv2.INTER_CUBIC)
    canvas, colours = (light[..., None] * sky).astype(np.float32), [sky]
    if kind == "horizon":
        colours.append(pick(rng, GROUND))
        canvas[int(side * rng.uniform(0.5, 0.8)) :] = colours[1]
    return canvas, colours


KINDS = [draw_boat, draw_fish, draw_flower, draw_house, draw_tree]


def draw_picture(seed: int, kind: int, index: int, size: int) -> np.ndarray:
    """Draw picture number index of a kind of thing (0 to 4, as in KINDS).

    Returns:
        A uint8 RGB array (size, size, 3), 0 to 255, set by the arguments alone.
    """
    rng = np.random.default_rng([seed, kind, index])
    side = 8 * size  # drawn eight times larger, then averaged: smooth edges
    canvas, behind = draw_background(rng, side)
    outlines, colours = zip(*KINDS[kind](rng, behind), strict=True)
    points = np.concatenate(outlines)
    points.real *= rng.choice([-1, 1]) * rng.uniform(0.93, 1.07)  # -1 mirrors
    points *= np.exp(1j * rng.uniform(-0.14, 0.14))  # 8 degrees either way
    xy = np.stack([points.real, points.imag], 1)
    xy = (xy - xy.min(0)) / np.ptp(xy, 0).max() * rng.uniform(0.76, 0.88) * side
    xy += rng.uniform(0.04 * side, 0.96 * side - xy.max(0))
    ends = np.cumsum([len(outline) for outline in outlines[:-1]])
    parts = np.split(np.rint(xy).astype(np.int32), ends)
    for part, colour in zip(parts, colours, strict=True):
        cv2.fillPoly(canvas, [part], colour.tolist())
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small, 0, 255)).astype(np.uint8)


def main() -> None:
    """Read the command line and draw the set; exit code 2 if it is refused."""
    parser = argparse.ArgumentParser(description="Draw the embedded picture set.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=200, help="pictures per class")
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
        parser.error(f"{min(foreign)} is not a picture of this set; nothing is drawn.")
    for kind, folder in enumerate(folders):
        folder.mkdir(parents=True, exist_ok=True)
        for index, name in enumerate(names):
            picture = draw_picture(options.seed, kind, index, options.size)
            jpeg = cv2.imencode(".jpg", picture[..., ::-1], JPEG)[1]
            (folder / name).write_bytes(jpeg.tobytes())


if __name__ == "__main__":
    main()
