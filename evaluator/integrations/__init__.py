"""Adapters: the evaluator as reward function of RL trainers, and as grader of what LiveCodeBench's harness grades.

    truth          ground truth in any form to a Problem
    judge          completion and truth to a reward, here or on a server
    adapter        what every reward function may be told
    trl            reward functions of TRL's GRPOTrainer
    verl           compute_score of verl
    verl_manager   reward manager of verl; imports verl
    openrlhf       reward_func of OpenRLHF; imports torch
    verifiers      rewards for tasks and rubrics of verifiers
    livecodebench  codegen_metrics and pass@k

They only translate shapes: no framework is needed to import them, but where it says so. What these frameworks ask over
HTTP is in ``server/``: SandboxFusion's /run_code, OpenRLHF's /get_reward, slime's remote_rm. docs/integrations.md has a
command for each.
"""

from __future__ import annotations

from .judge import Judge, Judged, NoVerdict
from .truth import problem_of

__all__ = ["Judge", "Judged", "NoVerdict", "problem_of"]
