"""The renderer that needs no network: the photo itself is posed."""
