"""Pure: facts + request + catalog → plan. No I/O, no clock, no imports that do either (a test holds that).

make.py, rollback.py          a plan for a request; a plan from a revision on record
preflight.py                  is the host ready: findings before anything is changed; staged.py: what is here already
model.py, wanted_model.py     which model; the one that was asked for, found in the catalog
budget.py, memory.py, speed.py  the context that fits, what memory a model needs, how fast it will be
fits.py                       does a stored model fit
image.py, pins.py             which image, which digests
image_fit.py, image_rank.py   which images can serve, and which comes first
container.py                  what the container is given
gates.py                      what the proof demands
steps.py                      the ordered steps; none when nothing differs
remarks.py, sources.py        warnings and assumptions; where each wish comes from
"""
