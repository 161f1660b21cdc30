"""``spectralfm pretrain``: train an encoder on a corpus."""

import argparse
from pathlib import Path

SEVERAL = """\
several GPUs or machines:
  torchrun --nproc-per-node 4 -m spectralfm pretrain --corpus ... --run-dir ...
      one process a GPU of this machine; with --device cpu, 4 processes on its CPU
  torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint HOST:29400 \\
           -m spectralfm pretrain --corpus ... --run-dir ...
      the same on each of 2 machines, HOST one of them; each reads the corpus at its own --corpus
  --batch-size is that of all processes together, and the result that of one process, up to
  rounding: the number of processes changes nothing but the time, also when a run goes on.
  Process 0 alone writes; if a process ends, all do.
"""


def add_pretrain(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "pretrain",
        help="train an encoder on a corpus",
        description="Train an encoder on a corpus of spectra and leave a folder with its weights, "
        "history and metrics. The same command goes on where an interrupted run stopped.",
        epilog=SEVERAL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=pretrain_from_arguments)
    command.add_argument("--corpus", required=True, metavar="CORPUS", help="of 'corpus build'")
    command.add_argument(
        "--run-dir", required=True, metavar="FOLDER", help="folder to be made: runs/NAME"
    )
    command.add_argument("--size", choices=["tiny", "small", "base"], default="small")
    command.add_argument("--steps", type=int, default=5000, metavar="N", help="default: 5000")
    command.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="of all processes (default: 64)"
    )
    command.add_argument("--learning-rate", type=float, default=3e-3, help="default: 0.003")
    command.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    command.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
    command.add_argument("--threads", type=int, default=1, metavar="N", help="of each process (1)")


def pretrain_from_arguments(args: argparse.Namespace) -> None:
    """Pretrain an encoder.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm pretrain``.
    """
    from ..workflow import pretrain_on_corpus

    kept = {name: value for name, value in vars(args).items() if name != "run"}
    metrics = pretrain_on_corpus(
        args.corpus,
        args.run_dir,
        size=args.size,
        n_steps=args.steps,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        seed=args.seed,
        device=args.device,
        n_threads=args.threads,
        verbose=True,
        arguments={**kept, "corpus": str(Path(args.corpus).absolute())},
    )
    if metrics is None:  # another process wrote and tells
        return
    losses = {name.removeprefix("valid_"): metrics[name] for name in metrics if "valid_" in name}
    print(", ".join(f"{name} {value:.4g}" for name, value in losses.items()))
    speed, reading = metrics["steps_per_second"], metrics["share_of_time_reading"]
    print(f"{speed:.2f} steps/s, {reading:.1%} of the time reading. Written: {args.run_dir}")
