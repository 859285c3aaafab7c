"""What goes in: videos, the faces in them, the cuts between shots.

`video_files` finds videos, `annotations` reads which faces count, `shots` finds
cuts, `counted_frames` reads frames, `face_tracks` and `followed_faces` follow
faces.
"""
