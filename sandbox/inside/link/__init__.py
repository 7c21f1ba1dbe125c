"""A test and its program, in two processes, talking to each other while the test runs.

wire          messages over a socket
peer          one side: asking, being asked, what goes with a message; what messages look like
owner         the program's side: ``serve(scope, fd)``, after its module has run; ``fail(error, fd)``, where it failed
standins      the test's side: ``Link``
guard         what the program may do with what the test has handed to it
classes       types that stand for the other side's classes
exceptions    exceptions with their true arguments
things        lists, dicts, sets, arrays and objects of the prelude: both sides have them
arrays        those of numpy, and its numbers
data          what goes by value besides
names         special methods; what both sides know by name
operations    what can be asked of an object
output        what the program prints
surroundings  environment, working directory and the like
"""
