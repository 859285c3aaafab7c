"""The motion of the paper: ExpNet and PoseVAE over clips of any length."""
