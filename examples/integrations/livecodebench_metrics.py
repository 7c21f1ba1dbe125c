"""LiveCodeBench's ``codegen_metrics``, judged by a server, under LiveCodeBench's own comparison.

microcoder-eval serve --port 8080 --preset lcb
python examples/integrations/livecodebench_metrics.py http://127.0.0.1:8080
"""

import json
import sys

from microcoder.evaluator.integrations import Judge
from microcoder.evaluator.integrations.livecodebench import codegen_metrics

samples = [
    {"input_output": json.dumps({"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"], "fn_name": None})},
    {"input_output": json.dumps({"inputs": ["[1, 2]\n3"], "outputs": ["[1, 2, 3]"], "fn_name": "put"})},
]
generations = [
    ["print(sum(map(int, input().split())))", "print(3)"],
    ["class Solution:\n    def put(self, a, b):\n        return a + [b]", "1 / 0"],
]
with Judge(sys.argv[1], failures="raise") as judge:
    metrics, results, metadata = codegen_metrics(samples, generations, k_list=[1, 2], timeout=6, judge=judge)
print(json.dumps(metrics))
print(dict(results))
