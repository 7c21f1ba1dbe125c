"""The evaluator as a server: many clients, one at a time or in bulk, for as long as a training run lasts.

    settings    what the operator decides: caps, queue, tokens; travels from the command to each engine process
    budget      memory and disk, divided among all that is kept
    messages    requests and answers, as types
    errors      every answer that is not a verdict, with its HTTP status
    values      how many values a body, or a text in it, holds, before it is decoded
    decode      bytes of a request to those types; says which field is bad
    problems    problems by digest: in memory, and in a folder that engine processes share
    fair        who is next: clients in turn, whatever each of them has waiting
    service     the work: admission, one judgement for equal programs, caches, history, drain
    verdicts    the verdict cache that survives restarts
    history     the latest judgements, for reading
    troubles    what keeps parts of it from their work, told once
    metrics     what Prometheus collects
    figures     where several engine processes keep it
    connections how long each may keep the server waiting, and how many there may be
    gate        in front of every route: token, host, request id, log, answers to errors
    host        the host that a request names
    routes      the HTTP interface
    asking      what all routes do: who asks, the body, the answer
    pieces      large texts of an answer, made ready while others get their turn
    sandbox_fusion, remote_rewards   routes for clients of others: verl, OpenRLHF, slime
    labels      ground truth and completions of reward requests, made problems and programs
    rows        rows of data sets, of any format, likewise
    reading     where that happens: in readers, processes that can be killed
    reader      what runs in one
    page.*      the status page, as the browser gets it
    openapi     the description of the interface, made from the types
    tokens      who is let in, from one request to the next
    logs        structured logs
    outlet      standard error, written by a thread: no reader of the log holds up who writes
    signals     what signals ask of a process: to end in order, to end at once, to read the tokens again
    process     one engine process: evaluator, service, HTTP server, signals
    supervisor  several of them behind one socket

``microcoder-eval serve`` starts it; docs/serve.md is for those who run it. Needs the extra ``serve``; nothing else of
the evaluator imports this package.
"""
