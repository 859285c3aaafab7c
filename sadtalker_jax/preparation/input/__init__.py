"""What goes in: videos, the faces in them, the cuts between shots."""
