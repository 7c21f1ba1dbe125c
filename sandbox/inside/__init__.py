"""The part that runs inside the jail. Standard library only, and pytest for tests; the launcher starts it by path.

The host imports none of it but `values` and `outline`.

Theory of operation
-------------------
    runner (process 1)    reads frames, compiles, keeps test inputs, has tests run and watches them, cleans up
     └ zygotes            fork test processes, and do nothing else: what they do not touch costs a fork nothing; each
        │                 holds a fixed set of modules
        └ test process    limits, seccomp, then the untrusted program; one test, or the tests of one lane in turn

Untrusted code runs in test processes alone. They hold no descriptor but their stdin, stdout, stderr (and result file),
all of them memfds; in a lane two pipes to the runner as well. What they may claim about themselves (that a test inside
a lane ended well, and its times) they could achieve honestly as well; everything that a limit or a failing verdict
rests on comes from wait4 and the kernel's clocks. They are copies of a zygote, which never holds a source, an input or
an output: what it imports ahead is the same in every worker, and whatever else a program imports, it imports itself.

Workers whose programs are executables have no compiler and no lanes: a test process is a fork of the runner that
executes the file.

A *lane* is one test process that runs several tests of a program, with fresh globals and fresh stdin and stdout each.
It has one input at a time: the next comes when the output before is out of its reach. It ends by itself after a slice
of processor time, after a test that did not end cleanly, and when anything it cannot restore has changed. It is
believed as a whole or not at all; its tests are then run again, each in a process of its own, and the program gets no
further lanes.

    main           starts the runner
    channel        frames over the socket; the protocol is written down on the host's side, in protocol.py
    runner         process 1
    compiler       compiling, guarded where it may take long
    eligibility    which programs may have lanes
    codes          what code objects hold
    program        one program: having its tests run, watching the test processes
    zygote         where they are forked
    ahead          which modules the zygotes hold
    state          what importing them changes otherwise, put back
    rehearsal      what every test process does, done in the zygote beforehand
    surroundings   what every test process finds
    idle           how long test processes have waited without using a processor
    lane           tests that share a process, and what it tells of them
    testing        the test process: confinement, then the program
    ending         whether anybody would see the interpreter end
    executable     test processes that become an executable instead: compiled programs, compilers
    files          what a test finds in its folder, what of it goes back
    cleaning       nothing is left of a program
    late           the modules below that few test processes need: leetcode, calls
    plain          returned values as JSON data
    leetcode       nodes, design problems and results in place, around a function that is called
    calls          of a program, for a test of assertions that is not run
    linked         a program and its test in a process each; a test with a program, or without any
    link/          what these two say to each other
    trial          the process of a test
    unknown        ... for any program
    together, exchanged    a test in the process of its program, which may have exchanged what the test relies on
    guard          no test runs what a program has written
    suite, pytests, ends   running a test: its statements, unittest, pytest; and what came of that
    outline        which tests a text has
    objects        those of classes that both sides have
    values         what goes between them, as JSON. The host imports this file and outline, too
    kernel         what the standard library has no call for: prctl, seccomp; and the limits
"""
