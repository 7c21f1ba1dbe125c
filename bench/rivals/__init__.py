"""Other ways to judge the same programs, behind one interface.

    base                  the interface
    ours                  microcoder's evaluator, with lanes and with forks only
    lcb                   the LiveCodeBench evaluator, lean and as its command loads it
    prime_code            what verl falls back to
    subprocess_per_test   one plain interpreter a test
    floor, floor_worker   a warm interpreter that forks: what no honest judge can beat
    registry              names to rivals
    extractors            how others find the program in a completion
    wire, host, process   a rival lives in an interpreter of its own; the bench drives it over two pipes

Nothing here is a judge to trust: all but ``ours`` run untrusted programs without a jail.
"""
