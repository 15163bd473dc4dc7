"""The documents: every code block of README.md and docs/ is run, every link leads somewhere.

A new block needs nothing but its language where a rule of ``runs.py`` fits; else a mark in the fence's info string:

- ``python prints="words"``: a client of the gateway, and words that it prints. With a first line ``# test_x.py`` it is
  a test, run by pytest beside the other named files of its page; with ``# x.py`` or ``# x.yaml`` a script of the mock.
- ``html steps="Talk > connected"``: a page of a front end; buttons to press, words to wait for.
- ``js``: a module that talks with the mock and runs to its end.
- ``sh``: commands that succeed. ``console``: ``$ command`` and what it prints, in shape.
- ``toml``: settings of the gateway. ``yaml``: a script of the mock. ``json as=call`` and ``json as=fault``.

``127.0.0.1:8080`` is the gateway that ``make serve`` starts, with a port of its own, ``127.0.0.1:8765`` a mock, and any
thread id that of a thread in which the time was asked.
"""
