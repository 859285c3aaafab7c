"""What goes in: videos, and the faces in them between cuts (`faces.shots`).

`video_files` finds videos, `annotations` reads which faces count,
`counted_frames` reads frames, `face_tracks` and `followed_faces` follow
faces.
"""
