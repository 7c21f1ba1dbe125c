"""The PyPI client of SandboxFusion (pip install sandbox-fusion) with our server behind it.

microcoder-eval serve --port 8080
python examples/integrations/sandbox_fusion_client.py http://127.0.0.1:8080
"""

import sys

import sandbox_fusion

sandbox_fusion.set_sandbox_endpoint(sys.argv[1])
for code in ("print(int(input()) + 1)", "1 / 0", "while True: pass"):
    request = sandbox_fusion.RunCodeRequest(code=code, language="python", stdin="41\n", run_timeout=2)
    answer = sandbox_fusion.run_code(request)
    print(answer.status.value, answer.run_result.status.value, answer.run_result.stdout)
