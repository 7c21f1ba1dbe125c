"""The trainer is not written yet.

It will be a compact MicroCoder-GRPO trainer on torch and vLLM: GRPO with conditional truncation masking, a temperature
determined by diversity, no KL term and a high upper clip, with `microcoder.evaluator` as its reward backend.
"""
