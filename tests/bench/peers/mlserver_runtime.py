"""The model as a custom runtime of MLServer: energies in, each shower one element of bytes out.

A tensor of numbers would travel through MLServer as a list of Python numbers, 504 for each shower.
"""

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from showers import ShowerModel


class ShowerRuntime(MLModel):  # type: ignore[misc]  # installed in another environment
    """Where the model is and how many threads it takes, ``model-settings.json`` says."""

    async def load(self) -> bool:
        parameters = self.settings.parameters
        assert parameters is not None
        assert parameters.extra is not None
        self._model = ShowerModel(Path(str(parameters.uri)), int(parameters.extra["threads"]))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        energies = NumpyCodec.decode_input(payload.inputs[0])
        cells = self._model.make(energies.reshape(-1))
        rows = [row.tobytes() for row in cells]
        output = ResponseOutput(name="cells", datatype="BYTES", shape=[len(rows), 1], data=rows)
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
