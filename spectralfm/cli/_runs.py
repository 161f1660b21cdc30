"""``spectralfm smoke``, ``finetune``, ``evaluate``, ``adapt``: the foundation model on your files.

Each run leaves a folder; ``smoke`` checks that every part works.
"""

import argparse

from ._own_files import add_own_files

MERITS = ("rmsep", "sep", "bias", "slope", "r2", "rpd")


def add_runs(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the parser."""
    smoke = commands.add_parser(
        "smoke", help="check every part of the foundation model, in seconds"
    )
    smoke.set_defaults(run=check_installation)
    smoke.add_argument("--seed", type=int, default=0, help="of the encoder (default: 0)")
    finetune = commands.add_parser(
        "finetune", help="calibrate with the foundation model so that it holds on the target"
    )
    _add_run(finetune)
    finetune.add_argument("--property", metavar="NAME", help="default: the first one")
    finetune.add_argument(
        "--standards", type=int, metavar="N", help="default: 10; with CSV files, all"
    )
    finetune.add_argument("--tuning", choices=["head", "lora", "full"], default="head")
    finetune.add_argument(
        "--checkpoint", default="small", metavar="FILE", help="default: the one that ships"
    )
    finetune.add_argument("--max-steps", type=int, default=100, help="of lora and full (100)")
    finetune.add_argument("--seed", type=int, default=0, help="of split and model (default: 0)")
    evaluate = commands.add_parser("evaluate", help="predict the target with the model of a run")
    adapt = commands.add_parser("adapt", help="adapt the model of a run to unlabelled spectra")
    for command in (evaluate, adapt):
        command.add_argument("model", metavar="RUN", help="folder of a run that you trust")
        _add_run(command)
    adapt.add_argument("--steps", type=int, default=20, help="default: 20")
    adapt.add_argument("--parameters", choices=["norm", "lora"], default="norm")
    adapt.add_argument("--seed", type=int, default=0, help="of the adaptation (default: 0)")


def _add_run(command: argparse.ArgumentParser) -> None:
    """Add the options that name the spectra and the folder of a run."""
    command.set_defaults(run=execute_run)
    command.add_argument(
        "--run-dir", metavar="FOLDER", required=True, help="folder to be made: runs/NAME"
    )
    command.add_argument("--npz", metavar="FILE", help="spectra, one array X_NAME an instrument")
    command.add_argument("--source", metavar="NAME", help="instrument in it (default: the first)")
    command.add_argument("--target", metavar="NAME", help="instrument in it (default: the second)")
    add_own_files(command)


def check_installation(args: argparse.Namespace) -> int:
    """Check every part of the foundation model.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm smoke``.

    Returns
    -------
    int
        0 if every check held, else 1.
    """
    from ..workflow import smoke

    failed = 0
    for check in smoke(args.seed):
        failed += not check.held
        print(f"{'ok' if check.held else 'FAILED':6}  {check.step:9}  {check.found}", flush=True)
    return int(failed > 0)


def execute_run(args: argparse.Namespace) -> None:
    """Run the foundation model on files, and tell what the folder of the run says.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm finetune``, ``evaluate`` or ``adapt``.
    """
    from ..workflow import execute

    metrics = execute({name: value for name, value in vars(args).items() if name != "run"})
    unit = f" ({metrics['unit']})" if metrics["unit"] else ""
    print(
        f"{metrics['property']}{unit}, {metrics['source']} to {metrics['target']}, "
        f"{metrics['n_test']} test samples"
        + (f", {metrics['n_unlabelled']} unlabelled" if metrics["n_unlabelled"] else "")
    )
    for label, merits in (("before: ", metrics.get("before")), ("", metrics)):
        if merits and "rmsep" in merits:
            print(label + ", ".join(f"{name.upper()} {merits[name]:.4g}" for name in MERITS))
    print(f"Written: {args.run_dir}")
