"""Nodes for ComfyUI: a portrait and a sound become a video.

Copy this folder into `custom_nodes` of ComfyUI, and install the package into
its Python: `pip install sadtalker-jax`.
"""

from .portrait_node import comfy_entrypoint

__all__ = ['comfy_entrypoint']
