"""The part that runs inside the jail. Standard library only; the launcher starts it by path, the host never imports it.

Theory of operation
-------------------
    runner (process 1)    reads frames, keeps test inputs, compiles, forks and watches test processes, cleans up
     └ program process    only for programs that are long or import what the runner has not loaded: compiles and
     │                    imports under limits, then does the rest in the runner's place
     └ └ test process     limits, seccomp, then the untrusted program; one test, or the tests of one lane in turn

Compiling does not run a program, so the runner does it itself when the source is short: what costs 0.05 ms there costs
1.5 ms in a fork, which has to copy every page that the compiler touches.

Untrusted code runs in test processes alone. They hold no descriptor but their stdin, stdout, stderr (and result file),
all of them memfds. What they may claim about themselves (that a test inside a lane ended well, and its times) they
could achieve honestly as well; everything that a limit or a failing verdict rests on comes from wait4 and the kernel's
clocks.

A *lane* is one test process that runs several tests of a program, with fresh globals and fresh stdin and stdout each.
It ends by itself after a slice of processor time, after a test that did not end cleanly, and when anything it cannot
restore has changed. A test that does not end well is only believed as the first of a lane; otherwise it is run again
in a process of its own, and the program gets no further lanes.

    main           starts the runner
    channel        frames over the socket; the protocol is written down on the host's side, in protocol.py
    runner         process 1
    program        one program: compiling, starting and watching test processes
    eligibility    which programs may have lanes
    testing        the test process: confinement, then the program
    plain          returned values as JSON data
    kernel         what the standard library has no call for: prctl, seccomp, rlimits
"""
