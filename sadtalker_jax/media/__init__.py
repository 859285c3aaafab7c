"""Files of pictures, sound and video: in and out."""
