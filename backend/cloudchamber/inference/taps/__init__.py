"""Taps: reading a model's tensors while llama.cpp's graph runs.

`Capture` is what the engine uses. Behind it: `graph` and `roles` find out once what is what,
`plan` chooses where to look, `callback` and `readers` do it in compiled code, `history` keeps
what was seen, `attention` computes rows from it, `views` makes telemetry.
"""

from cloudchamber.inference.taps.capture import Capture, CaptureError

__all__ = ["Capture", "CaptureError"]
