"""The GPU engine on an NVIDIA GPU: is it right, and how fast (`make bench-gpu`).

On a machine that has only torch, a compiler and this repository, without a package index or a model hub, everything
else is carried there in pieces of at most 60 MB. Here: `PYTHONPATH=tests python -m bench.gpu --pack DIR`. There, once
or after each load of pieces until it says that none is missing:
`PYTHONPATH=tests:server python3 -m bench.gpu --carried DIR --work PLACE`.
What llama.cpp answers on the machine that packs is carried along as what the GPU has to answer.
"""
