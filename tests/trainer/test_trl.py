"""Against TRL, where it is installed: its GRPOTrainer trains on our verdicts, and its loss is ours."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from microcoder.bench.tiny import START
from microcoder.evaluator import Problem, SyncEvaluator
from microcoder.trainer.loss import Clip, Size, policy_loss, token_logprobs

if importlib.util.find_spec("trl") is None:
    pytest.skip("TRL is not installed", allow_module_level=True)
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("loss_type", "aggregation", "beta"), [("grpo", "sequence", 0.04), ("dapo", "token", 0.0), ("bnpo", "token", 0.1)]
)
def test_two_steps_of_grpo_trainer(tiny: Path, tmp_path: Path, loss_type: str, aggregation: Any, beta: float) -> None:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    tokenizer = AutoTokenizer.from_pretrained(tiny / "model")
    model = AutoModelForCausalLM.from_pretrained(tiny / "model", dtype=torch.float32)
    rows = [msgspec.json.decode(line) for line in (tiny / "train.jsonl").read_bytes().splitlines()]
    problems = {row["problem_id"]: msgspec.convert(row, Problem) for row in rows}
    compared: list[tuple[float, float]] = []

    class Comparing(GRPOTrainer):
        """Computes each loss a second time with ours, from the same logits and the same inputs."""

        def _compute_loss(self, model: Any, inputs: Any) -> Any:
            theirs = super()._compute_loss(model, inputs)
            tokens, mask = inputs["completion_ids"], inputs["completion_mask"].float()
            with torch.no_grad():
                logits = model(
                    input_ids=torch.cat([inputs["prompt_ids"], tokens], 1),
                    attention_mask=torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1),
                    logits_to_keep=tokens.shape[1] + 1,
                ).logits[:, :-1]
                ours = policy_loss(
                    token_logprobs(logits, tokens, self.temperature),
                    inputs.get("old_per_token_logps"),
                    inputs["advantages"],
                    mask,
                    Size(tokens=int(mask.sum()), responses=len(mask)),
                    clip=Clip(self.epsilon_low, self.epsilon_high),
                    aggregation=aggregation,
                    beta=self.beta,
                    reference=inputs.get("ref_per_token_logps"),
                ).value
            compared.append((theirs.item(), ours.item()))
            return theirs

    with SyncEvaluator(workers=1) as evaluator:

        def judged(completions: list[str], problem_id: list[str], **_: Any) -> list[float | None]:
            pairs = zip(problem_id, completions, strict=True)
            return [report.reward for report in evaluator.evaluate_many((problems[p], text) for p, text in pairs)]

        trainer = Comparing(
            model=model,
            reward_funcs=judged,
            processing_class=tokenizer,
            train_dataset=Dataset.from_list(
                [{"prompt": row["statement"] + START, "problem_id": row["problem_id"]} for row in rows]
            ),
            args=GRPOConfig(
                output_dir=str(tmp_path),
                per_device_train_batch_size=16,
                num_generations=8,
                num_iterations=2,  # the second of each pair is off-policy
                max_steps=4,
                max_completion_length=40,
                learning_rate=3e-3,
                epsilon=0.2,
                epsilon_high=0.28,
                beta=beta,
                use_bias_correction_kl=False,  # on by default there; the formula has none
                loss_type=loss_type,
                temperature=0.9,
                logging_steps=1,
                report_to=[],
                save_strategy="no",
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                disable_tqdm=True,
                seed=5,
            ),
        )
        trainer.train()
    assert len(compared) == 4
    assert any(abs(theirs) > 1e-4 for theirs, _ in compared)
    for theirs, ours in compared:
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    assert sum(row["reward"] for row in trainer.state.log_history if "reward" in row) > 0
