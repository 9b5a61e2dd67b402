import pytest

from caloserve_training.calogan2017.generator import CaloGAN
from caloserve_training.export.folding import FoldedGenerator, fold
from caloserve_training.export.session import OnnxGenerator
from caloserve_training.export.variants import Variant, build
from paper_generator import trained_looking


@pytest.fixture(scope="session")
def generator() -> CaloGAN:
    return trained_looking(15)


@pytest.fixture(scope="session")
def folded(generator: CaloGAN) -> FoldedGenerator:
    return fold(generator)


@pytest.fixture(scope="session")
def models(generator: CaloGAN) -> dict[Variant, bytes]:
    return {variant: build(generator, variant) for variant in Variant}


@pytest.fixture(scope="session")
def exported(models: dict[Variant, bytes]) -> dict[Variant, OnnxGenerator]:
    return {variant: OnnxGenerator(model) for variant, model in models.items()}
