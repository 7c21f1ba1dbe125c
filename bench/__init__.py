"""Scripts that answer one question each, against named rivals.

speed       how many programs a second, against what others use (``python -m microcoder.bench.speed``)
accuracy    how often right is called wrong, and wrong right
confusion   verdicts against labels, counted
presets     what other rules say of the same outputs
workloads   the programs it judges
differential whether a program does here what a plain process does
odd/        the programs of our own that it runs
conformance who judges the traps right, and whom do the hacks fool
extraction  who finds the program in a completion
shapes      the completions that it asks about
load        what the server costs over the library
generated   whether any hostile program gets no verdict, or another one the next time
grammar     the programs it makes up, from hacks
freeze      whether what programs choose holds up the judge
door        what clients that attack the server cost the others
chaos       whether a client loses a verdict while its servers fail
proxy       what stands between the two
fusion      our server and SandboxFusion's, asked the same
cluster     what a Ray cluster costs over one machine
inspect_large what memory inspect takes for large files
asserts     how tests of assertions are judged, and what that costs
idioms/     what tests do with programs: the tests and programs of our own that it judges
lifting     how many tests of assertions are read instead of run
measure     interleaved rounds, ratios, agreement
compare     what comparing outputs costs, and how long it holds others up
machine     what machine the numbers come from
record      results of several suites in one file
table, plot the result for people
rivals/     one file a rival, each run in an interpreter of its own
"""
