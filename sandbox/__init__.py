"""The sandbox: programs run in jails, under limits. It knows no expected output and has no opinion about one.

pool         places for running programs, and the workers that serve them
places       whose turn it is
worker       one jail, from outside: programs in, executions out
protocol     the frames between it and the runner inside
launcher     what the inside of a jail looks like, and how one is started
jails/       nsjail, bubblewrap, none
inside/      what runs in the jail
kinds        what jails show besides the interpreter, and what their processes may start
languages/   compilers and runtimes of other languages than Python
interpreter  the interpreter that runs programs, and what it loads
identity     who programs are on the host
seccomp      the system calls that they may make
limits       what one test may use
sizes        bytes, as people write them
execution    what was seen when one test ran
names        names of files that a program may bring
capacity     how many workers the host has room for
shortage     what the host had too little of while a program ran
temporary    folders that do not outlive their process for long
cgroups      limits and counters of the host's control groups
doctor       whether judging is safe here
selfcheck    the programs with which the doctor finds out
errors       what can go wrong on this side of the jail

bounded      what was asked for last, up to so many bytes
shared       one computation for all who wait for it
alarm        what is set far more often than it rings
closing      the end of several things together
turns        turns of the event loop for others, in what would be long in one go
validated    structs that are what their types say
"""
