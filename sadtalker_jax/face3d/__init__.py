"""3-D morphable face models: shape, pose, light, rasterization, fitting."""
