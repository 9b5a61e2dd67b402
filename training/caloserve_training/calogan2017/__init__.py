"""The generator and discriminator of the CaloGAN paper, arXiv:1705.02355, layer by layer, in Keras 3."""
