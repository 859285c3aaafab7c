"""How much default videos look like real ones; see `cli.bench`.

Real clips of talking people are cut where the mouth is shut, half open and wide
open, and driven again from there by their own sound (`cuts`, `redriving`); both
sides are measured alike: how head, eyes and brows move (`movement`), how lips
follow (`lips_alike`), what pixels show around the head (`surroundings`) and in
the mouth (`mouths`; `profiles` has what they share). `tables` sums up, `runner`
goes through the folders.

What cannot be measured is a `Missing` with the reason, never a number.
"""
