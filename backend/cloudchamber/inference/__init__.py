"""Running a model: the engine, the taps, and the child process they live in."""

import os

# llama.cpp's threads meet at a barrier some hundred times a token and, by OpenMP's default,
# spin there for milliseconds. Where anything else wants the processor (a browser that draws
# the page, say) the one that is waited for is then kept off it: a token takes seconds instead
# of hundredths. Spin briefly, then sleep. Read when libgomp is loaded, so it stands here.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
