"""Pretrain an encoder on a corpus, and leave a folder with its weights."""

import inspect
import json
import os
import platform
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .._net import is_first, isolated, process_group
from ..checkpoint import dump_weights
from ..datasets.corpora import SpectralCorpus
from ..foundation import pretrain
from ..nn.encoder import SpectralEncoder
from ._corpus_groups import corpus_groups
from ._folder import WEIGHTS, check_run_dir, write_run

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "d_model": 32, "n_mamba_layers": 1, "n_transformer_layers": 1, "n_heads": 4, "n_chem": 32,
        "n_inst": 16, "fno_modes": 16, "fno_width": 16, "fno_layers": 2, "n_grid": 512,
        "n_components": 32,
    },
    "small": {
        "d_model": 64, "n_mamba_layers": 2, "n_transformer_layers": 1, "n_heads": 4, "n_chem": 64,
        "n_inst": 32, "fno_modes": 16, "fno_width": 16, "fno_layers": 2, "n_grid": 1024,
        "n_components": 32,
    },
    "base": {"n_components": 32},
}  # fmt: skip
"""Arguments of `SpectralEncoder` by size, where they are not its own."""

RECIPE: dict[str, Any] = {
    "weight_decay": 0.01, "warmup": 0.02, "min_lr_ratio": 0.02, "clip": 1.0, "ema_decay": 0.998,
}  # fmt: skip
"""Arguments of `spectralfm.foundation.pretrain` that are the same for all sizes."""

HELD, MOST_HELD = 0.05, 2048
"""Share of the spectra held out, and their number at most: each evaluation encodes them all."""

STATE = ".state"
"""Beside the folder of a run that is not finished stands one of this ending, to go on from."""


def pretrain_on_corpus(
    corpus: str | os.PathLike[str],
    run_dir: str | os.PathLike[str],
    *,
    size: str = "small",
    n_steps: int = 5000,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    seed: int = 0,
    device: str = "auto",
    n_threads: int = 1,
    verbose: bool = False,
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Pretrain an encoder, in each of the processes that ``torchrun`` started.

    Parameters
    ----------
    corpus : path-like
        Corpus that ``spectralfm corpus build`` wrote, of any size: it is read through once, and
        then in blocks as batches need them.
    run_dir : path-like
        Folder to be written at the end, missing or empty. States are saved beside it meanwhile: the
        same call goes on where an interrupted one stopped, bit for bit.
    size : {"tiny", "small", "base"}
        Size of the network.
    n_steps, batch_size : int
        Optimizer steps, and spectra of each, over all processes together.
    learning_rate : float
        Largest learning rate.
    seed : int
        Seed of everything.
    device : str
        "cpu", "cuda", or "auto".
    n_threads : int
        Threads of the CPU.
    verbose : bool
        Whether to show progress.
    arguments : mapping, optional
        What to record as the arguments of the run.

    Returns
    -------
    dict or None
        Metrics: the losses of held-out spectra, spectra of every source, steps a second, share of
        the time spent reading the corpus. None in processes other than the first, which alone
        writes.

    Raises
    ------
    ValueError
        If the folder is not empty, the corpus holds nothing to train on, or the states beside the
        folder are of another run.
    DivergenceError
        If training diverges.
    ConnectionError
        If another of several processes has ended.

    Notes
    -----
    Several processes learn what one learns from the same batches, up to rounding: each encodes its
    share of the rows. A run goes on with any number of processes.
    """
    check_run_dir(run_dir)
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, got {size!r}.")
    settings = {
        "size": size,
        "n_steps": n_steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    folder = Path(run_dir).absolute()
    state = folder.with_name(folder.name + STATE)
    with process_group(device), SpectralCorpus(corpus, verify=False) as opened:
        groups, used = corpus_groups(opened)  # reads and verifies all of it once
        reader = groups[0].reader
        licences = _licences(opened)
        # All arguments, lest weights change their meaning with the defaults.
        defaults = inspect.signature(SpectralEncoder).parameters.values()
        config = {parameter.name: parameter.default for parameter in defaults} | SIZES[size]
        with isolated(seed):
            encoder = SpectralEncoder(**config)
        began = time.perf_counter()
        fit = pretrain(
            groups,
            encoder,
            max_steps=n_steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            random_state=seed,
            device=device,
            n_threads=n_threads,
            verbose=verbose,
            checkpoint_dir=state,
            validation=min(HELD, MOST_HELD / sum(used.values())),
            **RECIPE,
        )
        if not is_first():
            return None
        reading = reader.seconds / (time.perf_counter() - began)
        digest = str(opened.attributes["digest"])
    last = fit.history[-1]
    provenance = {
        "corpus": digest,
        "sources": {name: {"spectra": n, "licence": licences[name]} for name, n in used.items()},
        **settings,
        "n_steps": fit.n_steps,
        "hardware": _hardware(device),
        "seconds": round(last["seconds"]),
        "validation_loss": fit.validation_loss,
    }
    lowest, highest = zip(*(group.reach for group in groups), strict=True)
    weights = dump_weights(
        encoder.state_dict(),
        config=config,
        architecture=SpectralEncoder.__name__,
        axis_range=(max(min(lowest), 0.0), max(highest)),
        provenance=provenance,
    )
    metrics = {
        **{name: value for name, value in last.items() if name.startswith("valid_")},
        "best_step": fit.best_step,
        "steps_per_second": fit.n_steps / last["seconds"],
        "share_of_time_reading": reading,
        "spectra": used,
    }
    history = "".join(json.dumps(record) + "\n" for record in fit.history).encode()
    write_run(
        folder,
        arguments=arguments or {"corpus": str(corpus), **provenance},
        seed=seed,
        metrics=metrics,
        files={WEIGHTS: weights, "history.jsonl": history},
    )
    shutil.rmtree(state)
    return metrics


def _licences(corpus: SpectralCorpus) -> dict[str, str]:
    """Return the licence of every source."""
    sources, source_names = corpus.numbered_labels("source")
    licences, licence_names = corpus.numbered_labels("licence")
    pairs = np.unique(np.stack([sources, licences]), axis=1).T
    return {source_names[source]: licence_names[licence] for source, licence in pairs}


def _hardware(device: str) -> str:
    if device != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return platform.processor() or platform.machine()
