"""The skorch net: trains by steps, averages, evaluates, saves, and notices what goes wrong."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from torch import Tensor, nn

from ..nn.encoder import parameter_groups
from ._batches import Batches
from ._divergence import WINDOW, check_gradient, check_growth, check_loss, check_weights
from ._processes import average_gradients, share_weights
from ._schedule import rate_factor

Terms = Callable[[nn.Module, dict[str, Tensor], bool], dict[str, Tensor]]


class StepNet(NeuralNet):
    """One pass of skorch's loop is the training up to the next evaluation, and the evaluation.

    All that a resumed run needs is in `state`: the rows and the random numbers of a step follow
    from seed and step.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        loss_fn: Terms,
        data: dict[str, Tensor],
        batches: Batches,
        valid_rows: list[np.ndarray],
        max_steps: int,
        learning_rate: float,
        weight_decay: float,
        warmup: float,
        min_lr_ratio: float,
        clip: float | None,
        ema_decay: float | None,
        evaluate_every: int,
        patience: int | None,
        seed: int,
        device: str,
        bfloat16: bool,
        after_step: Callable[[], None],
    ) -> None:
        super().__init__(
            module, nn.Identity, callbacks=None, train_split=None, verbose=0, device=device
        )
        self.loss_fn, self.data, self.batches, self.valid_rows = loss_fn, data, batches, valid_rows
        self.max_steps, self.learning_rate, self.weight_decay = (
            max_steps,
            learning_rate,
            weight_decay,
        )
        self.warmup, self.min_lr_ratio, self.clip = warmup, min_lr_ratio, clip
        self.ema_decay, self.evaluate_every, self.patience = ema_decay, evaluate_every, patience
        self.seed, self.bfloat16, self.after_step = seed, bfloat16, after_step

    @property
    def _default_callbacks(self) -> list:
        return []

    def start(self) -> None:
        """Build the optimizer around the weights as they are."""
        self.initialize()
        share_weights(self.module_)
        self.step_ = 0
        self.average_ = _copied(self.module_.state_dict()) if self.ema_decay is not None else None
        self.best_: dict[str, Any] = {"step": 0, "loss": None, "weights": None}
        self.records_: list[dict[str, float]] = []
        self.sums_: dict[str, float] = {}
        self.first_: list[float] = []
        self.recent_: list[float] = []
        self.seconds_ = 0.0

    @property
    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        return {
            "module": self.module_.state_dict(),
            "optimizer": self.optimizer_.state_dict(),
            "average": self.average_,
            "best": self.best_,
            "records": self.records_,
            "sums": self.sums_,
            "losses": [self.first_, self.recent_],
            "seconds": self.seconds_,
        }

    def resume(self, step: int, state: dict[str, Any]) -> None:
        """Go back to where a state was taken."""
        self.step_ = step
        self.module_.load_state_dict(state["module"])
        self.optimizer_.load_state_dict(state["optimizer"])
        if self.average_ is not None:
            self.average_ = {k: v.to(self.device) for k, v in state["average"].items()}
        self.best_, self.records_, self.sums_ = state["best"], state["records"], state["sums"]
        self.first_, self.recent_ = state["losses"]
        self.seconds_ = state["seconds"]

    def advance(self) -> bool:
        """Train up to the next evaluation and evaluate; tell whether that was the last."""
        self.fit_loop(None, epochs=1)
        waited = sum(record["step"] > self.best_["step"] for record in self.records_)
        impatient = self.patience is not None and bool(self.valid_rows) and waited >= self.patience
        return impatient or self.step_ >= self.max_steps

    def finish(self) -> None:
        """Put the best weights into the module: of the validation, else the last ones."""
        weights = self.best_["weights"] or self.average_
        if weights is not None:
            self.module_.load_state_dict(weights)
        self.module_.eval()
        check_weights(self.module_.state_dict().items(), self.step_)

    # The hooks of skorch, in the order in which its loop calls them.

    def initialize_optimizer(self, *args: Any) -> "StepNet":
        groups = parameter_groups(self.module_, self.weight_decay)
        groups = [group for group in groups if group["params"]]
        if not groups:
            raise ValueError("The module has no trainable parameter: unfreeze or add some.")
        self.optimizer_ = torch.optim.AdamW(groups, lr=self.learning_rate)
        return self

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, Any]:
        return self.batches, self.valid_rows or None

    def get_iterator(self, dataset: Any, training: bool = False) -> Iterator[dict[str, Tensor]]:
        return self._training_batches() if training else self._validation_batches()

    def _training_batches(self) -> Iterator[dict[str, Tensor]]:
        # A run saved at an evaluation that it did not live to see has no step left before it.
        period = max(-(-self.step_ // self.evaluate_every), 1)
        if self.step_ % self.evaluate_every == 0 and self.step_ and self._evaluated():
            period += 1
        stop = min(period * self.evaluate_every, self.max_steps)
        while self.step_ < stop:
            self.began_ = time.perf_counter()
            yield self._batch(self.batches.rows(self.step_))

    def _evaluated(self) -> bool:
        return bool(self.records_) and self.records_[-1]["step"] == self.step_

    def _validation_batches(self) -> Iterator[dict[str, Tensor]]:
        self.valid_sums_: dict[str, float] = {}
        present = _copied(self.module_.state_dict()) if self.average_ is not None else None
        if self.average_ is not None:
            self.module_.load_state_dict(self.average_)
        try:
            torch.manual_seed(self.seed)  # the same noise and masks at every evaluation
            for rows in self.valid_rows:
                for start in range(0, len(rows), self.batches.batch_size):
                    yield self._batch(rows[start : start + self.batches.batch_size])
        finally:
            if present is not None:
                self.module_.load_state_dict(present)

    def _batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        index = torch.from_numpy(rows)
        return {name: tensor[index].to(self.device) for name, tensor in self.data.items()}

    def on_batch_begin(
        self, net: Any, batch: Any = None, training: bool = False, **kw: Any
    ) -> None:
        super().on_batch_begin(net, batch=batch, training=training, **kw)
        if training:
            torch.manual_seed(_mixed(self.seed, self.step_))
            for group in self.optimizer_.param_groups:
                group["lr"] = self._rate(self.step_)

    def _rate(self, step: int) -> float:
        return self.learning_rate * rate_factor(
            step, self.max_steps, self.warmup, self.min_lr_ratio
        )

    def train_step_single(self, batch: dict[str, Tensor], **fit_params: Any) -> dict[str, Any]:
        self._set_training(True)
        loss, values = self._loss(batch, True)
        if not loss.requires_grad:
            raise ValueError("No term of the loss depends on a trainable parameter.")
        loss.backward()
        average_gradients([p for p in self.module_.parameters() if p.requires_grad])
        return {"loss": loss.detach(), "y_pred": values}

    def validation_step(self, batch: dict[str, Tensor], **fit_params: Any) -> dict[str, Any]:
        self._set_training(False)
        with torch.no_grad():
            loss, values = self._loss(batch, False)
        return {"loss": loss, "y_pred": values}

    def _loss(self, batch: dict[str, Tensor], training: bool) -> tuple[Tensor, dict[str, float]]:
        """Return the sum of the terms, and every term as a number."""
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16) if self.bfloat16 else nullcontext():
            terms = self.loss_fn(self.module_, batch, training)
        stacked = torch.stack([term.float() for term in terms.values()])
        values = dict(zip(terms, stacked.tolist(), strict=True))
        check_loss(values, self.step_)
        return stacked.sum(), values

    def on_grad_computed(self, net: Any, named_parameters: Any, **kwargs: Any) -> None:
        super().on_grad_computed(net, named_parameters, **kwargs)
        parameters = [p for p in self.module_.parameters() if p.grad is not None]
        limit = self.clip if self.clip is not None else float("inf")
        check_gradient(nn.utils.clip_grad_norm_(parameters, limit), self.step_)

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **kw: Any) -> None:
        super().on_batch_end(net, batch=batch, training=training, **kw)
        values = {"loss": sum(kw["y_pred"].values()), **kw["y_pred"]}
        if not training:
            n_rows = len(next(iter(batch.values())))
            _add(self.valid_sums_, {name: n_rows * value for name, value in values.items()}, n_rows)
            return
        _add(self.sums_, values, 1)
        if len(self.first_) < WINDOW // 4:
            self.first_.append(values["loss"])
        self.recent_ = [*self.recent_[1 - WINDOW :], values["loss"]]
        if self.average_ is not None and self.ema_decay is not None:
            # While few steps were made, few are averaged, or the start would linger.
            decay = min(self.ema_decay, (1 + self.step_) / (10 + self.step_))
            _average(self.average_, self.module_, decay)
        self.step_ += 1
        self.seconds_ += time.perf_counter() - self.began_
        self.after_step()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        super().on_epoch_end(net, **kwargs)
        check_growth(self.first_, self.recent_, self.step_)
        check_weights(self.module_.state_dict().items(), self.step_)
        record = {"step": self.step_, "learning_rate": self._rate(self.step_ - 1)}
        record |= {f"train_{name}": value for name, value in _means(self.sums_).items()}
        if self.valid_rows:
            record |= {f"valid_{name}": value for name, value in _means(self.valid_sums_).items()}
            if self.best_["loss"] is None or record["valid_loss"] < self.best_["loss"]:
                weights = _copied(self.average_ or self.module_.state_dict())
                self.best_ = {
                    "step": self.step_,
                    "loss": record["valid_loss"],
                    "weights": weights,
                }
        self.records_ = [*self.records_, record | {"seconds": self.seconds_}]
        self.sums_ = {}
        self.history.clear()  # skorch keeps a record of every batch


def _mixed(seed: int, step: int) -> int:
    """Return a seed for the random numbers of one step."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> 1)


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


@torch.no_grad()
def _average(average: dict[str, Tensor], module: nn.Module, decay: float) -> None:
    """Move the average a little towards the module; what is no number is copied."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor, 1 - decay)
        else:
            average[name].copy_(tensor)


def _add(sums: dict[str, float], values: dict[str, float], count: int) -> None:
    for name, value in {**values, "count": count}.items():
        sums[name] = sums.get(name, 0.0) + value


def _means(sums: dict[str, float]) -> dict[str, float]:
    return {name: value / sums["count"] for name, value in sums.items() if name != "count"}
