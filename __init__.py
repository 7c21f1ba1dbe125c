"""microcoder: judges programs written by language models, and trains models on the verdict.

    sandbox    jailed fork-server workers; knows programs, inputs, limits, never an expected output
    evaluator  the asyncio engine: runs every test, compares in the trusted parent, returns reports
    trainer    MicroCoder-GRPO on torch and vLLM, with the evaluator as its reward backend
    bench      scripts that answer one question each, against named rivals

Imports go one way: ``bench -> trainer -> evaluator -> sandbox``.
"""
