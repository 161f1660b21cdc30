"""Train a module in place: the one function that every estimator with a network calls."""

import json
import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..checkpoint import load_training_state, save_training_state
from ._batches import Batches, split_rows
from ._isolation import isolated, on_termination, seed_of
from ._processes import any_of_all, choose_device, from_first, is_first
from ._same_run import digest, seed_of_run
from ._steps import StepNet, Terms


class Fit(NamedTuple):
    """What a training was like.

    Attributes
    ----------
    history : list of dict
        One record an evaluation: ``step``, ``learning_rate``, ``seconds`` of training so far, and
        means of every term since the last one, as ``train_loss``, ``train_<term>``, ``valid_loss``
        and ``valid_<term>``.
    n_steps : int
        Steps made; fewer than ``max_steps`` if patience ran out.
    best_step : int
        Step whose weights the module now has.
    validation_loss : float or None
        Loss of the best weights on the rows held out; None without any.
    """

    history: list[dict[str, float]]
    n_steps: int
    best_step: int
    validation_loss: float | None


def fit_module(
    module: nn.Module,
    data: Mapping[str, Tensor],
    loss_fn: Terms,
    *,
    max_steps: int,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.01,
    warmup: float = 0.05,
    min_lr_ratio: float = 0.1,
    clip: float | None = 1.0,
    ema_decay: float | None = None,
    validation: float | Mapping[str, Tensor] = 0.1,
    groups: Tensor | None = None,
    blocks: Tensor | None = None,
    evaluate_every: int | None = None,
    patience: int | None = None,
    random_state: Any = None,
    device: str = "auto",
    n_threads: int = 1,
    amp: Literal["auto"] | bool = "auto",
    verbose: bool = False,
    log_path: str | os.PathLike[str] | None = None,
    checkpoint_dir: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
) -> Fit:
    """Minimise a loss by AdamW and leave the best weights in the module.

    Parameters
    ----------
    module : Module
        Network, trained in place; parameters that require no gradient stay as they are.
    data : mapping of str to Tensor
        Tensors with one row a sample.
    loss_fn : callable
        ``loss_fn(module, batch, training)`` returns terms, each a Tensor of shape (); their sum is
        minimised. ``batch`` holds some rows of ``data``.
    max_steps : int
        Optimizer steps, >= 1.
    batch_size : int
        Rows of a batch, >= 1.
    learning_rate : float
        Largest learning rate, > 0.
    weight_decay : float
        Decay of matrices, >= 0.
    warmup, min_lr_ratio : float
        Share of the steps on which the rate rises, in [0, 1), and its floor over its largest value.
    clip : float, optional
        Largest norm of the gradient, > 0; None does not clip.
    ema_decay : float, optional
        Decay of an average of the weights, in [0, 1), which is then evaluated and kept.
    validation : float, or mapping of str to Tensor
        Share of the rows, in [0, 1), held out to choose the best weights, or rows of their own.
        With 0, or where the share makes no row, the last weights are the best.
    groups : int Tensor of shape (n,), optional
        Group of every row: a batch holds rows of one group only.
    blocks : int Tensor of shape (n,), optional
        Block of every row, for data that ``loss_fn`` reads from a file in blocks: a batch holds
        rows of 16 blocks at most for most of the time, and of a group of more blocks no more than
        512 rows are held out.
    evaluate_every : int, optional
        Steps between evaluations; None means a twentieth of ``max_steps``.
    patience : int, optional
        Evaluations without a better one after which training stops; None never stops.
    random_state : int, RandomState or None
        Seed of order, noise and dropout. The module is initialised before: see `isolated`.
    device : str
        ``"auto"`` is CUDA where there is one, else the CPU. The module comes back to its own.
    n_threads : int
        Threads of torch while training.
    amp : bool or "auto"
        Whether to compute in bfloat16; ``"auto"`` does on CUDA only.
    verbose : bool
        Whether to show progress.
    log_path : path-like, optional
        File for the history, one JSON object a line. A new run replaces it.
    checkpoint_dir : path-like, optional
        Folder of this run alone, for states to resume from. If it holds one, training goes on
        there, bit for bit as if it had never stopped (on a CPU).
    checkpoint_every : int, optional
        Steps between states; None means ``evaluate_every``.

    Returns
    -------
    Fit
        History, steps, and the loss of the best weights.

    Raises
    ------
    DivergenceError
        If the loss, a gradient or a weight is not finite, or the loss grows a hundredfold.
    ValueError
        If the rows do not match, a setting is out of range, or ``checkpoint_dir`` holds the state
        of a training with other settings or data.
    KeyboardInterrupt
        On Ctrl-C: nothing is swallowed.

    Notes
    -----
    Random numbers follow from seed and step alone. They neither depend on nor change torch's global
    generator; trainings in other threads wait for each other. On SIGTERM, a run in the main thread
    with a ``checkpoint_dir`` saves its state and exits with status 143.

    In a process group (`process_group`) all processes call it with the same arguments. The batch is
    that of all of them: ``loss_fn`` shares out its rows (`spectralfm.nn.share`) and returns the
    loss of the whole batch in each.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> x = torch.linspace(-1, 1, 40)[:, None]
    >>> line = nn.Linear(1, 1)
    >>> def squared_error(module, batch, training):
    ...     return {"squared": (module(batch["x"]) - batch["y"]).square().mean()}
    >>> fit = fit_module(
    ...     line, {"x": x, "y": 2 * x}, squared_error, max_steps=300, learning_rate=0.1
    ... )
    >>> round(line.weight.item(), 2)
    2.0
    """
    data = dict(data)
    n_rows = _check_rows(data)
    _check_ranges(
        max_steps >= 1 and batch_size >= 1 and n_threads >= 1,
        "max_steps, batch_size and n_threads must be at least 1",
    )
    _check_ranges(0 < learning_rate <= 1e30, "learning_rate must lie in (0, 1e30]")
    _check_ranges(weight_decay >= 0, "weight_decay must be at least 0")
    _check_ranges(0 <= warmup < 1 and 0 <= min_lr_ratio <= 1, "warmup, min_lr_ratio in [0, 1]")
    _check_ranges(ema_decay is None or 0 <= ema_decay < 1, "ema_decay must lie in [0, 1)")
    evaluate_every = evaluate_every or max(1, max_steps // 20)
    seed = from_first(seed_of(random_state))

    saved = None
    if checkpoint_dir is not None:
        described = {
            "max_steps": max_steps,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "warmup": warmup,
            "min_lr_ratio": min_lr_ratio,
            "clip": clip,
            "ema_decay": ema_decay,
            "evaluate_every": evaluate_every,
            "patience": patience,
            "data": digest(data, validation, groups),
        }
        saved = from_first(load_training_state(checkpoint_dir) if is_first() else None)
        if saved is not None:
            seed = seed_of_run(saved[1], described, seed, random_state, checkpoint_dir)

    labels = np.zeros(n_rows, np.intp) if groups is None else groups.cpu().numpy().astype(np.intp)
    stored = None if blocks is None else blocks.cpu().numpy().astype(np.intp)
    if isinstance(validation, Mapping):
        n_more = _check_rows(dict(validation), like=data)
        training, _ = split_rows(labels, 0.0, seed)
        held = [np.arange(n_rows, n_rows + n_more)]
        data = {name: torch.cat([tensor, validation[name]]) for name, tensor in data.items()}
    else:
        _check_ranges(0 <= validation < 1, "validation must lie in [0, 1)")
        training, held = split_rows(labels, validation, seed, stored)

    home = next(module.parameters()).device
    target = choose_device(device)
    progress = tqdm(total=max_steps, disable=not (verbose and is_first()), unit="step")
    terminated: list[bool] = []

    def notice() -> None:
        terminated.append(True)

    def after_step() -> None:
        progress.update()
        due = net.step_ % (checkpoint_every or evaluate_every) == 0 or net.step_ == max_steps
        if checkpoint_dir is None:
            return
        ended = any_of_all(bool(terminated), target)  # all processes stop at the same step
        if (due or ended) and is_first():
            state = {"settings": described, "seed": seed, **net.state}
            save_training_state(checkpoint_dir, net.step_, state)
        if ended:
            raise SystemExit(143)

    bfloat16 = target.type == "cuda" and torch.cuda.is_bf16_supported() if amp == "auto" else amp
    net = StepNet(
        module,
        loss_fn=loss_fn,
        data=data,
        batches=Batches(training, batch_size, max_steps, seed, stored),
        valid_rows=held,
        seed=seed,
        device=str(target),
        bfloat16=bool(bfloat16),
        after_step=after_step,
        max_steps=max_steps,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        warmup=warmup,
        min_lr_ratio=min_lr_ratio,
        clip=clip,
        ema_decay=ema_decay,
        evaluate_every=evaluate_every,
        patience=patience,
    )
    with isolated(seed, n_threads=n_threads, device=target), progress:
        watch = nullcontext() if checkpoint_dir is None else on_termination(notice)
        with watch:
            net.start()
            if saved is not None:
                net.resume(*saved)
                progress.update(net.step_)
            _write_log(log_path, net.records_, anew=True)
            done = False
            while not done:
                n_logged = len(net.records_)
                done = net.advance()
                _write_log(log_path, net.records_[n_logged:])
            net.finish()
    module.to(home)
    best_step = net.best_["step"] if net.best_["loss"] is not None else net.step_
    return Fit(net.records_, net.step_, best_step, net.best_["loss"])


def _check_rows(data: dict[str, Tensor], like: dict[str, Tensor] | None = None) -> int:
    """Return the number of rows of all tensors, or raise."""
    if like is not None and data.keys() != like.keys():
        raise ValueError(f"validation has {sorted(data)}, but data has {sorted(like)}.")
    sizes = {name: len(tensor) for name, tensor in data.items()}
    if len(set(sizes.values())) != 1 or not all(sizes.values()):
        raise ValueError(f"data must hold tensors with the same number of rows, got {sizes}.")
    return next(iter(sizes.values()))


def _check_ranges(holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(f"A setting of the training is out of range: {rule}.")


def _write_log(path: Any, records: list[dict[str, float]], *, anew: bool = False) -> None:
    """Append records to the log, or begin it with those of the run that is resumed."""
    if path is None or not is_first():
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w" if anew else "a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
