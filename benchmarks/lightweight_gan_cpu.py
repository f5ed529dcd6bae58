"""Trains lightweight-gan of PyPI without a GPU, and draws with what it learned.

    pip install lightweight-gan
    python benchmarks/lightweight_gan_cpu.py train --images ~/images --folder ~/run
    python benchmarks/lightweight_gan_cpu.py draw ~/run/generator_model_000100.pt \
        --count 500 --output drawn.npz

The package refuses to be imported where there is no NVIDIA GPU, and puts its tensors
on one by name. Here it is told that there is one until it is imported. Then every call
that moves something to a GPU leaves it where it is. Nothing else of its networks,
losses and optimizers is changed.

Settings are the defaults of its command line, with two exceptions. The batch is 16
without gradient accumulation. Its augmentation (flips, translation, cutout, colours)
has the probability of 0.25 that its README advises. Its sample grids, of 192 images
every 100 steps, are left out.

--fmap-max 64 makes its networks narrower and leaves their attention out: three times as
many steps in the same time.

Its EMA begins after 20,000 steps: until then it is a copy of the generator that is up
to 1,000 steps old. So a second EMA is kept beside it, from the first step on, whose
decay grows to the same. Both generators are saved and can draw: `generator`, the live
one, and `average`.

SIGTERM ends the training after the current step, with the state saved; --resume resumes
it.
"""

import argparse
import copy
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

_STATE = "state.pt"
_DECAY = 0.995  # of its own EMA, there every ten steps
_PARTS = ("generator", "average")


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("--images", type=Path, required=True)
    training.add_argument("--folder", type=Path, required=True, help="to write in")
    training.add_argument("--seed", type=int, default=0)
    training.add_argument(
        "--save-every", type=float, default=1, help="minutes of CPU time"
    )
    training.add_argument("--steps", type=int, default=10**9)
    training.add_argument("--resume", action="store_true")
    drawing = commands.add_parser("draw")
    drawing.add_argument("generator", type=Path)
    drawing.add_argument("--count", type=int, default=500)
    drawing.add_argument("--seed", type=int, default=1)
    drawing.add_argument("--output", type=Path, required=True, help=".npz file")
    for command in (training, drawing):
        command.add_argument("--size", type=int, default=128, help="of the images")
        command.add_argument("--fmap-max", type=int, default=512, help="channels")
    return parser.parse_args()


class _TorchOfCPU:
    """PyTorch, where every device is the processor."""

    def __getattr__(self, name: str):
        return getattr(torch, name)

    def device(self, name: str) -> torch.device:
        return torch.device("cpu")


def build_trainer(folder: Path, options):
    """Imports the package without a GPU and builds what trains its networks."""
    is_available = torch.cuda.is_available
    torch.cuda.is_available = lambda: True
    from lightweight_gan import lightweight_gan as package

    torch.cuda.is_available = is_available
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *device: self
    package.torch = _TorchOfCPU()
    trainer = package.Trainer(
        base_dir=folder,
        image_size=options.size,
        fmap_max=options.fmap_max,
        batch_size=16,
        gradient_accumulate_every=1,
        attn_res_layers=[32] if options.fmap_max == 512 else [],
        disc_output_size=1,
        aug_prob=0.25,
        aug_types=["translation", "cutout", "color"],
        num_workers=0,
        use_aim=False,
    )
    # What is saved and drawn, and when, is decided here.
    trainer.save = trainer.evaluate = lambda *_, **__: None
    trainer.init_GAN()
    return trainer


def save(path: Path, content: dict) -> None:
    """Saves whole or not at all."""
    temporary = path.with_name(f".tmp-{path.name}")
    torch.save(content, temporary)
    os.replace(temporary, path)


def update(average, generator, steps: int) -> None:
    """Updates the EMA by one step; it forgets its beginning soon."""
    decay = min(_DECAY, (1 + steps) / (10 + steps))
    averaged = average.state_dict()
    for name, value in generator.state_dict().items():
        if value.is_floating_point():
            averaged[name].lerp_(value, 1 - decay)
        else:
            averaged[name].copy_(value)


def train(options) -> None:
    """Trains until the steps are done or a signal comes."""
    is_stopped = False

    def stop(number, frame):
        nonlocal is_stopped
        is_stopped = True

    signal.signal(signal.SIGTERM, stop)
    torch.manual_seed(options.seed)
    np.random.seed(options.seed)
    random.seed(options.seed)
    options.folder.mkdir(parents=True, exist_ok=True)
    trainer = build_trainer(options.folder, options)
    average = copy.deepcopy(trainer.GAN.G)
    if options.resume:
        state = torch.load(options.folder / _STATE, weights_only=True)
        trainer.GAN.load_state_dict(state["networks"])
        average.load_state_dict(state["average"])
        trainer.GAN.G_opt.load_state_dict(state["generator_optimizer"])
        trainer.GAN.D_opt.load_state_dict(state["discriminator_optimizer"])
        trainer.steps = state["steps"]
        # What was drawn at random before is not drawn again.
        torch.manual_seed(options.seed + trainer.steps)
        random.seed(options.seed + trainer.steps)
    trainer.set_data_src(options.images)
    last_save = time.process_time()
    while trainer.steps < options.steps and not is_stopped:
        trainer.train()
        with torch.no_grad():
            update(average, trainer.GAN.G, trainer.steps)
        is_last = is_stopped or trainer.steps == options.steps
        if is_last or time.process_time() - last_save > 60 * options.save_every:
            last_save = time.process_time()
            networks = zip(_PARTS, (trainer.GAN.G, average), strict=True)
            name = f"generator_model_{trainer.steps:06d}.pt"
            save(options.folder / name, {k: v.state_dict() for k, v in networks})
            state = {
                "networks": trainer.GAN.state_dict(),
                "average": average.state_dict(),
                "generator_optimizer": trainer.GAN.G_opt.state_dict(),
                "discriminator_optimizer": trainer.GAN.D_opt.state_dict(),
                "steps": trainer.steps,
            }
            save(options.folder / _STATE, state)
            print(f"{trainer.steps} steps, {trainer.print_log()}", flush=True)
    if is_stopped:
        sys.exit(128 + signal.SIGTERM)


@torch.no_grad()
def draw(options) -> None:
    """Draws with both generators and saves arrays uint8 (n, height, width, 3)."""
    trainer = build_trainer(options.generator.parent, options)
    latents = torch.randn(
        options.count,
        trainer.latent_dim,
        generator=torch.Generator().manual_seed(options.seed),
    )
    trainer.GAN.eval()
    saved = torch.load(options.generator, weights_only=True)
    arrays = {}
    for part in _PARTS:
        trainer.GAN.G.load_state_dict(saved[part])
        images = trainer.generate_(trainer.GAN.G, latents)
        pixels = (255 * images + 0.5).to(torch.uint8)
        arrays[part] = pixels.permute(0, 2, 3, 1).numpy()
    np.savez(options.output, **arrays)


if __name__ == "__main__":
    options = parse()
    {"train": train, "draw": draw}[options.command](options)
