"""GRPO with TRL on the problems of examples/train/easy.jsonl, judged by a server.

microcoder-eval serve --port 8080
MICROCODER_SERVER=http://127.0.0.1:8080 python examples/integrations/trl_grpo.py Qwen/Qwen3-0.6B
"""

import json
import sys
from pathlib import Path

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from microcoder.evaluator.integrations.trl import code_reward

model, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
lines = (Path(__file__).parents[1] / "train/easy.jsonl").read_text().splitlines()
rows = [{"prompt": json.loads(line)["statement"] + "\n", "ground_truth": line} for line in lines]
config = GRPOConfig(
    output_dir="build/trl",
    max_steps=steps,
    num_generations=8,
    per_device_train_batch_size=8,
    max_completion_length=256,
    logging_steps=1,
    save_strategy="no",
    report_to="none",
    use_cpu="--cpu" in sys.argv,
)
GRPOTrainer(model, reward_funcs=[code_reward], args=config, train_dataset=Dataset.from_list(rows)).train()
