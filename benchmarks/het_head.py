"""What a heteroscedastic head costs: against the naive layer that holds every sample, and against a plain linear layer.

Command: python benchmarks/het_head.py                    (2 threads; 15 minutes, 10 GB: most of it ResNet-50)
         python benchmarks/het_head.py --device cuda      (the same on a GPU)
         python benchmarks/het_head.py --smoke            (seconds; numbers mean nothing)
         --arms head,evaluation,resnet,large               some of it

Arms, all on made-up features, each with its rival in the same process:
  head        Loss and backward of a whole layer, B=64, D=2048, K=1000, F=15. Rival: the naive layer, samples of each
              row's own, (B, S, K) tensors, autograd, S=1000. Ours takes the fewest samples whose gradient (of loc,
              cov_factor and std; relative error, root mean square over draws, against 16,384 samples) is at least as
              near. Extra memory: the most that is live at once beyond parameters and their gradients.
  evaluation  The same layer without gradients; the fewest fixed points whose root mean square error of p is at most
              that of the naive layer at S=1000, over draws.
  resnet      A step and an evaluation of a ResNet-50, B=64, 224 x 224, K=1000, with the head and with a linear layer.
  large       A step of SGD with momentum, K=21,843, F=50, D=2048, B=64: parameter-efficient and XL; all memory of the
              process beyond what imports take.
Bars: head <= 1/6 of the time and <= 1/10 of the extra memory; evaluation <= 1/20 of the time; ResNet-50 step <= 1.15 x,
evaluation <= 1.10 x; large within 3 GB.
Floors: the head's linear layers alone (x W^T and their two gradients: 6 B D K (F + 2) operations, 8 to 16 bytes a
weight), and, for the samples, one exponential and the product with the factors, forward and anew in the backward pass.
The other floor is bytes, `copy`: weights read and their gradients written once, by a copy of as many bytes; on a GPU it
is the one that counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, nll_loss

from measuring import LiveMemory, seconds
from noisette.features.timm_import import import_timm
from noisette.functional import draw_noise, log_mean_softmax, mean_softmax_nll
from noisette.functional.logit_forms import LowRankLogits
from noisette.heads import HeteroscedasticHead, HeteroscedasticXLHead, replace_head

NAIVE_SAMPLES = 1000
OUR_SAMPLES = (16, 32, 64, 128, 256)
ARMS = ("head", "evaluation", "resnet", "large")
Result = dict[str, float]


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    batch: int = 64
    features: int = 2048
    classes: int = 1000
    factors: int = 15
    reference: int = 1 << 14
    draws: int = 4
    repeats: int = 5
    picture: int = 224
    backbone: str = "resnet50"
    large_classes: int = 21_843
    large_factors: int = 50


SMOKE = Sizes(8, 32, 20, 3, 1024, 2, 1, 64, "resnet18", 200, 4)


class NaiveHead(HeteroscedasticHead):
    """The same parameters; every sample of every row held at once."""

    def probabilities(self, x: Tensor, num_samples: int) -> Tensor:
        """Give (B, K) means over samples."""
        form = self.noisy_logits(x)
        assert isinstance(form, LowRankLogits)
        factors = torch.randn(len(x), num_samples, form.cov_factor.shape[2], device=x.device)
        classes = torch.randn(len(x), num_samples, self.num_classes, device=x.device)
        logits = form.loc[:, None] + factors @ form.cov_factor.mT + form.std[:, None] * classes
        return (logits / self.temperature).softmax(2).mean(1)


def make_problem(sizes: Sizes, device: torch.device) -> tuple[NaiveHead, Tensor, Tensor]:
    """A head whose logits say something: a few classes are likely, noise is of the size of the temperature."""
    torch.manual_seed(0)
    head = NaiveHead(sizes.features, sizes.classes, num_factors=sizes.factors, device=device)
    with torch.no_grad():
        head.loc.weight.mul_(3)
    x = torch.randn(sizes.batch, sizes.features, device=device).relu()
    return head, x, head.loc(x).argmax(1)


def relative_error(found: list[Tensor], truth: list[Tensor]) -> float:
    wrong = sum(float((a - b).square().sum()) for a, b in zip(found, truth, strict=True))
    return float((wrong / sum(float(b.square().sum()) for b in truth)) ** 0.5)


def root_mean(errors: list[float]) -> float:
    return float((sum(error**2 for error in errors) / len(errors)) ** 0.5)


def gradients(form: LowRankLogits, loss: Callable[[LowRankLogits], Tensor]) -> list[Tensor]:
    leaves = [tensor.detach().requires_grad_() for tensor in form.tensors]
    return list(torch.autograd.grad(loss(LowRankLogits(*leaves)), leaves))


def head_arm(sizes: Sizes, device: torch.device) -> Result:
    head, x, labels = make_problem(sizes, device)
    form = head.noisy_logits(x)
    assert isinstance(form, LowRankLogits)
    generator = torch.Generator(device).manual_seed(1)

    def ours(num_samples: int) -> Callable[[LowRankLogits], Tensor]:
        noise = draw_noise(num_samples, sizes.factors, sizes.classes, generator=generator, device=device)
        return lambda form: mean_softmax_nll(form, noise, labels).mean()

    def naive(form: LowRankLogits) -> Tensor:
        head.noisy_logits = lambda _: form  # type: ignore[method-assign,assignment]
        return nll_loss(head.probabilities(x, NAIVE_SAMPLES).log(), labels)

    truth = gradients(form, ours(sizes.reference))
    of_naive = root_mean([relative_error(gradients(form, naive), truth) for _ in range(sizes.draws)])
    del head.noisy_logits
    errors = {}
    for count in OUR_SAMPLES:
        errors[count] = root_mean([relative_error(gradients(form, ours(count)), truth) for _ in range(sizes.draws)])
    enough = next((count for count in OUR_SAMPLES if errors[count] <= of_naive), OUR_SAMPLES[-1])
    print(f"relative error of the gradient: naive S={NAIVE_SAMPLES} {of_naive:.4f}, ours {errors}", flush=True)
    del truth, form
    head.zero_grad()
    lean = HeteroscedasticHead(
        sizes.features, sizes.classes, num_factors=sizes.factors, num_train_samples=enough, device=device
    )
    weights = lean.spread.cov_factor.weight.detach()
    steps: dict[str, Callable[[], object]] = {
        "ours": lambda: lean.nll(x, labels).backward(),
        "naive": lambda: nll_loss(head.probabilities(x, NAIVE_SAMPLES).log(), labels).backward(),
        "linear_layers": linear_layers(sizes, x),
        "copy": weights.clone,
    }
    of_parameters = sum(tensor.numel() for tensor in lean.parameters()) * 4 / 1e6  # gradients, which any layer has
    times, memory = {}, {}
    for name, step in steps.items():
        step()
        lean.zero_grad()
        head.zero_grad()
        with LiveMemory(device) as live:
            step()
        memory[name] = max(0.0, live.extra_mb - (of_parameters if name in ("ours", "naive") else 0))
        times[name] = seconds(step, device, sizes.repeats)
        print(f"{name:<15}{times[name] * 1e3:>10.2f} ms{memory[name]:>10.1f} MB", flush=True)
    return {
        "samples": enough,
        "time_ratio": times["ours"] / times["naive"],
        "memory_ratio": memory["ours"] / max(memory["naive"], 1e-9),
        "times_linear_layers": times["ours"] / times["linear_layers"],
        "times_copy": times["ours"] / times["copy"],
        "ours_ms": times["ours"] * 1e3,
        "naive_ms": times["naive"] * 1e3,
        "holds": times["ours"] <= times["naive"] / 6 and memory["ours"] <= memory["naive"] / 10,
    }


def linear_layers(sizes: Sizes, x: Tensor, *, backward: bool = True) -> Callable[[], object]:
    """The floor: the head's linear layers alone."""
    linear = nn.Linear(sizes.features, sizes.classes * (sizes.factors + 2), device=x.device)
    if not backward:
        return lambda: linear(x)
    upstream = torch.randn(sizes.batch, linear.out_features, device=x.device)
    return lambda: linear(x).backward(upstream)


@torch.no_grad()
def evaluation_arm(sizes: Sizes, device: torch.device) -> Result:
    head, x, _ = make_problem(sizes, device)
    form = head.noisy_logits(x)
    reference = torch.zeros(sizes.batch, sizes.classes, dtype=torch.float64, device=device)
    generator = torch.Generator(device).manual_seed(2)
    for _ in range(4):
        noise = draw_noise(sizes.reference, sizes.factors, sizes.classes, generator=generator, device=device)
        reference += log_mean_softmax(form, noise).double().exp() / 4

    def error(probability: Tensor) -> float:
        return float((probability.double() - reference).square().mean().sqrt())

    of_naive = root_mean([error(head.probabilities(x, NAIVE_SAMPLES)) for _ in range(sizes.draws)])
    errors = {}
    for count in OUR_SAMPLES:
        lean = HeteroscedasticHead(
            sizes.features, sizes.classes, num_factors=sizes.factors, num_eval_samples=count, device=device
        ).eval()
        lean.load_state_dict(head.state_dict())
        errors[count] = error(lean(x).exp())
        if errors[count] <= of_naive:
            break
    print(f"RMS error of p: naive S={NAIVE_SAMPLES} {of_naive:.2e}, ours {errors}", flush=True)
    times = {
        "ours": seconds(lambda: lean(x), device, 4 * sizes.repeats),
        "naive": seconds(lambda: head.probabilities(x, NAIVE_SAMPLES).log(), device, sizes.repeats),
        "linear_layers": seconds(linear_layers(sizes, x, backward=False), device, 4 * sizes.repeats),
    }
    for name, value in times.items():
        print(f"{name:<15}{value * 1e3:>10.2f} ms", flush=True)
    ratio = times["ours"] / times["naive"]
    return {
        "samples": count,
        "time_ratio": ratio,
        "times_linear_layers": times["ours"] / times["linear_layers"],
        "ours_ms": times["ours"] * 1e3,
        "naive_ms": times["naive"] * 1e3,
        "holds": ratio <= 1 / 20 and errors[count] <= of_naive,
    }


def resnet_arm(sizes: Sizes, device: torch.device) -> Result:
    timm = import_timm()
    pictures = torch.randn(sizes.batch, 3, sizes.picture, sizes.picture, device=device)
    labels = torch.randint(sizes.classes, (sizes.batch,), device=device)
    times: dict[str, float] = {}
    for name in ("linear", "head"):
        model = timm.create_model(sizes.backbone, pretrained=False, num_classes=sizes.classes).to(device)
        if name == "head":
            replace_head(model, num_factors=sizes.factors)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

        def step(model: nn.Module = model, optimizer: torch.optim.Optimizer = optimizer) -> None:
            optimizer.zero_grad()
            cross_entropy(model(pictures), labels).backward()
            optimizer.step()

        times[f"{name}_step"] = seconds(step, device, sizes.repeats)
        model.eval()
        with torch.inference_mode():
            times[f"{name}_evaluation"] = seconds(partial(model, pictures), device, sizes.repeats)
        print("   ".join(f"{key} {value:.3f} s" for key, value in times.items() if key.startswith(name)), flush=True)
    step_ratio = times["head_step"] / times["linear_step"]
    evaluation_ratio = times["head_evaluation"] / times["linear_evaluation"]
    return {
        "step_ratio": step_ratio,
        "evaluation_ratio": evaluation_ratio,
        "linear_step_s": times["linear_step"],
        "linear_evaluation_s": times["linear_evaluation"],
        "holds": step_ratio <= 1.15 and evaluation_ratio <= 1.10,
    }


def large_arm(sizes: Sizes, device: torch.device) -> Result:
    """Each head in a process of its own, whose memory is then the head's."""
    found: Result = {}
    for name in ("parameter_efficient", "xl"):
        command = [sys.executable, __file__, "--large-step", name, "--device", device.type]
        command += ["--smoke"] if sizes == SMOKE else []
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        step = json.loads(done.stdout.strip().splitlines()[-1])
        found |= {f"{name}_gb": step["gb"], f"{name}_s": step["s"]}
        print(f"{name:<20}{step['gb']:>8.2f} GB{step['s']:>8.2f} s a step", flush=True)
    return found | {"holds": max(found["parameter_efficient_gb"], found["xl_gb"]) <= 3}


def large_step(name: str, sizes: Sizes, device: torch.device) -> None:
    x = torch.randn(sizes.batch, sizes.features, device=device).relu()
    labels = torch.randint(sizes.large_classes, (sizes.batch,), device=device)
    with LiveMemory(device) as live:
        if name == "xl":
            head: HeteroscedasticXLHead | HeteroscedasticHead = HeteroscedasticXLHead(
                sizes.features, sizes.large_classes, num_factors=sizes.large_factors, device=device
            )
        else:
            head = HeteroscedasticHead(
                sizes.features,
                sizes.large_classes,
                num_factors=sizes.large_factors,
                parameter_efficient=True,
                device=device,
            )
        optimizer = torch.optim.SGD(head.parameters(), lr=1e-3, momentum=0.9)

        def step() -> None:
            optimizer.zero_grad()
            head.nll(x, labels).backward()
            optimizer.step()

        duration = seconds(step, device, sizes.repeats)
    print(json.dumps({"gb": live.extra_mb / 1e3, "s": duration}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that the script runs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--large-step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sizes, device = SMOKE if options.smoke else Sizes(), torch.device(options.device)
    if options.large_step:
        return large_step(options.large_step, sizes, device)
    arms = {"head": head_arm, "evaluation": evaluation_arm, "resnet": resnet_arm, "large": large_arm}
    results = {}
    for name in options.arms.split(","):
        print(f"-- {name}", flush=True)
        results[name] = {
            key: value if value is True or value is False else round(value, 4)
            for key, value in arms[name](sizes, device).items()
        }
        print(json.dumps(results[name]), flush=True)
    card = torch.cuda.get_device_name() if device.type == "cuda" else f"{options.threads} threads"
    print(
        json.dumps(
            {"benchmark": "het_head", "smoke": options.smoke, "device": card, "torch": torch.__version__, **results}
        )
    )
    return None


if __name__ == "__main__":
    main()
