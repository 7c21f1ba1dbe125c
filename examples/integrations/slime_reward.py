"""slime's own reward code, as ``--rm-type remote_rm --rm-url http://127.0.0.1:8080/remote_rm`` has it run.

microcoder-eval serve --port 8080
PYTHONPATH=CHECKOUT_OF_SLIME python examples/integrations/slime_reward.py http://127.0.0.1:8080/remote_rm
"""

import asyncio
import json
import sys
from argparse import Namespace

from slime.rollout.rm_hub import batched_async_rm
from slime.utils.types import Sample

label = json.dumps({"inputs": ["1 2\n"], "outputs": ["3\n"]})
said = ["```python\nprint(sum(map(int, input().split())))\n```", "```python\nprint(4)\n```", "I do not know."]
samples = [Sample(prompt="Add.", response=each, label=label) for each in said]
options = Namespace(custom_rm_path=None, rm_type="remote_rm", rm_url=sys.argv[1])
print(asyncio.run(batched_async_rm(options, samples)))
